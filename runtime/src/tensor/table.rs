//! Embedding tables: rows of f32, f16 or int8.

use super::{FloatTensor, Stored};
use crate::arena;
use crate::error::{FileError, TensorFault};
use atome_spec::{LANES, UnknownName, layout};
use half::f16;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Greatest magnitude of an int8 element.
const GREATEST: f32 = 127.0;

/// What the elements of an embedding table are kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum EmbeddingType {
    /// 4 bytes an element.
    #[default]
    F32,
    /// 2 bytes: the nearest f16.
    F16,
    /// 1 byte, and an f32 scale a row: `round(x / scale)` with `scale = max |x| / 127`.
    Int8,
}

impl EmbeddingType {
    /// The names, in declaration order.
    pub const NAMES: &'static [&'static str] = &["f32", "f16", "int8"];
    const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Int8];

    /// Returns the name, as containers state it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// Bytes of a row of `cols` columns, padding included, without the scale.
    pub(crate) const fn row_bytes(self, cols: usize) -> usize {
        4 * match self {
            Self::F32 => cols,
            Self::F16 => layout::f16_row_words(cols),
            Self::Int8 => layout::i8_row_words(cols),
        }
    }

    /// Elements of a word, each so many bits.
    const fn per_word(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::F16 => 2,
            Self::Int8 => 4,
        }
    }

    /// The word of a row in which column `c` is, and the lowest of its bits there.
    const fn place(self, c: usize) -> (usize, usize) {
        let per_word = self.per_word();
        if per_word == 1 {
            return (c, 0);
        }
        let word = c / (per_word * LANES) * LANES + c % LANES;
        (word, 32 / per_word * (c / LANES % per_word))
    }

    /// Packs a row as the lookup kernels read it; gives its scale, 1 for floats.
    ///
    /// # Errors
    /// The index of the first element too large for an f16.
    pub(crate) fn encode(self, row: &[f32], words: &mut [u32]) -> Result<f32, usize> {
        words.fill(0);
        let scale = match self {
            Self::Int8 => row.iter().fold(0.0f32, |most, x| most.max(x.abs())) / GREATEST,
            _ => 1.0,
        };
        for (c, &x) in row.iter().enumerate() {
            let bits = match self {
                Self::F32 => x.to_bits(),
                Self::F16 => {
                    let x = f16::from_f32(x);
                    if !x.is_finite() {
                        return Err(c);
                    }
                    u32::from(x.to_bits())
                }
                Self::Int8 => u32::from(int8(x, scale).cast_unsigned()),
            };
            let (word, bit) = self.place(c);
            words[word] |= bits << bit;
        }
        Ok(scale)
    }

    /// The elements of a packed row.
    pub(crate) fn decode(self, words: &[u32], scale: f32, row: &mut [f32]) {
        for (c, x) in row.iter_mut().enumerate() {
            let (word, bit) = self.place(c);
            let bits = words[word] >> bit;
            *x = match self {
                Self::F32 => f32::from_bits(bits),
                Self::F16 => f16::from_bits(bits as u16).to_f32(),
                Self::Int8 => f32::from((bits as u8).cast_signed()) * scale,
            };
        }
    }

    /// What is wrong with a packed row of `cols` columns, which stands at `offset` of its file.
    pub(crate) fn fault(
        self,
        words: &[u32],
        cols: usize,
        (row, offset): (usize, u64),
    ) -> Option<TensorFault> {
        if self.is_valid(words, cols) {
            return None;
        }
        let infinite = |word: &u32| !f32::from_bits(*word).is_finite();
        Some(match words.iter().position(infinite) {
            Some(col) if self == Self::F32 => TensorFault::NotFinite {
                offset: offset + 4 * col as u64,
                index: row * cols + col,
                found: f32::from_bits(words[col]),
            },
            _ => TensorFault::Row {
                offset,
                row,
                kind: self.name(),
            },
        })
    }

    /// Whether a packed row of `cols` columns is one that [`EmbeddingType::encode`] gives.
    fn is_valid(self, words: &[u32], cols: usize) -> bool {
        let valid = |word: u32| match self {
            Self::F32 => f32::from_bits(word).is_finite(),
            Self::F16 => [word, word >> 16].iter().all(|w| w & 0x7c00 != 0x7c00),
            Self::Int8 => {
                // A byte is 0 here where it is -128 there, and then the subtraction borrows.
                let flipped = word ^ 0x8080_8080;
                flipped.wrapping_sub(0x0101_0101) & !flipped & 0x8080_8080 == 0
            }
        };
        // Without branches, so that it vectorises.
        let all = words.iter().fold(true, |all, &word| all & valid(word));
        let bits = 32 / self.per_word();
        let padding = |c: usize| {
            let (word, bit) = self.place(c);
            words[word] >> bit & (u32::MAX >> (32 - bits)) == 0
        };
        all && (cols..words.len() * self.per_word()).all(padding)
    }
}

