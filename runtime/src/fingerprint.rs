//! What tells one model from another.

use crate::arena::Arena;
use crate::checkpoint::Checkpoint;
use crate::plan::{Call, Content, Plan, Section, Source, Tensor};
use atome_kernels::packing::{embed, matrix::Matrix};
use atome_spec::layout::{BLOCK_ROWS, embed_row_bytes};
use atome_spec::{Packing, TENSOR_ALIGN_BYTES};
use crc32fast::Hasher;
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::OnceLock;

/// A number that tells models apart: the same for the same weights and dimensions, however they are packed, planned and
/// run here; another, as good as always, where a weight or a dimension is another.
///
/// It covers the architecture, the config, the classes, every scale, and of every tensor the CRC-32 that its file states,
/// or that of what the kernels read. `docs/formats.md` says how. It is no signature: whoever tries can make two models
/// that share it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint as the bytes of a saved state have it.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    /// The fingerprint of such bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Fingerprint {
        Fingerprint(u64::from_le_bytes(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a model's fingerprint is made of. Checksums that its file does not state are computed when they are first asked
/// for: nobody who only runs the model waits for them.
pub(crate) struct Identity {
    /// After the architecture, the config and the classes.
    start: Fnv,
    /// Of each shared tensor, in the order of the plan.
    checksums: Vec<Checksum>,
    found: OnceLock<Fingerprint>,
}

/// Where the checksum of a tensor comes from.
enum Checksum {
    /// The file states it.
    Stated(u32),
    /// It is that of the tensor's bytes.
    OfBytes(Tensor),
    /// It is that of the matrix in `int2`, padded with zeros to the tensor alignment, as files have it.
    OfMatrix(Tensor, Matrix),
    /// It is that of the table in `int2`.
    OfTable(Tensor, Packing, (usize, usize)),
}

impl Identity {
    /// What is said of a model, and how the checksums of its shared tensors are come by.
    pub(crate) fn new(source: &Checkpoint, contents: &[(Tensor, Content<'_>)]) -> Identity {
        let mut start = Fnv::default();
        start.add(source.architecture().name().as_bytes());
        // Numbers always have a form in JSON.
        let config = serde_json::to_vec(source.config()).unwrap_or_default();
        start.add(&config);
        start.add(&(source.classes().unwrap_or(0) as u64).to_le_bytes());
        let checksum = |(tensor, content): &(Tensor, Content<'_>)| match &content.source {
            Source::Embedding(w, packing) => Checksum::OfTable(*tensor, *packing, (w.rows, w.cols)),
            _ if content.crc32.is_some() => Checksum::Stated(content.crc32.unwrap_or_default()),
            Source::Matrix(w, packing) => Checksum::OfMatrix(*tensor, w.packed(*packing, w.rows)),
            _ => Checksum::OfBytes(*tensor),
        };
        Identity {
            start,
            checksums: contents.iter().map(checksum).collect(),
            found: OnceLock::new(),
        }
    }

    /// The fingerprint of the model, whose plan and arena these are.
    pub(crate) fn fingerprint(&self, plan: &Plan, arena: &Arena) -> Fingerprint {
        *self.found.get_or_init(|| {
            let mut hash = self.start.clone();
            for checksum in &self.checksums {
                hash.add(&checksum.find(plan, arena).to_le_bytes());
            }
            let calls = plan.stages.iter().chain(&plan.head);
            for call in calls.flat_map(|stage| stage.calls()) {
                if let Call::Kernel(kernel) = call {
                    for scalar in &kernel.scalars {
                        hash.add(&scalar.to_bits().to_le_bytes());
                    }
                }
            }
            Fingerprint(hash.0)
        })
    }
}

impl Checksum {
    fn find(&self, plan: &Plan, arena: &Arena) -> u32 {
        let mut sum = Hasher::new();
        match *self {
            Checksum::Stated(sum) => return sum,
            Checksum::OfBytes(tensor) => add_words(&mut sum, bytes(tensor, plan, arena)),
            Checksum::OfMatrix(tensor, matrix) => {
                add_matrix(&mut sum, bytes(tensor, plan, arena), matrix);
            }
            Checksum::OfTable(tensor, packing, shape) => {
                add_table(&mut sum, bytes(tensor, plan, arena), packing, shape);
            }
        }
        sum.finalize()
    }
}

/// The bytes of a shared tensor.
fn bytes<'a>(tensor: Tensor, plan: &'a Plan, arena: &'a Arena) -> &'a [u8] {
    let place = plan.tensor(tensor);
    let (weights, constants) = arena.model();
    let section = match place.section {
        Section::File => plan.image.as_ref().map_or(&[][..], |file| file.bytes()),
        Section::Weights => weights,
        _ => constants,
    };
    &section[place.offset..][..place.bytes]
}

/// Adds words, little-endian.
fn add_words(sum: &mut Hasher, words: &[u8]) {
    if cfg!(target_endian = "little") {
        return sum.update(words);
    }
    for word in words.as_chunks::<4>().0 {
        sum.update(&u32::from_ne_bytes(*word).to_le_bytes());
    }
}

/// Adds a matrix as `int2`, some rows after the other.
fn add_matrix(sum: &mut Hasher, bytes: &[u8], matrix: Matrix) {
    let of_rows = |rows| Matrix { rows, ..matrix };
    let in_int2 = |matrix| Matrix {
        packing: Packing::Int2,
        ..matrix
    };
    if matrix.packing == Packing::Int2 {
        add_words(sum, bytes);
    } else {
        let (mut trits, mut int2) = (vec![0; BLOCK_ROWS * matrix.cols], Vec::new());
        for first in (0..matrix.rows).step_by(BLOCK_ROWS) {
            let part = of_rows(BLOCK_ROWS.min(matrix.rows - first));
            let start = 4 * of_rows(first).words();
            let words = bytes[start..].as_chunks().0.iter().take(part.words());
            let words: Vec<u32> = words.map(|word| u32::from_ne_bytes(*word)).collect();
            let trits = &mut trits[..part.rows * part.cols];
            int2.resize(in_int2(part).words(), 0);
            part.unpack_into(&words, trits)
                .and_then(|()| in_int2(part).pack_into(trits, &mut int2))
                .expect("what was packed here unpacks");
            int2.iter().for_each(|word| sum.update(&word.to_le_bytes()));
        }
    }
    let bytes = 4 * in_int2(matrix).words();
    let padding = bytes.next_multiple_of(TENSOR_ALIGN_BYTES) - bytes;
    sum.update(&[0; TENSOR_ALIGN_BYTES][..padding]);
}

/// Adds a table as `int2`, row by row.
fn add_table(sum: &mut Hasher, bytes: &[u8], packing: Packing, (rows, cols): (usize, usize)) {
    if packing == Packing::Int2 || rows == 0 {
        return add_words(sum, bytes);
    }
    let mut trits = vec![0; cols];
    let mut int2 = vec![0; embed::row_words(Packing::Int2, cols)];
    for row in bytes.chunks_exact(embed_row_bytes(packing, cols)) {
        let words = row.as_chunks().0.iter();
        let words: Vec<u32> = words.map(|word| u32::from_ne_bytes(*word)).collect();
        embed::unpack_into(packing, &words, 1, cols, &mut trits)
            .and_then(|()| embed::pack_into(Packing::Int2, &trits, 1, cols, &mut int2))
            .expect("what was packed here unpacks");
        int2.iter().for_each(|word| sum.update(&word.to_le_bytes()));
    }
}

/// FNV-1a of 64 bits.
///
/// # Source
/// The FNV non-cryptographic hash algorithm, draft-eastlake-fnv, section 2 and its constants for 64 bits.
#[derive(Clone)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the algorithm's own test vectors.
    #[test]
    fn the_hash_is_fnv_1a() {
        for (text, expected) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8_u64),
        ] {
            let mut hash = Fnv::default();
            hash.add(text.as_bytes());
            assert_eq!(hash.0, expected, "{text:?}");
        }
    }
}
