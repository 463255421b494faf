//! Lines in scopes. Scopes that differ in their number alone, one after the other, are one that is repeated.

use std::fmt::{self, Write};
use std::ops::Range;

/// Something of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Line(String),
    Scope(String, Vec<Entry>),
    Repeat(String, Range<usize>, Vec<Entry>),
}

/// The entries with repetitions.
pub(super) fn folded(entries: Vec<Entry>) -> Vec<Entry> {
    let mut folded: Vec<Entry> = Vec::new();
    for entry in entries {
        let Entry::Scope(name, body) = entry else {
            folded.push(entry);
            continue;
        };
        let next = numbered(&name);
        match (folded.last_mut(), next) {
            (Some(Entry::Repeat(of, numbers, first)), Some((base, number)))
                if of == base && numbers.end == number && *first == body =>
            {
                numbers.end += 1;
            }
            (_, Some((base, number))) if number < usize::MAX => {
                let base = base.to_owned();
                folded.push(Entry::Repeat(base, number..number + 1, body));
            }
            _ => folded.push(Entry::Scope(name, body)),
        }
    }
    folded
}

/// The parts of `layers.3`, if a repetition would give its name.
fn numbered(name: &str) -> Option<(&str, usize)> {
    let (base, digits) = name.rsplit_once('.')?;
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some((base, number))
}

/// Writes entries so many scopes deep.
pub(super) fn write(f: &mut impl Write, entries: &[Entry], depth: usize) -> fmt::Result {
    let indent = 2 * depth;
    for entry in entries {
        let body = match entry {
            Entry::Line(line) => {
                writeln!(f, "{:indent$}{line}", "")?;
                continue;
            }
            Entry::Scope(name, body) => {
                writeln!(f, "{:indent$}{name} {{", "")?;
                body
            }
            Entry::Repeat(of, numbers, body) => {
                let (first, end) = (numbers.start, numbers.end);
                write!(f, "{:indent$}{of}.{first}", "")?;
                match numbers.len() {
                    1 => writeln!(f, " {{")?,
                    _ => writeln!(f, "..{end} {{")?,
                }
                body
            }
        };
        write(f, body, depth + 1)?;
        writeln!(f, "{:indent$}}}", "")?;
    }
    Ok(())
}
