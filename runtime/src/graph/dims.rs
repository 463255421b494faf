//! Dimensions of a call, which are the widths of its operands.

use super::cache::{block_of, held};
use super::fault::GraphFault;
use super::{Arg, Call, Extent, Graph, Rows, What};
use crate::tensor::Kind;
use DimValue::{Const, Kept, Len, PerToken, Slot, Tokens};
use atome_codegen::expr::{Expr, OperandKind};
use atome_spec::Op;

/// A dimension's value: known when planning, or following the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum DimValue {
    /// Always that number.
    Const(u64),
    /// Tokens of the block.
    Tokens,
    /// So many for each token of the block.
    PerToken(u64),
    /// Place in the attention cache of the current token.
    Slot,
    /// Cached positions, the current token included.
    Len,
    /// Positions that attention keeps: at most this many, at most `Len`.
    Kept(u64),
}

/// Tells the dimensions of a graph's calls.
pub(super) struct Dims<'g> {
    pub(super) graph: &'g Graph,
    /// Whether the call is run for one token after the other.
    pub(super) each_token: bool,
}

impl Dims<'_> {
    /// A value for each dimension of `op`, in the order of `op::dims`.
    ///
    /// # Errors
    /// If an operand is missing or of another kind than the op's, or graphs do not call the op.
    pub(super) fn of(&self, call: &Call, op: Op) -> Result<Vec<DimValue>, GraphFault> {
        if let What::Map(expr) = &call.what {
            return self.of_map(call, expr);
        }
        let rows = |name| self.rows(call, name);
        type Found = Result<DimValue, GraphFault>;
        let width = |name| -> Found { Ok(self.width(rows(name)?)) };
        let stride = |name| -> Found { Ok(constant(self.graph.rows[rows(name)?.id].width)) };
        let tokens = self.tokens();
        Ok(match op {
            Op::Embed | Op::LookupF32 | Op::LookupF16 | Op::LookupI8 => {
                let (vocab, cols) = self.matrix(call, "table")?;
                vec![vocab, cols, tokens]
            }
            Op::Gemm => {
                let (rows, cols) = self.matrix(call, "w")?;
                vec![rows, cols, tokens, stride("out")?]
            }
            Op::GroupGemm => {
                let (rows, groups, group) = self.groups(call)?;
                let sizes = [rows, groups, group].map(constant).into_iter();
                sizes.chain([tokens, stride("out")?]).collect()
            }
            Op::Conv1d => {
                let (channels, taps) = self.matrix(call, "w")?;
                vec![channels, taps, tokens]
            }
            Op::ConvSilu => {
                let (channels, taps) = self.matrix(call, "w")?;
                vec![channels, taps, tokens, stride("x")?]
            }
            Op::Quantize => {
                // A scale for each group of columns, or one.
                let (x, groups) = (rows("x")?, rows("q_scale")?.width);
                let width = x.width.checked_div(groups).unwrap_or(0);
                match groups {
                    1 => vec![self.width(x), self.count(x)],
                    _ => vec![constant(width), self.per_token(groups)],
                }
            }
            Op::Norm | Op::RmsNorm | Op::RmsQuantize | Op::RmsQuantizeAway | Op::Softmax => {
                let x = rows("x")?;
                vec![self.width(x), self.count(x)]
            }
            Op::Scan | Op::RouterMix | Op::Residual => vec![width("x")?, tokens],
            Op::MatMul => {
                let (rows, cols) = self.matrix(call, "w")?;
                vec![rows, cols, tokens]
            }
            Op::L2Norm | Op::HeadNorm | Op::Rope => {
                let x = rows("x")?;
                let (head_dim, pairs) = match op {
                    Op::HeadNorm => (self.elems(call, "gamma")?, None),
                    Op::Rope => (call.size_of("head_dim")?, Some(rows("angles")?.width / 2)),
                    _ => (call.size_of("head_dim")?, None),
                };
                let heads = constant(x.width.checked_div(head_dim).unwrap_or(0));
                let mut dims = vec![heads, constant(head_dim)];
                dims.extend(pairs.map(constant));
                dims.extend([tokens, stride("x")?]);
                dims
            }
            Op::Transpose => {
                let (outer, inner) = (call.size_of("outer")?, call.size_of("inner")?);
                let pieces = outer.saturating_mul(inner);
                let width = rows("x")?.width.checked_div(pieces).unwrap_or(0);
                [outer, inner, width]
                    .map(constant)
                    .into_iter()
                    .chain([tokens])
                    .collect()
            }
            Op::Hadamard => {
                let block = call.size_of("block")?;
                if !block.is_power_of_two() {
                    let (dim, expected) = ("block".into(), "a power of two".to_owned());
                    let found = block as u64;
                    return Err(GraphFault::Dim {
                        dim,
                        expected,
                        found,
                    });
                }
                let blocks = rows("x")?.width.checked_div(block).unwrap_or(0);
                vec![constant(block), self.per_token(blocks)]
            }
            Op::GatedDelta => {
                let head_dim = call.size_of("head_dim")?;
                let per_head = |n: usize| n.checked_div(head_dim).unwrap_or(0);
                let key_heads = per_head(rows("k")?.width);
                let repeats = per_head(rows("v")?.width)
                    .checked_div(key_heads)
                    .unwrap_or(0);
                let sizes = [repeats, key_heads, head_dim].map(constant);
                sizes.into_iter().chain([tokens, stride("v")?]).collect()
            }
            Op::Attend | Op::AttendF16 => {
                let (head_dim, q) = (call.size_of("head_dim")?, rows("q")?.width);
                let words = held(op).unwrap_or_default().key_words(head_dim);
                let kv_heads = self.elems(call, "keys")?.checked_div(words).unwrap_or(0);
                let row = kv_heads.saturating_mul(head_dim);
                let queries = q.checked_div(row).unwrap_or(0);
                let [kv_heads, queries, head_dim] = [kv_heads, queries, head_dim].map(constant);
                vec![kv_heads, queries, head_dim, self.capacity(op), Len]
            }
            Op::AttendAppend | Op::AttendAppendF16 => {
                let (head_dim, row) = (call.size_of("head_dim")?, rows("k")?.width);
                let kv_heads = row.checked_div(head_dim).unwrap_or(0);
                let [kv_heads, head_dim] = [kv_heads, head_dim].map(constant);
                vec![kv_heads, head_dim, self.capacity(op), Slot]
            }
            Op::KvAppend => vec![width("k")?, width("v")?, self.capacity(op), Slot],
            Op::AttnScores => vec![width("q")?, self.capacity(op), Len],
            Op::AttnMix => vec![width("out")?, self.capacity(op), width("chosen")?],
            Op::Discretize => vec![width("dt")?, tokens, stride("dt")?],
            Op::SelectiveScan => {
                let heads = rows("step")?.width;
                let per_head = |n: usize| constant(n.checked_div(heads).unwrap_or(0));
                let head_dim = per_head(rows("out")?.width);
                let d_state = per_head(rows("b")?.width);
                vec![constant(heads), head_dim, d_state, tokens, stride("z")?]
            }
            _ => return Err(not_called(op, instead(op).unwrap_or("another op"))),
        })
    }

    /// Channels are the width of what has a value for each, heads of what they share; strides are those of the rows.
    pub(super) fn of_map(&self, call: &Call, expr: &Expr) -> Result<Vec<DimValue>, GraphFault> {
        let operands = expr.operands().iter().zip(&call.args);
        let elems = |per_head| {
            let mut operands = operands.clone();
            let found = operands.find(|(operand, _)| operand.per_head == per_head);
            found.map_or(0, |(_, (_, arg))| self.graph.elems(*arg))
        };
        let channels = elems(false);
        let mut dims = vec![self.tokens()];
        match expr.has_heads() {
            true => {
                let heads = elems(true);
                let head_dim = channels.checked_div(heads).unwrap_or(0);
                dims.extend([constant(heads), constant(head_dim)]);
            }
            false => dims.push(constant(channels)),
        }
        for (operand, (name, arg)) in operands {
            match (operand.kind, *arg) {
                (OperandKind::Row, Arg::Rows(rows)) => {
                    dims.push(constant(self.graph.rows[rows.id].width));
                }
                (OperandKind::Row, other) => {
                    return Err(self.graph.unfit(name.clone(), "rows", other));
                }
                (OperandKind::Gain | OperandKind::State, _) => {}
            }
        }
        Ok(dims)
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

    fn per_token(&self, n: usize) -> DimValue {
        match self.each_token {
            true => constant(n),
            false => PerToken(n as u64),
        }
    }

    /// Elements of an operand for one token, or for one position.
    fn elems(&self, call: &Call, name: &'static str) -> Result<usize, GraphFault> {
        Ok(self.graph.elems(call.find(name)?))
    }

    /// Positions of the caches of an op: whole blocks.
    fn capacity(&self, op: Op) -> DimValue {
        constant(self.graph.window.next_multiple_of(block_of(op)))
    }

    fn rows(&self, call: &Call, name: &'static str) -> Result<Rows, GraphFault> {
        match call.find(name)? {
            Arg::Rows(rows) => Ok(rows),
            other => Err(self.graph.unfit(name.into(), "rows", other)),
        }
    }

    /// Rows, groups and columns of a group of a call's weights.
    fn groups(&self, call: &Call) -> Result<(usize, usize, usize), GraphFault> {
        let arg = call.find("w")?;
        let kind = match arg {
            Arg::Param(id) => Some(&self.graph.params[id.0].kind),
            _ => None,
        };
        match kind {
            Some(&Kind::Ternary {
                rows,
                cols,
                group: Some(group),
                ..
            }) => Ok((rows, cols / group, group)),
            _ => Err(self
                .graph
                .unfit("w".into(), "ternary weights in groups", arg)),
        }
    }

    fn matrix(&self, call: &Call, name: &'static str) -> Result<(DimValue, DimValue), GraphFault> {
        match call.find(name)? {
            Arg::Param(id) => {
                let (rows, cols) = self.graph.params[id.0].kind.matrix();
                Ok((constant(rows), constant(cols)))
            }
            other => Err(self.graph.unfit(name.into(), "a parameter", other)),
        }
    }
}

