//! Records of benchmarks as a table for people, row by row.

use crate::units::{nanoseconds, significant};
use atome_benches::Record;

/// A table whose first column fits all names.
pub(crate) struct Table {
    width: usize,
    rows: usize,
}

impl Table {
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Table {
        Table {
            width: names.map(str::len).max().unwrap_or(0),
            rows: 0,
        }
    }

    /// The next row, after the heading if it is the first; each line ends with a line break.
    pub(crate) fn row(&mut self, record: &Record) -> String {
        let width = self.width;
        let heading = match self.rows {
            0 => format!(
                "{:<width$}  {:<6} {:>9}  {:>14} {:>11}  {:<20} {:>8}\n",
                "benchmark", "with", "time", "rate", "memory", "limit", "of limit"
            ),
            _ => String::new(),
        };
        self.rows += 1;
        let limit = format!(
            "{} {} {}",
            record.limit.kind.name(),
            significant(record.limit.value),
            record.limit.kind.unit(),
        );
        format!(
            "{heading}{:<width$}  {:<6} {:>9}  {:>14} {:>11}  {limit:<20} {:>6.1} %\n",
            record.name,
            record.backend,
            nanoseconds(record.ns),
            rate(record),
            format!("{} GB/s", significant(record.gbps)),
            100.0 * record.of_limit,
        )
    }
}

/// Tokens a second of a model, multiply-accumulates a second of a kernel.
fn rate(record: &Record) -> String {
    match (record.tok_s, record.gmacs) {
        (Some(tok_s), _) => format!("{tok_s:.0} tok/s"),
        (None, Some(gmacs)) => format!("{} GMAC/s", significant(gmacs)),
        (None, None) => String::new(),
    }
}
