//! Bytes to text as they come: a character may be spelt over several tokens.

/// The longest UTF-8 form of a character.
const CHAR_BYTES: usize = 4;

/// Turns bytes that come in pieces into text. Holds back the start of a character until the rest of it has come, and
/// gives U+FFFD for bytes that are not UTF-8: in all, what [`String::from_utf8_lossy`] makes of all the bytes.
///
/// Nothing is allocated.
///
/// ```
/// use atome_text::TextDecoder;
///
/// let (mut decoder, mut text) = (TextDecoder::new(), String::new());
/// decoder.push(b"3 \xe2\x82", |part| text.push_str(part));
/// assert_eq!(text, "3 ");
/// decoder.push(b"\xac", |part| text.push_str(part));
/// assert_eq!(text, "3 €");
/// ```
#[derive(Clone, Debug, Default)]
pub struct TextDecoder {
    /// The start of a character, in the first bytes.
    held: [u8; CHAR_BYTES],
    held_bytes: usize,
}

impl TextDecoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub const fn new() -> TextDecoder {
        TextDecoder {
            held: [0; CHAR_BYTES],
            held_bytes: 0,
        }
    }

    /// Takes in bytes; `write` is given the text that is complete, in parts.
    pub fn push(&mut self, bytes: &[u8], mut write: impl FnMut(&str)) {
        let rest = self.complete_held(bytes, &mut write);
        let mut seen = 0;
        for chunk in rest.utf8_chunks() {
            if !chunk.valid().is_empty() {
                write(chunk.valid());
            }
            let invalid = chunk.invalid();
            seen += chunk.valid().len() + invalid.len();
            if invalid.is_empty() {
                continue;
            }
            if seen == rest.len() && is_start(invalid) {
                self.held[..invalid.len()].copy_from_slice(invalid);
                self.held_bytes = invalid.len();
            } else {
                write(REPLACEMENT);
            }
        }
    }

    /// Ends the text: what was held back becomes U+FFFD. The decoder is then as new.
    pub fn finish(&mut self, mut write: impl FnMut(&str)) {
        if std::mem::take(&mut self.held_bytes) > 0 {
            write(REPLACEMENT);
        }
    }

    /// Completes the character that was held back, or gives it up; returns the bytes after it.
    fn complete_held<'b>(&mut self, bytes: &'b [u8], write: &mut impl FnMut(&str)) -> &'b [u8] {
        let mut rest = bytes;
        while let (1.., Some((&byte, after))) = (self.held_bytes, rest.split_first()) {
            self.held[self.held_bytes] = byte;
            let held = &self.held[..=self.held_bytes];
            match std::str::from_utf8(held) {
                Ok(character) => write(character),
                Err(fault) if fault.error_len().is_none() => {
                    self.held_bytes += 1;
                    rest = after;
                    continue;
                }
                // The byte is no part of the character that was begun.
                Err(_) => {
                    write(REPLACEMENT);
                    self.held_bytes = 0;
                    return rest;
                }
            }
            self.held_bytes = 0;
            rest = after;
        }
        rest
    }
}

/// Written in place of bytes that are not UTF-8.
const REPLACEMENT: &str = "\u{fffd}";

/// Whether more bytes could make a character of these.
fn is_start(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|fault| fault.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: &[&[u8]]) -> String {
        let (mut decoder, mut text) = (TextDecoder::new(), String::new());
        for piece in pieces {
            decoder.push(piece, |part| text.push_str(part));
        }
        decoder.finish(|part| text.push_str(part));
        text
    }

    #[test]
    fn any_split_gives_the_same_text() {
        let whole = "aé€😀".as_bytes();
        let broken = b"a\xffb\xe2\x82z\xf0\x9f\x98\xc3\xa9\xed\xa0\x80\xf4\x90\xe2\x82\xf0\x9f";
        for bytes in [whole, broken] {
            let expected = String::from_utf8_lossy(bytes);
            for i in 0..=bytes.len() {
                for j in i..=bytes.len() {
                    let pieces = [&bytes[..i], &bytes[i..j], &bytes[j..]];
                    assert_eq!(text(&pieces), expected, "split at {i} and {j}");
                }
            }
            let singles: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(text(&singles), expected);
        }
    }

    #[test]
    fn a_finished_decoder_is_as_new() {
        let (mut decoder, mut text) = (TextDecoder::new(), String::new());
        decoder.push(b"\xe2\x82", |part| text.push_str(part));
        decoder.finish(|part| text.push_str(part));
        decoder.push(b"\xacx", |part| text.push_str(part));
        assert_eq!(text, "\u{fffd}\u{fffd}x");
    }
}
