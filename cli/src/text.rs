//! Text to a stream as its tokens come: a model may spell a character over several of them.

use atome::tokenizer::{TokenWriter, Tokenizer};
use std::io::{self, Write};

/// Writes tokens as UTF-8 text: every character as soon as it is complete, U+FFFD for bytes that are not UTF-8.
pub(crate) struct TextWriter<'t, W> {
    out: W,
    tokens: TokenWriter<'t>,
}

impl<'t, W: Write> TextWriter<'t, W> {
    pub(crate) fn new(out: W, tokenizer: &'t Tokenizer) -> TextWriter<'t, W> {
        TextWriter {
            out,
            tokens: tokenizer.writer(),
        }
    }

    /// Takes in a token; writes every character that is complete.
    pub(crate) fn push(&mut self, id: u32) -> io::Result<()> {
        let mut written = Ok(());
        self.tokens.push(id, |text| {
            if written.is_ok() {
                written = self.out.write_all(text.as_bytes());
            }
        });
        written
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the text and the line: no more tokens will come.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let mut written = Ok(());
        self.tokens
            .finish(|text| written = self.out.write_all(text.as_bytes()));
        written?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(text: &mut TextWriter<'_, impl Write>, bytes: &[u8]) -> io::Result<()> {
        bytes.iter().try_for_each(|byte| text.push((*byte).into()))
    }

    #[test]
    fn a_character_waits_for_its_last_byte() {
        let mut out = Vec::new();
        let tokenizer = Tokenizer::bytes_alone();
        let mut text = TextWriter::new(&mut out, &tokenizer);
        push(&mut text, b"x\xe2\x82").unwrap();
        assert_eq!(*text.out, *b"x");
        push(&mut text, b"\xac\xff").unwrap();
        assert_eq!(*text.out, *"x€\u{fffd}".as_bytes());
        push(&mut text, b"\xe2").unwrap();
        text.finish().unwrap();
        assert_eq!(out, "x€\u{fffd}\u{fffd}\n".as_bytes());
    }

    #[test]
    fn a_write_that_fails_is_told() {
        let mut room = [0; 2];
        let tokenizer = Tokenizer::bytes_alone();
        let mut text = TextWriter::new(&mut room[..], &tokenizer);
        assert!(push(&mut text, b"ab").is_ok());
        assert!(push(&mut text, b"c").is_err());
    }
}
