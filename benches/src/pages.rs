//! Memory on pages of a size, and which pages the system has given.
#![allow(unsafe_code, reason = "pages are bytes, and weights are words")]

use memmap2::MmapMut;
use std::fs;

/// Sizes of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// The usual ones.
    Small,
    /// Of 2 MB, which the system is asked for and may not have.
    Huge,
}

impl Pages {
    /// Both.
    pub(crate) const ALL: [Pages; 2] = [Pages::Small, Pages::Huge];

    /// The name in records.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Pages::Small => "4K",
            Pages::Huge => "2M",
        }
    }

    /// Those of most of so many bytes that `make` asked the system for and touched.
    pub(crate) fn of<T>(bytes: usize, make: impl FnOnce() -> T) -> (T, Pages) {
        let before = huge_bytes();
        let made = make();
        let after = huge_bytes();
        match after.saturating_sub(before) > bytes / 2 {
            true => (made, Pages::Huge),
            false => (made, Pages::Small),
        }
    }

    /// Whether somebody who asks for them gets them: Linux says when.
    pub(crate) fn are_given(self) -> bool {
        const SETTING: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
        let never = || match fs::read_to_string(SETTING) {
            Ok(setting) => setting.contains("[never]"),
            Err(_) => true,
        };
        self == Pages::Small || !never()
    }
}

/// Bytes of this program's memory that lie on huge pages; 0 where the system does not say.
fn huge_bytes() -> usize {
    let text = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let of = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let is_huge = ["AnonHugePages", "ShmemPmdMapped", "FilePmdMapped"].contains(&name);
        let kilobytes = rest.trim().strip_suffix("kB")?.trim();
        is_huge.then(|| kilobytes.parse::<usize>().ok())?
    };
    1024 * text.lines().filter_map(of).sum::<usize>()
}

/// Zeroed memory on pages of one size, all of them touched.
pub(crate) struct Buffer {
    memory: MmapMut,
    pages: Pages,
}

impl Buffer {
    /// So many bytes, at least one, on these pages, or on the usual ones where the system has no others.
    ///
    /// # Panics
    /// If there is no memory for them.
    pub(crate) fn new(bytes: usize, pages: Pages) -> Buffer {
        let (memory, pages) = Pages::of(bytes, || {
            let mut memory = MmapMut::map_anon(bytes).expect("memory for what is timed");
            #[cfg(target_os = "linux")]
            {
                use memmap2::Advice;
                let advice = match pages {
                    Pages::Small => Advice::NoHugePage,
                    Pages::Huge => Advice::HugePage,
                };
                // Where it is refused, the pages are what they are.
                let _ = memory.advise(advice);
            }
            memory.fill(1);
            memory.fill(0);
            memory
        });
        Buffer { memory, pages }
    }

    /// The pages that the system gave.
    pub(crate) fn pages(&self) -> Pages {
        self.pages
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory
    }

    /// Its bytes, four a word; what is left over belongs to no word.
    pub(crate) fn words(&self) -> &[u32] {
        let count = self.memory.len() / 4;
        // SAFETY: pages are aligned for words, of which so many lie in the memory; any bytes are words.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast(), count) }
    }

    /// The same, to be written.
    pub(crate) fn words_mut(&mut self) -> &mut [u32] {
        let count = self.memory.len() / 4;
        // SAFETY: as for `words`, and the memory is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_mut_ptr().cast(), count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pages_are_small_and_huge_ones_are_told() {
        let mut small = Buffer::new(16 << 20, Pages::Small);
        assert_eq!(small.pages(), Pages::Small);
        small.words_mut()[1] = 0x0403_0201;
        assert_eq!(small.bytes()[4..8], 0x0403_0201_u32.to_ne_bytes());
        assert_eq!(small.words()[..2], [0, 0x0403_0201]);
        if !Pages::Huge.are_given() {
            println!("skipped: this system has no huge pages for those who ask");
            return;
        }
        // The system may have none left, and then says so.
        let huge = Buffer::new(16 << 20, Pages::Huge);
        println!("asked for 2M, given {}", huge.pages().name());
    }
}