/// The multiple of `scale` nearest to `x`, a half rounded to even.
fn int8(x: f32, scale: f32) -> i8 {
    if scale == 0.0 {
        return 0;
    }
    (x / scale).round_ties_even().clamp(-GREATEST, GREATEST) as i8
}

impl fmt::Display for EmbeddingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for EmbeddingType {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == s);
        found.ok_or(UnknownName {
            kind: "embedding type",
            known: Self::NAMES,
        })
    }
}

/// When the rows of tables are checked that stay in a file as kernels read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    /// All of them, when the model is loaded.
    Now,
    /// Each when its token is asked for.
    WhenAsked,
}

/// An embedding table, `[vocab_size, d_model]`.
#[derive(Debug, Clone)]
pub struct EmbeddingTable {
    shape: (usize, usize),
    elements: Elements,
}

/// The rows of a table.
#[derive(Debug, Clone)]
pub(crate) enum Elements {
    /// One after the other.
    F32(FloatTensor),
    /// Packed for `lookup_f16`.
    F16(Stored),
    /// Numbers that are f16, one after the other.
    Halves(FloatTensor),
    /// Packed for `lookup_i8`, and the scales.
    Int8(Stored, FloatTensor),
}

impl EmbeddingTable {
    pub(crate) fn f32(shape: (usize, usize), rows: FloatTensor) -> Self {
        let elements = Elements::F32(rows);
        Self { shape, elements }
    }

    pub(crate) fn f16(shape: (usize, usize), rows: Stored) -> Self {
        let elements = Elements::F16(rows);
        Self { shape, elements }
    }

    /// Numbers of a file that has them as f16.
    pub(crate) fn halves(shape: (usize, usize), rows: FloatTensor) -> Self {
        let elements = Elements::Halves(rows);
        Self { shape, elements }
    }

    pub(crate) fn int8(shape: (usize, usize), rows: Stored, scales: FloatTensor) -> Self {
        let elements = Elements::Int8(rows, scales);
        Self { shape, elements }
    }

    /// Rows and columns.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// What the elements are kept as.
    #[must_use]
    pub fn element_type(&self) -> EmbeddingType {
        match self.elements {
            Elements::F32(_) => EmbeddingType::F32,
            Elements::F16(_) | Elements::Halves(_) => EmbeddingType::F16,
            Elements::Int8(..) => EmbeddingType::Int8,
        }
    }

    pub(crate) fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The bytes of a file that has the rows as kernels read them, if there is one.
    pub(crate) fn stored(&self) -> Option<&Stored> {
        match &self.elements {
            Elements::F32(values) => values.stored(),
            Elements::Halves(_) => None,
            Elements::F16(stored) | Elements::Int8(stored, _) => Some(stored),
        }
    }

    /// Checks rows where a file has them as kernels read them.
    ///
    /// # Errors
    /// The first fault.
    ///
    /// # Panics
    /// If there are no such rows.
    pub(crate) fn check_stored(&self, rows: Range<usize>) -> Result<(), TensorFault> {
        let Some(stored) = self.stored() else {
            return Ok(());
        };
        let (kind, (_, cols)) = (self.element_type(), self.shape);
        let row_bytes = kind.row_bytes(cols);
        let start = rows.start * row_bytes;
        let bytes = stored.sound(start..rows.end * row_bytes)?;
        let mut offset = stored.offset() + start as u64;
        for (row, bytes) in rows.zip(bytes.chunks_exact(row_bytes)) {
            if let Some(fault) = kind.fault(&arena::words(bytes), cols, (row, offset)) {
                return Err(fault);
            }
            offset += row_bytes as u64;
        }
        Ok(())
    }

