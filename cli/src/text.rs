//! Bytes to text as they come: a model of bytes spells a character over several tokens.

use std::io::{self, Write};

/// Written in place of bytes that are not UTF-8.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// Writes bytes as UTF-8 text. Holds back the start of a character until the rest of it has
/// come, and writes U+FFFD for bytes that are not UTF-8: in all, what
/// [`String::from_utf8_lossy`] makes of all the bytes.
pub(crate) struct TextWriter<W> {
    out: W,
    /// The start of a character.
    held: Vec<u8>,
}

impl<W: Write> TextWriter<W> {
    pub(crate) fn new(out: W) -> TextWriter<W> {
        TextWriter {
            out,
            held: Vec::new(),
        }
    }

    /// Takes in bytes; writes and flushes every character that is complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(bytes);
        let complete = write_complete(&mut self.out, &self.held)?;
        self.held.drain(..complete);
        self.out.flush()
    }

    /// Ends the text: no more bytes will come.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if !self.held.is_empty() {
            self.out.write_all(REPLACEMENT)?;
        }
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

/// Writes all but an unfinished character at the end; returns how many bytes that were.
fn write_complete(out: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    let mut done = 0;
    loop {
        let rest = &bytes[done..];
        let Err(fault) = std::str::from_utf8(rest) else {
            out.write_all(rest)?;
            return Ok(bytes.len());
        };
        let valid = fault.valid_up_to();
        out.write_all(&rest[..valid])?;
        done += valid;
        let Some(invalid) = fault.error_len() else {
            return Ok(done);
        };
        out.write_all(REPLACEMENT)?;
        done += invalid;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut text = TextWriter::new(&mut out);
        for piece in pieces {
            text.push(piece).unwrap();
        }
        text.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn any_split_gives_the_same_text() {
        let whole = "aé€😀".as_bytes();
        let broken = b"a\xffb\xe2\x82z\xf0\x9f\x98\xc3\xa9\xed\xa0\x80\xe2\x82";
        for bytes in [whole, broken] {
            let expected = format!("{}\n", String::from_utf8_lossy(bytes));
            for split in 0..=bytes.len() {
                let (a, b) = bytes.split_at(split);
                assert_eq!(written(&[a, b]), expected, "split at {split}");
            }
            let singles: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(written(&singles), expected);
        }
    }

    #[test]
    fn a_character_waits_for_its_last_byte() {
        let mut out = Vec::new();
        let mut text = TextWriter::new(&mut out);
        text.push(b"x\xe2\x82").unwrap();
        assert_eq!(*text.out, *b"x");
        text.push(b"\xac").unwrap();
        assert_eq!(*text.out, *"x€".as_bytes());
    }
}
