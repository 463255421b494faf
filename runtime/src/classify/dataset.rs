use crate::format::MAX_CLASSES;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// How a file spells its texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// In UTF-8.
    #[default]
    Text,
    /// Any bytes, each in two hexadecimal digits, with blanks between them or without.
    Hex,
}

/// A labelled text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The number of its label among [`Dataset::names`].
    pub class: usize,
    /// Its bytes.
    pub text: Vec<u8>,
}

/// Labelled texts: lines of JSON, `{"label": "..", "text": ".."}`, with `hex` in place of `text` for bytes; or lines of a label,
/// a tab and a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The labels, in the order of their bytes.
    pub names: Vec<String>,
    /// In the order of the file, each text of a label once.
    pub examples: Vec<Example>,
    /// What is odd about the file.
    pub warnings: Warnings,
    /// How the file spells them.
    pub encoding: Encoding,
    /// The file's length.
    pub bytes: usize,
    /// The file's CRC-32.
    pub crc32: u32,
}

/// What is odd about a file of labelled texts, and may be meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings {
    /// Lines without a text, which are left away.
    pub empty: usize,
    /// Texts that were there before with the same label, which are left away.
    pub twice: usize,
    /// Texts that have more than one label.
    pub conflicts: usize,
    /// Labels of one text alone.
    pub single: usize,
}

/// Why a file is none of labelled texts.
#[derive(Debug, thiserror::Error)]
#[error("{}{fault}", line.map_or_else(String::new, |line| format!("line {line}: ")))]
pub struct DatasetError {
    /// The line it is on, from 1; `None` of the whole file.
    pub line: Option<usize>,
    /// What is wrong.
    pub fault: DatasetFault,
}

/// What is wrong with a file of labelled texts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetFault {
    /// It has no texts.
    #[error("expected labelled texts, found none")]
    Empty,
    /// It is in another encoding.
    #[error("expected UTF-8, found {found}")]
    Encoding {
        /// What it looks like.
        found: String,
    },
    /// A line is no object with a label and a text.
    #[error("expected {{\"label\": \"..\", \"text\": \"..\"}}, found {found}")]
    Json {
        /// What was found.
        found: String,
    },
    /// A line without a tab.
    #[error("expected a label, a tab and a text, found no tab")]
    NoTab,
    /// A line without a label.
    #[error("expected a label, found an empty one")]
    NoLabel,
    /// A label that is more than a line, or speaks to a terminal.
    #[error("expected a label without control characters, found {found}")]
    LabelControls {
        /// The label, escaped.
        found: String,
    },
    /// Bytes that are no hexadecimal digits.
    #[error("expected bytes of two hexadecimal digits each, found {found}")]
    Hex {
        /// What was found.
        found: String,
    },
    /// There is nothing to tell apart.
    #[error("expected texts of two labels or more, all are `{name}`")]
    OneClass {
        /// The only label.
        name: String,
    },
    /// There are more labels than a model may have.
    #[error("expected at most {max} labels, found {found}")]
    Classes {
        /// Most labels.
        max: usize,
        /// Labels found.
        found: usize,
    },
    /// A label that the model does not have.
    #[error("the model has no class `{name}`: it has {known}")]
    Unknown {
        /// The label.
        name: String,
        /// The model's classes, or some of them.
        known: String,
    },
}

/// A line of JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    label: String,
    text: Option<String>,
    hex: Option<String>,
}

impl Dataset {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// The first line that is wrong, or what is wrong with all of them.
    pub fn parse(file: &[u8], encoding: Encoding) -> Result<Self, DatasetError> {
        let whole = |fault| DatasetError { line: None, fault };
        let content = match file {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                let found = "UTF-16".to_owned();
                return Err(whole(DatasetFault::Encoding { found }));
            }
            [0xef, 0xbb, 0xbf, rest @ ..] => rest,
            _ => file,
        };
        let lines = content.split(|byte| *byte == b'\n').enumerate();
        let lines = lines.map(|(i, line)| (i + 1, line.strip_suffix(b"\r").unwrap_or(line)));
        let mut lines = lines
            .filter(|(_, line)| !line.trim_ascii().is_empty())
            .peekable();
        let is_json = lines
            .peek()
            .is_some_and(|(_, line)| line.trim_ascii().starts_with(b"{"));
        let mut found = Vec::new();
        for (number, line) in lines {
            let read = text_of(line).and_then(|line| match is_json {
                true => json(line, encoding),
                false => separated(line, encoding),
            });
            found.push(read.map_err(|fault| DatasetError {
                line: Some(number),
                fault,
            })?);
        }
        let (names, examples, warnings) = collected(found).map_err(whole)?;
        Ok(Self {
            names,
            examples,
            warnings,
            encoding,
            bytes: file.len(),
            crc32: crc32fast::hash(file),
        })
    }

    /// Checks that there is something to tell apart.
    ///
    /// # Errors
    /// If there is one label alone.
    pub fn check_classes(&self) -> Result<(), DatasetError> {
        match &self.names[..] {
            [name] => Err(DatasetError {
                line: None,
                fault: DatasetFault::OneClass { name: name.clone() },
            }),
            _ => Ok(()),
        }
    }

    /// The numbers that a model gives to the labels; `None` for [`super::NONE`], where it has no such class.
    ///
    /// # Errors
    /// For the first label that is none of the model's.
    pub fn classes_of(&self, labels: &super::Labels) -> Result<Vec<Option<usize>>, DatasetError> {
        let number = |name: &String| match labels.names.iter().position(|own| own == name) {
            None if name == super::NONE => Ok(None),
            None => {
                let mut known = labels
                    .names
                    .iter()
                    .take(8)
                    .map(String::as_str)
                    .collect::<Vec<_>>();
                if labels.names.len() > known.len() {
                    known.push("..");
                }
                let fault = DatasetFault::Unknown {
                    name: name.escape_debug().to_string(),
                    known: known.join(", "),
                };
                Err(DatasetError { line: None, fault })
            }
            number => Ok(number),
        };
        self.names.iter().map(number).collect()
    }
}

