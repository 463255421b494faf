//! Numbers for people.

use std::time::Duration;

/// A number with its thousands set apart: `1,234,567`.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in the unit that suits it: `850 ns`, `12.3 us`, `4.56 ms`, `1.20 s`.
pub(crate) fn duration(time: Duration) -> String {
    nanoseconds(time.as_secs_f64() * 1e9)
}

/// As [`duration`], from nanoseconds.
pub(crate) fn nanoseconds(ns: f64) -> String {
    let (value, unit) = match ns {
        _ if ns < 1e3 => (ns, "ns"),
        _ if ns < 1e6 => (ns / 1e3, "us"),
        _ if ns < 1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    format!("{} {unit}", significant(value))
}

/// Bytes in the unit that suits them: `512 B`, `12.3 KB`, `4.56 MB`.
pub(crate) fn bytes(n: usize) -> String {
    let n = n as f64;
    match n {
        _ if n < 1e3 => format!("{n} B"),
        _ if n < 1e6 => format!("{} KB", significant(n / 1e3)),
        _ if n < 1e9 => format!("{} MB", significant(n / 1e6)),
        _ => format!("{} GB", significant(n / 1e9)),
    }
}

/// Three digits that matter, or all before the point.
pub(crate) fn significant(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// `1 thread`, `2 threads`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let all = [0, 7, 999, 1000, 32_768_000].map(grouped);
        assert_eq!(all, ["0", "7", "999", "1,000", "32,768,000"]);
        let all = [85.2, 1e3, 12_345.0, 99_960.0, 4.5e6, 2.5e9].map(nanoseconds);
        assert_eq!(
            all,
            [
                "85.2 ns", "1.00 us", "12.3 us", "100 us", "4.50 ms", "2.50 s"
            ]
        );
        assert_eq!(
            [512, 16_384, 2_345_678].map(bytes),
            ["512 B", "16.4 KB", "2.35 MB"]
        );
        assert_eq!(count(1, "thread", "threads"), "1 thread");
        assert_eq!(count(1200, "thread", "threads"), "1,200 threads");
    }
}
