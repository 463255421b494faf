//! One region of memory, sized before the first token and never resized.
//!
//! The region starts with the model's weights and constants (written while loading and only read afterwards). Then come
//! scratches, one for each session that runs at the same time, and one equal slot a session (state and logits). A session
//! owns its slot, and whoever runs owns a scratch until the run ends, so both are written without locks; they cost memory
//! once they are used. Where a file already holds weights as the kernels read them, they stay in it.
//!
//! | file | concept |
//! |---|---|
//! | `slot` | a session's slot |
//! | `slots` | which slots are taken |
//! | `scratch` | the scratches, and who has them |
//! | `elems` | bytes as numbers |
#![allow(
    unsafe_code,
    reason = "the arena is the room where raw memory becomes slices"
)]

mod elems;
mod scratch;
mod slot;
mod slots;

#[cfg(feature = "embed")]
pub(crate) use elems::bytes_of_words;
pub(crate) use elems::{as_f32, as_f32_mut, as_u32_mut, words};
pub(crate) use scratch::Scratch;
pub(crate) use slot::Slot;

use crate::PrepareError;
use crate::cores;
use crate::plan::Size;
use crate::region::Region;
use atome_spec::TENSOR_ALIGN_BYTES;
use scratch::Scratches;
use slots::Slots;
use std::ops::Range;

/// The region and which of its slots and scratches are taken.
pub(crate) struct Arena {
    region: Region,
    sizes: Sizes,
    slots: Slots,
    scratches: Scratches,
}

/// Bytes of the arena's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Packed weights, but for those that stay in a file.
    pub weights: usize,
    /// Parameters that the kernels read as they are.
    pub constants: usize,
    /// What a block of tokens works in.
    pub scratch: usize,
    /// A session's state and logits.
    pub slot: usize,
}

impl Sizes {
    /// Bytes of the region before the scratches.
    fn model(&self) -> Size {
        Size::from(self.weights).aligned(TENSOR_ALIGN_BYTES)
            + Size::from(self.constants).aligned(TENSOR_ALIGN_BYTES)
    }
}

impl Arena {
    /// Takes zeroed memory for the parts, each rounded up to the tensor alignment, for `sessions` slots and for as many
    /// scratches as there are cores, or sessions, but one at least. A page is resident once it is written; where `huge_pages` is set, the
    /// system is asked to make pages of the model's part and of the scratches large.
    ///
    /// # Errors
    /// If the size cannot be addressed or the system has no memory.
    pub(crate) fn new(
        sizes: Sizes,
        sessions: usize,
        huge_pages: bool,
    ) -> Result<Arena, PrepareError> {
        let scratches = sessions.clamp(1, cores::available());
        let before =
            sizes.model() + Size::from(sizes.scratch).aligned(TENSOR_ALIGN_BYTES) * scratches;
        let total = before + Size::from(sizes.slot).aligned(TENSOR_ALIGN_BYTES) * sessions;
        let no_memory = || PrepareError::ArenaMemory { bytes: total.get() };
        let region = total.addressable().and_then(Region::new);
        let region = region.ok_or_else(no_memory)?;
        if let Some(bytes) = before.addressable().filter(|_| huge_pages) {
            region.ask_for_huge_pages(bytes);
        }
        Ok(Arena {
            region,
            sizes,
            slots: Slots::new(sessions).ok_or_else(no_memory)?,
            scratches: Scratches::new(scratches).ok_or_else(no_memory)?,
        })
    }

    /// Bytes of the whole region; a mapped file is not part of it.
    pub(crate) fn bytes(&self) -> usize {
        self.region.bytes()
    }

    /// Number of session slots.
    pub(crate) fn slots(&self) -> usize {
        self.slots.count()
    }

    /// Number of scratches.
    pub(crate) fn scratches(&self) -> usize {
        self.scratches.count()
    }

    /// The weights and the constants: for loading.
    pub(crate) fn model_mut(&mut self) -> (&mut [u8], &mut [u8]) {
        let (weights, bytes) = (self.sizes.weights, self.model_bytes());
        // SAFETY: the region is at least as long as its two first parts, initialised (zeroed),
        // and `&mut self` proves that no session reads it.
        let model = unsafe { std::slice::from_raw_parts_mut(self.region.base(), bytes) };
        let (first, constants) = model.split_at_mut(round(weights));
        (&mut first[..weights], constants)
    }

    /// The weights and the constants.
    pub(crate) fn model(&self) -> (&[u8], &[u8]) {
        let (weights, bytes) = (self.sizes.weights, self.model_bytes());
        // SAFETY: as above; after loading nobody writes them.
        let model = unsafe { std::slice::from_raw_parts(self.region.base(), bytes) };
        let (first, constants) = model.split_at(round(weights));
        (&first[..weights], constants)
    }

    /// Start of the weights.
    pub(crate) fn weights_base(&self) -> *const u8 {
        self.region.base()
    }

    /// Start of the constants.
    pub(crate) fn constants_base(&self) -> *const u8 {
        self.region.base().wrapping_add(round(self.sizes.weights))
    }

    /// Bytes of the region before the scratches.
    fn model_bytes(&self) -> usize {
        round(self.sizes.weights) + round(self.sizes.constants)
    }
}

/// Checks that a range lies within so many bytes.
///
/// # Panics
/// If it does not.
fn check(range: &Range<usize>, bytes: usize) {
    assert!(
        range.start <= range.end && range.end <= bytes,
        "{range:?} of {bytes} bytes"
    );
}

/// The next multiple of the tensor alignment. `new` has checked that there is one.
fn round(bytes: usize) -> usize {
    bytes.next_multiple_of(TENSOR_ALIGN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn arena(
        weights: usize,
        constants: usize,
        slot: usize,
        sessions: usize,
    ) -> Result<Arena, PrepareError> {
        let sizes = Sizes {
            weights,
            constants,
            scratch: 100,
            slot,
        };
        Arena::new(sizes, sessions, true)
    }

    #[test]
    fn parts_are_rounded_up() {
        let arena = arena(700, 300, 300, 2).expect("small");
        let scratches = 256 * cores::available().min(2);
        assert_eq!(arena.bytes(), 768 + 512 + scratches + 2 * 512);
    }

    #[test]
    fn there_is_a_scratch_without_a_slot() {
        let arena = arena(0, 0, 0, 0).expect("small");
        assert!(arena.claim().is_none());
        assert!(arena.scratch().is_ok());
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(arena(usize::MAX, 0, 1, 1).is_err());
        assert!(arena(1, usize::MAX, 1, 1).is_err());
        assert!(arena(1, 1, usize::MAX / 2, 3).is_err());
        assert!(arena(1, 1, 1, usize::MAX).is_err());
        assert!(arena(0, 0, 0, 0).is_ok());
    }
}
