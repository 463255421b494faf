//! Part of a tensor: read, packed, compared, summed up.

use crate::arena::{as_f32_mut, as_u32_mut};
use crate::plan::{Content, Source, TensorInfo, Trits};
use crate::tensor::check_finite;
use crate::{LoadError, PrepareError};
use atome_kernels::packing::{self, PackError};
use atome_spec::{Packing, TENSOR_ALIGN_BYTES};
use crc32fast::Hasher;
use std::ops::Range;

/// Part of a tensor and where it goes.
pub(super) struct Job<'a> {
    /// The tensor's place in the contents.
    pub(super) number: usize,
    pub(super) place: &'a TensorInfo,
    pub(super) content: &'a Content<'a>,
    /// Rows of a matrix or table, elements of floats.
    pub(super) part: Range<usize>,
    pub(super) to: &'a mut [u8],
}

/// What a thread works with.
#[derive(Default)]
pub(super) struct Buffers {
    source: Vec<i8>,
    read_back: Vec<i8>,
    words: Vec<u32>,
}

impl Job<'_> {
    /// Writes the part and gives its checksum, or that of nothing if the file states one.
    pub(super) fn run(mut self, buffers: &mut Buffers) -> Result<Hasher, LoadError> {
        self.write(buffers)?;
        let mut sum = Hasher::new();
        if self.content.crc32.is_none() {
            self.add_to(&mut sum, buffers)?;
        }
        Ok(sum)
    }

    fn write(&mut self, buffers: &mut Buffers) -> Result<(), LoadError> {
        let part = self.part.clone();
        if let Some(stored) = self.content.stored {
            // They were checked when the file was opened.
            stored.read(self.content.bytes_of(part.start), self.to)?;
            for word in as_u32_mut(self.to) {
                *word = u32::from_le(*word);
            }
            return Ok(());
        }
        match &self.content.source {
            Source::Words(_) => unreachable!("a file holds them, so they are copied"),
            Source::Values(values) => as_f32_mut(self.to).copy_from_slice(&values[part]),
            Source::Floats(values, _) => {
                let to = as_f32_mut(self.to);
                values.read(part.start, to)?;
                check_finite(values.name(), part.start, to)?;
            }
            Source::Scaled(w, scale) => {
                buffers.read(w, part)?;
                self.scale(&buffers.source, w.cols, *scale)?;
            }
            Source::Matrix(w, _) | Source::Embedding(w, _) | Source::Taps(w) => {
                buffers.read(w, part)?;
                self.pack(buffers, w.cols)?;
            }
        }
        Ok(())
    }

    /// Writes trits as floats.
    fn scale(&mut self, trits: &[i8], cols: usize, scale: f32) -> Result<(), LoadError> {
        for (i, (to, &trit)) in as_f32_mut(self.to).iter_mut().zip(trits).enumerate() {
            *to = match trit {
                -1 => -scale,
                0 => 0.0,
                1 => scale,
                value => {
                    let (row, col) = (i / cols, i % cols);
                    return Err(self.fault(PackError::Trit { row, col, value }).into());
                }
            };
        }
        Ok(())
    }

    /// Packs trits, and compares what is read back with them.
    fn pack(&mut self, buffers: &mut Buffers, cols: usize) -> Result<(), LoadError> {
        let Buffers {
            source, read_back, ..
        } = buffers;
        read_back.resize(source.len(), 0);
        let rows = self.part.len();
        let words = as_u32_mut(self.to);
        let packed = match self.content.source {
            Source::Matrix(_, packing) => {
                packing::matrix::pack_into(packing, source, rows, cols, words).and_then(|()| {
                    packing::matrix::unpack_into(packing, words, rows, cols, read_back)
                })
            }
            Source::Embedding(_, packing) => {
                packing::embed::pack_into(packing, source, rows, cols, words).and_then(|()| {
                    packing::embed::unpack_into(packing, words, rows, cols, read_back)
                })
            }
            _ => packing::conv::pack_into(source, rows, cols, words)
                .and_then(|()| packing::conv::unpack_into(words, rows, cols, read_back)),
        };
        packed.map_err(|cause| self.fault(cause))?;
        // Equality of slices is far faster than a search.
        if read_back == source {
            return Ok(());
        }
        let differs = |(a, b): (&i8, &i8)| a != b;
        let at = read_back.iter().zip(&*source).position(differs);
        let at = at.unwrap_or_default();
        Err(PrepareError::SelfCheck {
            tensor: self.place.name.clone(),
            row: self.part.start + at / cols,
            col: at % cols,
        }
        .into())
    }

    /// What packing says of the part, as said of the tensor.
    fn fault(&self, cause: PackError) -> PrepareError {
        let first = self.part.start;
        PrepareError::Pack {
            tensor: self.place.name.clone(),
            cause: match cause {
                PackError::Trit { row, col, value } => PackError::Trit {
                    row: first + row,
                    col,
                    value,
                },
                cause => cause,
            },
        }
    }

    /// Adds the part to a checksum.
    fn add_to(&mut self, sum: &mut Hasher, buffers: &mut Buffers) -> Result<(), LoadError> {
        let Source::Matrix(w, packing) = &self.content.source else {
            add_words(sum, self.to);
            return Ok(());
        };
        if *packing == Packing::Int2 {
            add_words(sum, self.to);
        } else {
            let (rows, cols) = (self.part.len(), w.cols);
            let words = &mut buffers.words;
            words.resize(packing::matrix::words(Packing::Int2, rows, cols), 0);
            packing::matrix::pack_into(Packing::Int2, &buffers.source, rows, cols, words)
                .map_err(|cause| self.fault(cause))?;
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            sum.update(&bytes);
        }
        if self.part.end == w.rows {
            let bytes = 4 * packing::matrix::words(Packing::Int2, w.rows, w.cols);
            let padding = bytes.next_multiple_of(TENSOR_ALIGN_BYTES) - bytes;
            sum.update(&[0; TENSOR_ALIGN_BYTES][..padding]);
        }
        Ok(())
    }
}

/// Adds words, little-endian.
fn add_words(sum: &mut Hasher, words: &mut [u8]) {
    if cfg!(target_endian = "little") {
        return sum.update(words);
    }
    for word in as_u32_mut(words) {
        sum.update(&word.to_le_bytes());
    }
}

impl Buffers {
    /// Reads rows of `w`.
    fn read(&mut self, w: &Trits<'_>, rows: Range<usize>) -> Result<(), LoadError> {
        self.source.resize(rows.len() * w.cols, 0);
        Ok(w.source.read(rows, &mut self.source)?)
    }
}
