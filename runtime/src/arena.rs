//! One region of memory, sized before the first token and never resized.
//!
//! The region starts with the model's weights and constants (written while loading and only
//! read afterwards), followed by one equal slot a session (state, logits, scratch). A session
//! owns its slot, so slots are written without locks; they cost memory once they are used. Where a file already holds the weights
//! as the kernels read them, they stay in it: the region then starts with the constants.
#![allow(
    unsafe_code,
    reason = "the arena is the room where raw memory becomes slices"
)]

use crate::mapped::MappedFile;
use crate::plan::Size;
use crate::region::Region;
use crate::{FileError, LoadError, PrepareError};
use atome_spec::TENSOR_ALIGN_BYTES;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

/// The region and which of its slots are taken.
pub(crate) struct Arena {
    region: Region,
    weights: Weights,
    sizes: Sizes,
    slots: usize,
    free: Mutex<Free>,
}

/// Bytes of the arena's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Packed weights.
    pub weights: usize,
    /// Parameters that the kernels read as they are.
    pub constants: usize,
    /// A session's state, logits and scratch.
    pub slot: usize,
}

/// Where the packed weights lie.
pub(crate) enum Weights {
    /// At the start of the region; they are written while loading.
    Owned,
    /// In a mapped file, from a byte of it on.
    Mapped { file: Arc<MappedFile>, start: usize },
}

/// The slots that nobody has.
struct Free {
    /// Those given back, the last on top. It has room for all, so that giving back never allocates.
    released: Vec<usize>,
    /// The first of those that nobody ever had.
    fresh: usize,
}

impl Arena {
    /// Takes zeroed memory for the parts, each rounded up to the tensor alignment, and for
    /// `slots` sessions. Weights in a mapped file take none. A page is resident once it is written.
    ///
    /// # Errors
    /// If the size cannot be addressed, the system has no memory, or a mapped file ends before its weights.
    pub(crate) fn new(sizes: Sizes, slots: usize, weights: Weights) -> Result<Arena, LoadError> {
        let owned = match &weights {
            Weights::Owned => sizes.weights,
            Weights::Mapped { file, start } => {
                let found = file.bytes().len().saturating_sub(*start);
                if found < sizes.weights {
                    let cut = FileError::Truncated {
                        tensor: "weights".into(),
                        offset: *start as u64,
                        expected: sizes.weights as u64,
                        found: found as u64,
                    };
                    return Err(cut.into());
                }
                0
            }
        };
        let slot = Size::from(sizes.slot).aligned();
        let model = Size::from(owned).aligned() + Size::from(sizes.constants).aligned();
        let total = model + slot * slots;
        let no_memory = || PrepareError::ArenaMemory { bytes: total.get() };
        let region = total.addressable().and_then(Region::new);
        let region = region.ok_or_else(no_memory)?;
        let mut released = Vec::new();
        released.try_reserve_exact(slots).map_err(|_| no_memory())?;
        Ok(Arena {
            region,
            weights,
            sizes,
            slots,
            free: Mutex::new(Free { released, fresh: 0 }),
        })
    }

    /// Bytes of the whole region; a mapped file is not part of it.
    pub(crate) fn bytes(&self) -> usize {
        self.region.bytes()
    }

    /// Number of session slots.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// The weights, empty if they are mapped, and the constants: for loading.
    pub(crate) fn model_mut(&mut self) -> (&mut [u8], &mut [u8]) {
        let owned = self.owned_weights();
        let bytes = self.model_bytes();
        // SAFETY: the region is at least as long as its two first parts, initialised (zeroed),
        // and `&mut self` proves that no session reads it.
        let model = unsafe { std::slice::from_raw_parts_mut(self.region.base(), bytes) };
        let (weights, constants) = model.split_at_mut(round(owned));
        (&mut weights[..owned], constants)
    }

    /// Start of the weights.
    pub(crate) fn weights_base(&self) -> *const u8 {
        match &self.weights {
            Weights::Owned => self.region.base(),
            Weights::Mapped { file, start } => file.bytes().as_ptr().wrapping_add(*start),
        }
    }

    /// Start of the constants.
    pub(crate) fn constants_base(&self) -> *const u8 {
        self.region.base().wrapping_add(round(self.owned_weights()))
    }

    /// Bytes of the region before the slots.
    fn model_bytes(&self) -> usize {
        round(self.owned_weights()) + round(self.sizes.constants)
    }

    fn owned_weights(&self) -> usize {
        match self.weights {
            Weights::Owned => self.sizes.weights,
            Weights::Mapped { .. } => 0,
        }
    }

    /// Takes a free slot. Its bytes are zero, or what its last owner left.
    pub(crate) fn claim(&self) -> Option<usize> {
        let mut free = self.free();
        if let Some(slot) = free.released.pop() {
            return Some(slot);
        }
        let slot = free.fresh;
        (slot < self.slots).then(|| {
            free.fresh += 1;
            slot
        })
    }

