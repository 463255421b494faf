//! Work that all threads of the machine share.

use crate::progress::Progress;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{panic, thread};

/// Counts what all threads have done, and tells.
pub(crate) struct Counter<'p> {
    state: Mutex<(usize, Progress<'p>)>,
    total: usize,
}

impl<'p> Counter<'p> {
    pub(crate) fn new(total: usize, progress: Progress<'p>) -> Counter<'p> {
        let state = Mutex::new((0, progress));
        Counter { state, total }
    }

    pub(crate) fn add(&self, n: usize) {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        state.0 += n;
        let done = state.0;
        (state.1)(done, self.total);
    }
}

/// The results of `work` on each job, in the order of the jobs, which are begun in this order too.
pub(crate) fn map<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(number) else {
                return done;
            };
            done.push((number, work(job)));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(jobs.len());
    let mut done = thread::scope(|scope| {
        // Where the system starts no more threads, those there are do the work.
        let start = |_| thread::Builder::new().spawn_scoped(scope, take).ok();
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        let mut done = take();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(cause) => panic::resume_unwind(cause),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_jobs() {
        for n in [0usize, 1, 2, 100] {
            let jobs: Vec<usize> = (0..n).collect();
            let squares: Vec<usize> = jobs.iter().map(|n| n * n).collect();
            assert_eq!(map(&jobs, |n| n * n), squares);
        }
    }
}
