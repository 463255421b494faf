//! One region of memory, sized before the first token and never resized.
//!
//! The region starts with the model's part (weights and constants, written while loading
//! and only read afterwards), followed by one equal slot a session (state, logits,
//! scratch). A session owns its slot, so slots are written without locks.
#![allow(
    unsafe_code,
    reason = "the arena is the room where raw memory becomes slices"
)]

use crate::LoadError;
use atome_spec::TENSOR_ALIGN_BYTES;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

/// The region and which of its slots are taken.
pub(crate) struct Arena {
    base: NonNull<u8>,
    layout: Layout,
    model_bytes: usize,
    slot_bytes: usize,
    slots: Box<[Slot]>,
}

#[derive(Default)]
struct Slot {
    taken: AtomicBool,
    /// Whether somebody ever had it; until then its bytes are zero.
    used: AtomicBool,
}

// SAFETY: the region is owned by this value alone and freed once, by `drop`. After loading,
// the model's part is only read. A slot is reached only through its `Slot`, and
// `claim` gives out each slot to one owner at a time.
unsafe impl Send for Arena {}
// SAFETY: as for `Send`; the claims themselves are atomic.
unsafe impl Sync for Arena {}

impl Arena {
    /// Allocates zeroed memory for `model_bytes` and `slots` times `slot_bytes`, both
    /// rounded up to the tensor alignment.
    ///
    /// # Errors
    /// If the size overflows or the system has no memory.
    pub(crate) fn new(
        model_bytes: usize,
        slot_bytes: usize,
        slots: usize,
    ) -> Result<Arena, LoadError> {
        let round = |n: usize| n.checked_next_multiple_of(TENSOR_ALIGN_BYTES);
        let sizes = round(model_bytes).zip(round(slot_bytes));
        let total = sizes.and_then(|(m, s)| s.checked_mul(slots)?.checked_add(m));
        let too_large = || LoadError::ArenaMemory {
            bytes: total.unwrap_or(usize::MAX) as u64,
        };
        let (model_bytes, slot_bytes) = sizes.ok_or_else(too_large)?;
        // An empty region still needs an address.
        let bytes = total.ok_or_else(too_large)?.max(TENSOR_ALIGN_BYTES);
        let layout = Layout::from_size_align(bytes, TENSOR_ALIGN_BYTES).map_err(|_| too_large())?;
        // SAFETY: `layout` has a size above 0.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(too_large)?;
        let slots = (0..slots).map(|_| Slot::default()).collect();
        Ok(Arena {
            base,
            layout,
            model_bytes,
            slot_bytes,
            slots,
        })
    }

    /// Bytes of the whole region.
    pub(crate) fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// Number of session slots.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The model's part, for loading.
    pub(crate) fn model_mut(&mut self) -> &mut [u8] {
        // SAFETY: the region is at least `model_bytes` long, initialised (zeroed), and
        // `&mut self` proves that no session reads it.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.model_bytes) }
    }

    /// Start of the model's part.
    pub(crate) fn model_base(&self) -> *const u8 {
        self.base.as_ptr()
    }

    /// Takes a free slot and says whether its bytes are still zero; otherwise they are what
    /// its last owner left.
    pub(crate) fn claim(&self) -> Option<(usize, bool)> {
        let free = |slot: &Slot| !slot.taken.swap(true, Ordering::Acquire);
        let number = self.slots.iter().position(free)?;
        let fresh = !self.slots[number].used.swap(true, Ordering::Relaxed);
        Some((number, fresh))
    }

    /// Gives a claimed slot back.
    pub(crate) fn release(&self, slot: usize) {
        self.slots[slot].taken.store(false, Ordering::Release);
    }

    /// Start of a slot.
    pub(crate) fn slot_base(&self, slot: usize) -> *mut u8 {
        assert!(
            slot < self.slots.len(),
            "slot {slot} of {}",
            self.slots.len()
        );
        // SAFETY: `new` allocated the model's part and `slots` slots, so the offset of an
        // existing slot is inside the region.
        unsafe {
            self.base
                .as_ptr()
                .add(self.model_bytes + slot * self.slot_bytes)
        }
    }

    /// Bytes `range` of a slot.
    ///
    /// # Safety
    /// The caller owns the claimed slot and nothing writes these bytes while the slice lives.
    pub(crate) unsafe fn slot_bytes(&self, slot: usize, range: Range<usize>) -> &[u8] {
        assert!(
            range.start <= range.end && range.end <= self.slot_bytes,
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
            range.start <= range.end && range.end <= self.slot_bytes,
            "outside the slot"
        );
        // SAFETY: the assertion keeps the range inside the slot, which is initialised; the
        // caller rules out other accesses.
        unsafe {
            std::slice::from_raw_parts_mut(self.slot_base(slot).add(range.start), range.len())
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout, and freed only here.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
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

    #[test]
    fn slots_are_given_once_and_do_not_overlap() {
        let arena = Arena::new(1000, 300, 2).expect("small");
        assert_eq!(arena.bytes(), 1024 + 2 * 512);
        let ((a, fresh), (b, _)) = (arena.claim().expect("free"), arena.claim().expect("free"));
        assert!(fresh);
        assert_eq!(arena.claim(), None);
        assert_eq!(
            arena.slot_base(b) as usize - arena.slot_base(a) as usize,
            512
        );
        assert_eq!(arena.slot_base(a) as usize % TENSOR_ALIGN_BYTES, 0);
        arena.release(a);
        assert_eq!(arena.claim(), Some((a, false)));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(Arena::new(usize::MAX, 1, 1).is_err());
        assert!(Arena::new(1, usize::MAX / 2, 3).is_err());
        assert!(Arena::new(0, 0, 0).is_ok());
    }
}
