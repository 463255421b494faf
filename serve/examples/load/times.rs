//! How long something takes, in shares of how often: in bounded memory, to within 2 %.

use std::time::Duration;

/// Buckets between a power of two of microseconds and the next.
const FINE: usize = 64;

/// Counts of times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    buckets: Vec<u64>,
    pub(crate) count: u64,
    pub(crate) longest: Duration,
}

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        let bucket = bucket_of(time.as_micros() as u64);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.longest = self.longest.max(time);
    }

    pub(crate) fn merge(&mut self, other: &Times) {
        let len = self.buckets.len().max(other.buckets.len());
        self.buckets.resize(len, 0);
        for (to, from) in self.buckets.iter_mut().zip(&other.buckets) {
            *to += from;
        }
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
    }

    /// Milliseconds that so large a share of times is not above.
    pub(crate) fn share_ms(&self, share: f64) -> f64 {
        let mut left = (self.count as f64 * share).ceil() as u64;
        for (bucket, count) in self.buckets.iter().enumerate() {
            if *count >= left {
                return upper_us(bucket) as f64 / 1e3;
            }
            left -= count;
        }
        0.0
    }
}

fn bucket_of(us: u64) -> usize {
    let fine = FINE as u64;
    if us < fine {
        return us as usize;
    }
    // Leading digits of `us` in base 2, as many as `FINE` has.
    let shift = us.ilog2() - fine.ilog2();
    (shift as usize + 1) * FINE + ((us >> shift) - fine) as usize
}

fn upper_us(bucket: usize) -> u64 {
    let (power, fine) = (bucket / FINE, (bucket % FINE) as u64);
    match power.checked_sub(1) {
        None => fine,
        Some(shift) => ((FINE as u64 + fine + 1) << shift) - 1,
    }
}
