//! Which slots are taken.

use std::sync::{Mutex, MutexGuard};

/// Slots that sessions take and give back.
pub(super) struct Slots {
    count: usize,
    free: Mutex<Free>,
}

/// The slots that nobody has.
struct Free {
    /// Those given back, the last on top. It has room for all, so that giving back never allocates.
    released: Vec<usize>,
    /// The first of those that nobody ever had.
    fresh: usize,
}

impl Slots {
    /// `count` free slots; `None` if there is no memory for their numbers.
    pub(super) fn new(count: usize) -> Option<Slots> {
        let mut released = Vec::new();
        released.try_reserve_exact(count).ok()?;
        let free = Mutex::new(Free { released, fresh: 0 });
        Some(Slots { count, free })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Takes a free slot, the one given back last if there is one.
    pub(super) fn claim(&self) -> Option<usize> {
        let mut free = self.free();
        if let Some(slot) = free.released.pop() {
            return Some(slot);
        }
        let slot = free.fresh;
        (slot < self.count).then(|| {
            free.fresh += 1;
            slot
        })
    }

    /// Gives a claimed slot back.
    pub(super) fn release(&self, slot: usize) {
        self.free().released.push(slot);
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        // Nothing panics while it is locked.
        self.free.lock().unwrap_or_else(|e| e.into_inner())
    }
}
