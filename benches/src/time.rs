//! How long something takes, on a machine that also does other things.

use std::convert::Infallible;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Rounds; the quietest one counts.
const ROUNDS: usize = 5;
/// Time a round takes, if a sample is shorter.
pub(crate) const ROUND: Duration = Duration::from_millis(40);
/// That of a round of a limit, which is as steady as what it bounds.
pub(crate) const BRIEF: Duration = Duration::from_millis(8);
/// Least time of a sample, so that reading the clock does not matter.
const SAMPLE: Duration = Duration::from_micros(20);
/// The same where threads wait for each other before and after.
const SHARED_SAMPLE: Duration = Duration::from_millis(4);

/// Nanoseconds of one call of `work`: the least of five medians of samples.
///
/// # Errors
/// The first that `work` returns.
pub(crate) fn time<E>(work: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    time_in(ROUND, work)
}

/// [`time`] in rounds of some length.
fn time_in<E>(round: Duration, mut work: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let calls = calls(SAMPLE, &mut work)?;
    least_median_in(round, || {
        let start = Instant::now();
        for _ in 0..calls {
            work()?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
    })
}

/// How many calls take as long as a sample.
fn calls<E>(sample: Duration, work: &mut impl FnMut() -> Result<(), E>) -> Result<u32, E> {
    let mut time = |calls: u32| {
        let start = Instant::now();
        for _ in 0..calls {
            work()?;
        }
        Ok(start.elapsed())
    };
    time(1)?;
    let mut calls = 1;
    while time(calls)? < sample && calls < 1 << 24 {
        calls *= 2;
    }
    Ok(calls)
}

/// [`time`] of what cannot fail.
pub(crate) fn time_of(work: impl FnMut()) -> f64 {
    time_of_in(ROUND, work)
}

/// [`time_of`] a limit.
pub(crate) fn brief_of(work: impl FnMut()) -> f64 {
    time_of_in(BRIEF, work)
}

fn time_of_in(round: Duration, mut work: impl FnMut()) -> f64 {
    let Ok(ns) = time_in(round, || {
        work();
        Ok::<_, Infallible>(())
    });
    ns
}

/// Nanoseconds of one call of each of these, a thread each and all at the same time; this thread has the first,
/// which takes as long as the others.
pub(crate) fn time_together(works: &mut [impl FnMut() + Send], round: Duration) -> f64 {
    let Some((first, rest)) = works.split_first_mut() else {
        return 0.0;
    };
    if rest.is_empty() {
        return time_of_in(round, first);
    }
    let Ok(calls) = calls(SHARED_SAMPLE, &mut || {
        first();
        Ok::<_, Infallible>(())
    });
    let (barrier, stop) = (Barrier::new(1 + rest.len()), AtomicBool::new(false));
    thread::scope(|scope| {
        for work in rest {
            scope.spawn(|| {
                while {
                    barrier.wait();
                    !stop.load(Ordering::Relaxed)
                } {
                    (0..calls).for_each(|_| work());
                    barrier.wait();
                }
            });
        }
        let Ok(ns) = least_median_in(round, || {
            barrier.wait();
            let start = Instant::now();
            (0..calls).for_each(|_| first());
            barrier.wait();
            Ok::<_, Infallible>(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
        });
        stop.store(true, Ordering::Relaxed);
        barrier.wait();
        ns
    })
}

/// The least of five medians of what `sample` says.
///
/// # Errors
/// The first that `sample` returns.
pub(crate) fn least_median<E>(sample: impl FnMut() -> Result<f64, E>) -> Result<f64, E> {
    least_median_in(ROUND, sample)
}

/// Nanoseconds of a call of each of so many works, that take turns: the least of five medians of samples. `work` is told which
/// one to call and how often, and says how long that took.
pub(crate) fn time_in_turn(
    round: Duration,
    works: usize,
    work: &mut dyn FnMut(usize, u32) -> Duration,
) -> Vec<f64> {
    let calls: Vec<u32> = (0..works)
        .map(|which| {
            let mut calls = 1;
            // The first one warms up.
            work(which, 1);
            while work(which, calls) < SAMPLE && calls < 1 << 24 {
                calls *= 2;
            }
            calls
        })
        .collect();
    let mut least = vec![f64::INFINITY; works];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut samples = vec![Vec::new(); works];
        while samples[0].is_empty() || start.elapsed() < round {
            for (which, samples) in samples.iter_mut().enumerate() {
                let time = work(which, calls[which]).as_secs_f64();
                samples.push(time * 1e9 / f64::from(calls[which]));
            }
        }
        for (least, samples) in least.iter_mut().zip(&mut samples) {
            *least = least.min(median(samples));
        }
    }
    least
}

fn least_median_in<E>(
    round: Duration,
    mut sample: impl FnMut() -> Result<f64, E>,
) -> Result<f64, E> {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut samples = vec![sample()?];
        while start.elapsed() < round {
            samples.push(sample()?);
        }
        least = least.min(median(&mut samples));
    }
    Ok(least)
}

/// The middle one in order; of an even number the lower of the two. There is at least one.
fn median(samples: &mut [f64]) -> f64 {
    let middle = (samples.len() - 1) / 2;
    *samples.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&mut [3.0]), 3.0);
        assert_eq!(median(&mut [9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&mut [9.0, 1.0, 5.0, 2.0]), 2.0);
    }

    #[test]
    fn works_run_together_equally_often() {
        let mut counts = [0u32; 3];
        let mut works: Vec<_> = counts.iter_mut().map(|n| || *n += 1).collect();
        assert!(time_together(&mut works, Duration::from_millis(1)) > 0.0);
        // The first one finds out how often a sample calls.
        assert!(counts[0] > counts[1] && counts[1] == counts[2] && counts[1] > 0);
    }

    #[test]
    fn works_take_turns() {
        let mut counts = [0u64; 2];
        let ns = time_in_turn(Duration::from_millis(1), 2, &mut |which, times| {
            let start = Instant::now();
            let n = u64::from(times) * [10, 1000][which];
            black_box((0..n).fold(0, |a, i| black_box(a + i)));
            counts[which] += 1;
            start.elapsed()
        });
        assert!(ns[0] > 0.0 && ns[1] > 10.0 * ns[0], "{ns:?}");
        assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
    }

    #[test]
    fn more_work_takes_longer() {
        let sum = |n: u64| {
            let Ok(ns) = time(|| {
                black_box((0..n).fold(0, |a, i| black_box(a + i)));
                Ok::<_, Infallible>(())
            });
            ns
        };
        let (short, long) = (sum(100), sum(10_000));
        assert!(short > 1.0, "{short} ns");
        assert!(long > 10.0 * short, "{short} ns, {long} ns");
    }
}
