//! Matrices of `gemv` and `gemm`: words of 16 columns (`int2`) or 20 (`base3`), in blocks of 64
//! rows; in `sorted` the [bytes](super::sorted) of those of `int2`.
//!
//! A block is `[ceil(cols / word_cols)][rows of the block]` words; only the last block may have
//! fewer than 64 rows, padded to a multiple of 16. A kernel that handles a block reads it as
//! one sequential stream, 16 rows a vector.
//!
//! Where groups of columns have scales, each begins with a word of its own: [`group`](field@Matrix::group).

use atome_spec::layout::{self, BLOCK_ROWS};
use atome_spec::{LANES, Packing};

use super::word::{Word, with_word};
use super::{PackError, check_codes, check_lengths, check_row, check_word_count, sorted};

/// `u32` words of a packed `rows` by `cols` matrix; `usize::MAX` if that overflows.
pub const fn words(packing: Packing, rows: usize, cols: usize) -> usize {
    Matrix::new(packing, rows, cols).words()
}

/// [`Matrix::pack_into`] without groups.
///
/// # Errors
/// As [`Matrix::pack_into`].
pub fn pack_into(
    packing: Packing,
    trits: &[i8],
    rows: usize,
    cols: usize,
    out: &mut [u32],
) -> Result<(), PackError> {
    Matrix::new(packing, rows, cols).pack_into(trits, out)
}

/// [`Matrix::unpack_into`] without groups.
///
/// # Errors
/// As [`Matrix::unpack_into`].
pub fn unpack_into(
    packing: Packing,
    packed: &[u32],
    rows: usize,
    cols: usize,
    trits: &mut [i8],
) -> Result<(), PackError> {
    Matrix::new(packing, rows, cols).unpack_into(packed, trits)
}

/// [`Matrix::check`] without groups.
///
/// # Errors
/// As [`Matrix::check`].
pub fn check(packing: Packing, packed: &[u32], rows: usize, cols: usize) -> Result<(), PackError> {
    Matrix::new(packing, rows, cols).check(packed)
}

/// [`Matrix::get`] without groups.
///
/// # Panics
/// As [`Matrix::get`].
pub fn get(packing: Packing, packed: &[u32], rows: usize, cols: usize, r: usize, c: usize) -> i8 {
    Matrix::new(packing, rows, cols).get(packed, r, c)
}

/// How a matrix is packed.
///
/// ```
/// use atome_kernels::Packing::Base3;
/// use atome_kernels::packing::matrix::Matrix;
///
/// let by_64 = Matrix { group: Some(64), ..Matrix::new(Base3, 1, 128) };
/// let mut trits = [0; 128];
/// trits[64] = -1;
/// let mut words = [0; 16 * 2 * 4];
/// assert_eq!(by_64.words(), words.len());
/// by_64.pack_into(&trits, &mut words)?;
/// // Four words of 16 rows each are the first group's: 60 columns, then 4.
/// assert_ne!(words[16 * 4], 0);
/// assert_eq!(by_64.get(&words, 0, 64), -1);
/// # Ok::<(), atome_kernels::packing::PackError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// How trits become words.
    pub packing: Packing,
    /// Rows.
    pub rows: usize,
    /// Columns of a row.
    pub cols: usize,
    /// Columns that have a scale of their own and begin with a word of their own, more than 0; `None` if the whole row is one
    /// such group.
    pub group: Option<usize>,
}

impl Matrix {
    /// A matrix without groups.
    pub const fn new(packing: Packing, rows: usize, cols: usize) -> Matrix {
        Matrix {
            packing,
            rows,
            cols,
            group: None,
        }
    }

    /// `u32` words of it, packed; `usize::MAX` if that overflows.
    ///
    /// # Panics
    /// As all methods, if a group has no columns.
    pub const fn words(self) -> usize {
        layout::matrix_words(self.packing, self.rows, self.cols, self.group)
    }

    /// Packs row-major trits.
    ///
    /// - `trits`: `[rows, cols]`, each -1, 0 or +1.
    /// - `out`: [`Matrix::words`] words, overwritten; padding gets the code of 0.
    ///
    /// # Errors
    /// [`PackError::TritCount`] and [`PackError::WordCount`] for wrong lengths,
    /// [`PackError::Trit`] for another value; `out` is then unspecified.
    pub fn pack_into(self, trits: &[i8], out: &mut [u32]) -> Result<(), PackError> {
        let shape = (self.rows, self.cols);
        check_lengths(shape, trits.len(), (self.words(), out.len()))?;
        with_word!(self.packing, W => self.pack::<W>(trits, out))?;
        sorted::sort_words(&mut out[..self.sorted_words()]);
        Ok(())
    }

    /// Unpacks to row-major trits, after [`Matrix::check`].
    ///
    /// # Errors
    /// Those of [`Matrix::check`], and [`PackError::TritCount`] if `trits` has not `rows * cols` elements.
    pub fn unpack_into(self, packed: &[u32], trits: &mut [i8]) -> Result<(), PackError> {
        let shape = (self.rows, self.cols);
        check_lengths(shape, trits.len(), (self.words(), packed.len()))?;
        self.check(packed)?;
        with_word!(self.packing, W => self.unpack::<W>(packed, trits));
        Ok(())
    }