    /// Writes `rows` to `values`, row-major, as the numbers that the kernels make of them.
    ///
    /// # Errors
    /// If they cannot be read or are not finite.
    ///
    /// # Panics
    /// If there are no such rows or `values` is not as long as they are.
    pub fn read(&self, rows: Range<usize>, values: &mut [f32]) -> Result<(), FileError> {
        let (vocab, d_model) = self.shape;
        assert!(rows.end <= vocab, "within the table");
        assert_eq!(values.len(), rows.len() * d_model, "room for the rows");
        let (stored, scales) = match &self.elements {
            Elements::F32(floats) | Elements::Halves(floats) => {
                return floats.read(rows.start * d_model, values);
            }
            Elements::F16(stored) => (stored, vec![1.0; rows.len()]),
            Elements::Int8(stored, floats) => {
                let mut scales = vec![0.0; rows.len()];
                floats.read(rows.start, &mut scales)?;
                (stored, scales)
            }
        };
        let kind = self.element_type();
        let row_bytes = kind.row_bytes(d_model);
        let mut bytes = vec![0; rows.len() * row_bytes];
        stored.read(rows.start * row_bytes, &mut bytes)?;
        let words: Vec<u32> = words(&bytes).collect();
        let rows = words.chunks_exact(row_bytes / 4).zip(scales);
        for ((words, scale), row) in rows.zip(values.chunks_exact_mut(d_model)) {
            kind.decode(words, scale, row);
        }
        Ok(())
    }
}

/// Little-endian words.
pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let words = bytes.as_chunks::<4>().0;
    words.iter().map(|&word| u32::from_le_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(kind: EmbeddingType, row: &[f32]) -> (Vec<f32>, f32) {
        let mut words = vec![7; kind.row_bytes(row.len()) / 4];
        let scale = kind.encode(row, &mut words).unwrap();
        assert!(kind.is_valid(&words, row.len()), "{kind} of {row:?}");
        let mut back = vec![f32::NAN; row.len()];
        kind.decode(&words, scale, &mut back);
        (back, scale)
    }

    #[test]
    fn rows_of_any_width_come_back() {
        for width in [4, 12, 16, 20, 32, 36, 64, 68, 100, 128] {
            let row: Vec<f32> = (0..width).map(|c| (c as f32 - 9.3) * 0.37).collect();
            assert_eq!(there_and_back(EmbeddingType::F32, &row).0, row);
            let (halves, _) = there_and_back(EmbeddingType::F16, &row);
            let (bytes, scale) = there_and_back(EmbeddingType::Int8, &row);
            for ((x, half), byte) in row.iter().zip(halves).zip(bytes) {
                assert_eq!(half, f16::from_f32(*x).to_f32());
                assert!((x - byte).abs() <= scale * 0.500_001, "{x} became {byte}");
            }
        }
    }

    #[test]
    fn extremes() {
        let all = [f32::MAX, -f32::MAX, 0.0, 1.0];
        let (bytes, scale) = there_and_back(EmbeddingType::Int8, &all);
        assert_eq!(bytes, [127.0 * scale, -127.0 * scale, 0.0, 0.0]);
        let mut words = [0; 16];
        assert_eq!(EmbeddingType::F16.encode(&all, &mut words), Err(0));
        assert_eq!(
            there_and_back(EmbeddingType::Int8, &[0.0; 4]),
            (vec![0.0; 4], 0.0)
        );
        // A scale too small for an f32 leaves zeros.
        let tiny = f32::from_bits(1);
        assert_eq!(
            there_and_back(EmbeddingType::Int8, &[tiny; 4]),
            (vec![0.0; 4], 0.0)
        );
        let small = f32::from_bits(200);
        assert_eq!(
            there_and_back(EmbeddingType::Int8, &[small; 4]).1,
            f32::from_bits(2)
        );
    }

    #[test]
    fn what_no_row_gives_is_refused() {
        use EmbeddingType::{F16, F32, Int8};
        let mut words = [0; 16];
        for (kind, word) in [
            (F32, 0x7f80_0000),
            (F16, 0x7c00),
            (F16, 0xfe00_0000),
            (Int8, 0x80),
        ] {
            words[3] = word;
            assert!(!kind.is_valid(&words, 16), "{kind} {word:#x}");
        }
        words[3] = 1;
        assert!(Int8.is_valid(&words, 4) && !Int8.is_valid(&words, 3));
        words[3] = 0x1_0000;
        assert!(F16.is_valid(&words, 20) && !F16.is_valid(&words, 16));
    }
}
