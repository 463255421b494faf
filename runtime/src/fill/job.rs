//! Part of a tensor: read, packed, compared.

use crate::arena::{as_f32_mut, as_u32_mut};
use crate::plan::{Content, Scales, Source, TensorInfo, Trits};
use crate::tensor::{EmbeddingTable, EmbeddingType, check_finite, halves};
use crate::{FileError, LoadError, PrepareError};
use atome_kernels::packing::{self, PackError};
use atome_spec::{Packing, layout};
use std::ops::Range;

/// Rows of f16 that are read at once.
const ROWS_OF_HALVES: usize = 16;

/// Part of a tensor and where it goes.
pub(super) struct Job<'a> {
    pub(super) place: &'a TensorInfo,
    pub(super) content: &'a Content<'a>,
    /// Rows of a matrix or table, elements of floats.
    pub(super) part: Range<usize>,
    pub(super) at: At<'a>,
}

/// Where it goes, or stays.
pub(super) enum At<'a> {
    /// In the arena.
    Arena(&'a mut [u8]),
    /// So many bytes stay in a file.
    File(usize),
}

impl<'a> At<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            At::Arena(bytes) => bytes.len(),
            At::File(bytes) => *bytes,
        }
    }

    /// The first `bytes` bytes, and the others.
    pub(super) fn split(self, bytes: usize) -> (At<'a>, At<'a>) {
        match self {
            At::Arena(all) => {
                let (first, others) = all.split_at_mut(bytes);
                (At::Arena(first), At::Arena(others))
            }
            At::File(all) => (At::File(bytes), At::File(all - bytes)),
        }
    }
}

/// What a thread works with.
#[derive(Default)]
pub(super) struct Buffers {
    source: Vec<i8>,
    read_back: Vec<i8>,
}

impl Job<'_> {
    /// Writes the part, or checks it where it is.
    pub(super) fn run(self, buffers: &mut Buffers) -> Result<(), LoadError> {
        match self.at {
            At::File(_) => check(self.content, self.part),
            At::Arena(to) => {
                let part = Part {
                    place: self.place,
                    content: self.content,
                    part: self.part,
                    to,
                };
                part.write(buffers)
            }
        }
    }
}

/// Checks rows of a table as its file has them.
fn check(content: &Content<'_>, rows: Range<usize>) -> Result<(), LoadError> {
    let Source::Rows(name, table) = content.source else {
        return Ok(());
    };
    let checked = table.check_stored(rows);
    Ok(checked.map_err(|fault| FileError::tensor(name, fault))?)
}

/// Part of a tensor that goes to the arena.
struct Part<'a> {
    place: &'a TensorInfo,
    content: &'a Content<'a>,
    part: Range<usize>,
    to: &'a mut [u8],
}

impl Part<'_> {
    fn write(mut self, buffers: &mut Buffers) -> Result<(), LoadError> {
        let part = self.part.clone();
        if let Some(stored) = self.content.stored {
            if !stored.is_checked() {
                check(self.content, part.clone())?;
            }
            stored.read(self.content.bytes_of(part.start), self.to)?;
            for word in as_u32_mut(self.to) {
                *word = u32::from_le(*word);
            }
            return Ok(());
        }
        match &self.content.source {
            Source::Values(values) => as_f32_mut(self.to).copy_from_slice(&values[part]),
            Source::Scales(scales) => self.scales(scales)?,
            // Rows of int8 are stored.
            Source::Rows(name, table) if table.element_type() == EmbeddingType::F16 => {
                self.halves(name, table)?;
            }
            Source::Rows(name, table) => {
                let (to, first) = (as_f32_mut(self.to), part.start * table.shape().1);
                table.read(part, to)?;
                check_finite(name, first, to)?;
            }
            Source::Scaled(w, scale) => {
                buffers.read(w, part)?;
                self.scale(&buffers.source, w.cols, *scale)?;
            }
            Source::Matrix(w, _) | Source::Embedding(w, _) | Source::Taps(w) => {
                if self.sort_words()? || self.pack_codes() {
                    return Ok(());
                }
                buffers.read(w, part)?;
                self.pack(buffers, w.cols)?;
            }
        }
        Ok(())
    }

    /// Packs rows of a table of f16.
    fn halves(&mut self, name: &str, table: &EmbeddingTable) -> Result<(), LoadError> {
        let (_, cols) = table.shape();
        let row_words = layout::f16_row_words(cols);
        let mut values = vec![0.0; cols * ROWS_OF_HALVES.min(self.part.len())];
        let words = as_u32_mut(self.to).chunks_mut((row_words * ROWS_OF_HALVES).max(1));
        for (words, first) in words.zip(self.part.clone().step_by(ROWS_OF_HALVES)) {
            let rows = first..self.part.end.min(first + ROWS_OF_HALVES);
            let values = &mut values[..rows.len() * cols];
            table.read(rows.clone(), values)?;
            check_finite(name, first * cols, values)?;
            if !halves::pack_rows(values, cols, words) {
                return Err(PrepareError::SelfCheck {
                    tensor: self.place.name.clone(),
                    row: first,
                    col: 0,
                }
                .into());
            }
        }
        Ok(())
    }

    /// Puts scales of whole blocks of rows in the order of kernels.
    fn scales(&mut self, scales: &Scales<'_>) -> Result<(), LoadError> {
        let (rows, first) = (self.part.len(), self.part.start * scales.groups);
        let mut values = vec![0.0; rows * scales.groups];
        scales.source.read(first, &mut values)?;
        check_finite(&self.place.name, first, &values)?;
        values.iter_mut().for_each(|scale| *scale *= scales.factor);
        packing::scales::pack_into(&values, rows, scales.groups, as_f32_mut(self.to));
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

    /// Sorts rows of a matrix that its file has in order of `int2`, if they were checked there; tells whether it could.
    fn sort_words(&mut self) -> Result<bool, LoadError> {
        let Source::Matrix(w, Packing::Sorted) = &self.content.source else {
            return Ok(false);
        };
        let Some(stored) = w.source.stored(Packing::Int2).filter(|s| s.is_checked()) else {
            return Ok(false);
        };
        stored.read(self.content.bytes_of(self.part.start), self.to)?;
        let words = as_u32_mut(self.to);
        words
            .iter_mut()
            .for_each(|word| *word = u32::from_le(*word));
        packing::sorted::sort(self.part.len(), w.cols, words);
        Ok(true)
    }

    /// Packs rows of a matrix whose source has their codes; tells whether it could. Of what is wrong with codes, reading
    /// them says best.
    fn pack_codes(&mut self) -> bool {
        let (w, is_sorted) = match &self.content.source {
            Source::Matrix(w, Packing::Int2) => (w, false),
            Source::Matrix(w, Packing::Sorted) => (w, true),
            _ => return false,
        };
        let Some(codes) = w.source.codes(self.part.clone()) else {
            return false;
        };
        let (rows, words) = (self.part.len(), as_u32_mut(self.to));
        let packed = packing::codes::pack_into(codes, rows, w.cols, words).is_ok();
        if packed && is_sorted {
            packing::sorted::sort(rows, w.cols, words);
        }
        packed
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
            Source::Matrix(w, packing) => {
                let matrix = w.packed(packing, rows);
                let packed = matrix.pack_into(source, words);
                packed.and_then(|()| matrix.unpack_into(words, read_back))
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
}

impl Buffers {
    /// Reads rows of `w`.
    fn read(&mut self, w: &Trits<'_>, rows: Range<usize>) -> Result<(), LoadError> {
        self.source.resize(rows.len() * w.cols, 0);
        Ok(w.source.read(rows, &mut self.source)?)
    }
}
