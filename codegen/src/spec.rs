//! What to generate: an op, the packing of its weights, a method, and the dimensions
//! that are already known.

use crate::CodegenError;
use crate::expr::Expr;
use crate::lower;
use crate::op::{self, Bound, Dim, Signature, methods, packings};
use atome_spec::{Activation, Kind, Method, Op, Packing};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One kernel, specified. Dimensions that `shape` does not bind stay parameters.
///
/// ```
/// use atome_codegen::KernelSpec;
/// use atome_spec::{Op, Packing};
///
/// let spec = KernelSpec::new(Op::Gemv).packing(Packing::Int2).bind("cols", 256);
/// assert_eq!(spec.name(), "gemv-int2-f32");
/// assert!(spec.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelSpec {
    /// What it computes.
    pub op: Op,
    /// Packing of the weights; for ternary ops only.
    pub packing: Option<Packing>,
    /// Type of the activations.
    pub activation: Activation,
    /// Method of the ternary product; `None` lets the schedule choose.
    pub method: Option<Method>,
    /// What is computed, for the ops that [need](op::has_expr) to be told.
    pub expr: Option<Arc<Expr>>,
    /// Bound dimensions by name.
    pub shape: BTreeMap<String, u64>,
}

impl KernelSpec {
    /// A specification with every dimension open.
    pub fn new(op: Op) -> KernelSpec {
        KernelSpec {
            op,
            packing: None,
            activation: Activation::F32,
            method: None,
            expr: None,
            shape: BTreeMap::new(),
        }
    }

    /// The kernel of a row-wise expression.
    ///
    /// ```
    /// use atome_codegen::KernelSpec;
    ///
    /// let spec = KernelSpec::map("(x: row, y: row) { y = x * sigmoid(x) }".parse()?);
    /// let signature = spec.signature();
    /// let dims: Vec<&str> = signature.dims.iter().map(|dim| &*dim.name).collect();
    /// assert_eq!(dims, ["tokens", "channels", "x_stride", "y_stride"]);
    /// # Ok::<(), atome_codegen::expr::ExprError>(())
    /// ```
    pub fn map(expr: Expr) -> KernelSpec {
        KernelSpec {
            expr: Some(Arc::new(expr)),
            ..KernelSpec::new(Op::Map)
        }
    }

    /// Every dimension, in the order of the kernel's parameters.
    pub fn dims(&self) -> Vec<Dim> {
        let def = lower::def(self.op);
        let mut dims = def.dims.to_vec();
        dims.extend((def.more_dims)(self));
        dims
    }

    /// What the specification says apart from dimensions.
    pub fn kind(&self) -> Kind {
        Kind {
            op: self.op,
            packing: self.packing,
            activation: self.activation,
            method: self.method,
        }
    }

    /// Sets the packing.
    #[must_use]
    pub fn packing(mut self, packing: Packing) -> KernelSpec {
        self.packing = Some(packing);
        self
    }

