//! Checks of the bytes of all tensors, shared by all threads.

use super::layout::{Encoding, Kind, Layout, Piece};
use super::part::Part;
use crate::arena::words;
use crate::error::{Contents, EntryFault, FileError, TensorFault};
use crate::parallel::{self, Counter};
use crate::progress::Progress;
use crate::tensor::{Tables, block_fault};
use atome_kernels::packing::{self, matrix::Matrix};
use atome_spec::Packing;
use crc32fast::Hasher;

/// The bytes of a file's tensors and what they should be.
pub(super) struct Bytes<'b> {
    /// All of them.
    pub(super) data: &'b [u8],
    /// Where they start in the file.
    pub(super) start: u64,
    pub(super) pieces: &'b [Piece],
    pub(super) encoding: Encoding,
    pub(super) checksums: &'b [u32],
    /// Those of the blocks of each tensor that has them.
    pub(super) blocks: &'b [Option<Vec<u32>>],
    /// Those that have them may be left.
    pub(super) tables: Tables,
}

impl Bytes<'_> {
    /// Checks every tensor, but for tables that are left to whoever looks up their rows: that its checksum is the stated one,
    /// and that its bytes are such as are written. Trits row after row are looked at when they are unpacked.
    ///
    /// `progress` is told how many bytes, of how many, are checked.
    ///
    /// # Errors
    /// The first fault, in the order of the bytes.
    pub(super) fn check(&self, progress: Progress<'_>) -> Result<(), FileError> {
        let mut parts = self.encoding.parts(self.pieces);
        parts.retain(|part| !self.is_left(part.number));
        let total = parts.iter().map(|part| part.bytes.len()).sum();
        let checked = Counter::new(total, progress);
        let found = parallel::map(&parts, |part| {
            let start = part.piece.entry.begin() as usize;
            let bytes = &self.data[start + part.bytes.start..start + part.bytes.end];
            let mut crc = Hasher::new();
            crc.update(bytes);
            let at = self.start + (start + part.bytes.start) as u64;
            let fault = self.fault(part, bytes, at);
            checked.add(bytes.len());
            (crc, fault)
        });
        let mut sums: Vec<(Hasher, Option<FileError>)> = Vec::new();
        sums.resize_with(self.pieces.len(), Default::default);
        for (part, (crc, fault)) in parts.iter().zip(found) {
            let sum = &mut sums[part.number];
            sum.0.combine(&crc);
            sum.1 = sum.1.take().or(fault);
        }
        let stated = self.pieces.iter().zip(self.checksums).zip(sums);
        for (number, ((piece, &expected), (crc, fault))) in stated.enumerate() {
            if self.is_left(number) {
                continue;
            }
            let found = crc.finalize();
            if found != expected {
                let damaged = FileError::entry(
                    &piece.entry.name,
                    EntryFault::Checksum {
                        offset: self.start + piece.entry.begin(),
                        bytes: piece.entry.bytes(),
                        expected,
                        found,
                    },
                );
                return Err(damaged);
            }
            fault.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    /// Whether a tensor is checked by whoever looks up its rows.
    fn is_left(&self, number: usize) -> bool {
        self.tables == Tables::WhenAsked && self.blocks[number].is_some()
    }

    /// What is wrong with the bytes of a part, which stand at `at` of the file.
    fn fault(&self, part: &Part<'_>, bytes: &[u8], at: u64) -> Option<FileError> {
        match part.piece.kind {
            Kind::Trits { .. } if self.encoding.layout == Layout::Dense => None,
            Kind::Trits { cols, group, .. } => self.trits(part, bytes, at, (cols, group)).err(),
            Kind::TritTable { cols, packing, .. } => table(part, bytes, at, (packing, cols)).err(),
            Kind::Table { cols, .. } => self.rows(part, bytes, at, cols),
            Kind::Scales { .. } => numbers(part, bytes, at, f32::is_sign_positive),
            Kind::Floats { .. } => numbers(part, bytes, at, |_| true),
            Kind::GroupScales { groups, .. } => self.group_scales(part, bytes, at, groups),
            // Whoever reads it checks it.
            Kind::Vocabulary { .. } => None,
        }
    }

    fn trits(
        &self,
        part: &Part<'_>,
        bytes: &[u8],
        at: u64,
        (cols, group): (usize, Option<usize>),
    ) -> Result<(), FileError> {
        let tensor = || part.piece.entry.name.clone();
        let rows = part.rows.len();
        let (bytes, padding) = bytes.split_at(self.encoding.bytes_of(part.piece.kind, rows));
        let matrix = Matrix {
            packing: self.encoding.packing,
            rows,
            cols,
            group,
        };
        matrix.check(&words(bytes)).map_err(|cause| {
            FileError::tensor(tensor(), TensorFault::Words { offset: at, cause })
        })?;
        zeros(part, padding, at + bytes.len() as u64).map_or(Ok(()), Err)
    }

    /// What is wrong with scales of groups of columns.
    fn group_scales(
        &self,
        part: &Part<'_>,
        bytes: &[u8],
        at: u64,
        groups: usize,
    ) -> Option<FileError> {
        let rows = part.rows.len();
        let (bytes, padding) = bytes.split_at(self.encoding.bytes_of(part.piece.kind, rows));
        let of_a_row = |index: usize| (at + 4 * index as u64, &bytes[4 * index..][..4]);
        numbers(part, bytes, at, |_| true)
            .or_else(|| {
                let scales: Vec<f32> = words(bytes).iter().map(|w| f32::from_bits(*w)).collect();
                let index = packing::scales::padding_fault(&scales, rows, groups)?;
                let (at, bytes) = of_a_row(index);
                zeros(part, bytes, at)
            })
            .or_else(|| zeros(part, padding, at + bytes.len() as u64))
    }

    fn rows(&self, part: &Part<'_>, bytes: &[u8], at: u64, cols: usize) -> Option<FileError> {
        let kind = self.encoding.embedding;
        let row_bytes = kind.row_bytes(cols);
        let words = words(bytes);
        let rows = part.rows.clone().zip(words.chunks_exact(row_bytes / 4));
        let mut places = rows.zip((at..).step_by(row_bytes));
        let fault = places.find_map(|((row, words), at)| kind.fault(words, cols, (row, at)));
        let fault = fault.or_else(|| self.damaged_block(part, bytes, at))?;
        Some(FileError::tensor(&part.piece.entry.name, fault))
    }

    /// The first block of a table's part that is another than its checksum says.
    fn damaged_block(&self, part: &Part<'_>, bytes: &[u8], at: u64) -> Option<TensorFault> {
        let (block_bytes, _) = self.encoding.blocks(part.piece.kind)?;
        let first = part.rows.start / self.encoding.step(part.piece.kind);
        let sums = self.blocks[part.number].iter().flatten().skip(first);
        let mut blocks = bytes
            .chunks(block_bytes)
            .zip(sums)
            .zip((at..).step_by(block_bytes));
        blocks.find_map(|((bytes, &sum), at)| block_fault(bytes, sum, at))
    }
}

/// Checks rows of a table of trits.
fn table(
    part: &Part<'_>,
    bytes: &[u8],
    offset: u64,
    (packing, cols): (Packing, usize),
) -> Result<(), FileError> {
    let packed = packing::embed::check(packing, &words(bytes), part.rows.len(), cols);
    let tensor = || part.piece.entry.name.clone();
    packed.map_err(|cause| FileError::tensor(tensor(), TensorFault::Words { offset, cause }))
}

/// The first byte that does not pad with 0.
fn zeros(part: &Part<'_>, bytes: &[u8], at: u64) -> Option<FileError> {
    let index = bytes.iter().position(|&byte| byte != 0)?;
    let fault = TensorFault::Byte {
        expected: Contents::Zero,
        offset: at + index as u64,
        byte: bytes[index],
    };
    Some(FileError::tensor(&part.piece.entry.name, fault))
}

/// The first number that is not finite, or not `usable`.
fn numbers(
    part: &Part<'_>,
    bytes: &[u8],
    at: u64,
    usable: impl Fn(f32) -> bool,
) -> Option<FileError> {
    let words = words(bytes);
    let mut values = words.iter().copied().map(f32::from_bits).enumerate();
    let (index, found) = values.find(|&(_, x)| !(x.is_finite() && usable(x)))?;
    Some(FileError::tensor(
        &part.piece.entry.name,
        TensorFault::NotFinite {
            offset: at + 4 * index as u64,
            index: part.bytes.start / 4 + index,
            found,
        },
    ))
}
