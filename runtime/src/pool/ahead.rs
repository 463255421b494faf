//! What the job after this one will read. A thread that waits for it fetches the beginning of its part into its own cache,
//! so that memory is read while another thread does what is not shared.
//!
//! A step is the same jobs again and again, so what came after a job the last time comes after it now.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Most that a thread fetches: half of a second cache, or a quarter.
const MAX_BYTES: usize = 256 << 10;
/// Bytes asked for before the thread pauses, and looks whether the job has come: a CPU forgets what it is asked for faster than memory
/// answers.
const AT_ONCE: usize = 512;
const CACHE_LINE: usize = 64;
/// Jobs that are remembered.
const JOBS: usize = 1 << 10;

/// What the blocks of a job read, one behind the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Address of the first block.
    pub(crate) address: usize,
    /// Distance between blocks.
    pub(crate) block_bytes: usize,
    /// How many.
    pub(crate) blocks: usize,
}

/// The jobs that came, each with the one after it.
pub(super) struct Jobs {
    after: Box<[(Reads, Reads)]>,
    last: Reads,
}

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs {
            after: vec![(Reads::default(), Reads::default()); JOBS].into(),
            last: Reads::default(),
        }
    }
}

impl Jobs {
    /// Notes a job; gives the one that came after it the last time.
    pub(super) fn come(&mut self, job: Reads) -> Option<Reads> {
        let last = std::mem::replace(&mut self.last, job);
        self.after[place(last)] = (last, job);
        let (known, next) = self.after[place(job)];
        (known == job).then_some(next)
    }
}

/// Addresses of tensors differ in their middle bits.
fn place(job: Reads) -> usize {
    (job.address / CACHE_LINE).wrapping_mul(0x9e37_79b9) >> 8 & (JOBS - 1)
}

/// What the next job will read, for threads that wait for it.
#[derive(Default)]
pub(super) struct Ahead {
    address: AtomicUsize,
    block_bytes: AtomicUsize,
    blocks: AtomicUsize,
}

impl Ahead {
    pub(super) fn set(&self, job: Option<Reads>) {
        let job = job.unwrap_or_default();
        self.address.store(job.address, Ordering::Relaxed);
        self.block_bytes.store(job.block_bytes, Ordering::Relaxed);
        self.blocks.store(job.blocks, Ordering::Relaxed);
    }

    /// Fetches what part `number` of `parts` begins with, until `has_come`. The three numbers may be of two jobs: what is
    /// fetched is a guess.
    pub(super) fn fetch(&self, number: usize, parts: usize, has_come: impl Fn() -> bool) {
        let [address, block_bytes, blocks] = [&self.address, &self.block_bytes, &self.blocks]
            .map(|number| number.load(Ordering::Relaxed));
        let blocks = super::part(number, parts, blocks);
        let start = blocks.start.wrapping_mul(block_bytes);
        let bytes = blocks.len().saturating_mul(block_bytes).min(MAX_BYTES);
        for at in (0..bytes).step_by(AT_ONCE) {
            if has_come() {
                return;
            }
            for line in (at..bytes.min(at + AT_ONCE)).step_by(CACHE_LINE) {
                fetch(address.wrapping_add(start).wrapping_add(line));
            }
            std::hint::spin_loop();
        }
    }
}

/// Asks for the cache line at an address, whatever is there.
#[inline]
fn fetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: x86-64 has the instruction; a prefetch reads nothing that a program could see and faults at no address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(std::ptr::without_provenance(address));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "prfm pldl2keep, [{address}]",
            address = in(reg) address,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_after_a_job_comes_again() {
        let job = |n: usize| Reads {
            address: 0x7000_0000 + n * 4096,
            block_bytes: 4096,
            blocks: 1,
        };
        let mut jobs = Jobs::default();
        for n in 0..10 {
            assert_eq!(jobs.come(job(n)), None);
        }
        for n in 0..10 {
            let next = jobs.come(job(n));
            assert_eq!(next, Some(job((n + 1) % 10)));
        }
    }

    #[test]
    fn any_address_may_be_fetched() {
        let ahead = Ahead::default();
        for address in [0, 1, usize::MAX - 100, &raw const ahead as usize] {
            ahead.set(Some(Reads {
                address,
                block_bytes: usize::MAX / 2,
                blocks: 3,
            }));
            for part in 0..3 {
                ahead.fetch(part, 3, || false);
            }
            ahead.fetch(0, 3, || true);
        }
    }
}
