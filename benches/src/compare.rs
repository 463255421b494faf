//! Records beside older ones.

use crate::record::Record;
use serde::Serialize;
use std::collections::BTreeSet;

/// A benchmark, then and now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// What ran it.
    pub backend: String,
    /// Threads that worked on it.
    pub threads: usize,
    /// Nanoseconds a call, then.
    pub old_ns: Option<f64>,
    /// Nanoseconds a call, now.
    pub ns: Option<f64>,
    /// How many times as fast it is now.
    pub ratio: Option<f64>,
    /// The part of its limit that was reached then.
    pub old_of_limit: Option<f64>,
    /// The part of its limit that is reached now.
    pub of_limit: Option<f64>,
}

/// What tells benchmarks apart.
fn key(record: &Record) -> (&str, &str, usize, Option<&str>, Option<&str>) {
    let (method, schedule) = (record.method.as_deref(), record.schedule.as_deref());
    (
        &record.name,
        &record.backend,
        record.threads,
        method,
        schedule,
    )
}

/// A record beside the newest among the older ones that is of the same benchmark.
pub fn compared(old: &[Record], new: &Record) -> Compared {
    let old = old.iter().rev().find(|old| key(old) == key(new));
    row(old, Some(new), new)
}

/// Those older records that are of no benchmark among the new ones, each benchmark once.
pub fn gone(old: &[Record], new: &[Record]) -> Vec<Compared> {
    let mut known: BTreeSet<_> = new.iter().map(key).collect();
    let rest = old.iter().filter(|old| known.insert(key(old)));
    rest.map(|old| row(Some(old), None, old)).collect()
}

fn row(old: Option<&Record>, new: Option<&Record>, of: &Record) -> Compared {
    let ratio = old.zip(new).map(|(old, new)| old.ns / new.ns);
    Compared {
        name: of.name.clone(),
        backend: of.backend.to_string(),
        threads: of.threads,
        old_ns: old.map(|old| old.ns),
        ns: new.map(|new| new.ns),
        ratio: ratio.map(crate::record::rounded),
        old_of_limit: old.map(|old| old.of_limit),
        of_limit: new.map(|new| new.of_limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_file::tests::record;

    #[test]
    fn benchmarks_are_found_again() {
        let shared = |threads| Record {
            threads,
            ..record("gemv", 30.0)
        };
        let old = [
            record("gemv", 10.0),
            shared(2),
            record("gemm", 5.0),
            record("gemm", 4.0),
        ];
        let row = compared(&old, &record("gemm", 2.0));
        assert_eq!(
            (row.old_ns, row.ns, row.ratio),
            (Some(4.0), Some(2.0), Some(2.0))
        );
        let row = compared(&old, &record("embed", 2.0));
        assert_eq!((row.old_ns, row.ratio), (None, None));
        let gone = gone(&old, &[record("gemm", 2.0), shared(1)]);
        let left: Vec<_> = gone
            .iter()
            .map(|row| (&*row.name, row.threads, row.ns))
            .collect();
        assert_eq!(left, [("gemv", 2, None)]);
    }
}
