//! What tells one model from another.

use crate::checkpoint::Checkpoint;
use crate::plan::{Call, Plan};
use serde::{Serialize, Serializer};
use std::fmt;

/// A number that tells models apart: the same for the same weights and dimensions, however they are packed, planned and
/// run here; another, as good as always, where a weight or a dimension is another.
///
/// It covers the architecture, the config, the classes, every scale, and of every tensor the CRC-32 that its file states,
/// or that of what the kernels read. `docs/formats.md` says how. It is no signature: whoever tries can make two models
/// that share it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of a planned model, with the checksums of its shared tensors in the order of the plan.
    pub(crate) fn new(source: &Checkpoint, plan: &Plan, checksums: &[u32]) -> Fingerprint {
        let mut hash = Fnv::default();
        hash.add(source.architecture().name().as_bytes());
        // Numbers always have a form in JSON.
        let config = serde_json::to_vec(source.config()).unwrap_or_default();
        hash.add(&config);
        hash.add(&(source.classes().unwrap_or(0) as u64).to_le_bytes());
        for sum in checksums {
            hash.add(&sum.to_le_bytes());
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
    }

    /// The fingerprint as the bytes of a saved state have it.
    pub(crate) fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; 8]) -> Fingerprint {
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

/// FNV-1a of 64 bits.
///
/// # Source
/// The FNV non-cryptographic hash algorithm, draft-eastlake-fnv, section 2 and its constants for 64 bits.
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
