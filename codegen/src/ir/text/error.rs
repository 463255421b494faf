//! What can be wrong with a text.

use crate::ir::Type;

/// A text that is not a function, and where it stops being one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
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
    /// A name that the header does not declare.
    #[error("no {what} is named `{name}`")]
    UnknownName {
        /// "dimension", "buffer" or "scalar".
        what: &'static str,
        /// The name.
        name: String,
    },
    /// An operation that does not exist.
    #[error("no instruction is named `{name}`")]
    UnknownInst {
        /// The word.
        name: String,
    },
    /// A value with two definitions of different types.
    #[error("%{value} is defined as {second}, and before as {first}")]
    TwoTypes {
        /// Number of the value.
        value: u32,
        /// Type of the first definition.
        first: Type,
        /// Type of this definition.
        second: Type,
    },
    /// A loop that does not give a result, a parameter and a next value for each it carries.
    #[error("the loop carries {carried} values, but names {found} {what}")]
    CarriedCount {
        /// "results" or "next values".
        what: &'static str,
        /// Values after `carry`.
        carried: usize,
        /// How many there are of `what`.
        found: usize,
    },
    /// A size or a nest of loops too deep to be of use.
    #[error("nested more than {limit} deep")]
    TooDeep {
        /// The greatest depth allowed.
        limit: usize,
    },
}

impl Problem {
    pub(super) fn at(self, line: u32, column: u32) -> ParseError {
        ParseError {
            line,
            column,
            problem: self,
        }
    }
}
