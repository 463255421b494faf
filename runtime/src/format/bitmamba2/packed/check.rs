//! Checks of the bytes of all tensors, shared by all threads.

use super::layout::{Encoding, Kind, Piece};
use super::pack::{Part, parts};
use crate::error::LoadError;
use crate::fill::Progress;
use crate::format::ContainerError;
use crate::format::bitmamba2::table::words;
use crate::format::parallel::{self, Counter};
use atome_kernels::packing;

/// The bytes of a file's tensors and what they should be.
pub(super) struct Bytes<'b> {
    /// All of them.
    pub(super) data: &'b [u8],
    /// Where they start in the file.
    pub(super) start: u64,
    pub(super) pieces: &'b [Piece],
    pub(super) encoding: Encoding,
    pub(super) checksums: &'b [u32],
}

/// What was found in a part.
struct Found {
    crc: crc32fast::Hasher,
    fault: Option<LoadError>,
}

impl Bytes<'_> {
    /// Checks every tensor: that its checksum is the stated one, and that its bytes are such as are written.
    ///
    /// `progress` is told how many bytes, of how many, are checked.
    ///
    /// # Errors
    /// The first fault, in the order of the bytes.
    pub(super) fn check(&self, progress: Progress<'_>) -> Result<(), LoadError> {
        let parts: Vec<Part<'_>> = parts(self.pieces, self.encoding).collect();
        let checked = Counter::new(self.data.len(), progress);
        let found = parallel::map(&parts, |part| {
            let found = self.part(part);
            checked.add(part.bytes(self.encoding).len());
            found
        });
        let mut sums: Vec<Found> = self.pieces.iter().map(|_| Found::nothing()).collect();
        for (part, found) in parts.iter().zip(found) {
            let sum = &mut sums[part.number];
            sum.crc.combine(&found.crc);
            sum.fault = sum.fault.take().or(found.fault);
        }
        for ((piece, expected), Found { crc, fault }) in
            self.pieces.iter().zip(self.checksums).zip(sums)
        {
            let (expected, found) = (*expected, crc.finalize());
            let entry = &piece.entry;
            if found != expected {
                let damaged = ContainerError::Checksum {
                    tensor: entry.name.clone(),
                    offset: self.start + entry.begin,
                    bytes: entry.end - entry.begin,
                    expected,
                    found,
                };
                return Err(damaged.into());
            }
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
        Ok(())
    }

    fn part(&self, part: &Part<'_>) -> Found {
        let range = part.bytes(self.encoding);
        let start = part.piece.entry.begin as usize;
        let bytes = &self.data[start + range.start..start + range.end];
        let mut crc = crc32fast::Hasher::new();
        crc.update(bytes);
        let at = self.start + (start + range.start) as u64;
        Found {
            crc,
            fault: self.fault(part, bytes, at),
        }
    }

    /// What is wrong with the bytes of a part, which stand at `at` of the file.
    fn fault(&self, part: &Part<'_>, bytes: &[u8], at: u64) -> Option<LoadError> {
        let tensor = || part.piece.entry.name.clone();
        let rows = part.rows.len();
        match part.piece.kind {
            Kind::Trits { cols, .. } => {
                let (bytes, padding) = bytes.split_at(part.piece.bytes_of(rows, self.encoding));
                let words: Vec<u32> = words(bytes).collect();
                let packed = packing::matrix::check(self.encoding.packing, &words, rows, cols);
                let stored = |cause| LoadError::Stored {
                    tensor: tensor(),
                    offset: at,
                    cause,
                };
                let padded = padding.iter().position(|&byte| byte != 0);
                packed
                    .map_err(stored)
                    .err()
                    .or(padded.map(|i| LoadError::StoredPadding {
                        tensor: tensor(),
                        offset: at + (bytes.len() + i) as u64,
                        byte: padding[i],
                    }))
            }
            Kind::Table { cols, .. } => {
                let kind = self.encoding.embedding;
                let row_bytes = kind.row_bytes(cols);
                let mut row_words = Vec::new();
                let broken = bytes.chunks_exact(row_bytes).position(|row| {
                    row_words.clear();
                    row_words.extend(words(row));
                    !kind.is_valid(&row_words, cols)
                })?;
                Some(LoadError::StoredRow {
                    tensor: tensor(),
                    offset: at + (broken * row_bytes) as u64,
                    row: part.rows.start + broken,
                    kind: kind.name(),
                })
            }
            Kind::Scales { .. } | Kind::Floats { .. } => {
                let signed = matches!(part.piece.kind, Kind::Floats { .. });
                let usable = |x: f32| x.is_finite() && (signed || x.is_sign_positive());
                let mut values = words(bytes).map(f32::from_bits);
                let index = values.position(|x| !usable(x))?;
                Some(LoadError::NotFinite {
                    tensor: tensor(),
                    offset: at + 4 * index as u64,
                    index: part.rows.start + index,
                    found: words(&bytes[4 * index..])
                        .next()
                        .map_or(0.0, f32::from_bits),
                })
            }
        }
    }
}

impl Found {
    fn nothing() -> Self {
        Self {
            crc: crc32fast::Hasher::new(),
            fault: None,
        }
    }
}