/// What graphs call instead of an op; `None` for those that they call.
pub(super) fn instead(op: Op) -> Option<&'static str> {
    match op {
        Op::Gemm | Op::Conv1d | Op::ConvSilu | Op::Scan | Op::Discretize | Op::SelectiveScan => {
            None
        }
        Op::Norm
        | Op::RmsNorm
        | Op::RmsQuantize
        | Op::RmsQuantizeAway
        | Op::Quantize
        | Op::Softmax => None,
        Op::KvAppend | Op::AttnScores | Op::AttnMix | Op::RouterMix | Op::Residual => None,
        Op::MatMulF16 | Op::MatMulI8 => Some("`matmul`"),
        Op::MatMul | Op::L2Norm | Op::HeadNorm | Op::Rope | Op::Transpose => None,
        Op::Hadamard | Op::GatedDelta => None,
        Op::AttendAppend | Op::Attend | Op::AttendAppendF16 | Op::AttendF16 => None,
        Op::GroupGemm => None,
        Op::Gemv => Some("`gemm`"),
        Op::GroupGemv => Some("`group_gemm`"),
        Op::Argmax => Some("nothing: sessions tell the greatest logit"),
        Op::Embed | Op::GroupEmbed | Op::LookupF32 | Op::LookupF16 | Op::LookupI8 => {
            Some("`lookup`")
        }
        Op::Exp | Op::Tanh | Op::Softplus | Op::Silu | Op::Sigmoid | Op::Neg => Some("`map`"),
        Op::Abs | Op::Sqrt | Op::SquaredRelu | Op::Add | Op::Sub | Op::Mul => Some("`map`"),
        Op::Div | Op::Min | Op::Max | Op::SelectLt | Op::SelectLe | Op::SelectEq => Some("`map`"),
        Op::Map => Some("`map` with statements"),
    }
}

pub(super) fn not_called(op: Op, expected: &'static str) -> GraphFault {
    GraphFault::Op {
        op: op.to_string(),
        expected,
    }
}

fn constant(n: usize) -> DimValue {
    Const(n as u64)
}
