//! A few threads that share the parts of a job, and wait for the next without allocating.
//!
//! Nobody waits for a thread that has not begun: parts that no worker has taken are the
//! caller's. So a job ends however late the workers are, and where there are none any more,
//! as in the child of a `fork`.
#![allow(
    unsafe_code,
    reason = "a borrowed job crosses to threads that outlive the borrow"
)]

use crate::cores;
use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};

/// Turns of the waiting loop before a thread does something else: about 20 microseconds.
const SPINS: u32 = 4096;
/// Times that a caller lets other threads run before it sleeps: about a millisecond.
const YIELDS: u32 = 1024;

/// What the threads run: the part's number and the number of parts.
type Job<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Threads that share the parts of one job at a time.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    /// Held while a job runs; also owns the handles, for waking and joining.
    workers: Mutex<Vec<JoinHandle<()>>>,
    /// The process whose threads the workers are.
    process: u32,
}

struct Shared {
    /// Number of the current job.
    turn: AtomicUsize,
    /// For each part, the last job of which it was taken.
    taken: Box<[AtomicUsize]>,
    /// Parts of the current job that are not done.
    open: AtomicUsize,
    job: UnsafeCell<Option<Job<'static>>>,
    /// What the first part that panicked said.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Whether the caller sleeps until `open` is 0.
    asleep: AtomicBool,
    done: (Mutex<()>, Condvar),
    stop: AtomicBool,
}

