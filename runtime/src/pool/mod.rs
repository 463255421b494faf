//! A few threads that share the blocks of a job, and wait for the next without allocating.
//!
//! Each has a part of its own, whose data it has seen before, and then takes from the parts of others: so a job ends however
//! late the threads are, and where there are none any more, as in the child of a `fork`.
//!
//! | file | concept |
//! |---|---|
//! | `blocks` | a part of a job, of which threads take |
//! | `ahead` | what the next job will read |
#![allow(
    unsafe_code,
    reason = "a borrowed job crosses to threads that outlive the borrow"
)]

mod ahead;
mod blocks;

pub(crate) use ahead::Reads;

use crate::cores;
use ahead::{Ahead, Jobs};
use blocks::{Blocks, End};
use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};

/// Turns of the waiting loop before a thread does something else: about 20 microseconds.
const SPINS: u32 = 4096;
/// Times that a caller lets other threads run before it sleeps: about a millisecond.
const YIELDS: u32 = 1024;

/// Runs some blocks.
type Run<'a> = &'a (dyn Fn(Range<usize>) + Sync);

/// Blocks that threads share.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    /// How many.
    pub(crate) blocks: usize,
    /// Whether a thread is better given all its blocks at once.
    pub(crate) at_once: bool,
    /// What they read most of.
    pub(crate) reads: Reads,
    /// Runs some of them; each is run once.
    pub(crate) run: Run<'a>,
}

/// Threads that share the blocks of one job at a time.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    /// Held while a job runs.
    workers: Mutex<Workers>,
    /// The process whose threads the workers are.
    process: u32,
}

#[derive(Default)]
struct Workers {
    /// For waking and joining.
    handles: Vec<JoinHandle<()>>,
    jobs: Jobs,
}

struct Shared {
    /// A part of the job for each thread, the caller's first.
    parts: Box<[Blocks]>,
    /// Number of the current job.
    turn: AtomicUsize,
    /// What runs its blocks.
    job: UnsafeCell<Option<Run<'static>>>,
    /// Whether its parts are taken as a whole.
    at_once: AtomicBool,
    /// Blocks of the current job that are not done.
    open: AtomicUsize,
    ahead: Ahead,
    /// What the first part that panicked said.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Whether the caller sleeps until `open` is 0.
    asleep: AtomicBool,
    done: (Mutex<()>, Condvar),
    stop: AtomicBool,
}