    /// Sets the type of the activations.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> KernelSpec {
        self.activation = activation;
        self
    }

    /// Sets the method.
    #[must_use]
    pub fn method(mut self, method: Method) -> KernelSpec {
        self.method = Some(method);
        self
    }

    /// Forbids to multiply by a weight: where the method of choice would, the best one that does
    /// not is set.
    #[must_use]
    pub fn without_multiply(mut self) -> KernelSpec {
        if self.product() == Some(Method::Dot) {
            let known = methods(self.kind()).iter().copied();
            self.method = known.into_iter().find(|m| *m != Method::Dot);
        }
        self
    }

    /// The method of its product: the one that is set, or the one that is chosen where none is.
    pub fn product(&self) -> Option<Method> {
        self.method.or(methods(self.kind()).first().copied())
    }

    /// Binds a dimension to a number.
    #[must_use]
    pub fn bind(mut self, dim: &str, value: u64) -> KernelSpec {
        self.shape.insert(dim.to_owned(), value);
        self
    }

    /// `{op}-{packing}-{activation}`, the start of every kernel's name; a method other than the
    /// first one of [`op::methods`] follows.
    pub fn name(&self) -> String {
        let mut name = self.op.to_string();
        if let Some(packing) = self.packing {
            name.push_str(&format!("-{packing}"));
        }
        name.push_str(&format!("-{}", self.activation));
        let usual = methods(self.kind()).first();
        if let Some(method) = self.method.filter(|m| Some(m) != usual) {
            name.push_str(&format!("-{method}"));
        }
        name
    }

    /// The C symbol: the name and the bound dimensions, in letters, digits and `_`.
    pub fn symbol(&self) -> String {
        let mut symbol = self.name().replace('-', "_");
        if let Some(expr) = &self.expr {
            symbol.push_str(&format!("_{:08x}", digest(&expr.to_string())));
        }
        for (dim, value) in &self.shape {
            symbol.push_str(&format!("_{dim}{value}"));
        }
        symbol
    }

    /// The kernel's parameters. Whatever does not fit the op is left out.
    pub fn signature(&self) -> Signature {
        Signature::of(self)
    }

    /// Checks that a kernel can be made.
    ///
    /// # Errors
    /// Names the first thing that does not fit the op.
    pub fn check(&self) -> Result<(), CodegenError> {
        let op = self.op;
        if op::has_expr(op) != self.expr.is_some() {
            return Err(CodegenError::Expr { op });
        }
        let dims = self.dims();
        for (name, &found) in &self.shape {
            let Some(dim) = dims.iter().find(|dim| dim.name == *name) else {
                return Err(CodegenError::UnknownDim {
                    op,
                    name: name.clone(),
                    known: dims.iter().map(|dim| dim.name.to_string()).collect(),
                });
            };
            self.check_dim(dim, found)?;
        }
        if !op::activations(op).any(|a| a == self.activation) {
            return Err(CodegenError::UnsupportedActivation {
                op,
                activation: self.activation,
            });
        }
        match self.packing {
            None if op::is_ternary(op) => Err(CodegenError::MissingPacking { op }),
            Some(packing) if !packings(op, self.activation).contains(&packing) => {
                Err(CodegenError::UnsupportedPacking { op, packing })
            }
            _ => self.check_method(),
        }
    }

    /// A dimension's value by itself and against the one that bounds it, if that is bound too.
    fn check_dim(&self, dim: &Dim, found: u64) -> Result<(), CodegenError> {
        let (op, range) = (self.op, dim.range(self.activation));
        let mut expected = (*range.start(), *range.end());
        let value = |name: &str| self.shape.get(name).copied();
        if range.contains(&found) {
            match dim.bound {
                Some(Bound::Below(other)) => {
                    expected.1 = value(other).map_or(expected.1, |n| n.saturating_sub(1));
                }
                Some(Bound::AtMost(other)) => expected.1 = value(other).unwrap_or(expected.1),
                Some(Bound::AtLeast(other)) => expected.0 = value(other).unwrap_or(expected.0),
                None => {}
            }
        }
        let (min, max) = expected;
        if !(min..=max).contains(&found) {
            return Err(CodegenError::DimOutOfRange {
                op,
                name: dim.name.to_string(),
                found,
                min,
                max,
            });
        }
        match found % dim.multiple_of {
            0 => Ok(()),
            _ => Err(CodegenError::NotMultiple {
                op,
                name: dim.name.to_string(),
                found,
                multiple_of: dim.multiple_of,
            }),
        }
    }

    fn check_method(&self) -> Result<(), CodegenError> {
        match self.method {
            Some(method) if !methods(self.kind()).contains(&method) => {
                Err(CodegenError::UnsupportedMethod {
                    op: self.op,
                    activation: self.activation,
                    method,
                    known: methods(self.kind()),
                })
            }
            _ => Ok(()),
        }
    }
}

/// 32 bits of a text that tell symbols apart: FNV-1a.
fn digest(text: &str) -> u32 {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    text.bytes().fold(0x811c_9dc5, mix)
}

impl From<Kind> for KernelSpec {
    fn from(kind: Kind) -> KernelSpec {
        KernelSpec {
            op: kind.op,
            packing: kind.packing,
            activation: kind.activation,
            method: kind.method,
            expr: None,
            shape: BTreeMap::new(),
        }
    }
}
