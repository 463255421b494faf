use std::borrow::Cow;

/// Arguments that do not fit a kernel. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// More or fewer buffers or scalars than the kernel has.
    #[error("expected {expected} {what}, found {found}")]
    Count {
        /// `buffers` or `scalars`.
        what: &'static str,
        /// As many as the signature has.
        expected: usize,
        /// As many as were given.
        found: usize,
    },
    /// An open dimension that was not given.
    #[error("nothing gives the dimension `{0}`")]
    MissingDim(String),
    /// A dimension that is not open, or was given before.
    #[error("`{0}` is no open dimension, or is given twice")]
    UnknownDim(String),
    /// A dimension that no kernel of the op can have.
    #[error("dimension `{dimension}` is {found}, expected {min} to {max}")]
    Dimension {
        /// Its name.
        dimension: String,
        /// The value given.
        found: u64,
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
    /// A dimension that is no multiple of what it has to be.
    #[error("dimension `{dimension}` is {found}, expected a multiple of {multiple_of}")]
    NotMultiple {
        /// Its name.
        dimension: String,
        /// The value given.
        found: u64,
        /// What it has to be a multiple of.
        multiple_of: u64,
    },
    /// A slice of another type than the kernel's buffer.
    #[error("`{buffer}` is `{found}`, expected `{expected}`")]
    Type {
        /// The buffer's name.
        buffer: Cow<'static, str>,
        /// The type that it has to have.
        expected: &'static str,
        /// The type that was given.
        found: &'static str,
    },
    /// A slice of the wrong length.
    #[error("`{buffer}` has {found} elements, expected {expected}")]
    Length {
        /// The buffer's name.
        buffer: Cow<'static, str>,
        /// Elements that the dimensions ask for.
        expected: u64,
        /// Elements given.
        found: usize,
    },
    /// Dimensions for which a buffer would be longer than memory.
    #[error("`{buffer}` would be longer than memory")]
    TooLong {
        /// The buffer's name.
        buffer: Cow<'static, str>,
    },
    /// A number of a row that the table does not have.
    #[error("`{buffer}` has {found} at position {position}, expected 0 to {}", rows.saturating_sub(1))]
    Row {
        /// The buffer's name.
        buffer: Cow<'static, str>,
        /// Where in the buffer.
        position: usize,
        /// The number.
        found: i32,
        /// Rows of the table.
        rows: u64,
    },
}
