//! What to generate: an op, the packing of its weights, a method, and the dimensions
//! that are already known.

use crate::CodegenError;
use atome_spec::{Activation, Kind, LANES, Method, Op, Packing, layout};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Greatest dimension: element numbers stay far from overflow.
const MAX_DIM: u64 = 1 << 31;
/// Greatest filter width of a convolution.
const MAX_TAPS: u64 = 4096;

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
            shape: BTreeMap::new(),
        }
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
        let known = methods(self.op, self.activation);
        if self.method.or(known.first().copied()) == Some(Method::Dot) {
            self.method = known.iter().copied().find(|m| *m != Method::Dot);
        }
        self
    }

    /// Binds a dimension to a number.
    #[must_use]
    pub fn bind(mut self, dim: &str, value: u64) -> KernelSpec {
        self.shape.insert(dim.to_owned(), value);
        self
    }

    /// `{op}-{packing}-{activation}`, the start of every kernel's name; a method other than the
    /// first one of [`methods`] follows.
    pub fn name(&self) -> String {
        let mut name = self.op.to_string();
        if let Some(packing) = self.packing {
            name.push_str(&format!("-{packing}"));
        }
        name.push_str(&format!("-{}", self.activation));
        let usual = methods(self.op, self.activation).first();
        if let Some(method) = self.method.filter(|m| Some(m) != usual) {
            name.push_str(&format!("-{method}"));
        }
        name
    }

    /// The C symbol: the name and the bound dimensions, in letters, digits and `_`.
    pub fn symbol(&self) -> String {
        let mut symbol = self.name().replace('-', "_");
        for (dim, value) in &self.shape {
            symbol.push_str(&format!("_{dim}{value}"));
        }
        symbol
    }

    /// Checks that a kernel can be made.
    ///
    /// # Errors
    /// Names the first thing that does not fit the op.
    pub fn check(&self) -> Result<(), CodegenError> {
        let op = self.op;
        for (name, &found) in &self.shape {
            if !dims(op).contains(&name.as_str()) {
                let known = dims(op).to_vec();
                return Err(CodegenError::UnknownDim {
                    op,
                    name: name.clone(),
                    known,
                });
            }
            let range = range(name, self.activation);
            if !range.contains(&found) {
                let name = name.clone();
                return Err(CodegenError::DimOutOfRange {
                    op,
                    name,
                    found,
                    min: *range.start(),
                    max: *range.end(),
                });
            }
        }
        self.check_cache()?;
        if !activations(op).contains(&self.activation) {
            return Err(CodegenError::UnsupportedActivation {
                op,
                activation: self.activation,
            });
        }
        match self.packing {
            None if op.is_ternary() => Err(CodegenError::MissingPacking { op }),
            Some(packing) if !packings(op, self.activation).contains(&packing) => {
                Err(CodegenError::UnsupportedPacking { op, packing })
            }
            _ => self.check_method(),
        }
    }

    /// The attention cache holds whole vectors of positions, and what is cached fits in it.
    fn check_cache(&self) -> Result<(), CodegenError> {
        let Some(&capacity) = self.shape.get("capacity") else {
            return Ok(());
        };
        let op = self.op;
        if capacity % LANES as u64 != 0 {
            return Err(CodegenError::Capacity {
                op,
                found: capacity,
            });
        }
        for (name, max) in [("slot", capacity.saturating_sub(1)), ("len", capacity)] {
            if let Some(&found) = self.shape.get(name).filter(|&&n| n > max) {
                let name = name.to_owned();
                return Err(CodegenError::DimOutOfRange {
                    op,
                    name,
                    found,
                    min: 0,
                    max,
                });
            }
        }
        Ok(())
    }

    fn check_method(&self) -> Result<(), CodegenError> {
        match self.method {
            Some(method) if !methods(self.op, self.activation).contains(&method) => {
                Err(CodegenError::UnsupportedMethod {
                    op: self.op,
                    activation: self.activation,
                    method,
                    known: methods(self.op, self.activation),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Names of an op's dimensions, in the order of the kernel's parameters.
pub fn dims(op: Op) -> &'static [&'static str] {
    match op {
        Op::Embed => &["vocab", "d_model", "tokens"],
        Op::Gemv => &["rows", "cols"],
        Op::Gemm => &["rows", "cols", "tokens", "out_stride"],
        Op::Conv1d => &["channels", "taps", "tokens"],
        Op::Scan => &["channels", "tokens"],
        Op::Norm | Op::Quantize | Op::Softmax => &["width", "rows"],
        Op::KvAppend => &["d_head", "d_model", "capacity", "slot"],
        Op::AttnScores => &["d_head", "capacity", "len"],
        Op::AttnMix => &["d_model", "capacity", "k"],
        Op::RouterMix | Op::Add => &["width", "tokens"],
        Op::LookupF32 | Op::LookupF16 | Op::LookupI8 => &["vocab", "d_model", "tokens"],
        Op::RmsNorm | Op::RmsQuantize => &["width", "rows"],
        Op::ConvSilu => &["channels", "taps", "tokens", "x_stride"],
        Op::Discretize => &["heads", "tokens", "stride"],
        Op::SelectiveScan => &["heads", "head_dim", "d_state", "tokens", "stride"],
        _ => &["n"],
    }
}

/// The values that a dimension of an op with some type of activations may have, bound or open.
pub fn range(dim: &str, activation: Activation) -> RangeInclusive<u64> {
    match (dim, activation) {
        ("taps", _) => 1..=MAX_TAPS,
        ("cols", Activation::I8) => 0..=layout::MAX_I8_COLS as u64,
        _ => 0..=MAX_DIM,
    }
}

/// Activations an op has kernels for, the default first.
pub fn activations(op: Op) -> &'static [Activation] {
    match op {
        Op::Gemv | Op::Gemm => &[Activation::F32, Activation::I8],
        _ => &[Activation::F32],
    }
}

/// Packings an op has kernels for, the default first.
pub fn packings(op: Op, activation: Activation) -> &'static [Packing] {
    match (op, activation) {
        (Op::Embed, _) => &[Packing::Int2, Packing::Base3],
        (Op::Gemv | Op::Gemm, Activation::I8) => &[Packing::Int2, Packing::Base3],
        (Op::Gemv | Op::Gemm | Op::Conv1d, _) => &[Packing::Int2],
        _ => &[],
    }
}

/// Methods an op has kernels for, the one that is chosen unless another is asked for first.
pub fn methods(op: Op, activation: Activation) -> &'static [Method] {
    match (op, activation) {
        (Op::Gemv | Op::Gemm, Activation::I8) => &[Method::Dot, Method::Lut, Method::Select],
        _ if op.is_ternary() => &[Method::Select],
        _ => &[],
    }
}

/// Every kernel there is, each method but an op's first named.
pub fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for &op in Op::ALL {
        for &activation in activations(op) {
            let kind = Kind::new(op).activation(activation);
            let packings = packings(op, activation);
            if packings.is_empty() {
                kinds.push(kind);
            }
            for kind in packings.iter().map(|&p| kind.packing(p)) {
                kinds.push(kind);
                let others = methods(op, activation).iter().skip(1);
                kinds.extend(others.map(|&m| kind.method(m)));
            }
        }
    }
    kinds
}

impl From<Kind> for KernelSpec {
    fn from(kind: Kind) -> KernelSpec {
        KernelSpec {
            op: kind.op,
            packing: kind.packing,
            activation: kind.activation,
            method: kind.method,
            shape: BTreeMap::new(),
        }
    }
}
