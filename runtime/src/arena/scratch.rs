//! Scratches: what a block of tokens works in, for the time it runs.

use super::{Arena, check, round};
use crate::RunError;
use crate::region::Region;
use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a thread waits before it looks again, should nobody have told it.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

thread_local! {
    /// Scratches that this thread has.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Which scratches are taken.
pub(super) struct Scratches {
    taken: Box<[AtomicBool]>,
    /// Threads that wait for one.
    waiting: AtomicUsize,
    lock: Mutex<()>,
    freed: Condvar,
    /// The process whose threads take them.
    process: u32,
}

impl Scratches {
    /// `count` free ones; `None` if there is no memory for who has them.
    pub(super) fn new(count: usize) -> Option<Scratches> {
        let mut taken = Vec::new();
        taken.try_reserve_exact(count).ok()?;
        taken.extend((0..count).map(|_| AtomicBool::new(false)));
        Some(Scratches {
            taken: taken.into_boxed_slice(),
            waiting: AtomicUsize::new(0),
            lock: Mutex::new(()),
            freed: Condvar::new(),
            process: crate::process::id(),
        })
    }

    pub(super) fn count(&self) -> usize {
        self.taken.len()
    }

    /// Takes the first that is free, so that no more are ever touched than are in use at the same time.
    fn take(&self) -> Option<usize> {
        let free = |taken: &AtomicBool| {
            let ours = taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
            ours.is_ok()
        };
        self.taken.iter().position(free)
    }

    /// Takes one as soon as there is one; `None` where nobody may ever give one back: all are the waiting thread's own, or
    /// those of threads that a `fork` left behind.
    fn wait(&self) -> Option<usize> {
        if let Some(place) = self.take() {
            return Some(place);
        }
        if HELD.get() > 0 || self.process != crate::process::id() {
            return None;
        }
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let place = loop {
            if let Some(place) = self.take() {
                break place;
            }
            let woken = self.freed.wait_timeout(held, LOOK_AGAIN);
            held = woken.unwrap_or_else(PoisonError::into_inner).0;
        };
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        Some(place)
    }

    fn give_back(&self, place: usize) {
        self.taken[place].store(false, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_one();
        }
    }
}

/// A scratch that nobody else has, until it is dropped. It is zero, or what its last owner left.
pub(crate) struct Scratch<'a> {
    arena: &'a Arena,
    base: *mut u8,
    place: Place,
}

/// Where it is.
enum Place {
    /// In the arena.
    Arena(usize),
    /// In memory of its own.
    Own(#[expect(dead_code, reason = "owns the memory")] Region),
}

impl Arena {
    /// Takes a scratch; waits until one is free.
    ///
    /// A thread that already has one, because it runs a session while another hands out its logits, does not wait but is
    /// given memory of its own where none is free.
    ///
    /// # Errors
    /// If the system has no memory for that.
    pub(crate) fn scratch(&self) -> Result<Scratch<'_>, RunError> {
        let bytes = self.sizes.scratch;
        let (base, place) = match self.scratches.wait() {
            Some(number) => {
                let offset = self.model_bytes() + number * round(bytes);
                // SAFETY: the region has the model's part and as many scratches.
                let base = unsafe { self.region.base().add(offset) };
                (base, Place::Arena(number))
            }
            None => {
                let own = Region::new(bytes).ok_or(RunError::ScratchMemory { bytes })?;
                (own.base(), Place::Own(own))
            }
        };
        HELD.set(HELD.get() + 1);
        Ok(Scratch {
            arena: self,
            base,
            place,
        })
    }
}

impl Scratch<'_> {
    /// The first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Bytes `range` of it.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        check(&range, self.arena.sizes.scratch);
        // SAFETY: the range is inside the scratch, which is initialised; `&self` keeps its owner from writing.
        unsafe { std::slice::from_raw_parts(self.base.add(range.start), range.len()) }
    }

    /// Bytes `range` of it, for writing.
    pub(crate) fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        check(&range, self.arena.sizes.scratch);
        // SAFETY: the range is inside the scratch, which is initialised; `&mut self` keeps everyone else away.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(range.start), range.len()) }
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
        if let Place::Arena(place) = self.place {
            self.arena.scratches.give_back(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::arena;
    use super::*;
    use crate::cores;
    use std::thread;

    #[test]
    fn a_scratch_has_one_owner() {
        let arena = arena(0, 0, 4, 64).expect("small");
        let count = arena.scratches();
        assert_eq!(count, cores::available().min(64));
        thread::scope(|scope| {
            for id in 0..4 * count {
                let arena = &arena;
                scope.spawn(move || {
                    for _ in 0..200 {
                        let mut scratch = arena.scratch().expect("a scratch");
                        let id = [id as u8; 100];
                        scratch.bytes_mut(0..100).copy_from_slice(&id);
                        thread::yield_now();
                        assert_eq!(scratch.bytes(0..100), id);
                    }
                });
            }
        });
        let first = arena.scratch().expect("a scratch");
        assert_eq!(first.base(), arena.region.base(), "the first comes first");
    }

    #[test]
    fn a_thread_never_waits_for_itself() {
        let arena = arena(0, 0, 4, 1).expect("small");
        let nested: Vec<Scratch<'_>> = (0..3).map(|_| arena.scratch().expect("one")).collect();
        let mut bases: Vec<*mut u8> = nested.iter().map(Scratch::base).collect();
        bases.dedup();
        assert_eq!(bases.len(), 3);
        drop(nested);
        assert_eq!(HELD.get(), 0);
    }
}