    /// Checks length, codes and padding without unpacking.
    ///
    /// # Errors
    /// [`PackError::WordCount`], [`PackError::Code`] or [`PackError::Padding`]: the first fault
    /// of the first kind that occurs, in this order.
    pub fn check(self, packed: &[u32]) -> Result<(), PackError> {
        check_word_count((self.rows, self.cols), (self.words(), packed.len()))?;
        with_word!(self.packing, W => self.check_words::<W>(packed))
    }

    /// The weight at row `r`, column `c` of checked words.
    ///
    /// # Panics
    /// If `r` or `c` is outside the matrix, or `packed` is too short.
    pub fn get(self, packed: &[u32], r: usize, c: usize) -> i8 {
        let Matrix { rows, cols, .. } = self;
        assert!(
            r < rows && c < cols,
            "({r}, {c}) is outside {rows} by {cols}"
        );
        assert!(packed.len() >= self.words(), "too few words");
        let word_cols = layout::word_cols(self.packing);
        let (first, stride) = self.row_at(r);
        let (group, c) = (c / self.group(), c % self.group());
        let word = group * self.group().div_ceil(word_cols) + c / word_cols;
        let word = self.word(packed, first + word * stride);
        with_word!(self.packing, W => W::get(word, c % word_cols))
    }

    /// Columns of a group, or of the one that the whole row is; never 0.
    fn group(self) -> usize {
        self.group.unwrap_or(self.cols.max(1))
    }

    /// First words whose bytes are sorted.
    fn sorted_words(self) -> usize {
        match self.packing {
            Packing::Sorted => sorted::whole(self.rows, self.row_words()),
            Packing::Int2 | Packing::Base3 => 0,
        }
    }

    /// The word at `at`, or the one that is there before bytes are sorted.
    fn word(self, packed: &[u32], at: usize) -> u32 {
        match at < self.sorted_words() {
            true => sorted::word(packed, at),
            false => packed[at],
        }
    }

    fn row_words(self) -> usize {
        layout::row_words(self.packing, self.cols, self.group)
    }

    fn pack<W: Word>(self, trits: &[i8], out: &mut [u32]) -> Result<(), PackError> {
        let Matrix { rows, cols, .. } = self;
        if cols == 0 {
            return Ok(());
        }
        // Rows that only pad are in the last block.
        let full_blocks = rows / BLOCK_ROWS * BLOCK_ROWS * self.row_words();
        out[full_blocks..].fill(W::ZERO);
        for (r, row) in trits.chunks_exact(cols).enumerate() {
            check_row(r, row)?;
            let (mut at, stride) = self.row_at(r);
            let groups = row.chunks(self.group());
            for chunk in groups.flat_map(|group| group.chunks(W::COLS)) {
                out[at] = W::pack(chunk);
                at += stride;
            }
        }
        Ok(())
    }

    fn unpack<W: Word>(self, packed: &[u32], trits: &mut [i8]) {
        if self.cols == 0 {
            return;
        }
        for (r, row) in trits.chunks_exact_mut(self.cols).enumerate() {
            let (mut at, stride) = self.row_at(r);
            let groups = row.chunks_mut(self.group());
            for chunk in groups.flat_map(|group| group.chunks_mut(W::COLS)) {
                W::unpack(self.word(packed, at), chunk);
                at += stride;
            }
        }
    }

    fn check_words<W: Word>(self, packed: &[u32]) -> Result<(), PackError> {
        check_codes(packed, W::is_valid)?;
        if packed.is_empty() {
            return Ok(());
        }
        // Only the trits that pad are compared: `used` come before them.
        let padding = |word: usize, used: usize| {
            let bits = self.word(packed, word);
            if W::pads(bits, used) {
                Ok(())
            } else {
                Err(PackError::Padding { word, bits })
            }
        };
        let Matrix { rows, cols, .. } = self;
        let (group, words) = (self.group(), self.group().div_ceil(W::COLS));
        let padded = match cols % group % W::COLS + group % W::COLS {
            0 => 0,
            _ => rows,
        };
        for r in 0..padded {
            let (first, stride) = self.row_at(r);
            for (number, start) in (0..cols).step_by(group).enumerate() {
                let group = group.min(cols - start);
                let last = number * words + group / W::COLS;
                if !group.is_multiple_of(W::COLS) {
                    padding(first + last * stride, group % W::COLS)?;
                }
            }
        }
        for r in rows..rows.next_multiple_of(LANES) {
            let (first, stride) = self.row_at(r);
            for k in 0..self.row_words() {
                padding(first + k * stride, 0)?;
            }
        }
        Ok(())
    }

    /// The first word of row `r`, padding rows included, and the distance to its next word.
    fn row_at(self, r: usize) -> (usize, usize) {
        let block = r / BLOCK_ROWS * BLOCK_ROWS;
        let stride = (self.rows.next_multiple_of(LANES) - block).min(BLOCK_ROWS);
        (block * self.row_words() + r - block, stride)
    }
}
