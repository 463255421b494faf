//! How many threads this program can use, and how many a large model is worth.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::thread::available_parallelism;

/// Threads that can run at once: those of the machine, but for what this program's affinity
/// and its share of the machine leave out.
pub(crate) fn available() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// Cores this program may use, threads of one core counted once where the system tells.
pub(crate) fn physical() -> usize {
    let threads = available();
    siblings().map_or(threads, |cores| cores.clamp(1, threads))
}

/// Groups of threads that share a core; `None` where the system does not tell.
fn siblings() -> Option<usize> {
    let cpus = std::fs::read_dir("/sys/devices/system/cpu").ok()?;
    let groups: BTreeSet<String> = cpus
        .filter_map(|entry| {
            let list = entry.ok()?.path().join("topology/thread_siblings_list");
            std::fs::read_to_string(list).ok()
        })
        .collect();
    (!groups.is_empty()).then_some(groups.len())
}
