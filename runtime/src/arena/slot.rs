//! A session's slot: of the arena, or in memory that somebody gave.

use super::{Arena, check, round};
use atome_spec::TENSOR_ALIGN_BYTES;
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;

/// A slot that nobody else has, until it is given back. It is zero, or what its last owner left.
pub(crate) struct Slot {
    base: NonNull<u8>,
    /// None of a slot that was given back.
    bytes: usize,
    /// Its number, if it is of the arena.
    number: Option<usize>,
}

// SAFETY: whoever has a slot has its memory alone, as with a `Box`.
unsafe impl Send for Slot {}
// SAFETY: a shared slot is only read.
unsafe impl Sync for Slot {}

impl Arena {
    /// Takes a free slot.
    pub(crate) fn claim(&self) -> Option<Slot> {
        let number = self.slots.claim()?;
        let scratches = self.scratches() * round(self.sizes.scratch);
        let offset = self.model_bytes() + scratches + number * round(self.sizes.slot);
        // SAFETY: the region has the model's part, the scratches and as many slots, so the offset of one that there is lies
        // inside it.
        let base = unsafe { self.region.base().add(offset) };
        Some(Slot {
            base: NonNull::new(base)?,
            bytes: self.sizes.slot,
            number: Some(number),
        })
    }

    /// Bytes of memory in which there is room for a slot, wherever they start.
    pub(crate) fn slot_room(&self) -> usize {
        self.sizes.slot.saturating_add(TENSOR_ALIGN_BYTES - 1)
    }

    /// A slot in memory that has room for it; it is what is found there.
    pub(crate) fn slot_in(&self, memory: &'static mut [u8]) -> Option<Slot> {
        let skip = memory.as_ptr().align_offset(TENSOR_ALIGN_BYTES);
        let slot = memory.get_mut(skip..)?.get_mut(..self.sizes.slot)?;
        Some(Slot {
            bytes: slot.len(),
            base: NonNull::from(slot).cast(),
            number: None,
        })
    }

    /// Takes a slot back; it has no bytes any more.
    pub(crate) fn release(&self, slot: &mut Slot) {
        slot.bytes = 0;
        if let Some(number) = slot.number.take() {
            self.slots.release(number);
        }
    }
}

impl Slot {
    /// Start of the slot.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Bytes `range` of it.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        check(&range, self.bytes);
        // SAFETY: the range is inside the slot, which is initialised; `&self` keeps its owner from writing.
        unsafe { std::slice::from_raw_parts(self.base().add(range.start), range.len()) }
    }

    /// Bytes `range` of it, for writing.
    pub(crate) fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        check(&range, self.bytes);
        // SAFETY: the range is inside the slot, which is initialised; `&mut self` keeps everyone else away.
        unsafe { std::slice::from_raw_parts_mut(self.base().add(range.start), range.len()) }
    }
}

/// Its number, or that it was given.
impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => number.fmt(f),
            None => f.write_str("given"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arena;
    use super::*;

    #[test]
    fn slots_are_given_once_and_do_not_overlap() {
        let arena = arena(700, 300, 300, 2).expect("small");
        let (mut a, b) = (arena.claim().expect("free"), arena.claim().expect("free"));
        assert!(arena.claim().is_none());
        assert_eq!(b.base().addr() - a.base().addr(), 512);
        assert_eq!(a.base().addr() % TENSOR_ALIGN_BYTES, 0);
        let base = a.base();
        arena.release(&mut a);
        assert_eq!(arena.claim().expect("free").base(), base);
        assert!(arena.claim().is_none());
    }

    #[test]
    fn a_slot_fits_into_given_memory_wherever_it_starts() {
        let arena = arena(0, 0, 300, 1).expect("small");
        let room = arena.slot_room();
        for start in 0..TENSOR_ALIGN_BYTES {
            let memory = Box::leak(vec![7; start + room].into_boxed_slice());
            let memory = &mut memory[start..];
            let [first, end] = [memory.as_ptr().addr(), memory.as_ptr().addr() + room];
            let mut slot = arena.slot_in(memory).expect("room");
            assert_eq!(slot.base().addr() % TENSOR_ALIGN_BYTES, 0);
            assert!(slot.base().addr() >= first && slot.base().addr() + 300 <= end);
            slot.bytes_mut(0..300).fill(1);
            arena.release(&mut slot);
            assert!(slot.bytes(0..0).is_empty());
        }
        let short = Box::leak(vec![0; 299].into_boxed_slice());
        assert!(arena.slot_in(short).is_none());
        assert!(arena.slot_in(&mut []).is_none());
    }
}