    /// Gives a claimed slot back.
    pub(crate) fn release(&self, slot: usize) {
        self.free().released.push(slot);
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        // Nothing panics while it is locked.
        self.free.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Start of a slot.
    pub(crate) fn slot_base(&self, slot: usize) -> *mut u8 {
        assert!(slot < self.slots, "slot {slot} of {}", self.slots);
        let offset = self.model_bytes() + slot * round(self.sizes.slot);
        // SAFETY: the region has the model's part and `slots` slots, so the offset of an
        // existing slot is inside it.
        unsafe { self.region.base().add(offset) }
    }

    /// Bytes `range` of a slot.
    ///
    /// # Safety
    /// The caller owns the claimed slot and nothing writes these bytes while the slice lives.
    pub(crate) unsafe fn slot_bytes(&self, slot: usize, range: Range<usize>) -> &[u8] {
        assert!(
            range.start <= range.end && range.end <= self.sizes.slot,
            "outside the slot"
        );
        // SAFETY: the assertion keeps the range inside the slot, which is initialised; the
        // caller rules out writers.
        unsafe { std::slice::from_raw_parts(self.slot_base(slot).add(range.start), range.len()) }
    }

    /// Bytes `range` of a slot, for writing.
    ///
    /// # Safety
    /// The caller owns the claimed slot and nothing else touches these bytes while the slice
    /// lives.
    #[allow(
        clippy::mut_from_ref,
        reason = "the owner of a slot is unique, see `claim`"
    )]
    pub(crate) unsafe fn slot_bytes_mut(&self, slot: usize, range: Range<usize>) -> &mut [u8] {
        assert!(
            range.start <= range.end && range.end <= self.sizes.slot,
            "outside the slot"
        );
        // SAFETY: the assertion keeps the range inside the slot, which is initialised; the
        // caller rules out other accesses.
        unsafe {
            std::slice::from_raw_parts_mut(self.slot_base(slot).add(range.start), range.len())
        }
    }
}

/// The next multiple of the tensor alignment. `new` has checked that there is one.
fn round(bytes: usize) -> usize {
    bytes.next_multiple_of(TENSOR_ALIGN_BYTES)
}

/// Bytes as 32-bit floats.
///
/// # Panics
/// If the bytes are not aligned to 4 or not a multiple of 4 long; tensors are both.
pub(crate) fn as_f32(bytes: &[u8]) -> &[f32] {
    // SAFETY: every bit pattern is an f32.
    let (head, floats, tail) = unsafe { bytes.align_to::<f32>() };
    assert!(
        head.is_empty() && tail.is_empty(),
        "a tensor of f32 is aligned to 4 bytes"
    );
    floats
}

/// Bytes as 32-bit words, for writing.
///
/// # Panics
/// As [`as_f32`].
pub(crate) fn as_u32_mut(bytes: &mut [u8]) -> &mut [u32] {
    // SAFETY: every bit pattern is a u32.
    let (head, words, tail) = unsafe { bytes.align_to_mut::<u32>() };
    assert!(
        head.is_empty() && tail.is_empty(),
        "a tensor of words is aligned to 4 bytes"
    );
    words
}

/// Bytes as 32-bit floats, for writing.
///
/// # Panics
/// As [`as_f32`].
pub(crate) fn as_f32_mut(bytes: &mut [u8]) -> &mut [f32] {
    // SAFETY: every bit pattern is an f32.
    let (head, floats, tail) = unsafe { bytes.align_to_mut::<f32>() };
    assert!(
        head.is_empty() && tail.is_empty(),
        "a tensor of f32 is aligned to 4 bytes"
    );
    floats
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arena(
        weights: usize,
        constants: usize,
        slot: usize,
        slots: usize,
    ) -> Result<Arena, LoadError> {
        let sizes = Sizes {
            weights,
            constants,
            slot,
        };
        Arena::new(sizes, slots, Weights::Owned)
    }

    #[test]
    fn slots_are_given_once_and_do_not_overlap() {
        let arena = arena(700, 300, 300, 2).expect("small");
        assert_eq!(arena.bytes(), 768 + 512 + 2 * 512);
        let (a, b) = (arena.claim().expect("free"), arena.claim().expect("free"));
        assert_eq!(arena.claim(), None);
        assert_eq!(
            arena.slot_base(b) as usize - arena.slot_base(a) as usize,
            512
        );
        assert_eq!(arena.slot_base(a) as usize % TENSOR_ALIGN_BYTES, 0);
        arena.release(a);
        assert_eq!(arena.claim(), Some(a));
        assert_eq!(arena.claim(), None);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(arena(usize::MAX, 0, 1, 1).is_err());
        assert!(arena(1, usize::MAX, 1, 1).is_err());
        assert!(arena(1, 1, usize::MAX / 2, 3).is_err());
        assert!(arena(1, 1, 1, usize::MAX).is_err());
        assert!(arena(0, 0, 0, 0).is_ok());
    }

    #[test]
    fn mapped_weights_stay_in_their_file() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        std::io::Write::write_all(&mut file, &[7; 1000]).expect("written");
        let file = Arc::new(MappedFile::new(&file).expect("mapped"));
        let sizes = Sizes {
            weights: 600,
            constants: 8,
            slot: 4,
        };
        let mapped = |start| {
            let file = Arc::clone(&file);
            Weights::Mapped { file, start }
        };
        let mut arena = Arena::new(sizes, 1, mapped(400)).expect("small");
        assert_eq!(arena.bytes(), 512, "no room for the weights");
        assert!(arena.model_mut().0.is_empty());
        // SAFETY: the file has bytes from 400 to 1000.
        assert_eq!(unsafe { *arena.weights_base().add(599) }, 7);
        assert!(Arena::new(sizes, 1, mapped(401)).is_err());
    }
}
