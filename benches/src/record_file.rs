//! Files of records: the machine on the first line, then a record a line.

use crate::machine::Machine;
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// What a file of records holds.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordFile {
    /// The machine, if the file says which.
    pub machine: Option<Machine>,
    /// The records, in order.
    pub records: Vec<Record>,
}

/// A line that is no record.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: expected {expected}: {cause}")]
pub struct RecordFileError {
    line: usize,
    expected: &'static str,
    cause: serde_json::Error,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    machine: Machine,
}

impl RecordFile {
    /// Reads what [`RecordFile::to_text`] wrote, or records alone; empty lines are left out.
    ///
    /// # Errors
    /// At the first line that is neither.
    pub fn parse(text: &str) -> Result<RecordFile, RecordFileError> {
        let mut file = RecordFile {
            machine: None,
            records: Vec::new(),
        };
        for (i, line) in text
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty())
        {
            let refused = |expected| {
                move |cause| RecordFileError {
                    line: i + 1,
                    expected,
                    cause,
                }
            };
            if i == 0 && is_head(line) {
                let head: Head = serde_json::from_str(line).map_err(refused("a machine"))?;
                file.machine = Some(head.machine);
            } else {
                file.records
                    .push(serde_json::from_str(line).map_err(refused("a record of a benchmark"))?);
            }
        }
        Ok(file)
    }

    /// Whether a text begins as these files do, with a machine.
    pub fn is_begun(text: &str) -> bool {
        text.lines().next().is_some_and(is_head)
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let head = self.machine.clone().map(|machine| Head { machine });
        let head = head.iter().map(serde_json::to_string);
        let lines = head.chain(self.records.iter().map(serde_json::to_string));
        // Numbers, texts and lists of them.
        lines
            .map(|line| line.expect("what every format can hold") + "\n")
            .collect()
    }
}

fn is_head(line: &str) -> bool {
    line.starts_with(r#"{"machine":"#)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(name: &str, ns: f64) -> Record {
        let json = format!(
            r#"{{"name":"{name}","threads":1,"ns":{ns:?},"gmacs":64.0,"gbps":16.0,"limit":{{"kind":"l2","value":100.0}},"of_limit":0.16,"bits_per_weight":2.0,"method":"dot","backend":"aot"}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn files_read_as_they_were_written() {
        let file = RecordFile {
            machine: Some(Machine::this()),
            records: vec![record("a", 1.0), record("b", 2.5)],
        };
        let text = file.to_text();
        assert!(RecordFile::is_begun(&text));
        assert_eq!(RecordFile::parse(&text).unwrap(), file);
        let (_, bare) = text.split_once('\n').unwrap();
        let bare = RecordFile::parse(&format!("{bare}\n")).unwrap();
        assert_eq!((bare.machine, bare.records), (None, file.records));
        assert!(!RecordFile::is_begun("machine"));
    }

    #[test]
    fn what_is_no_record_is_told_with_its_line() {
        let text = record("a", 1.0);
        let text = RecordFile {
            machine: None,
            records: vec![text],
        }
        .to_text();
        let said = |text: &str| RecordFile::parse(text).unwrap_err().to_string();
        let name = said(&format!("{text}{{\"name\":\"b\"}}\n"));
        assert!(
            name.starts_with("line 2: expected a record of a benchmark: missing field `threads`"),
            "{name}"
        );
        let machine = said("{\"machine\":3}");
        assert!(
            machine.starts_with("line 1: expected a machine: "),
            "{machine}"
        );
        assert!(said("gemv 12 us").starts_with("line 1: "));
    }
}
