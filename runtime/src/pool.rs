//! A few threads that wait for work without allocating: they spin briefly, then park.
#![allow(
    unsafe_code,
    reason = "a borrowed job crosses to threads that outlive the borrow"
)]

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Turns of the waiting loop before a thread parks: about 20 microseconds.
const SPINS: u32 = 4096;

/// What the threads run: the part's number and the number of parts.
type Job<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Threads that share the parts of one job at a time.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    /// Held while a job runs; also owns the handles, for waking and joining.
    workers: Mutex<Vec<JoinHandle<()>>>,
    parts: usize,
}

struct Shared {
    /// Number of the current job; a worker that sees a new number takes its part.
    turn: AtomicUsize,
    /// Workers that have not finished the current job.
    busy: AtomicUsize,
    stop: AtomicBool,
    job: UnsafeCell<Option<Job<'static>>>,
}

// SAFETY: `job` is written only by the thread that holds `Pool::workers`, while `busy` is 0,
// and read only by workers between the change of `turn` and their decrement of `busy`.
unsafe impl Sync for Shared {}
// SAFETY: as for `Sync`; the job itself is `Sync`.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of `threads` threads, the caller's included; at least one.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub(crate) fn new(threads: usize) -> std::io::Result<Pool> {
        let parts = threads.max(1);
        let shared = Arc::new(Shared {
            turn: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            job: UnsafeCell::new(None),
        });
        let mut pool = Pool {
            shared,
            workers: Mutex::new(Vec::new()),
            parts,
        };
        for part in 1..parts {
            let shared = Arc::clone(&pool.shared);
            let name = format!("atome-{part}");
            let worker = thread::Builder::new().name(name);
            let handle = worker.spawn(move || shared.work(part, parts))?;
            pool.workers
                .get_mut()
                .unwrap_or_else(|e| e.into_inner())
                .push(handle);
        }
        // A thread allocates while it starts; one empty job shows that all have.
        pool.run(&|_, _| {});
        Ok(pool)
    }

    /// Runs `job(part, parts)` for every part and returns when all are done. A pool that is
    /// busy with another caller's job leaves all parts to this caller.
    ///
    /// `job` must not panic: a worker that unwound would never report.
    pub(crate) fn run(&self, job: Job<'_>) {
        let workers = match self.workers.try_lock() {
            Ok(workers) if self.parts > 1 => workers,
            _ => return (0..self.parts).for_each(|part| job(part, self.parts)),
        };
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes; this function returns after every worker is done.
        let job_static = unsafe { std::mem::transmute::<Job<'_>, Job<'static>>(job) };
        // SAFETY: the lock is held and no worker is busy, so nobody else touches the cell.
        unsafe { *shared.job.get() = Some(job_static) };
        shared.busy.store(workers.len(), Ordering::Relaxed);
        shared.turn.fetch_add(1, Ordering::Release);
        for worker in workers.iter() {
            worker.thread().unpark();
        }
        job(0, self.parts);
        while shared.busy.load(Ordering::Acquire) != 0 {
            std::hint::spin_loop();
        }
    }
}

impl Shared {
    fn work(&self, part: usize, parts: usize) {
        let mut done = 0;
        loop {
            done = match self.wait(done) {
                Some(turn) => turn,
                None => return,
            };
            // SAFETY: the job was written before `turn` changed, and `run` keeps it alive and
            // unchanged until `busy` is 0, which this thread delays.
            if let Some(job) = unsafe { *self.job.get() } {
                job(part, parts);
            }
            self.busy.fetch_sub(1, Ordering::Release);
        }
    }

    /// Waits for a turn after `done`; `None` when the pool ends.
    fn wait(&self, done: usize) -> Option<usize> {
        loop {
            for _ in 0..SPINS {
                let turn = self.turn.load(Ordering::Acquire);
                if turn != done {
                    return Some(turn);
                }
                if self.stop.load(Ordering::Relaxed) {
                    return None;
                }
                std::hint::spin_loop();
            }
            thread::park();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let workers = self.workers.get_mut().unwrap_or_else(|e| e.into_inner());
        for worker in workers.drain(..) {
            worker.thread().unpark();
            // A worker's panic was already reported; there is nothing left to save.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_once_each_time() {
        let pool = Pool::new(3).expect("threads");
        for round in 0..2000 {
            let seen = [const { AtomicUsize::new(0) }; 3];
            pool.run(&|part, parts| {
                assert_eq!(parts, 3);
                seen[part].fetch_add(1 + round, Ordering::Relaxed);
            });
            for count in &seen {
                assert_eq!(count.load(Ordering::Relaxed), 1 + round);
            }
        }
    }

    #[test]
    fn a_job_within_a_job_runs_on_its_caller() {
        let pool = Pool::new(2).expect("threads");
        let count = AtomicUsize::new(0);
        pool.run(&|part, _| {
            if part == 0 {
                pool.run(&|_, _| {
                    count.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
