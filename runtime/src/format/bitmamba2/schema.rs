//! The tensors of a `BIT2` file in order and where each lies: arithmetic only, so that a file can be refused before
//! anything is allocated for it.

use super::BitMamba2Config;
use crate::error::LoadError;
use std::fmt;

/// Bytes of the header: the magic and four dimensions.
pub(super) const HEADER_BYTES: u64 = 20;

/// A tensor's name without a string: `embed`, or `layers.3.in_proj`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TensorName {
    pub(super) layer: Option<usize>,
    pub(super) part: &'static str,
}

impl fmt::Display for TensorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layer {
            Some(layer) => write!(f, "layers.{layer}.{}", self.part),
            None => f.write_str(self.part),
        }
    }
}

/// What a tensor is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Trits, 4 a byte, a multiple of 4 columns.
    Trits { rows: usize, cols: usize },
    /// f32, one dimension.
    Vector(usize),
    /// f32, `[rows, cols]`.
    Matrix { rows: usize, cols: usize },
    /// f32, `[channels, 1, taps]`.
    Taps { channels: usize, taps: usize },
}

impl Shape {
    /// Number of elements; the limits of the dimensions keep it below 2^41.
    pub(super) const fn elems(self) -> u64 {
        let (rows, cols) = self.matrix();
        (rows as u64).saturating_mul(cols as u64)
    }

    /// Rows and columns of a matrix; a vector has one column.
    pub(super) const fn matrix(self) -> (usize, usize) {
        match self {
            Shape::Trits { rows, cols } | Shape::Matrix { rows, cols } => (rows, cols),
            Shape::Vector(len) => (len, 1),
            Shape::Taps { channels, taps } => (channels, taps),
        }
    }

    /// The words of the tensor's header as a file has them, but for a ternary tensor's scale.
    pub(super) fn header(self) -> Vec<i32> {
        let dim = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        match self {
            Shape::Trits { rows, cols } => vec![2, dim(rows), dim(cols)],
            Shape::Vector(len) => vec![0, 1, dim(len)],
            Shape::Matrix { rows, cols } => vec![0, 2, dim(rows), dim(cols)],
            Shape::Taps { channels, taps } => vec![0, 3, dim(channels), 1, dim(taps)],
        }
    }

    /// Bytes of the header, a ternary tensor's scale included.
    pub(super) const fn header_bytes(self) -> u64 {
        match self {
            Shape::Trits { .. } | Shape::Matrix { .. } => 16,
            Shape::Vector(_) => 12,
            Shape::Taps { .. } => 20,
        }
    }

    /// Bytes of the elements.
    pub(super) const fn data_bytes(self) -> u64 {
        match self {
            Shape::Trits { rows, cols } => rows as u64 * (cols as u64 / 4),
            _ => 4 * self.elems(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Trits { rows, cols } => write!(f, "{rows} x {cols} trits"),
            Shape::Matrix { rows, cols } => write!(f, "{rows} x {cols} numbers"),
            Shape::Vector(len) => write!(f, "{len} numbers"),
            Shape::Taps { channels, taps } => write!(f, "{channels} x 1 x {taps} numbers"),
        }
    }
}

/// One tensor of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TensorSpec {
    pub(super) name: TensorName,
    pub(super) shape: Shape,
}

impl TensorSpec {
    /// Number of elements.
    ///
    /// # Errors
    /// [`LoadError::TooLarge`] when they cannot be addressed.
    pub(super) fn elems(&self) -> Result<usize, LoadError> {
        let (rows, cols) = self.shape.matrix();
        usize::try_from(self.shape.elems()).map_err(|_| LoadError::TooLarge {
            tensor: self.name.to_string(),
            rows,
            cols,
        })
    }
}

/// Lists the tensors of a model in the order of its file.
pub(super) fn tensors(config: &BitMamba2Config) -> impl Iterator<Item = TensorSpec> + use<> {
    let (vocab, d_model, heads) = (config.vocab_size, config.d_model, config.n_heads);
    let d_inner = config.d_inner();
    let trits = |part, rows, cols| (part, Shape::Trits { rows, cols });
    let vector = |part, len| (part, Shape::Vector(len));
    let conv = Shape::Taps {
        channels: d_inner,
        taps: config.d_conv(),
    };
    let layer = [
        vector("in_proj.norm", d_model),
        trits("in_proj", config.in_proj_rows(), d_model),
        ("conv1d.weight", conv),
        vector("conv1d.bias", d_inner),
        vector("dt_bias", heads),
        vector("A_log", heads),
        vector("D", d_inner),
        vector("out_proj.norm", d_inner),
        trits("out_proj", d_model, d_inner),
    ];
    let table = Shape::Matrix {
        rows: vocab,
        cols: d_model,
    };
    let tail = [
        vector("norm_f", d_model),
        vector("lm_head.norm", d_model),
        trits("lm_head", vocab, d_model),
    ];
    let named = |layer, (part, shape)| TensorSpec {
        name: TensorName { layer, part },
        shape,
    };
    let layers = (0..config.n_layers)
        .flat_map(move |i| layer.into_iter().map(move |tensor| named(Some(i), tensor)));
    std::iter::once(named(None, ("embed", table)))
        .chain(layers)
        .chain(tail.into_iter().map(move |tensor| named(None, tensor)))
}

/// Checks that a file of `file_bytes` holds exactly the tensors that the dimensions ask for.
///
/// # Errors
/// [`LoadError::Truncated`] for the first tensor that does not fit, [`LoadError::TrailingBytes`] for bytes after the
/// last.
pub(super) fn check_size(config: &BitMamba2Config, file_bytes: u64) -> Result<(), LoadError> {
    let mut offset = HEADER_BYTES;
    for spec in tensors(config) {
        let expected = spec.shape.header_bytes() + spec.shape.data_bytes();
        let found = file_bytes.saturating_sub(offset);
        if expected > found {
            return Err(LoadError::Truncated {
                tensor: spec.name.to_string(),
                offset,
                expected,
                found,
            });
        }
        offset += expected;
    }
    match file_bytes - offset {
        0 => Ok(()),
        extra => Err(LoadError::TrailingBytes {
            expected: offset,
            extra,
        }),
    }
}
