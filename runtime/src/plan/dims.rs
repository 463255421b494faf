//! Dimensions of a call, which are the widths of its operands.

use super::DimValue::{self, Const, Kept, Len, Slot, Tokens};
use crate::graph::{Arg, Call, Extent, Graph, Rows};
use atome_spec::{LANES, Op};

/// Tells the dimensions of a graph's calls.
pub(super) struct Dims<'g> {
    pub(super) graph: &'g Graph,
    /// Whether the call is run for one token after the other.
    pub(super) each_token: bool,
}

impl Dims<'_> {
    /// A value for each dimension of `op`, in the order of `op::dims`.
    ///
    /// # Panics
    /// If an operand is missing or of another kind than the op's.
    pub(super) fn of(&self, call: &Call, op: Op) -> Vec<DimValue> {
        let rows = |name| call.rows(name);
        let width = |name| self.width(rows(name));
        let stride = |name| constant(self.graph.rows[rows(name).id].width);
        let tokens = self.tokens();
        match op {
            Op::Embed | Op::LookupF32 | Op::LookupF16 | Op::LookupI8 => {
                let (vocab, cols) = self.matrix(call, "table");
                vec![vocab, cols, tokens]
            }
            Op::Gemv | Op::Gemm => {
                let (rows, cols) = self.matrix(call, "w");
                vec![rows, cols, tokens, stride("out")]
            }
            Op::Conv1d => {
                let (channels, taps) = self.matrix(call, "w");
                vec![channels, taps, tokens]
            }
            Op::ConvSilu => {
                let (channels, taps) = self.matrix(call, "w");
                vec![channels, taps, tokens, stride("x")]
            }
            Op::Norm | Op::RmsNorm | Op::RmsQuantize | Op::Quantize | Op::Softmax => {
                vec![width("x"), self.count(rows("x"))]
            }
            Op::Scan | Op::RouterMix | Op::Residual => vec![width("x"), tokens],
            Op::KvAppend => vec![width("k"), width("v"), self.capacity(), Slot],
            Op::AttnScores => vec![width("q"), self.capacity(), Len],
            Op::AttnMix => vec![width("out"), self.capacity(), width("chosen")],
            Op::Discretize => vec![width("dt"), tokens, stride("dt")],
            Op::SelectiveScan => {
                let (channels, heads) = (rows("out").width, rows("step").width);
                let per_head = |n: usize| constant(n.checked_div(heads).unwrap_or(0));
                let d_state = per_head(rows("b").width);
                vec![
                    constant(heads),
                    per_head(channels),
                    d_state,
                    tokens,
                    stride("z"),
                ]
            }
            _ => vec![width("x")],
        }
    }

    fn width(&self, rows: Rows) -> DimValue {
        match self.graph.rows[rows.id].extent {
            Extent::Kept => Kept(rows.width as u64),
            Extent::Tokens | Extent::Positions => constant(rows.width),
        }
    }

    fn count(&self, rows: Rows) -> DimValue {
        match self.graph.rows[rows.id].extent {
            Extent::Tokens => self.tokens(),
            Extent::Positions | Extent::Kept => Const(1),
        }
    }

    fn tokens(&self) -> DimValue {
        if self.each_token { Const(1) } else { Tokens }
    }

    fn capacity(&self) -> DimValue {
        constant(self.graph.window.next_multiple_of(LANES))
    }

    fn matrix(&self, call: &Call, name: &str) -> (DimValue, DimValue) {
        match call.get(name) {
            Arg::Param(id) => {
                let (rows, cols) = self.graph.params[id.0].kind.matrix();
                (constant(rows), constant(cols))
            }
            other => panic!(
                "`{}` takes a parameter as `{name}`, not {other:?}",
                call.name
            ),
        }
    }
}

fn constant(n: usize) -> DimValue {
    Const(n as u64)
}
