//! A text in pieces, as GPT-2's regular expression cuts it:
//!
//! ```text
//! '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//! ```

use std::cmp::Ordering;

include!(concat!(env!("OUT_DIR"), "/gpt2_classes.rs"));

/// What the regular expression tells apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Number,
    Space,
    /// Any other character, and a byte that is no part of UTF-8.
    Symbol,
}

/// What follows an apostrophe as a piece of its own.
const CONTRACTIONS: [&[u8]; 7] = [b"s", b"d", b"m", b"t", b"ll", b"ve", b"re"];

/// The pieces of a text, none of them empty: all its bytes, in order. Each byte is looked at a few times at most.
pub(super) fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let piece;
        (piece, rest) = rest.split_at(piece_bytes(rest));
        (!piece.is_empty()).then_some(piece)
    })
}

/// Length of the first piece; 0 at the end.
fn piece_bytes(text: &[u8]) -> usize {
    let Some((class, first)) = first(text) else {
        return 0;
    };
    if let Some(after) = text.strip_prefix(b"'")
        && let Some(letters) = CONTRACTIONS.iter().find(|c| after.starts_with(c))
    {
        return 1 + letters.len();
    }
    if class != Class::Space {
        return run(text, class).bytes;
    }
    // A blank belongs to the word after it.
    if let Some(after) = text.strip_prefix(b" ")
        && let Some((class, _)) = self::first(after)
        && class != Class::Space
    {
        return 1 + run(after, class).bytes;
    }
    // And so, of several spaces, does the last; where it is no blank it is a piece.
    let spaces = run(text, Class::Space);
    if spaces.bytes == text.len() || spaces.bytes == first {
        spaces.bytes
    } else {
        spaces.bytes - spaces.last
    }
}

/// Characters of one class.
struct Run {
    bytes: usize,
    /// Bytes of the last character.
    last: usize,
}

/// The characters of `class` that a text starts with.
fn run(text: &[u8], class: Class) -> Run {
    let (mut bytes, mut last) = (0, 0);
    while let Some((found, length)) = first(&text[bytes..])
        && found == class
    {
        (bytes, last) = (bytes + length, length);
    }
    Run { bytes, last }
}

/// The class of the first character and its length in bytes.
fn first(text: &[u8]) -> Option<(Class, usize)> {
    let &byte = text.first()?;
    if byte.is_ascii() {
        return Some((class(char::from(byte)), 1));
    }
    let start = &text[..text.len().min(char::MAX_LEN_UTF8)];
    let valid = start.utf8_chunks().next()?.valid();
    Some(match valid.chars().next() {
        Some(c) => (class(c), c.len_utf8()),
        None => (Class::Symbol, 1),
    })
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' => Class::Letter,
        '0'..='9' => Class::Number,
        _ if is_in(&SPACES, c) => Class::Space,
        _ if is_in(&LETTERS, c) => Class::Letter,
        _ if is_in(&NUMBERS, c) => Class::Number,
        _ => Class::Symbol,
    }
}

/// Whether one of the ranges, which are in order, has the character.
fn is_in(ranges: &[(char, char)], c: char) -> bool {
    let place = |&(first, last): &(char, char)| {
        if c < first {
            Ordering::Greater
        } else if c > last {
            Ordering::Less
        } else {
            Ordering::Equal
        }
    };
    ranges.binary_search_by(place).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &[u8]) -> Vec<&[u8]> {
        pieces(text).collect()
    }

    #[test]
    fn pieces_are_words_with_the_blank_before_them() {
        let cases: [(&str, &[&str]); 9] = [
            ("", &[]),
            ("we've 12 cats!?", &["we", "'ve", " 12", " cats", "!?"]),
            ("a  b", &["a", " ", " b"]),
            ("a   ", &["a", "   "]),
            ("a\n\nb", &["a", "\n", "\n", "b"]),
            ("a \n b", &["a", " \n", " b"]),
            ("!'s 's 'sa", &["!'", "s", " '", "s", " '", "sa"]),
            ("'lla", &["'ll", "a"]),
            (
                "\u{e9}t\u{e9}\u{a0}\u{bd}",
                &["\u{e9}t\u{e9}", "\u{a0}", "\u{bd}"],
            ),
        ];
        for (text, expected) in cases {
            let expected: Vec<&[u8]> = expected.iter().map(|piece| piece.as_bytes()).collect();
            assert_eq!(split(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_symbols() {
        assert_eq!(
            split(b"a\xff\xe2\x82 \xf0\x9fb"),
            [&b"a"[..], b"\xff\xe2\x82", b" \xf0\x9f", b"b"]
        );
    }
}
