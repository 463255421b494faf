use super::{MAX_OPERANDS, MAX_STEPS};

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", shown(*place))]
pub struct ExprError {
    /// Line and column of a text, both from 1; `None` where there is no text.
    pub place: Option<(u32, u32)>,
    /// What is wrong.
    pub fault: ExprFault,
}

fn shown(place: Option<(u32, u32)>) -> String {
    place.map_or_else(String::new, |(line, column)| {
        format!("line {line}, column {column}: ")
    })
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExprFault {
    /// Another token than the grammar allows.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What the grammar allows.
        expected: String,
        /// What the text has.
        found: String,
    },
    /// A character that begins no token.
    #[error("a character that means nothing here: {0:?}")]
    Character(char),
    /// A name that nobody would read to its end.
    #[error("expected a name of at most {0} characters")]
    LongName(usize),
    /// A number that is no finite f32.
    #[error("`{0}` is not a finite number")]
    Number(String),
    /// A word before a parenthesis that names no function.
    #[error("no function is named `{name}`, expected one of {known}")]
    UnknownFunction {
        /// The word.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A function with another number of values than it takes.
    #[error("`{function}` takes {expected} values, found {found}")]
    Count {
        /// Its name.
        function: String,
        /// How many it takes.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Parentheses or signs too deep.
    #[error("nested more than {0} deep")]
    TooDeep(usize),
    /// A name that nothing has given a value.
    #[error("no operand is named `{0}`")]
    Unknown(String),
    /// A name that is given a value twice.
    #[error("`{0}` is given a value twice")]
    Twice(String),
    /// Two operands with one name.
    #[error("two operands are named `{0}`")]
    SameName(String),
    /// An operand that is called as a dimension of the kernel.
    #[error(
        "an operand is named `{0}` as a dimension of its kernel: expected another name than tokens, channels, heads, head_dim and those that end in _stride"
    )]
    DimName(String),
    /// An operand that is neither read nor written.
    #[error("the operand `{0}` is never used")]
    Unused(String),
    /// A value that is neither stored nor read.
    #[error("the value `{0}` is never used")]
    Dead(String),
    /// A gain, or an operand of a value for each head, that is written.
    #[error("`{0}` cannot be written: it has no value for each channel of its own")]
    NotWritable(String),
    /// A state that is not read and then written.
    #[error("the state `{0}` needs to be read and then written")]
    NotKept(String),
    /// Statements that write no operand.
    #[error("no operand is written")]
    Nothing,
    /// Too many operands.
    #[error("{0} operands, expected at most {MAX_OPERANDS}")]
    TooManyOperands(usize),
    /// Too many elementwise ops.
    #[error("more than {MAX_STEPS} elementwise operations")]
    TooManySteps,
}

impl ExprFault {
    pub(super) fn at(self, place: Option<(u32, u32)>) -> ExprError {
        ExprError { place, fault: self }
    }
}

impl From<ExprFault> for ExprError {
    fn from(fault: ExprFault) -> ExprError {
        fault.at(None)
    }
}
