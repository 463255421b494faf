//! What a training needs of the machine's memory, and what the machine has.

use crate::gradient::shard_sequences;
use crate::{Settings, TrainError};

/// The command and its libraries, text that is read, samples.
const FIXED: u128 = 24 << 20;
/// A thread's stack and the scratch of its matrix products.
const THREAD: u128 = 8 << 20;
/// Address space that glibc sets aside for a thread's allocations, whatever they take.
const THREAD_HEAP: u128 = 64 << 20;
/// What is left for buffers that are not counted and for the allocator, as a share.
const SLACK: u128 = 8;

/// Bytes that a training takes when it takes most, about: an upper bound.
fn needed(settings: &Settings, head: usize, threads: usize) -> u128 {
    let wide = |n: usize| n as u128;
    let shards = settings.batch.div_ceil(shard_sequences(settings));
    let threads = wide(threads.clamp(1, shards));
    // Latent weights and two moments; their trits or their updates; and gradients: the sum and
    // each thread's. Saving takes less.
    let parameters = settings.parameters(head) * (3 + 2 + 1 + threads);
    let (d, d_head) = (wide(settings.d_model), wide(settings.d_head));
    let projected = 2 * d_head + d + 3;
    // What each block keeps for the way back, and what is in use in one of them.
    let kept = 4 * d + projected + 2 * wide(settings.top_k);
    let used = 6 * d + 2 * projected + wide(settings.sequence) + 3 * wide(head);
    let positions = wide(settings.sequence * shard_sequences(settings));
    let activations = threads * positions * (wide(settings.n_layers) * kept + used);
    let bytes = 4 * (parameters + activations) + FIXED + THREAD * threads;
    bytes + bytes / SLACK
}

/// Makes sure that a training fits.
pub(crate) fn check(settings: &Settings, head: usize, threads: usize) -> Result<(), TrainError> {
    let needed = needed(settings, head, threads);
    let there = available().map(u128::from);
    if there.is_some_and(|there| there < needed) {
        return Err(TrainError::Memory { needed, there });
    }
    // Set aside is more than taken: where address space is short, a heap of a thread would leave
    // too little for the others.
    let needed = needed + THREAD_HEAP * threads as u128;
    match can_be_reserved(needed) {
        true => Ok(()),
        false => Err(TrainError::Memory { needed, there }),
    }
}

/// Whether the system would give so much, which depends on the process's limits too. Nothing of
/// it is touched.
fn can_be_reserved(bytes: u128) -> bool {
    let mut room = Vec::<u8>::new();
    let reserved = usize::try_from(bytes).is_ok_and(|n| room.try_reserve_exact(n).is_ok());
    // Seen by somebody, or the compiler leaves the reservation away.
    std::hint::black_box(&room);
    reserved
}

/// Lets the allocator keep what is freed: a shard frees as much as the next one takes, and of a
/// small training a third was spent on pages that came and went.
pub(crate) fn keep_freed() {
    // glibc gives back to the system what exceeds a threshold, which is twice the largest block
    // of up to 32 MB that was freed (mallopt(3)). Where this block is none, nothing changes.
    let mut block = Vec::<u8>::new();
    let _ = block.try_reserve_exact((32 << 20) - (1 << 16));
    std::hint::black_box(&block);
}

/// Bytes of memory that nobody uses, as far as the system says; within a container, at most what
/// it was given.
fn available() -> Option<u64> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let system = free_in(&read("/proc/meminfo"));
    let container = read("/sys/fs/cgroup/memory.max").trim().parse().ok();
    system.into_iter().chain(container).min()
}

/// Free memory and swap space, from the text of `/proc/meminfo`.
fn free_in(meminfo: &str) -> Option<u64> {
    let kilobytes = |key: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let free = kilobytes("MemAvailable:")? + kilobytes("SwapFree:").unwrap_or(0);
    free.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::VOCAB;

    #[test]
    fn free_memory_is_read() {
        let text = "MemTotal:  16 kB\nMemAvailable:   8 kB\nSwapFree:  3 kB\n";
        assert_eq!(free_in(text), Some(11 * 1024));
        assert_eq!(free_in("MemAvailable:   8 kB\n"), Some(8 * 1024));
        assert_eq!(free_in(""), None);
        assert_eq!(free_in("MemAvailable: x kB\n"), None);
    }

    #[test]
    fn what_never_fits_is_refused() {
        let default = Settings::default();
        check(&default, VOCAB, 2).expect("a small model fits");
        let wide = Settings {
            d_model: 1 << 16,
            d_head: 1 << 16,
            n_layers: 1000,
            ..default
        };
        let error = check(&wide, VOCAB, 1).expect_err("terabytes").to_string();
        assert!(error.contains("GB"), "{error}");
    }
}
