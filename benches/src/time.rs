//! How long something takes, on a machine that also does other things.

use std::convert::Infallible;
use std::time::{Duration, Instant};

/// Rounds; the quietest one counts.
const ROUNDS: usize = 5;
/// Time a round takes, if a sample is shorter.
const ROUND: Duration = Duration::from_millis(40);
/// Least time of a sample, so that reading the clock does not matter.
const SAMPLE: Duration = Duration::from_micros(20);

/// Nanoseconds of one call of `work`: the least of five medians of samples.
///
/// # Errors
/// The first that `work` returns.
pub(crate) fn time<E>(mut work: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut sample = |calls: u32| {
        let start = Instant::now();
        for _ in 0..calls {
            work()?;
        }
        Ok(start.elapsed())
    };
    sample(1)?;
    let mut calls = 1;
    while sample(calls)? < SAMPLE && calls < 1 << 24 {
        calls *= 2;
    }
    least_median(|| Ok(sample(calls)?.as_secs_f64() * 1e9 / f64::from(calls)))
}

/// [`time`] of what cannot fail.
pub(crate) fn time_of(mut work: impl FnMut()) -> f64 {
    let Ok(ns) = time(|| {
        work();
        Ok::<_, Infallible>(())
    });
    ns
}

/// The least of five medians of what `sample` says.
///
/// # Errors
/// The first that `sample` returns.
pub(crate) fn least_median<E>(mut sample: impl FnMut() -> Result<f64, E>) -> Result<f64, E> {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut samples = vec![sample()?];
        while start.elapsed() < ROUND {
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
