use crate::lower;
use atome_spec::Op;

/// A dimension by which threads may share a call: each computes some of it.
///
/// With every dimension of `alone` 1, the dimension is the outermost of each buffer that has it, in blocks of `block`, or lies
/// within rows that are a stride apart: a part of whole blocks is a call of its own, whose buffers begin where those of
/// the part before would have gone on, and what a part writes no other part touches. Nothing is summed across parts, so their number does not change the bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Its name.
    pub dim: &'static str,
    /// How much of it every part but the last is a multiple of.
    pub block: u64,
    /// Dimensions that have to be 1.
    pub alone: &'static [&'static str],
    /// A dimension, and that of which buffers are so long, where a part reads only as much of them as the first is.
    pub used: Option<(&'static str, &'static str)>,
}

impl Parts {
    /// Parts of a dimension that is always outermost.
    pub(crate) const fn of(dim: &'static str) -> Parts {
        Parts {
            dim,
            block: 1,
            alone: &[],
            used: None,
        }
    }

    pub(crate) const fn in_blocks(mut self, block: u64) -> Parts {
        self.block = block;
        self
    }

    /// Parts of elements, far enough apart that no two threads write a cache line.
    pub(crate) const fn in_lines(self) -> Parts {
        self.in_blocks(64)
    }

    pub(crate) const fn used(mut self, dim: &'static str, of: &'static str) -> Parts {
        self.used = Some((dim, of));
        self
    }

    pub(crate) const fn alone(mut self, dims: &'static [&'static str]) -> Parts {
        self.alone = dims;
        self
    }
}

/// How threads may share the calls of an op, the best way first; none if one thread runs them.
///
/// ```
/// use atome_codegen::op;
/// use atome_spec::Op;
///
/// assert_eq!(op::parts(Op::Gemm)[0].dim, "rows");
/// assert!(op::parts(Op::Argmax).is_empty());
/// ```
pub fn parts(op: Op) -> &'static [Parts] {
    lower::def(op).parts
}
