//! `BIT2` files of BitMamba-2 models: dimensions, then tensors one after the other, each with a header of its own. Headers
//! are checked when a file is opened, elements when they are read.

use super::files::one_after_the_other;
use super::{Format, detect};
use crate::error::{Contents, FileError, TensorFault};
use crate::rng::SplitMix64;
use crate::tensor::{
    EmbeddingTable, FileFloats, Kind, Param, Source, Stored, Tensor, Tensors, TernaryTensor,
    TritRows,
};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of the header: the magic and four dimensions.
const HEADER_BYTES: u64 = 20;

/// A file whose header has been read.
pub(crate) struct Bit2File {
    source: Source,
    /// Its four dimensions.
    pub(crate) dims: [i64; 4],
}

impl Bit2File {
    /// Reads the header.
    pub(crate) fn open(source: Source) -> Result<Self, FileError> {
        if source.len() < HEADER_BYTES {
            return Err(FileError::Truncated {
                tensor: "header".into(),
                offset: 0,
                expected: HEADER_BYTES,
                found: source.len(),
            });
        }
        let mut header = [0; HEADER_BYTES as usize];
        source.read(0, &mut header)?;
        let (magic, fields) = header.split_at(4);
        if detect(magic) != Some(Format::Bit2) {
            return Err(FileError::unknown_magic(magic));
        }
        let mut dims = [0; 4];
        for (dim, bytes) in dims.iter_mut().zip(fields.as_chunks().0) {
            *dim = i64::from(i32::from_le_bytes(*bytes));
        }
        Ok(Self { source, dims })
    }

    /// Its tensors: there are those that `params` ask for, in this order.
    pub(crate) fn tensors(self, params: &[Param]) -> Result<Tensors, FileError> {
        check_size(params, self.source.len())?;
        let mut reader = InOrder {
            source: Arc::new(self.source),
            offset: HEADER_BYTES,
        };
        let tensors = params.iter().map(|param| {
            let tensor = reader.tensor(param)?;
            Ok((param.name.clone(), tensor))
        });
        tensors.collect()
    }
}

/// Checks that a file of `file_bytes` holds exactly these tensors.
///
/// # Errors
/// [`FileError::Truncated`] for the first tensor that does not fit, [`FileError::TrailingBytes`] for bytes after the
/// last.
fn check_size(params: &[Param], file_bytes: u64) -> Result<(), FileError> {
    one_after_the_other(params, HEADER_BYTES, file_bytes, |param| {
        param.elems()?;
        Ok(header_bytes(&param.kind) + data_bytes(&param.kind))
    })
}

/// The words of a tensor's header, but for a ternary tensor's divisor: its kind, and its shape.
fn header(kind: &Kind) -> Vec<i32> {
    let dim = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let floats = |shape: &[usize]| {
        let dims = shape.iter().map(|&n| dim(n));
        [0, dim(shape.len())].into_iter().chain(dims).collect()
    };
    match kind {
        Kind::Ternary { rows, cols, .. } => vec![2, dim(*rows), dim(*cols)],
        Kind::Table { rows, cols } => floats(&[*rows, *cols]),
        Kind::Floats(shape) => floats(shape),
    }
}

/// Bytes of the header, a ternary tensor's divisor included.
fn header_bytes(kind: &Kind) -> u64 {
    4 * match kind {
        Kind::Ternary { .. } | Kind::Table { .. } => 4,
        Kind::Floats(shape) => 2 + shape.len() as u64,
    }
}

/// Bytes of the elements; a ternary tensor has a multiple of 4 columns.
fn data_bytes(kind: &Kind) -> u64 {
    let (rows, cols) = kind.matrix();
    let row_bytes = match kind {
        Kind::Ternary { .. } => cols as u64 / 4,
        _ => 4 * cols as u64,
    };
    (rows as u64).saturating_mul(row_bytes)
}

/// Walks over the tensors of a file and checks their headers.
struct InOrder {
    source: Arc<Source>,
    offset: u64,
}

impl InOrder {
    /// The next tensor's last header word, a ternary one's divisor, and where its elements start.
    fn next(&mut self, Param { name, kind, .. }: &Param) -> Result<([u8; 4], u64), FileError> {
        let mut bytes = vec![0; header_bytes(kind) as usize];
        self.source.read(self.offset, &mut bytes)?;
        let words = bytes.as_chunks::<4>().0;
        let mut offset = self.offset;
        for (i, (word, expected)) in words.iter().zip(header(kind)).enumerate() {
            let found = i32::from_le_bytes(*word);
            if found != expected {
                return Err(FileError::tensor(
                    name,
                    TensorFault::Header {
                        field: field(kind, i),
                        offset,
                        expected,
                        found,
                    },
                ));
            }
            offset += 4;
        }
        let last = words.last().copied().unwrap_or_default();
        let data = self.offset + header_bytes(kind);
        self.offset = data + data_bytes(kind);
        Ok((last, data))
    }