fn text_of(line: &[u8]) -> Result<&str, DatasetFault> {
    str::from_utf8(line).map_err(|fault| DatasetFault::Encoding {
        found: format!("another byte at {}", fault.valid_up_to() + 1),
    })
}

/// The label and the text of a line of JSON.
fn json(line: &str, encoding: Encoding) -> Result<(String, Vec<u8>), DatasetFault> {
    let fault = |found: String| DatasetFault::Json { found };
    let line: Line = serde_json::from_str(line).map_err(|e| {
        // It knows of one line alone.
        let said = crate::error::one_line(&e);
        let column = said.replace(" at line 1 column ", " at column ");
        fault(column)
    })?;
    let text = match (line.text, line.hex, encoding) {
        (Some(text), None, Encoding::Text) => text.into_bytes(),
        (Some(text), None, Encoding::Hex) | (None, Some(text), _) => bytes_of(&text)?,
        (Some(_), Some(_), _) => return Err(fault("both `text` and `hex`".to_owned())),
        (None, None, _) => return Err(fault("neither `text` nor `hex`".to_owned())),
    };
    Ok((checked_label(&line.label)?, text))
}

/// The label and the text of a line with a tab between them.
fn separated(line: &str, encoding: Encoding) -> Result<(String, Vec<u8>), DatasetFault> {
    let (label, text) = line.split_once('\t').ok_or(DatasetFault::NoTab)?;
    let text = match encoding {
        Encoding::Text => text.as_bytes().to_vec(),
        Encoding::Hex => bytes_of(text)?,
    };
    Ok((checked_label(label)?, text))
}

fn checked_label(label: &str) -> Result<String, DatasetFault> {
    if label.is_empty() {
        return Err(DatasetFault::NoLabel);
    }
    match label.chars().any(char::is_control) {
        true => Err(DatasetFault::LabelControls {
            found: format!("{label:?}"),
        }),
        false => Ok(label.to_owned()),
    }
}

fn bytes_of(text: &str) -> Result<Vec<u8>, DatasetFault> {
    let fault = |found: String| DatasetFault::Hex { found };
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| c.to_digit(16).ok_or_else(|| fault(format!("{c:?}"))))
        .collect::<Result<_, _>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    match rest {
        [] => Ok(pairs
            .iter()
            .map(|[high, low]| (16 * high + low) as u8)
            .collect()),
        _ => Err(fault(format!("{} digits", digits.len()))),
    }
}

