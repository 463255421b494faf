//! A region of zeroed memory whose pages become resident when they are first written.
#![allow(unsafe_code, reason = "the heap gives memory as a raw pointer")]

use std::ptr::NonNull;

/// Bytes that are zero until they are written, aligned to [`Region::ALIGN`]; freed when it is dropped.
pub(crate) struct Region {
    base: NonNull<u8>,
    bytes: usize,
    // Owns the memory.
    memory: Memory,
}

// SAFETY: a region owns its memory, as a `Vec` does; whoever makes slices of it vouches for them.
unsafe impl Send for Region {}
// SAFETY: as for `Send`; nothing here reads or writes the memory.
unsafe impl Sync for Region {}

impl Region {
    /// Alignment of the region's start.
    pub(crate) const ALIGN: usize = atome_spec::TENSOR_ALIGN_BYTES;

    /// A region of so many bytes; `None` if there is no memory for them.
    pub(crate) fn new(bytes: usize) -> Option<Region> {
        // An empty region still needs an address.
        let bytes = bytes.max(Region::ALIGN);
        isize::try_from(bytes).ok()?;
        let mut memory = Memory::new(bytes)?;
        let base = memory.base();
        assert!(
            base.as_ptr().addr().is_multiple_of(Region::ALIGN),
            "aligned"
        );
        Some(Region {
            base,
            bytes,
            memory,
        })
    }

    /// Number of bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Asks the system for large pages for the first `bytes` bytes; it need not have any.
    pub(crate) fn ask_for_huge_pages(&self, bytes: usize) {
        self.memory.ask_for_huge_pages(bytes.min(self.bytes));
    }

    /// The first byte; all of them may be read and written through it.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

#[cfg(all(feature = "mmap", any(unix, windows), not(miri)))]
use mapped::Memory;

#[cfg(not(all(feature = "mmap", any(unix, windows), not(miri))))]
use heap::Memory;

#[cfg(all(feature = "mmap", any(unix, windows), not(miri)))]
mod mapped {
    use memmap2::MmapMut;
    use std::ptr::NonNull;

    /// Pages of the system, which gives them zeroed when they are touched.
    pub(super) struct Memory(MmapMut);

    impl Memory {
        pub(super) fn new(bytes: usize) -> Option<Memory> {
            MmapMut::map_anon(bytes).ok().map(Memory)
        }

        pub(super) fn base(&mut self) -> NonNull<u8> {
            NonNull::from(&mut *self.0).cast()
        }

        pub(super) fn ask_for_huge_pages(&self, bytes: usize) {
            // A system that refuses gives small ones, which do as well.
            #[cfg(target_os = "linux")]
            let _ = self.0.advise_range(memmap2::Advice::HugePage, 0, bytes);
            #[cfg(not(target_os = "linux"))]
            let _ = bytes;
        }
    }
}

/// For systems without pages of their own kind, and builds without the feature `mmap`. Allocators give zeroed memory without touching it only at their own
/// alignment, so a little more is asked for.
#[cfg(any(test, not(all(feature = "mmap", any(unix, windows), not(miri)))))]
#[cfg_attr(
    all(feature = "mmap", any(unix, windows), not(miri)),
    allow(dead_code, reason = "tested, though this system has pages")
)]
mod heap {
    use super::Region;
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    pub(super) struct Memory {
        start: NonNull<u8>,
        layout: Layout,
    }

    impl Memory {
        pub(super) fn new(bytes: usize) -> Option<Memory> {
            let room = bytes.checked_add(Region::ALIGN)?;
            let layout = Layout::from_size_align(room, align_of::<u128>()).ok()?;
            // SAFETY: the layout has a size above 0.
            let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
            Some(Memory { start, layout })
        }

        pub(super) fn base(&mut self) -> NonNull<u8> {
            let skip = self.start.as_ptr().align_offset(Region::ALIGN);
            assert!(skip < Region::ALIGN, "there is a multiple of the alignment");
            // SAFETY: as many bytes as the alignment were asked for beyond the region's.
            unsafe { self.start.add(skip) }
        }

        /// What pages the memory is made of is up to the allocator.
        pub(super) fn ask_for_huge_pages(&self, _bytes: usize) {}
    }

    impl Drop for Memory {
        fn drop(&mut self) {
            // SAFETY: allocated by `new` with this layout, and freed only here.
            unsafe { dealloc(self.start.as_ptr(), self.layout) }
        }
    }

    #[cfg(test)]
    #[test]
    fn the_heap_gives_aligned_zeros() {
        for bytes in [1, 255, 4096, 1 << 20] {
            let mut memory = Memory::new(bytes).expect("small");
            let base = memory.base();
            assert_eq!(base.as_ptr().addr() % Region::ALIGN, 0);
            // SAFETY: `base` starts `bytes` bytes, which nobody else uses.
            let region = unsafe { std::slice::from_raw_parts_mut(base.as_ptr(), bytes) };
            assert!(region.iter().all(|byte| *byte == 0));
            region.fill(1);
        }
        assert!(Memory::new(usize::MAX).is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(Region::new(usize::MAX).is_none());
        assert!(Region::new(isize::MAX.cast_unsigned()).is_none());
        assert_eq!(Region::new(0).expect("small").bytes(), Region::ALIGN);
    }
}
