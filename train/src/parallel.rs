//! Work shared among threads, with results that do not depend on how many there are.

/// `f` of every item, in the items' order, on up to `threads` threads.
///
/// # Errors
/// The first failure in the items' order.
pub(crate) fn in_parallel<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    f: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let threads = threads.clamp(1, items.len().max(1));
    if threads == 1 {
        return items.iter().map(f).collect();
    }
    let mut results: Vec<Option<Result<R, E>>> = items.iter().map(|_| None).collect();
    let share = items.len().div_ceil(threads);
    std::thread::scope(|scope| {
        for (items, results) in items.chunks(share).zip(results.chunks_mut(share)) {
            scope.spawn(|| {
                for (item, result) in items.iter().zip(results) {
                    *result = Some(f(item));
                }
            });
        }
    });
    results.into_iter().flatten().collect()
}
