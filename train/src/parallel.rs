//! Work shared among threads, with results that do not depend on how many there are.

use std::thread::{Builder, scope};

/// `f` of every item, in the items' order, on up to `threads` threads. Where the system gives
/// no more threads, the calling one does their part.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    f: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.clamp(1, items.len().max(1));
    let share = items.len().div_ceil(threads).max(1);
    let part = |items: &[T]| -> Vec<R> { items.iter().map(&f).collect() };
    let mut parts = items.chunks(share);
    let ours = parts.next().unwrap_or_default();
    scope(|scope| {
        let theirs: Vec<_> = parts
            .map(|items| {
                let spawned = Builder::new().spawn_scoped(scope, move || part(items));
                (items, spawned)
            })
            .collect();
        let mut results = part(ours);
        for (items, spawned) in theirs {
            results.extend(match spawned.map(|thread| thread.join()) {
                Ok(Ok(results)) => results,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(_) => part(items),
            });
        }
        results
    })
}
