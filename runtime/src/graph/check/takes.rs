//! What an op takes as an operand: rows, parameters, states.

use super::super::fault::GraphFault;
use super::super::{Arg, Extent, Graph, Name, Rows};
use crate::tensor::{Kind, Role};
use atome_codegen::ir::Access;
use atome_codegen::op::{BufferDef, Content, Signature};
use atome_spec::Op;

/// What an op takes as an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Rows(Extent),
    Floats,
    Ternary(Role),
    /// A ternary tensor, or a table.
    Table,
    /// Numbers that multiply, which may be a table's.
    Numbers,
    State,
    Cache,
}

impl Takes {
    /// The same for a row of kept positions, where the op takes such in place of tokens.
    pub(super) fn kept(self, op: Op) -> Takes {
        match (op, self) {
            (Op::Softmax, Takes::Rows(_)) => Takes::Rows(Extent::Kept),
            _ => self,
        }
    }
}

/// What an op takes as a buffer: rows where its length follows the tokens, parameters and states where not.
pub(super) fn takes(op: Op, signature: &Signature, buffer: &BufferDef) -> Takes {
    match (op, buffer.content, &*buffer.name) {
        // Whatever kernel is for what the table is stored as.
        (Op::LookupF32, _, "table") => Takes::Table,
        (Op::MatMul, _, "w") => Takes::Numbers,
        (_, Content::Matrix(_), _) if follows_i8(signature) => Takes::Ternary(Role::MatrixI8),
        (_, Content::Matrix(_), _) => Takes::Ternary(Role::Matrix),
        (_, Content::Taps(_), _) => Takes::Ternary(Role::Taps),
        (_, Content::Table(_), _) => Takes::Table,
        (Op::AttnScores, _, "scores") => Takes::Rows(Extent::Positions),
        (Op::AttnMix, _, "chosen" | "p") => Takes::Rows(Extent::Kept),
        (op, _, "keys" | "values") if is_of_attention(op) => Takes::Cache,
        (op, ..) if is_of_attention(op) => Takes::Rows(Extent::Tokens),
        _ if follows_tokens(signature, buffer) => Takes::Rows(Extent::Tokens),
        _ if buffer.access == Access::In => Takes::Floats,
        _ => Takes::State,
    }
}

/// Whether an op runs for one token after the other, over caches.
pub(super) fn is_of_attention(op: Op) -> bool {
    use Op::{Attend, AttendAppend, AttendAppendF16, AttendF16, AttnMix, AttnScores, KvAppend};
    matches!(op, KvAppend | AttnScores | AttnMix)
        || matches!(op, AttendAppend | Attend | AttendAppendF16 | AttendF16)
}

fn follows_i8(signature: &Signature) -> bool {
    signature.buffers.iter().any(|b| b.content == Content::I8)
}

/// Whether a block of more tokens has more elements.
fn follows_tokens(signature: &Signature, buffer: &BufferDef) -> bool {
    let counts = |name| signature.dims.iter().position(|dim| dim.name == name);
    let tokens = ["tokens", "rows", "blocks"].into_iter().find_map(counts);
    let len = |n: u64| {
        let value = |i| if Some(i) == tokens { n } else { 64 };
        let values: Vec<u64> = (0..signature.dims.len()).map(value).collect();
        buffer.len.eval(&values)
    };
    len(1) != len(2)
}

impl Graph {
    /// An operand is of the kind that an op takes.
    pub(super) fn fits(&self, name: &Name, arg: Arg, takes: Takes) -> Result<(), GraphFault> {
        let kind = |id: usize| &self.params[id].kind;
        let (expected, fits) = match takes {
            Takes::Rows(extent) => {
                let is = |rows: Rows| self.rows[rows.id].extent == extent;
                let expected = match extent {
                    Extent::Tokens => "rows of tokens",
                    Extent::Positions => "a row of positions",
                    Extent::Kept => "a row of kept positions",
                };
                (expected, matches!(arg, Arg::Rows(rows) if is(rows)))
            }
            Takes::Floats => (
                "a parameter of f32",
                matches!(arg, Arg::Param(id) if matches!(kind(id.0), Kind::Floats(_))),
            ),
            Takes::Ternary(_) => (
                "a ternary parameter",
                matches!(arg, Arg::Param(id) if matches!(kind(id.0), Kind::Ternary { .. })),
            ),
            Takes::Table => (
                "a table or a ternary parameter",
                matches!(arg, Arg::Param(id) if !matches!(kind(id.0), Kind::Floats(_))),
            ),
            Takes::Numbers => (
                "a parameter of f32 or a table",
                matches!(arg, Arg::Param(id) if !matches!(kind(id.0), Kind::Ternary { .. })),
            ),
            Takes::State => (
                "a state",
                matches!(arg, Arg::State(id) if self.states[id.0].cache.is_none()),
            ),
            Takes::Cache => (
                "a cache",
                matches!(arg, Arg::State(id) if self.states[id.0].cache.is_some()),
            ),
        };
        match fits {
            true => Ok(()),
            false => Err(self.unfit(name.clone(), expected, arg)),
        }
    }
    /// What a ternary parameter is read as.
    pub(super) fn role(&self, arg: Arg, takes: Takes) -> Option<Role> {
        match (takes, arg) {
            (Takes::Ternary(role), _) => Some(role),
            (Takes::Table, Arg::Param(id)) => {
                let ternary = matches!(self.params[id.0].kind, Kind::Ternary { .. });
                ternary.then_some(Role::Embedding)
            }
            _ => None,
        }
    }
}
