use crate::graph::GraphError;
use atome_codegen::expr::ExprFault;

/// Characters of a text that a message repeats.
const SHOWN: usize = 60;

/// A text that is no graph, and where it stops being one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct ParseError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A text that is longer than any graph.
    #[error("expected at most {max} bytes, found {found}")]
    TooLong {
        /// The greatest length.
        max: usize,
        /// The length.
        found: usize,
    },
    /// A character that begins no token.
    #[error("a character that means nothing here: {found:?}")]
    Character {
        /// The character.
        found: char,
    },
    /// Another token than the grammar allows.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What the grammar allows.
        expected: String,
        /// What the text has.
        found: String,
    },
    /// A number that does not fit where it stands.
    #[error("`{found}` is not {expected}")]
    Number {
        /// What fits.
        expected: &'static str,
        /// What the text has.
        found: String,
    },
    /// Statements of an expression without an end.
    #[error("expected `}}` behind the statements, found the end")]
    Unclosed,
    /// What is wrong with the statements of an expression.
    #[error(transparent)]
    Expr(#[from] ExprFault),
    /// A name that is not declared.
    #[error("expected the name of {what}, found `{name}`, which is none here")]
    UnknownName {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A call of something that is no op, no activation or no function.
    #[error("no {what} is named `{name}`: expected one of {known}")]
    UnknownOp {
        /// What it should name.
        what: &'static str,
        /// The word.
        name: String,
        /// Those there are.
        known: String,
    },
    /// An operand that an op has not.
    #[error("`{op}` has no operand `{name}`: expected one of {known}")]
    UnknownOperand {
        /// The op.
        op: String,
        /// The word.
        name: String,
        /// Those it has.
        known: String,
    },
    /// Rows of another width than where they were declared.
    #[error("expected `%{rows}` with {expected}, found {found}")]
    Columns {
        /// The rows.
        rows: String,
        /// What they have.
        expected: String,
        /// What the text says.
        found: String,
    },
    /// A repetition that is none.
    #[error("expected a repetition such as `layers.0..24`, found `{found}`")]
    Repeat {
        /// What the text has.
        found: String,
    },
    /// Repetitions of more than a graph may have.
    #[error("expected at most {max} statements, those of repetitions once for each")]
    TooMany {
        /// How many there may be.
        max: usize,
    },
    /// Repetitions of long bodies.
    #[error("expected repetitions of at most {max} bytes together, blanks and comments too")]
    ReadAgain {
        /// How many there may be.
        max: usize,
    },
    /// A text that is no graph, for what it says.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl Problem {
    pub(super) fn at(self, (line, column): (u32, u32)) -> ParseError {
        ParseError {
            line,
            column,
            problem: self,
        }
    }
}

/// The beginning of a text, for messages.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
