//! How fast rows can be written.

use super::{Limit, LimitKind};
use crate::line::Lines;
use crate::time::brief_of;
use std::hint::black_box;

/// Least buffer that is written: below it the loop around it counts.
const LEAST_BYTES: usize = 4096;

/// How fast `bytes` can be written again and again: by filling or by copying them, whichever
/// is faster here.
pub(crate) fn store(bytes: usize) -> Limit {
    let mut to = Lines::<u8>::zeroed(bytes.max(LEAST_BYTES));
    let from = Lines::of(&to);
    let fill = brief_of(|| black_box(&mut to[..]).fill(black_box(1)));
    let copy = brief_of(|| black_box(&mut to[..]).copy_from_slice(black_box(&from[..])));
    Limit {
        kind: LimitKind::Store,
        value: to.len() as f64 / fill.min(copy),
        of: None,
    }
}

/// Nanoseconds of a `memcpy` of so many bytes.
pub(crate) fn copy(bytes: usize) -> f64 {
    let (from, mut to) = (vec![1u8; bytes], vec![0u8; bytes]);
    crate::time::time_of(|| black_box(&mut to[..]).copy_from_slice(black_box(&from)))
}
