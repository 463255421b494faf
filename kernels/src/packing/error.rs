/// Why weights cannot be packed, or packed weights cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The slice of trits has not `rows * cols` elements.
    #[error("a {rows} by {cols} matrix has {expected} trits, found {found}")]
    TritCount {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        cols: usize,
        /// Trits of such a matrix; `usize::MAX` if more than that.
        expected: usize,
        /// Trits given.
        found: usize,
    },
    /// The slice of packed words has not the length that the layout gives the matrix.
    #[error("a {rows} by {cols} matrix packs into {expected} words, found {found}")]
    WordCount {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        cols: usize,
        /// Words of such a matrix; `usize::MAX` if more than that.
        expected: usize,
        /// Words given.
        found: usize,
    },
    /// A weight is not -1, 0 or +1.
    #[error("weight at row {row}, column {col} is {value}, expected -1, 0 or 1")]
    Trit {
        /// Row of the weight.
        row: usize,
        /// Column of the weight.
        col: usize,
        /// What was found there.
        value: i8,
    },
    /// A packed word holds a code that stands for no weight.
    #[error("word {word} is {bits:#010x}, which holds an invalid code")]
    Code {
        /// Index of the word.
        word: usize,
        /// The word.
        bits: u32,
    },
    /// Codes beyond the last row or column do not stand for 0.
    #[error("word {word} is {bits:#010x}, whose padding is not 0")]
    Padding {
        /// Index of the word.
        word: usize,
        /// The word.
        bits: u32,
    },
}
