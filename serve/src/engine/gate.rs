//! How many may come in: those that have places, and a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Counts who is inside.
pub(crate) struct Gate {
    places: usize,
    queue: usize,
    inside: AtomicUsize,
    /// Microseconds that somebody stays, of late.
    stay_us: AtomicU64,
}

/// Longest time that anybody is told to wait, in seconds.
const LONGEST_WAIT_S: u64 = 60;

impl Gate {
    pub(crate) fn new(places: usize, queue: usize) -> Arc<Gate> {
        Arc::new(Gate {
            places,
            queue,
            inside: AtomicUsize::new(0),
            stay_us: AtomicU64::new(0),
        })
    }

    /// The most that may be inside.
    pub(crate) fn limit(&self) -> usize {
        self.places + self.queue
    }

    pub(crate) fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    /// Lets `count` in together, or says after how many seconds to ask again.
    pub(crate) fn enter(self: &Arc<Gate>, count: usize) -> Result<Permit, u64> {
        let limit = self.limit();
        let room = |inside: usize| (inside + count <= limit).then_some(inside + count);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        match self.inside.fetch_update(set, get, room) {
            Ok(_) => Ok(Permit {
                gate: Arc::clone(self),
                count,
                since: Instant::now(),
            }),
            Err(inside) => Err(self.wait_s(inside)),
        }
    }

    /// How long it takes until half of those that are inside have left.
    fn wait_s(&self, inside: usize) -> u64 {
        let stay = Duration::from_micros(self.stay_us.load(Ordering::Relaxed));
        let rounds = inside.div_ceil(2 * self.places.max(1)) as u64;
        (stay.as_secs_f64().ceil() as u64 * rounds).clamp(1, LONGEST_WAIT_S)
    }
}

/// The right to be inside, until it is dropped.
pub(crate) struct Permit {
    gate: Arc<Gate>,
    count: usize,
    since: Instant,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let gate = &self.gate;
        gate.inside.fetch_sub(self.count, Ordering::Relaxed);
        let stay = self.since.elapsed().as_micros() as u64;
        let before = gate.stay_us.load(Ordering::Relaxed);
        let mean = (7 * before + stay) / 8;
        gate.stay_us.store(mean, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_come_in_than_there_is_room_for() {
        let gate = Gate::new(2, 3);
        let three = gate.enter(3).expect("room");
        let two = gate.enter(2).expect("room");
        assert_eq!(gate.enter(1).err(), Some(1));
        assert_eq!(gate.inside(), 5);
        drop(three);
        assert!(gate.enter(4).is_err());
        let again = gate.enter(3).expect("room");
        drop((two, again));
        assert_eq!(gate.inside(), 0);
        gate.stay_us.store(3_500_000, Ordering::Relaxed);
        assert_eq!(gate.wait_s(5), 8);
        assert_eq!(gate.wait_s(5000), LONGEST_WAIT_S);
    }
}