    fn tensor(&mut self, param: &Param) -> Result<Tensor, FileError> {
        let (last, offset) = self.next(param)?;
        let floats = |elems| {
            let name = param.name.clone();
            Arc::new(FileFloats::new(name, elems, &self.source, offset))
        };
        let elems = param.elems()?;
        Ok(match param.kind {
            Kind::Floats(_) => Tensor::Floats(floats(elems)),
            Kind::Table { rows, cols } => {
                // Kernels read it where it is.
                let stored = Stored::new(&self.source, offset, 4 * elems, None);
                let values = FileFloats::new(param.name.clone(), elems, &self.source, offset);
                let values = Arc::new(values.stored(stored));
                Tensor::Table(EmbeddingTable::f32((rows, cols), values))
            }
            Kind::Ternary { rows, cols, .. } => Tensor::Ternary(TernaryTensor {
                scale: scale(param, f32::from_le_bytes(last), offset - 4)?,
                groups: None,
                rows: Arc::new(FileTrits {
                    name: param.name.clone(),
                    rows,
                    cols,
                    offset,
                    source: Arc::clone(&self.source),
                }),
            }),
        })
    }
}

/// The scale of trits that are divided by `found`, which stands at `offset`.
fn scale(param: &Param, found: f32, offset: u64) -> Result<f32, FileError> {
    let scale = 1.0 / found;
    let usable = |x: f32| x.is_finite() && x > 0.0;
    if usable(found) && usable(scale) {
        return Ok(scale);
    }
    Err(FileError::tensor(
        &param.name,
        TensorFault::Scale {
            expected: "divisor above 0",
            offset,
            found,
        },
    ))
}

/// What word `i` of a tensor's header says.
fn field(kind: &Kind, i: usize) -> &'static str {
    match (kind, i) {
        (_, 0) => "kind",
        (Kind::Ternary { .. }, 1) => "rows",
        (Kind::Ternary { .. }, _) => "cols",
        (_, 1) => "number of dimensions",
        _ => "dimension",
    }
}

/// Trits of a file: 4 a byte from the low end, code = trit + 1, each row a whole number of bytes.
#[derive(Debug)]
struct FileTrits {
    name: String,
    rows: usize,
    cols: usize,
    offset: u64,
    source: Arc<Source>,
}

impl FileTrits {
    /// Where a row starts, for rows of whole bytes.
    fn offset(&self, row: usize) -> u64 {
        self.offset + row as u64 * (self.cols / 4) as u64
    }
}

impl TritRows for FileTrits {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        assert!(rows.end <= self.rows, "within the matrix");
        assert_eq!(trits.len(), rows.len() * self.cols, "room for the rows");
        let offset = self.offset(rows.start);
        let mut bytes = vec![0; trits.len() / 4];
        self.source.read(offset, &mut bytes)?;
        for (index, (byte, trits)) in bytes.iter().zip(trits.as_chunks_mut().0).enumerate() {
            *trits = TRITS[usize::from(*byte)];
            if trits.contains(&INVALID) {
                return Err(FileError::tensor(
                    &self.name,
                    TensorFault::Byte {
                        expected: Contents::Bit2,
                        offset: offset + index as u64,
                        byte: *byte,
                    },
                ));
            }
        }
        Ok(())
    }

    fn let_go(&self) {
        self.source.let_go();
    }

    fn codes(&self, rows: Range<usize>) -> Option<&[u8]> {
        let [start, end] = [rows.start, rows.end].map(|row| self.offset(row) as usize);
        self.source.bytes().get(start..end)
    }
}

/// What the code 3 would stand for.
const INVALID: i8 = 2;

/// The four trits of each byte.
const TRITS: [[i8; 4]; 256] = {
    let mut table = [[0; 4]; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut k = 0;
        while k < 4 {
            table[byte][k] = ((byte >> (2 * k)) & 3) as i8 - 1;
            k += 1;
        }
        byte += 1;
    }
    table
};

/// The bytes of a file of random weights, the same on every machine; each number is drawn from `splitmix64` in the order of
/// the file. Trits of each kind are about alike, products have a scale near `(2/3 cols)^-1/2`, floats are in the interval
/// that their parameter names: activations stay near 1 at any width and depth, and the state forgets within some tens of
/// tokens.
pub(crate) fn random(dims: [usize; 4], params: &[Param], seed: u64) -> Vec<u8> {
    let mut rng = SplitMix64::new(seed);
    let mut out: Vec<u8> = Format::Bit2.magic().unwrap_or_default().into();
    let dim = |n: usize| i32::try_from(n).unwrap_or(i32::MAX).to_le_bytes();
    out.extend(dims.into_iter().flat_map(dim));
    for param in params {
        out.extend(header(&param.kind).into_iter().flat_map(i32::to_le_bytes));
        match param.kind {
            Kind::Ternary { rows, cols, .. } => {
                out.extend((cols as f32 * 2.0 / 3.0).sqrt().to_le_bytes());
                push_trits(&mut rng, rows * (cols / 4), &mut out);
            }
            _ => {
                let (low, high) = param.typical;
                let mut value = || low + (high - low) * rng.next_f32();
                out.extend((0..param.kind.elems()).flat_map(|_| value().to_le_bytes()));
            }
        }
    }
    out
}

/// Appends random bytes of four trits each.
fn push_trits(rng: &mut SplitMix64, bytes: usize, out: &mut Vec<u8>) {
    let valid = |byte: u8| VALID[(usize::from(byte) * VALID.len()) >> 8];
    for left in (1..=bytes).rev().step_by(8) {
        let random = rng.next_u64().to_le_bytes();
        out.extend(random.into_iter().take(left).map(valid));
    }
}

/// The bytes without the code 3.
const VALID: [u8; 81] = {
    let mut table = [0; 81];
    let (mut byte, mut found) = (0u8, 0);
    while found < table.len() {
        if byte & (byte >> 1) & 0x55 == 0 {
            table[found] = byte;
            found += 1;
        }
        byte += 1;
    }
    table
};
