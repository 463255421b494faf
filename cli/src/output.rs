//! Standard output and standard error, without the panics of `println!` when nobody listens.

use crate::failure::Failure;
use serde::Serialize;
use std::fmt::{Display, Write as _};
use std::io::{self, Write};

/// Writes text to standard output and flushes it.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to standard output and flushes it.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// Writes a value as one line of JSON to standard output and flushes it.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(value).map_err(|e| Failure::Output(e.into()))?;
    print(&format!("{json}\n"))
}

/// Writes a line to standard error, unless it should be quiet.
pub(crate) fn note(quiet: bool, line: impl Display) {
    if !quiet {
        // Notes are not worth failing for.
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// Says in one line on standard error why the command failed.
pub(crate) fn complain(error: &impl Display) {
    complain_with(error, &[]);
}

/// Says in one line on standard error why the command failed, and each hint on a line of its own.
pub(crate) fn complain_with(error: &impl Display, hints: &[String]) {
    let mut text = format!("error: {}\n", escape_controls(&error.to_string()));
    for hint in hints {
        let _ = writeln!(text, "  {}", escape_controls(hint));
    }
    // There is no other place to complain at.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The text with line breaks and other control characters escaped: a path may hold any.
fn escape_controls(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut line, c| {
            if c.is_control() {
                let _ = write!(line, "{}", c.escape_default());
            } else {
                line.push(c);
            }
            line
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_one_line() {
        assert_eq!(
            escape_controls("no file `a\nb\u{1b}[2J`: é"),
            "no file `a\\nb\\u{1b}[2J`: é"
        );
    }
}