// SAFETY: `job` is written only by the thread that holds `Pool::workers`, while every part of
// the last job is done, and read only by threads that have taken a part which is not.
unsafe impl Sync for Shared {}
// SAFETY: as for `Sync`; the job itself is `Sync`.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool whose jobs have `threads` parts, at least one, on as many threads as this program
    /// has cores for now, the caller's included.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub(crate) fn new(threads: usize) -> std::io::Result<Pool> {
        Pool::with_workers(threads, threads.min(cores::available()).saturating_sub(1))
    }

    /// A pool of `workers` threads beside the caller's.
    fn with_workers(parts: usize, workers: usize) -> std::io::Result<Pool> {
        let shared = Arc::new(Shared {
            turn: AtomicUsize::new(0),
            taken: (0..parts.max(1)).map(|_| AtomicUsize::new(0)).collect(),
            open: AtomicUsize::new(workers),
            job: UnsafeCell::new(None),
            panic: Mutex::new(None),
            asleep: AtomicBool::new(false),
            done: (Mutex::new(()), Condvar::new()),
            stop: AtomicBool::new(false),
        });
        let mut pool = Pool {
            shared,
            workers: Mutex::new(Vec::with_capacity(workers)),
            process: std::process::id(),
        };
        for part in 1..=workers {
            let shared = Arc::clone(&pool.shared);
            let worker = thread::Builder::new().name(format!("atome-{part}"));
            let handle = worker.spawn(move || shared.serve(part))?;
            pool.handles().push(handle);
        }
        // A thread allocates while it starts.
        pool.shared.wait_until_done();
        Ok(pool)
    }

    /// Runs `job(part, parts)` for every part and returns when all are done. A pool that is
    /// busy with another caller's job leaves all parts to this caller.
    ///
    /// # Panics
    /// If a part panics, once all are done; the pool can be used again.
    pub(crate) fn run(&self, job: Job<'_>) {
        let parts = self.shared.taken.len();
        let workers = match self.workers.try_lock() {
            Ok(workers) => Some(workers),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        match workers {
            Some(workers) if !workers.is_empty() => self.share(workers, job),
            _ => (0..parts).for_each(|part| job(part, parts)),
        }
    }

    fn share(&self, workers: MutexGuard<'_, Vec<JoinHandle<()>>>, job: Job<'_>) {
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes; this function returns after every part is done.
        let job = unsafe { std::mem::transmute::<Job<'_>, Job<'static>>(job) };
        // SAFETY: the lock is held and every part of the last job is done, so nobody else
        // touches the cell.
        unsafe { *shared.job.get() = Some(job) };
        shared.open.store(shared.taken.len(), Ordering::Relaxed);
        let turn = shared.turn.load(Ordering::Relaxed).wrapping_add(1);
        shared.turn.store(turn, Ordering::Release);
        for worker in workers.iter() {
            worker.thread().unpark();
        }
        shared.take_parts(turn, 0);
        shared.wait_until_done();
        let panic = lock(&shared.panic).take();
        drop(workers);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    fn handles(&mut self) -> &mut Vec<JoinHandle<()>> {
        let workers = self.workers.get_mut();
        workers.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// What a worker does; it takes the part of its own number first, whose data it has seen.
    fn serve(&self, own: usize) {
        self.finish_part();
        let mut turn = 0;
        while let Some(next) = self.wait_for_turn(turn) {
            turn = next;
            self.take_parts(turn, own);
        }
    }

    /// Runs the parts of a job that nobody has taken, from `first` on and around.
    fn take_parts(&self, turn: usize, first: usize) {
        let parts = self.taken.len();
        for part in (0..parts).map(|i| (first + i) % parts) {
            let before = turn.wrapping_sub(1);
            // Only the current job can be joined: all parts of those before it are taken.
            let taken = self.taken[part].compare_exchange(
                before,
                turn,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if taken.is_ok() {
                self.run_part(part);
                self.finish_part();
            }
        }
    }

    /// Runs a part that this thread has just taken.
    fn run_part(&self, part: usize) {
        // SAFETY: the job was written before `turn` changed, which this thread has seen, and
        // `share` keeps it alive and unchanged until this part is done, too.
        let Some(job) = (unsafe { *self.job.get() }) else {
            return;
        };
        let run = AssertUnwindSafe(|| job(part, self.taken.len()));
        if let Err(panic) = catch_unwind(run) {
            lock(&self.panic).get_or_insert(panic);
        }
    }

    fn finish_part(&self) {
        let last = self.open.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.asleep.load(Ordering::SeqCst) {
            let _held = lock(&self.done.0);
            self.done.1.notify_one();
        }
    }

    /// Returns when `open` is 0.
    fn wait_until_done(&self) {
        let done = || self.open.load(Ordering::SeqCst) == 0;
        for turn in 0..SPINS + YIELDS {
            if done() {
                return;
            }
            match turn < SPINS {
                true => std::hint::spin_loop(),
                false => thread::yield_now(),
            }
        }
        let mut held = lock(&self.done.0);
        self.asleep.store(true, Ordering::SeqCst);
        while !done() {
            let woken = self.done.1.wait(held);
            held = woken.unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// Waits for a turn after `done`; `None` when the pool ends.
    fn wait_for_turn(&self, done: usize) -> Option<usize> {
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
        let is_fork = self.process != std::process::id();
        for worker in self.handles().drain(..) {
            if is_fork {
                // It is no thread of this process: nothing can be asked of it.
                std::mem::forget(worker);
                continue;
            }
            worker.thread().unpark();
            // Workers do not panic.
            let _ = worker.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Runs a job that counts, and checks that every part ran once.
    fn count(pool: &Pool, parts: usize) {
        let seen: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
        pool.run(&|part, all| {
            assert_eq!(all, parts);
            seen[part].fetch_add(1, Ordering::Relaxed);
        });
        for count in &seen {
            assert_eq!(count.load(Ordering::Relaxed), 1);
        }
    }

    #[test]
    fn every_part_runs_once_each_time() {
        for (parts, workers) in [(1, 0), (3, 2), (2, 1), (7, 2), (5, 0), (2, 5), (64, 63)] {
            let pool = Pool::with_workers(parts, workers).expect("threads");
            (0..2000).for_each(|_| count(&pool, parts));
        }
    }

    #[test]
    fn there_are_no_more_threads_than_cores() {
        let pool = Pool::new(1000).expect("threads");
        let workers = lock(&pool.workers).len();
        assert_eq!(workers, cores::available().min(1000) - 1);
        count(&pool, 1000);
    }

    #[test]
    fn a_job_within_a_job_runs_on_its_caller() {
        let pool = Pool::with_workers(2, 1).expect("threads");
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

    #[test]
    fn a_panic_reaches_the_caller_when_all_parts_are_done() {
        let pool = Pool::with_workers(4, 2).expect("threads");
        for failing in 0..4 {
            let ran = AtomicUsize::new(0);
            let job = |part, _: usize| {
                ran.fetch_add(1, Ordering::Relaxed);
                // No message: the hook would print it.
                if part == failing {
                    resume_unwind(Box::new(part));
                }
            };
            let caught = catch_unwind(AssertUnwindSafe(|| pool.run(&job)));
            let said = caught.expect_err("a part panicked");
            assert_eq!(said.downcast_ref(), Some(&failing));
            assert_eq!(ran.load(Ordering::Relaxed), 4);
            count(&pool, 4);
        }
    }

    /// The caller sleeps while a worker is slow, and does the parts that no worker takes.
    #[test]
    fn a_caller_waits_for_a_slow_worker() {
        let pool = Pool::with_workers(2, 1).expect("threads");
        for _ in 0..20 {
            let caller = thread::current().id();
            pool.run(&|_, _| {
                if thread::current().id() != caller {
                    thread::sleep(Duration::from_millis(10));
                }
            });
        }
    }
}
