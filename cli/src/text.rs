//! Text to a stream as its bytes come: a model may spell a character over several tokens.

use atome::tokenizer::TextDecoder;
use std::io::{self, Write};

/// Writes bytes as UTF-8 text: every character as soon as it is complete, U+FFFD for bytes that are not UTF-8.
pub(crate) struct TextWriter<W> {
    out: W,
    decoder: TextDecoder,
}

impl<W: Write> TextWriter<W> {
    pub(crate) fn new(out: W) -> TextWriter<W> {
        TextWriter {
            out,
            decoder: TextDecoder::new(),
        }
    }

    /// Takes in bytes; writes every character that is complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut written = Ok(());
        self.decoder.push(bytes, |text| {
            if written.is_ok() {
                written = self.out.write_all(text.as_bytes());
            }
        });
        written
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the text and the line: no more bytes will come.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let mut written = Ok(());
        self.decoder
            .finish(|text| written = self.out.write_all(text.as_bytes()));
        written?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_waits_for_its_last_byte() {
        let mut out = Vec::new();
        let mut text = TextWriter::new(&mut out);
        text.push(b"x\xe2\x82").unwrap();
        assert_eq!(*text.out, *b"x");
        text.push(b"\xac\xff").unwrap();
        assert_eq!(*text.out, *"x€\u{fffd}".as_bytes());
        text.push(b"\xe2").unwrap();
        text.finish().unwrap();
        assert_eq!(out, "x€\u{fffd}\u{fffd}\n".as_bytes());
    }

    #[test]
    fn a_write_that_fails_is_told() {
        let mut room = [0; 2];
        let mut text = TextWriter::new(&mut room[..]);
        assert!(text.push(b"ab").is_ok());
        assert!(text.push(b"c").is_err());
    }
}
