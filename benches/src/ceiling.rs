//! What the machine can do at most, measured.

use crate::dot_peak::dot_peak;
use crate::record::{Limit, LimitKind};
use crate::time::time_of;
use atome_spec::{Isa, Method};
use std::fs;
use std::hint::black_box;

/// Least buffer that is read or written: below it the loop around it counts.
const LEAST_BYTES: usize = 4096;

/// How fast `bytes` can be read again and again: from the cache they fit in, or from memory.
///
/// A plain loop of 128-bit loads, so the nearest caches may give more to wider ones.
pub(crate) fn read(bytes: usize) -> Limit {
    let (l2, l3) = cache_bytes();
    let (kind, bytes) = match bytes {
        n if n <= l2 => (LimitKind::L2, n.max(LEAST_BYTES)),
        n if n <= l3 => (LimitKind::L3, n),
        // Far larger than the cache, of which a set just above its size still uses much.
        n => (LimitKind::DramRead, n.max(4 * l3)),
    };
    let buffer = vec![1u64; bytes / 8];
    let ns = time_of(|| {
        black_box(sum(black_box(&buffer)));
    });
    Limit {
        kind,
        value: (buffer.len() * 8) as f64 / ns,
    }
}

/// What takes longer at its best on one thread: reading weights of so many bytes, or so many
/// multiply-accumulates of bytes.
pub(crate) fn product(isa: Isa, method: Method, bytes: usize, macs: usize) -> Limit {
    let read = read(bytes);
    let peak = (method == Method::Dot).then(|| dot_peak(isa)).flatten();
    match peak {
        Some(value) if macs as f64 / value > bytes as f64 / read.value => Limit {
            kind: LimitKind::DotPeak,
            value,
        },
        _ => read,
    }
}

/// How fast `bytes` can be written again and again: by filling or by copying them, whichever
/// is faster here.
pub(crate) fn store(bytes: usize) -> Limit {
    let mut to = vec![0u8; bytes.max(LEAST_BYTES)];
    let from = to.clone();
    let fill = time_of(|| black_box(&mut to[..]).fill(black_box(1)));
    let copy = time_of(|| black_box(&mut to[..]).copy_from_slice(black_box(&from)));
    Limit {
        kind: LimitKind::Store,
        value: to.len() as f64 / fill.min(copy),
    }
}

/// Nanoseconds of a `memcpy` of so many bytes.
pub(crate) fn copy(bytes: usize) -> f64 {
    let (from, mut to) = (vec![1u8; bytes], vec![0u8; bytes]);
    time_of(|| black_box(&mut to[..]).copy_from_slice(black_box(&from)))
}

fn sum(buffer: &[u64]) -> u64 {
    let (chunks, rest) = buffer.as_chunks::<16>();
    let mut sums = [0u64; 16];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*x);
        }
    }
    sums.iter().chain(rest).fold(0, |a, b| a.wrapping_add(*b))
}

/// Bytes of the level 2 and 3 caches; 1 MB and 32 MB where the system does not say.
fn cache_bytes() -> (usize, usize) {
    let level = |wanted: &str| {
        (0..8).find_map(|i| {
            let read = |what: &str| {
                fs::read_to_string(format!(
                    "/sys/devices/system/cpu/cpu0/cache/index{i}/{what}"
                ))
            };
            let level = read("level").ok()?;
            (level.trim() == wanted).then(|| parse_size(read("size").ok()?.trim()))?
        })
    };
    (
        level("2").unwrap_or(1 << 20),
        level("3").unwrap_or(32 << 20),
    )
}

/// `1024K`, `32M` or a plain number, in bytes.
fn parse_size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.strip_suffix('K') {
        Some(digits) => (digits, 1 << 10),
        None => text
            .strip_suffix('M')
            .map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("1024K"), Some(1 << 20));
        assert_eq!(parse_size("32M"), Some(32 << 20));
        assert_eq!(parse_size("4096"), Some(4096));
        assert_eq!(parse_size("big"), None);
    }

    #[test]
    fn limits_are_of_what_they_say() {
        let limit = read(64 << 10);
        assert_eq!(limit.kind, LimitKind::L2);
        assert!(limit.value > 0.1 && store(16 << 10).value > 0.1);
        assert_eq!(sum(&[3; 1003]), 3009);
    }
}