/// Labels by number, each text of a label once, and what is odd.
fn collected(
    found: Vec<(String, Vec<u8>)>,
) -> Result<(Vec<String>, Vec<Example>, Warnings), DatasetFault> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut warnings = Warnings::default();
    for (label, text) in &found {
        match text.is_empty() {
            true => warnings.empty += 1,
            false => _ = numbers.insert(label, 0),
        }
    }
    let count = numbers.len();
    match count {
        0 => return Err(DatasetFault::Empty),
        1..=MAX_CLASSES => {}
        _ => {
            let (max, found) = (MAX_CLASSES, count);
            return Err(DatasetFault::Classes { max, found });
        }
    }
    let names: Vec<String> = numbers.keys().map(|name| (*name).to_owned()).collect();
    numbers
        .values_mut()
        .enumerate()
        .for_each(|(i, number)| *number = i);
    let mut seen: HashMap<&[u8], Vec<usize>> = HashMap::new();
    let mut counts = vec![0; count];
    let mut examples = Vec::new();
    for (label, text) in found.iter().filter(|(_, text)| !text.is_empty()) {
        let class = numbers[label.as_str()];
        let labels = seen.entry(text).or_default();
        if labels.contains(&class) {
            warnings.twice += 1;
            continue;
        }
        labels.push(class);
        counts[class] += 1;
        let text = text.clone();
        examples.push(Example { class, text });
    }
    warnings.conflicts = seen.values().filter(|labels| labels.len() > 1).count();
    warnings.single = counts.iter().filter(|count| **count == 1).count();
    Ok((names, examples, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8]) -> Result<Dataset, String> {
        Dataset::parse(file, Encoding::Text).map_err(|fault| fault.to_string())
    }

    #[test]
    fn both_forms_are_one() {
        let json =
            b"{\"label\": \"b\", \"text\": \"x\\ty\"}\n\n{\"label\":\"a\",\"text\":\"\xc3\xa9\"}\n";
        let tabs = b"\xef\xbb\xbfb\tx\ty\r\na\t\xc3\xa9\n";
        let (json, tabs) = (read(json).unwrap(), read(tabs).unwrap());
        assert_eq!((&json.names, &json.examples), (&tabs.names, &tabs.examples));
        assert_eq!(json.names, ["a", "b"]);
        assert_eq!(json.examples[0].text, b"x\ty");
        let hex = Dataset::parse(b"b\t00 fF\na\t7f\n", Encoding::Hex).unwrap();
        let one =
            read(b"{\"label\":\"b\",\"hex\":\"00ff\"}\n{\"label\":\"a\",\"hex\":\"7F\"}").unwrap();
        assert_eq!(hex.examples, one.examples);
        assert_eq!(hex.examples[0].text, [0, 255]);
    }

    #[test]
    fn what_is_odd_is_counted() {
        let file = b"a\tx\na\tx\nb\tx\nb\ty\na\t\nc\tz\n";
        let found = read(file).unwrap();
        let expected = Warnings {
            empty: 1,
            twice: 1,
            conflicts: 1,
            single: 2,
        };
        assert_eq!(found.warnings, expected);
        assert_eq!(found.examples.len(), 4);
        assert_eq!(
            (found.bytes, found.crc32),
            (file.len(), crc32fast::hash(file))
        );
    }

    #[test]
    fn what_is_wrong_is_one_line() {
        let many: String = (0..=MAX_CLASSES).map(|i| format!("{i}\tx\n")).collect();
        for (file, expected) in [
            (&b""[..], "expected labelled texts, found none"),
            (b"a\t\n", "expected labelled texts, found none"),
            (b"\xff\xfea\0", "expected UTF-8, found UTF-16"),
            (
                b"a\tx\nb\tx\xff\n",
                "line 2: expected UTF-8, found another byte at 4",
            ),
            (
                b"a\tx\nb x\n",
                "line 2: expected a label, a tab and a text, found no tab",
            ),
            (b"\tx\n", "line 1: expected a label, found an empty one"),
            (
                b"a\tx\n{\"label\":\"b\\nc\",\"text\":\"x\"}\n",
                "line 2: expected a label, a tab and a text, found no tab",
            ),
            (
                b"{\"label\":\"b\\nc\",\"text\":\"x\"}",
                "line 1: expected a label without control characters, found \"b\\nc\"",
            ),
            (
                b"a\x1b[31m\tx\n",
                "line 1: expected a label without control characters, found \"a\\u{1b}[31m\"",
            ),
            (
                b"{\"label\":\"a\",\"text\":\"x\"}\n{\"text\":\"x\"}",
                "line 2: expected {\"label\": \"..\", \"text\": \"..\"}, found missing field `label` at column 12",
            ),
            (
                b"{\"label\":\"a\"}",
                "line 1: expected {\"label\": \"..\", \"text\": \"..\"}, found neither `text` nor `hex`",
            ),
            (
                b"{\"label\":\"a\",\"text\":\"x\",\"hex\":\"00\"}",
                "line 1: expected {\"label\": \"..\", \"text\": \"..\"}, found both `text` and `hex`",
            ),
            (
                b"{\"label\":\"a\",\"hex\":\"0\"}",
                "line 1: expected bytes of two hexadecimal digits each, found 1 digits",
            ),
            (
                b"{\"label\":\"a\",\"hex\":\"0g\"}",
                "line 1: expected bytes of two hexadecimal digits each, found 'g'",
            ),
            (
                many.as_bytes(),
                "expected at most 65536 labels, found 65537",
            ),
        ] {
            assert_eq!(read(file).unwrap_err(), expected);
        }
        for file in [
            &b"{\"label\":1,\"text\":\"x\"}"[..],
            b"{",
            b"{\"label\":\"a\",\"text\":\"x\",\"t\":1}",
        ] {
            let error = read(file).unwrap_err();
            assert!(
                error.starts_with("line 1: expected {\"label\"") && !error.contains('\n'),
                "{error}"
            );
        }
        let one = read(b"a\tx\na\ty\n").unwrap();
        let error = one.check_classes().unwrap_err().to_string();
        assert_eq!(error, "expected texts of two labels or more, all are `a`");
    }
}
