//! Benchmarks beside older ones as a table for people, in a hundred columns.

use super::table::{NAME, with};
use crate::units::nanoseconds;
use atome_benches::Compared;

/// Columns that ratios are in.
const NONE: &str = "-";

/// The heading.
pub(super) fn heading(width: usize) -> String {
    let width = width.min(NAME);
    format!(
        "{:<width$}  {:<6} {:>8}  {:>8}  {:>6}  of limit\n",
        "benchmark", "with", "before", "now", "ratio"
    )
}

/// A row, after a line of its own for a long name.
pub(super) fn row(width: usize, row: &Compared) -> String {
    let width = width.min(NAME);
    let mut name = row.name.as_str();
    let mut text = String::new();
    if name.chars().count() > width {
        text = format!("{name}\n");
        name = "";
    }
    let time = |ns: Option<f64>| ns.map_or(NONE.to_owned(), nanoseconds);
    let ratio = row
        .ratio
        .map_or(NONE.to_owned(), |ratio| format!("{ratio:.2} x"));
    let percent =
        |part: Option<f64>| part.map_or(NONE.to_owned(), |part| format!("{:.0}", 100.0 * part));
    let (old, new) = (percent(row.old_of_limit), percent(row.of_limit));
    text + &format!(
        "{name:<width$}  {:<6} {:>8}  {:>8}  {ratio:>6}  {old:>3} -> {new} %\n",
        with(&row.backend, row.threads),
        time(row.old_ns),
        time(row.ns),
    )
}

/// What is said before the rows that are in the older records alone.
pub(super) const GONE: &str = "\nonly in the older records:\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_show_then_and_now() {
        let both = Compared {
            name: "gemv-int2-i8-avx2/1024x4096".to_owned(),
            backend: "aot".to_owned(),
            threads: 2,
            old_ns: Some(60_000.0),
            ns: Some(40_000.0),
            ratio: Some(1.5),
            old_of_limit: Some(0.54),
            of_limit: Some(0.81),
        };
        assert_eq!(
            row(30, &both),
            "gemv-int2-i8-avx2/1024x4096     aot x2  60.0 us   40.0 us  1.50 x   54 -> 81 %\n"
        );
        let new = Compared {
            name: "an-embarrassingly-long-name/of/a/model/in/a/file/of/somebody".to_owned(),
            old_ns: None,
            ratio: None,
            old_of_limit: None,
            ..both
        };
        let text = heading(90) + &row(90, &new);
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        assert!(text.contains(" -   40.0 us       -    - -> 81 %"), "{text}");
    }
}
