//! What to generate: an op, the packing of its weights, a method, and the dimensions
//! that are already known.

use crate::CodegenError;
use atome_spec::{LANES, Method, Op, Packing};
use std::collections::BTreeMap;

/// Greatest bound dimension: element numbers stay far from overflow.
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
            method: None,
            shape: BTreeMap::new(),
        }
    }

    /// Sets the packing.
    #[must_use]
    pub fn packing(mut self, packing: Packing) -> KernelSpec {
        self.packing = Some(packing);
        self
    }

    /// Sets the method.
    #[must_use]
    pub fn method(mut self, method: Method) -> KernelSpec {
        self.method = Some(method);
        self
    }

    /// Binds a dimension to a number.
    #[must_use]
    pub fn bind(mut self, dim: &str, value: u64) -> KernelSpec {
        self.shape.insert(dim.to_owned(), value);
        self
    }

    /// `{op}-{packing}-{activation}`, the start of every kernel's name.
    pub fn name(&self) -> String {
        match self.packing {
            Some(packing) => format!("{}-{packing}-f32", self.op),
            None => format!("{}-f32", self.op),
        }
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
            let (min, max) = match name.as_str() {
                "taps" => (1, MAX_TAPS),
                _ => (0, MAX_DIM),
            };
            if !(min..=max).contains(&found) {
                let name = name.clone();
                return Err(CodegenError::DimOutOfRange {
                    op,
                    name,
                    found,
                    min,
                    max,
                });
            }
        }
        self.check_cache()?;
        match self.packing {
            None if op.is_ternary() => Err(CodegenError::MissingPacking { op }),
            Some(packing) if !packings(op).contains(&packing) => {
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
            Some(method) if !self.op.is_ternary() || method != Method::Select => {
                Err(CodegenError::UnsupportedMethod {
                    op: self.op,
                    method,
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
        Op::Norm | Op::Softmax => &["width", "rows"],
        Op::KvAppend => &["d_head", "d_model", "capacity", "slot"],
        Op::AttnScores => &["d_head", "capacity", "len"],
        Op::AttnMix => &["d_model", "capacity", "k"],
        Op::RouterMix => &["width", "tokens"],
        _ => &["n"],
    }
}

/// Packings an op has kernels for, the default first.
pub fn packings(op: Op) -> &'static [Packing] {
    match op {
        Op::Embed => &[Packing::Int2, Packing::Base3],
        Op::Gemv | Op::Gemm | Op::Conv1d => &[Packing::Int2],
        _ => &[],
    }
}
