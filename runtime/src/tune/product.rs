use super::Choice;
use crate::plan::{DimValue, KernelCall};
use atome_codegen::KernelSpec;
use atome_kernels::{Kernel, dispatch, kernels, tiers};
use atome_spec::{Activation, Method, Op, Packing, Tier};
use std::fmt;
use std::str::FromStr;

/// A ternary product of a model as a backend calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Product {
    /// `gemv` or `gemm`.
    pub op: Op,
    /// How its weights are packed.
    pub packing: Packing,
    /// What they are multiplied by.
    pub activation: Activation,
    /// The method that it must have; `None` for any.
    pub method: Option<Method>,
    /// Rows of its matrix.
    pub rows: u64,
    /// Columns of its matrix.
    pub cols: u64,
    /// Whether it is known to be by one vector.
    pub one_token: bool,
}

impl Product {
    /// That of a call in its form; `None` of what is none, or has no fixed shape.
    pub(crate) fn of(call: &KernelCall) -> Option<Product> {
        let (op, dims) = (call.op, &*call.dims);
        let (rows, cols, tokens) = match (op, dims) {
            (Op::Gemv, [DimValue::Const(rows), DimValue::Const(cols), ..]) => (rows, cols, None),
            (Op::Gemm, [DimValue::Const(rows), DimValue::Const(cols), tokens, ..]) => {
                (rows, cols, Some(tokens))
            }
            _ => return None,
        };
        Some(Product {
            op,
            packing: call.packing?,
            activation: call.activation,
            method: call.method,
            rows: *rows,
            cols: *cols,
            one_token: matches!(tokens, None | Some(DimValue::Const(1))),
        })
    }

    /// The specification of its kernels, with the matrix's shape known.
    pub fn spec(&self) -> KernelSpec {
        KernelSpec {
            packing: Some(self.packing),
            activation: self.activation,
            method: self.method,
            ..KernelSpec::new(self.op)
        }
        .bind("rows", self.rows)
        .bind("cols", self.cols)
    }

    /// The kernels compiled ahead of time that compute it on this machine with at most a tier's instructions: all give the same
    /// bits.
    pub fn kernels(self, tier: Tier) -> impl Iterator<Item = &'static Kernel> {
        let tiers = tiers().iter().skip_while(move |known| **known != tier);
        let all = tiers.flat_map(|tier| kernels(*tier));
        all.filter(move |kernel| dispatch::has(kernel.isa) && self.is_by(kernel))
    }

    /// Whether a kernel computes it, from the same arguments.
    fn is_by(&self, kernel: &Kernel) -> bool {
        let kind = kernel.kind;
        let asked = self.method.is_none() || self.method == KernelSpec::from(kind).product();
        asked
            && (kind.op, kind.packing, kind.activation)
                == (self.op, Some(self.packing), self.activation)
    }

    /// Whether code made at load may be laid out so for it.
    pub(crate) fn fits(&self, choice: &Choice, tier: Tier) -> bool {
        match choice {
            Choice::Ahead(name) => self.kernels(tier).any(|kernel| kernel.name == *name),
            Choice::Made(schedule) => schedule.check(&self.spec()).is_ok(),
        }
    }
}

/// `gemm-int2-i8/4096x1024/T=1`; a method that it must have comes after the activations.
impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Product {
            op,
            packing,
            activation,
            rows,
            cols,
            ..
        } = self;
        write!(f, "{op}-{packing}-{activation}")?;
        if let Some(method) = self.method {
            write!(f, "-{method}")?;
        }
        write!(f, "/{rows}x{cols}")?;
        match (op, self.one_token) {
            (Op::Gemm, true) => f.write_str("/T=1"),
            _ => Ok(()),
        }
    }
}

/// A text that is no product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a product, such as gemv-int2-i8/1024x4096")]
pub struct NoProduct;

impl FromStr for Product {
    type Err = NoProduct;

    fn from_str(s: &str) -> Result<Product, NoProduct> {
        let read = || {
            let mut parts = s.split('/');
            let mut words = parts.next()?.split('-');
            let op: Op = words.next()?.parse().ok()?;
            let packing = words.next()?.parse().ok()?;
            let activation = words.next()?.parse().ok()?;
            let method = match words.next() {
                Some(word) => Some(word.parse().ok()?),
                None => None,
            };
            let (rows, cols) = parts.next()?.split_once('x')?;
            let one_token = match (op, parts.next()) {
                (Op::Gemv, None) | (Op::Gemm, Some("T=1")) => true,
                (Op::Gemm, None) => false,
                _ => return None,
            };
            Some(Product {
                op,
                packing,
                activation,
                method,
                rows: rows.parse().ok()?,
                cols: cols.parse().ok()?,
                one_token,
            })
        };
        // One way to write each.
        read()
            .filter(|product| product.to_string() == s)
            .ok_or(NoProduct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atome_kernels::detect;

    #[test]
    fn products_read_as_they_print() {
        for text in [
            "gemv-int2-f32/64x256",
            "gemm-base3-i8/4096x1024",
            "gemm-int2-i8-lut/4096x1024/T=1",
        ] {
            let product: Product = text.parse().unwrap();
            assert_eq!(product.to_string(), text);
            assert!(product.kernels(detect()).count() > 0, "{text}");
        }
        for text in [
            "",
            "norm-int2-f32/64x256",
            "gemv-int2-f32/64",
            "gemv-int2-f32/64x256/T=1",
            "gemv-int2-f32/064x256",
            "gemv-int2-i8-magic/1x1",
        ] {
            assert_eq!(text.parse::<Product>(), Err(NoProduct), "{text}");
        }
    }

    /// What a backend passes to one kernel of a product, it passes to every one.
    #[test]
    fn kernels_of_a_product_take_the_same_arguments() {
        for text in [
            "gemv-int2-f32/1x1",
            "gemm-int2-f32/1x1",
            "gemv-int2-i8/1x1",
            "gemm-int2-i8/1x1",
            "gemv-base3-i8/1x1",
            "gemm-base3-i8/1x1",
        ] {
            let product: Product = text.parse().unwrap();
            let declared = |kernel: &'static Kernel| {
                atome_codegen::op::signature(kernel.kind).declaration("f")
            };
            let mut all = product.kernels(detect()).map(declared);
            let first = all.next().unwrap();
            assert!(all.all(|other| other == first), "{text}");
        }
    }

    #[test]
    fn a_choice_must_fit() {
        let product: Product = "gemv-int2-i8-lut/64x256".parse().unwrap();
        let tier = detect();
        let all: Vec<_> = product.kernels(tier).map(|kernel| kernel.name).collect();
        assert!(
            all.iter()
                .all(|name| product.fits(&Choice::Ahead(name), tier))
        );
        for other in [
            "gemm-int2-i8-portable",
            "gemv-int2-f32-portable",
            "gemv-int2-i8-portable",
        ] {
            assert!(!product.fits(&Choice::Ahead(other), tier), "{other}");
        }
        let made = |text: &str| product.fits(&Choice::Made(text.parse().unwrap()), tier);
        assert!(made("method=lut mr=16 nr=1 fields=lanes prefetch=0"));
        assert!(
            !made("method=dot mr=16 nr=1 fields=shifted prefetch=0")
                && !made("method=lut mr=48 nr=1 fields=lanes prefetch=0")
                && !made("method=lut mr=16 nr=1 fields=lanes")
        );
    }
}
