//! Matrices as code: each row a sum whose terms are the inputs that its weights do not leave out, added or subtracted in
//! the order of the columns. It starts from +0.0, which adding an input that is left out would not change, so the bits are
//! those of the kernel.

use super::kernels::allow;
use super::{EmbedError, Settings};
use crate::LoadError;
use crate::plan::{Content, KernelCall, Plan, Source, Stage, Tensor, Trits};
use atome_spec::{Activation, Op};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeMap;

/// The matrices that become code, by tensor, each with its number.
pub(super) struct Straight {
    matrices: BTreeMap<Tensor, Matrix>,
}

struct Matrix {
    number: usize,
    cols: usize,
    /// Row by row.
    trits: Vec<i8>,
}

/// Whether a name is one that was asked for.
fn is_meant(asked: &str, name: &str) -> bool {
    match asked.split_once('*') {
        Some((start, end)) => {
            let rest = name.strip_prefix(start);
            rest.is_some_and(|rest| rest.ends_with(end))
        }
        None => name == asked,
    }
}

impl Straight {
    /// The matrices that settings name.
    ///
    /// # Errors
    /// If a name is none of a matrix that could become code, or the matrix cannot be read.
    pub(super) fn find(
        plan: &Plan,
        contents: &[(Tensor, Content<'_>)],
        settings: &Settings,
    ) -> Result<Straight, EmbedError> {
        let stages = plan.stages.iter().chain(&plan.head);
        let products = stages
            .flat_map(Stage::kernels)
            .filter(|call| could_be(call));
        let products: Vec<Tensor> = products.map(|call| call.operands[0].tensor).collect();
        let could = |tensor: &Tensor| products.contains(tensor);
        let name = |tensor: &Tensor| &*plan.tensor(*tensor).name;
        for asked in &settings.straight {
            if !products.iter().any(|tensor| is_meant(asked, name(tensor))) {
                let mut known: Vec<String> =
                    products.iter().map(|t| format!("`{}`", name(t))).collect();
                known.dedup();
                return Err(EmbedError::Straight {
                    name: asked.clone(),
                    known: known.join(", "),
                });
            }
        }
        let mut matrices = BTreeMap::new();
        for (tensor, content) in contents {
            let asked = settings.straight.iter();
            let is_asked = asked.clone().any(|asked| is_meant(asked, name(tensor)));
            if let Source::Matrix(
                Trits {
                    source, rows, cols, ..
                },
                _,
            ) = content.source
                && is_asked
                && could(tensor)
            {
                let mut trits = vec![0; rows * cols];
                source.read(0..rows, &mut trits).map_err(LoadError::from)?;
                let number = matrices.len();
                let matrix = Matrix {
                    number,
                    cols,
                    trits,
                };
                matrices.insert(*tensor, matrix);
            }
        }
        Ok(Straight { matrices })
    }

    /// The number of the matrix that a call multiplies by, if it became code.
    pub(super) fn of(&self, call: &KernelCall) -> Option<usize> {
        let matrix = could_be(call).then(|| self.matrices.get(&call.operands[0].tensor));
        matrix.flatten().map(|matrix| matrix.number)
    }

    /// The functions, by number.
    pub(super) fn functions(&self) -> TokenStream {
        self.matrices.values().map(Matrix::function).collect()
    }
}

/// Whether a call is a product of one token that could be code.
fn could_be(call: &KernelCall) -> bool {
    let is_product = matches!(call.op, Op::Gemv | Op::Gemm);
    is_product && call.activation == Activation::F32
}

impl Matrix {
    fn function(&self) -> TokenStream {
        let name = format_ident!("straight_{}", self.number);
        let rows = self.trits.chunks(self.cols.max(1));
        let sums = rows.clone().enumerate().map(|(row, trits)| {
            let row = Literal::usize_unsuffixed(row);
            let terms = trits.iter().enumerate().map(|(col, trit)| {
                let col = Literal::usize_unsuffixed(col);
                match trit {
                    1 => quote!(+ x[#col]),
                    -1 => quote!(- x[#col]),
                    _ => TokenStream::new(),
                }
            });
            quote!(out[#row] = (0.0f32 #(#terms)*) * scale;)
        });
        let (rows, cols) = (rows.len(), self.cols);
        let (rows, cols) = (
            Literal::usize_unsuffixed(rows),
            Literal::usize_unsuffixed(cols),
        );
        let allow = allow();
        quote! {
            #allow
            fn #name(x: &[f32; #cols], out: &mut [f32; #rows], scale: f32) {
                #(#sums)*
            }
        }
    }
}