// SAFETY: `job` is written only by the thread that holds `Pool::workers`, while every block of
// the last job is done, and read only by threads that have taken a block which is not.
unsafe impl Sync for Shared {}
// SAFETY: as for `Sync`; the job itself is `Sync`.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of `threads`, the caller's included, but no more than this program has cores for now.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub(crate) fn new(threads: usize) -> std::io::Result<Pool> {
        Pool::with_workers(threads.min(cores::available()).saturating_sub(1))
    }

    /// A pool of `workers` threads beside the caller's.
    fn with_workers(workers: usize) -> std::io::Result<Pool> {
        let shared = Arc::new(Shared {
            parts: (0..=workers).map(|_| Blocks::default()).collect(),
            turn: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            at_once: AtomicBool::new(false),
            open: AtomicUsize::new(workers),
            ahead: Ahead::default(),
            panic: Mutex::new(None),
            asleep: AtomicBool::new(false),
            done: (Mutex::new(()), Condvar::new()),
            stop: AtomicBool::new(false),
        });
        let mut pool = Pool {
            shared,
            workers: Mutex::default(),
            process: crate::process::id(),
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

    /// Runs every block of a job and returns when all are done. A pool that is busy with another caller's job leaves all of
    /// them to this caller.
    ///
    /// # Panics
    /// If a block panics, once all are done; the pool can be used again.
    pub(crate) fn run(&self, job: Job<'_>) {
        let workers = match self.workers.try_lock() {
            Ok(workers) => Some(workers),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        match workers {
            Some(workers) if !workers.handles.is_empty() && u32::try_from(job.blocks).is_ok() => {
                self.share(workers, job);
            }
            _ => (job.run)(0..job.blocks),
        }
    }

    fn share(&self, mut workers: MutexGuard<'_, Workers>, job: Job<'_>) {
        let shared = &*self.shared;
        let next = workers.jobs.come(job.reads);
        // SAFETY: only the lifetime changes; this function returns after every block is done.
        let run = unsafe { std::mem::transmute::<Run<'_>, Run<'static>>(job.run) };
        // SAFETY: the lock is held and every block of the last job is done, so nobody else
        // touches the cell.
        unsafe { *shared.job.get() = Some(run) };
        shared.at_once.store(job.at_once, Ordering::Relaxed);
        shared.open.store(job.blocks, Ordering::Relaxed);
        shared.ahead.set(next);
        let parts = shared.parts.len();
        for (number, blocks) in shared.parts.iter().enumerate() {
            let Range { start, end } = part(number, parts, job.blocks);
            blocks.set(start as u32..end as u32);
        }
        let turn = shared.turn.load(Ordering::Relaxed).wrapping_add(1);
        shared.turn.store(turn, Ordering::Release);
        for worker in &workers.handles {
            worker.thread().unpark();
        }
        shared.take_blocks(0);
        shared.wait_until_done();
        let panic = lock(&shared.panic).take();
        drop(workers);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    fn handles(&mut self) -> &mut Vec<JoinHandle<()>> {
        let workers = self.workers.get_mut();
        &mut workers.unwrap_or_else(PoisonError::into_inner).handles
    }
}

/// The blocks of one of several parts.
fn part(number: usize, parts: usize, blocks: usize) -> Range<usize> {
    // Twice as many numbers, so that no product is too large.
    let start = |number: usize| (blocks as u128 * number as u128 / parts as u128) as usize;
    start(number)..start(number + 1)
}

impl Shared {
    /// What a worker does.
    fn serve(&self, own: usize) {
        self.finish(1);
        let mut turn = 0;
        while let Some(next) = self.wait_for_turn(turn, own) {
            turn = next;
            self.take_blocks(own);
        }
    }

    /// Runs blocks until nobody's part has any left. A worker that is late may begin with those of a job after its turn.
    fn take_blocks(&self, own: usize) {
        let parts = self.parts.len();
        let mut done = 0;
        for number in (0..parts).map(|i| (own + i) % parts) {
            let end = match number == own {
                true => End::Front,
                false => End::Back,
            };
            let all = self.at_once.load(Ordering::Relaxed);
            while let Some(blocks) = self.parts[number].take(end, all) {
                done += blocks.len();
                self.run_blocks(blocks.start as usize..blocks.end as usize);
            }
        }
        if done > 0 {
            self.finish(done);
        }
    }

    /// Runs blocks that this thread has just taken.
    fn run_blocks(&self, blocks: Range<usize>) {
        // SAFETY: the job was written before its blocks could be taken, and `share` keeps it alive and
        // unchanged until these are done, too.
        let Some(run) = (unsafe { *self.job.get() }) else {
            return;
        };
        let run = AssertUnwindSafe(|| run(blocks));
        if let Err(panic) = catch_unwind(run) {
            lock(&self.panic).get_or_insert(panic);
        }
    }

    /// Notes that blocks are done.
    fn finish(&self, blocks: usize) {
        let last = self.open.fetch_sub(blocks, Ordering::SeqCst) == blocks;
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
    fn wait_for_turn(&self, done: usize, own: usize) -> Option<usize> {
        let has_come = || self.turn.load(Ordering::Relaxed) != done;
        self.ahead.fetch(own, self.parts.len(), has_come);
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
        let is_fork = self.process != crate::process::id();
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

    fn job(blocks: usize, run: Run<'_>) -> Job<'_> {
        Job {
            blocks,
            at_once: blocks.is_multiple_of(3),
            reads: Reads::default(),
            run,
        }
    }

    /// Runs a job that counts, and checks that every block ran once.
    fn count(pool: &Pool, blocks: usize) {
        let seen: Vec<AtomicUsize> = (0..blocks).map(|_| AtomicUsize::new(0)).collect();
        pool.run(job(blocks, &|some| {
            for block in some {
                seen[block].fetch_add(1, Ordering::Relaxed);
            }
        }));
        for count in &seen {
            assert_eq!(count.load(Ordering::Relaxed), 1);
        }
    }

    #[test]
    fn every_block_runs_once_each_time() {
        for (blocks, workers) in [
            (0, 1),
            (1, 0),
            (3, 2),
            (2, 1),
            (7, 2),
            (5, 0),
            (2, 5),
            (640, 63),
        ] {
            let pool = Pool::with_workers(workers).expect("threads");
            (0..2000).for_each(|turn| count(&pool, blocks + turn % 2));
        }
    }

    #[test]
    fn parts_are_all_of_a_job() {
        for (parts, blocks) in [(1, 0), (1, 5), (3, 2), (7, 100), (2, usize::MAX)] {
            let ends = (0..parts).map(|number| part(number, parts, blocks));
            let mut last = 0;
            for Range { start, end } in ends {
                assert!(start == last && start <= end);
                last = end;
            }
            assert_eq!(last, blocks);
        }
    }

    #[test]
    fn there_are_no_more_threads_than_cores() {
        let pool = Pool::new(1000).expect("threads");
        let workers = lock(&pool.workers).handles.len();
        assert_eq!(workers, cores::available().min(1000) - 1);
        count(&pool, 1000);
    }

    #[test]
    fn a_job_within_a_job_runs_on_its_caller() {
        let pool = Pool::with_workers(1).expect("threads");
        let count = AtomicUsize::new(0);
        pool.run(job(2, &|some| {
            if some.contains(&0) {
                pool.run(job(2, &|some| {
                    count.fetch_add(some.len(), Ordering::Relaxed);
                }));
            }
        }));
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_panic_reaches_the_caller_when_all_blocks_are_done() {
        let pool = Pool::with_workers(2).expect("threads");
        for failing in 0..4 {
            let ran = AtomicUsize::new(0);
            let run = |some: Range<usize>| {
                ran.fetch_add(some.len(), Ordering::Relaxed);
                // No message: the hook would print it.
                if some.contains(&failing) {
                    resume_unwind(Box::new(failing));
                }
            };
            let caught = catch_unwind(AssertUnwindSafe(|| pool.run(job(4, &run))));
            let said = caught.expect_err("a block panicked");
            assert_eq!(said.downcast_ref(), Some(&failing));
            assert_eq!(ran.load(Ordering::Relaxed), 4);
            count(&pool, 4);
        }
    }

    /// The caller sleeps while a worker is slow, and does the blocks that no worker takes.
    #[test]
    fn a_caller_waits_for_a_slow_worker() {
        let pool = Pool::with_workers(1).expect("threads");
        for _ in 0..20 {
            let caller = thread::current().id();
            pool.run(job(2, &|_| {
                if thread::current().id() != caller {
                    thread::sleep(Duration::from_millis(10));
                }
            }));
        }
    }
}
