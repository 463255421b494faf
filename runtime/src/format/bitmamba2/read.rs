//! A `BIT2` file: its header and the headers of its tensors are checked when it is opened, its elements when they are
//! read.

use super::assemble::{TensorSource, assemble};
use super::floats::FileFloats;
use super::schema::{self, HEADER_BYTES, Shape, TensorSpec};
use super::{BitMamba2Config, BitMamba2Model, EmbeddingTable, FloatTensor, TernaryTensor};
use crate::error::LoadError;
use crate::format::source::{Source, TritRows};
use crate::format::{Format, detect};
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// Opens a model in a file of `bytes` bytes, which has the magic.
pub(in crate::format) fn open_file(file: File, bytes: u64) -> Result<BitMamba2Model, LoadError> {
    open(Source::File { file, bytes })
}

impl BitMamba2Model {
    /// Reads a model from the bytes of a `BIT2` file.
    ///
    /// # Errors
    /// The first fault of a header; those of elements are found when they are read.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, LoadError> {
        open(Source::Memory(bytes))
    }
}

fn open(source: Source) -> Result<BitMamba2Model, LoadError> {
    let config = read_config(&source)?;
    schema::check_size(&config, source.len())?;
    let mut reader = InOrder {
        source: Arc::new(source),
        offset: HEADER_BYTES,
    };
    assemble(config, Format::Bit2, &mut reader)
}

fn read_config(source: &Source) -> Result<BitMamba2Config, LoadError> {
    if source.len() < HEADER_BYTES {
        return Err(LoadError::Truncated {
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
        return Err(LoadError::unknown_magic(magic));
    }
    let mut values = [0; 4];
    for (value, bytes) in values.iter_mut().zip(fields.as_chunks().0) {
        *value = i64::from(i32::from_le_bytes(*bytes));
    }
    BitMamba2Config::from_header(values)
}

/// Walks over the tensors of a file and checks their headers.
struct InOrder {
    source: Arc<Source>,
    offset: u64,
}

impl InOrder {
    /// The next tensor's last header word, a ternary one's divisor, and where its elements start.
    fn next(
        &mut self,
        TensorSpec { name, shape }: TensorSpec,
    ) -> Result<([u8; 4], u64), LoadError> {
        let mut header = vec![0; shape.header_bytes() as usize];
        self.source.read(self.offset, &mut header)?;
        let words = header.as_chunks::<4>().0;
        let mut offset = self.offset;
        for (i, (word, expected)) in words.iter().zip(shape.header()).enumerate() {
            let found = i32::from_le_bytes(*word);
            if found != expected {
                return Err(LoadError::TensorHeader {
                    tensor: name.to_string(),
                    field: field(shape, i),
                    offset,
                    expected,
                    found,
                });
            }
            offset += 4;
        }
        let last = words.last().copied().unwrap_or_default();
        let data = self.offset + shape.header_bytes();
        self.offset = data + shape.data_bytes();
        Ok((last, data))
    }
}

impl TensorSource for InOrder {
    fn floats(&mut self, spec: TensorSpec) -> Result<FloatTensor, LoadError> {
        let (_, offset) = self.next(spec)?;
        let (name, elems) = (spec.name.to_string(), spec.elems()?);
        Ok(Arc::new(FileFloats::new(name, elems, &self.source, offset)))
    }

    fn table(&mut self, spec: TensorSpec) -> Result<EmbeddingTable, LoadError> {
        let (rows, cols) = spec.shape.matrix();
        Ok(EmbeddingTable::f32((rows, cols), self.floats(spec)?))
    }

    fn ternary(&mut self, spec: TensorSpec) -> Result<TernaryTensor, LoadError> {
        let (divisor, offset) = self.next(spec)?;
        let found = f32::from_le_bytes(divisor);
        let scale = 1.0 / found;
        let usable = |x: f32| x.is_finite() && x > 0.0;
        if !(usable(found) && usable(scale)) {
            return Err(LoadError::BadDivisor {
                tensor: spec.name.to_string(),
                offset: offset - 4,
                found,
            });
        }
        let (rows, cols) = spec.shape.matrix();
        let rows = Arc::new(FileTrits {
            name: spec.name.to_string(),
            rows,
            cols,
            offset,
            source: Arc::clone(&self.source),
        });
        Ok(TernaryTensor { rows, scale })
    }
}

/// What word `i` of a tensor's header says.
fn field(shape: Shape, i: usize) -> &'static str {
    match (shape, i) {
        (_, 0) => "kind",
        (Shape::Trits { .. }, 1) => "rows",
        (Shape::Trits { .. }, _) => "cols",
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

impl TritRows for FileTrits {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), LoadError> {
        assert!(rows.end <= self.rows, "within the matrix");
        assert_eq!(trits.len(), rows.len() * self.cols, "room for the rows");
        let offset = self.offset + rows.start as u64 * (self.cols / 4) as u64;
        let mut bytes = vec![0; trits.len() / 4];
        self.source.read(offset, &mut bytes)?;
        for (index, (byte, trits)) in bytes.iter().zip(trits.as_chunks_mut().0).enumerate() {
            *trits = TRITS[usize::from(*byte)];
            if trits.contains(&INVALID) {
                return Err(LoadError::BadBit2 {
                    tensor: self.name.clone(),
                    offset: offset + index as u64,
                    byte: *byte,
                });
            }
        }
        Ok(())
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
