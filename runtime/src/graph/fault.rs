//! What is wrong with a graph.

use super::Name;
use atome_codegen::expr::ExprError;

/// A recording or a text that is no graph: a call or a name, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{}`: {fault}", cut(at).escape_debug())]
pub struct GraphError {
    /// The call, the parameter, the rows or the state, by name.
    pub at: String,
    /// What is wrong with it.
    pub fault: Box<GraphFault>,
}

/// A name, or the beginning of one that nobody would read to its end.
fn cut(name: &str) -> &str {
    name.char_indices()
        .nth(100)
        .map_or(name, |(end, _)| &name[..end])
}

impl GraphError {
    pub(crate) fn new(at: impl Into<String>, fault: GraphFault) -> GraphError {
        GraphError {
            at: at.into(),
            fault: Box::new(fault),
        }
    }
}

/// What is wrong with part of a graph.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphFault {
    /// A name with something else than letters, digits, `_` and dots.
    #[error(
        "expected a name of letters, digits and `_`, in parts between dots, at most 200, found {found:?}"
    )]
    Name {
        /// The name.
        found: String,
    },
    /// Two things have one name.
    #[error("expected a name of its own, found it declared before")]
    Twice,
    /// A scope is called as the head is.
    #[error("expected a scope of another name: this is the head's")]
    Reserved,
    /// More of something than there may be.
    #[error("expected at most {max} {what}")]
    Limit {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// A number outside its range.
    #[error("expected 1 to {max} {what}, found {found}")]
    Size {
        /// What it counts.
        what: &'static str,
        /// The greatest.
        max: usize,
        /// The number.
        found: usize,
    },
    /// An interval for random numbers that is none.
    #[error("expected an interval of finite numbers, the lower first, found {low:?} to {high:?}")]
    Interval {
        /// Where it begins.
        low: f32,
        /// Where it ends.
        high: f32,
    },
    /// A number of a parameter, of rows or of a state that this graph has not.
    #[error("expected a {what} of this graph")]
    Foreign {
        /// What the number is of.
        what: &'static str,
    },
    /// Something else than f32 is prepared.
    #[error("expected a parameter of f32 to be prepared")]
    NotFloats,
    /// Something behind the head.
    #[error("expected nothing behind the head")]
    AfterHead,
    /// `each token` or the head within something else.
    #[error("expected it by itself, found it within `each token`, a scope or the head")]
    Nested,
    /// Groups of columns that a matrix cannot have.
    #[error(
        "expected a scale for 64, 128 or 256 columns, of which a row has a whole number, found {group} of {cols}"
    )]
    Group {
        /// Columns of a row.
        cols: usize,
        /// Columns of a group.
        group: usize,
    },
    /// A second output.
    #[error("expected one output, found a second one")]
    SecondOutput,
    /// Second angles.
    #[error("expected one statement of angles, found a second one")]
    SecondAngles,
    /// An op that graphs do not call.
    #[error("`{op}` is no op of a graph: expected {expected}")]
    Op {
        /// The op.
        op: String,
        /// What to call instead.
        expected: &'static str,
    },
    /// An operand of a map that has a value neither for each channel nor for each head.
    #[error(
        "expected `{operand}` of {channels} elements, or of {}, found {found}",
        heads.map_or("a number of heads that divides it".to_owned(), |heads| format!("{heads}, as another operand"))
    )]
    Heads {
        /// The operand.
        operand: Name,
        /// Elements of the widest operand.
        channels: usize,
        /// Those of the first operand that is narrower, if that is not it.
        heads: Option<usize>,
        /// Elements of the operand.
        found: usize,
    },
    /// A row-wise expression that is none, or does not fit its operands.
    #[error("{0}")]
    Expr(#[from] ExprError),
    /// An op where it does not compute the same for a block of tokens as for one after the other.
    #[error("`{op}` looks at one position after the other: expected it within `each token`")]
    EachToken {
        /// The op.
        op: String,
    },
    /// The head changes rows of the body, whose logits may be asked for again.
    #[error("expected `{operand}` to be rows of the head alone")]
    HeadWrites {
        /// The operand.
        operand: Name,
    },
    /// The head remembers something.
    #[error("expected no state in the head, which is not run for every token")]
    StateInHead,
    /// A lookup of token ids that the head does not have.
    #[error("expected lookups in the body, found one in the head")]
    LookupInHead,
    /// An operand or a scalar is missing.
    #[error("expected `{name}`, found none")]
    Missing {
        /// The operand or the scalar.
        name: Name,
    },
    /// An operand or a scalar that the op has not, or that is given twice.
    #[error("expected {expected}, found `{name}`{}", if *twice { " twice" } else { "" })]
    Extra {
        /// The operand or the scalar.
        name: String,
        /// What the op has.
        expected: String,
        /// Whether the op has it.
        twice: bool,
    },
    /// Another kind of operand than the op takes.
    #[error("expected {expected} as `{operand}`, found {found}")]
    Kind {
        /// The operand.
        operand: Name,
        /// What the op takes.
        expected: &'static str,
        /// What the call has.
        found: String,
    },
    /// A ternary parameter that is packed in two ways.
    #[error(
        "expected `{param}` to be read as {first} everywhere, as `{by}` does, found it as {second}"
    )]
    Role {
        /// The parameter.
        param: String,
        /// What the first call reads it as.
        first: &'static str,
        /// That call.
        by: String,
        /// What this call reads it as.
        second: &'static str,
    },
    /// Columns that rows do not have.
    #[error("expected columns of `%{rows}`, which has {width}, found {first}..{end}")]
    Columns {
        /// The rows.
        rows: String,
        /// Their columns.
        width: usize,
        /// The first column asked for.
        first: usize,
        /// The end of them.
        end: usize,
    },
    /// An operand that is too short or too long.
    #[error("expected `{operand}` of {expected} elements, found {found}")]
    Width {
        /// The operand.
        operand: Name,
        /// As the other operands ask for.
        expected: u64,
        /// What the call has.
        found: u64,
    },
    /// Some columns, where the kernel goes from row to row by the width of what it reads.
    #[error("expected whole rows as `{operand}`, found {found} columns of {width}")]
    Stride {
        /// The operand.
        operand: Name,
        /// Columns of the operand.
        found: u64,
        /// Columns of the rows.
        width: u64,
    },
    /// A dimension that the op does not take.
    #[error("expected `{dim}` {expected}, found {found}")]
    Dim {
        /// Its name.
        dim: Name,
        /// What the op takes.
        expected: String,
        /// What the operands give.
        found: u64,
    },
    /// A size that cannot be counted.
    #[error("`{operand}` is larger than any machine could address")]
    TooLarge {
        /// The operand.
        operand: Name,
    },
    /// A scalar that is no number, or the scale of something else than the call's weights.
    #[error("expected {expected} as `{name}`, found {found}")]
    Scalar {
        /// The scalar.
        name: Name,
        /// What the op takes.
        expected: &'static str,
        /// What the call has.
        found: String,
    },
    /// Rows that no earlier call wrote, or that hold something else.
    #[error("expected `{name}` to hold {expected}, found {found}")]
    Holds {
        /// The rows, or the cache.
        name: String,
        /// What the op reads.
        expected: String,
        /// What is there.
        found: String,
    },
    /// What is written is another operand too.
    #[error("`{operand}` is written, and another operand too: expected rows of its own")]
    Shared {
        /// The operand.
        operand: Name,
    },
    /// Token ids are written.
    #[error("`{operand}` would be written: expected token ids to be read alone")]
    WritesIds {
        /// The operand.
        operand: Name,
    },
    /// Two parts of the body touch what only one may.
    #[error(
        "expected `{name}` in one call, or in calls of one `each token`, found it in `{other}` too"
    )]
    Parts {
        /// The state, or the row of positions.
        name: String,
        /// A call of another part.
        other: String,
    },
    /// A cache whose rows are not those of the kernel.
    #[error("expected a cache f32[{}, {}] as `{operand}`, found {found}", expected.0, expected.1)]
    Cache {
        /// The operand.
        operand: Name,
        /// Rows, and elements of a position in each.
        expected: (u64, u64),
        /// What the call has.
        found: String,
    },
    /// A cache that another call lays out otherwise.
    #[error("expected `{operand}` {expected}, found the cache `{state}` {found}, for `{by}`")]
    Layout {
        /// The operand.
        operand: Name,
        /// The cache.
        state: String,
        /// How the call has it.
        expected: String,
        /// The first call that has it.
        by: String,
        /// How that has it.
        found: String,
    },
    /// More to remember than the parameters account for.
    #[error(
        "expected states of at most {most} elements, four for each number of the parameters and 2^20, found {found}"
    )]
    State {
        /// How many there may be.
        most: usize,
        /// Elements of all states, those of caches for each position.
        found: usize,
    },
    /// A model that reads no token.
    #[error("expected a lookup of token ids")]
    NoLookup,
    /// Tables of different vocabularies.
    #[error("expected a table of {expected} rows, as that of `{by}`, found {found}")]
    Vocabulary {
        /// Rows of the first table.
        expected: usize,
        /// The call that reads it.
        by: String,
        /// Rows of this table.
        found: usize,
    },
    /// A parameter that is called as the scales of a table are.
    #[error("expected another name: a file has the scales of a table there")]
    ScalesOfTable,
    /// A model without logits.
    #[error("expected a head whose last call writes the logits, whole rows of f32{}", found.as_deref().unwrap_or_default())]
    NoLogits {
        /// What there is instead.
        found: Option<String>,
    },
    /// Rows that a session reads, which the body does not write as a whole.
    #[error("expected the output to be written by the body")]
    NoOutput,
}

impl GraphFault {
    pub(crate) fn limit(what: &'static str, max: usize) -> GraphFault {
        GraphFault::Limit { what, max }
    }
}
