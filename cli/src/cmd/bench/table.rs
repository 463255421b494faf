//! Records of benchmarks as a table for people, row by row, in a hundred columns.

use crate::units::{nanoseconds, significant};
use atome_benches::{LimitKind, Record};

/// Columns of the longest names of the list; a longer one, of a model's file, has a line of its own.
pub(super) const NAME: usize = 44;

/// Columns of the name of a limit and its instructions.
const LIMIT: usize = 57;

/// A table whose first column fits the names.
pub(crate) struct Table {
    width: usize,
    rows: usize,
}

impl Table {
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Table {
        let widths = names.map(|name| name.chars().count());
        Table {
            width: widths.max().unwrap_or(0).min(NAME),
            rows: 0,
        }
    }

    /// The next row, after the heading if it is the first; each line ends with a line break.
    pub(crate) fn row(&mut self, record: &Record) -> String {
        let width = self.width;
        let mut text = match self.rows {
            0 => format!(
                "{:<width$}  {:<6} {:>8} {:>11}  {:>5} of limit\n",
                "benchmark", "with", "time", "rate", ""
            ),
            _ => String::new(),
        };
        self.rows += 1;
        if record.is_limit() {
            let of = record.limit.of.as_deref().unwrap_or_default();
            let what = format!("{:<28}{of}", record.name);
            let width = (width + 17).max(LIMIT);
            return text + &format!("{what:<width$} {:>11}\n", rate(record));
        }
        let mut name = record.name.as_str();
        if name.chars().count() > width {
            text.push_str(name);
            text.push('\n');
            name = "";
        }
        let limit = format!(
            "{} {} {}",
            limit_name(record.limit.kind),
            significant(record.limit.value),
            record.limit.kind.unit(),
        );
        text + &format!(
            "{name:<width$}  {:<6} {:>8} {:>11}  {:>3.0} % of {limit}\n",
            with(&record.backend, record.threads),
            nanoseconds(record.ns),
            rate(record),
            100.0 * record.of_limit,
        )
    }
}

/// What ran it, and by how many threads if by several.
pub(super) fn with(backend: &str, threads: usize) -> String {
    match threads {
        1 => backend.to_owned(),
        threads => format!("{backend} x{threads}"),
    }
}

/// A word for a limit.
fn limit_name(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::DramRead => "memory",
        LimitKind::L2 => "L2",
        LimitKind::L3 => "L3",
        LimitKind::DotPeak => "dot",
        LimitKind::LookUpPeak => "look-up",
        LimitKind::SelectPeak => "select",
        LimitKind::Store => "stores",
        kind => kind.name(),
    }
}

/// Tokens a second of a model, multiply-accumulates a second of a kernel, bytes a second of what
/// does not multiply.
fn rate(record: &Record) -> String {
    match (record.tok_s, record.gmacs) {
        (Some(tok_s), _) => format!("{tok_s:.0} tok/s"),
        (None, Some(gmacs)) => format!("{} GMAC/s", significant(gmacs)),
        (None, None) => format!("{} GB/s", significant(record.gbps)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atome_benches::Limit;

    fn record(name: &str) -> Record {
        Record {
            name: name.to_owned(),
            threads: 1,
            ns: 123_456.0,
            gmacs: Some(123.4),
            gbps: 123.4,
            limit: Limit {
                kind: LimitKind::DramRead,
                value: 123.4,
                of: Some("2M".into()),
            },
            of_limit: 1.0,
            bits_per_weight: None,
            method: None,
            backend: "interp".into(),
            schedule: None,
            tok_s: None,
        }
    }

    #[test]
    fn a_row_fits_a_hundred_columns() {
        let long = "a-very-long-name-of-a-model-that-somebody-has-on-a-disk-somewhere";
        let names = ["embed-base3-f32-avx512f/32000x4096/batch=64", long];
        let mut table = Table::new(names.into_iter());
        let text = names.map(|name| table.row(&record(name))).concat();
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        let columns = |line: &str| line.find("interp");
        let rows: Vec<_> = text.lines().filter_map(columns).collect();
        assert!(rows.len() == 2 && rows[0] == rows[1], "{text}");
        assert!(text.contains(&format!("\n{long}\n")), "{text}");
        let of = "vpandd+vpmaddubsw+vpaddw zmm";
        let limit = Limit {
            kind: LimitKind::DotPeak,
            value: 123.4,
            of: Some(of.into()),
        };
        let peak = Record {
            limit,
            ..record("limit-look_up-avx512vnni")
        };
        let row = table.row(&peak);
        assert!(
            row.contains(&format!("vnni    {of}")) && row.len() <= 100,
            "{row}"
        );
        let shared = Record {
            threads: 2,
            ..record("gemv")
        };
        assert!(table.row(&shared).contains("  interp x2 "));
    }
}
