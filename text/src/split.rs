//! What cuts a text into pieces that are encoded alone.

use crate::error::TextError;
use crate::pattern::Pattern;
use crate::vocabulary::{Matches, Split};

/// A compiled split.
#[derive(Clone, Debug)]
pub(crate) struct Splitter {
    pattern: Pattern,
    matches: Matches,
    inverted: bool,
}

impl Splitter {
    pub(crate) fn new(split: &Split) -> Result<Splitter, TextError> {
        let pattern = Pattern::new(&split.pattern).map_err(|expected| TextError::Pattern {
            expected,
            pattern: split.pattern.clone(),
        })?;
        Ok(Splitter {
            pattern,
            matches: split.matches,
            inverted: split.inverted,
        })
    }

    /// Gives the pieces of a text, none of them empty, to `piece`.
    fn split(&self, text: &[u8], piece: &mut dyn FnMut(&[u8])) {
        // A piece that may still grow, and whether it is a match.
        let (mut start, mut end) = (0, 0);
        let mut held: Option<bool> = None;
        let pieces = self.pattern.pieces(text);
        for (next, is_match) in pieces.map(|(end, is)| (end, is != self.inverted)) {
            let grows = match (self.matches, held) {
                (_, None) | (Matches::Alone, _) => false,
                (Matches::Removed, Some(_)) => false,
                (Matches::WithPrevious, Some(held)) => is_match && !held,
                (Matches::WithNext, Some(held)) => held && !is_match,
                (Matches::Joined, Some(held)) => held == is_match,
            };
            if !grows {
                self.give(&text[start..end], held, piece);
                start = end;
            }
            (end, held) = (next, Some(is_match));
        }
        self.give(&text[start..end], held, piece);
    }

    fn give(&self, text: &[u8], is_match: Option<bool>, piece: &mut dyn FnMut(&[u8])) {
        let is_removed = self.matches == Matches::Removed && is_match == Some(true);
        if !text.is_empty() && !is_removed {
            piece(text);
        }
    }
}

/// Gives the pieces that all splitters make of a text, one within the pieces of the other.
pub(crate) fn split(splitters: &[Splitter], text: &[u8], piece: &mut dyn FnMut(&[u8])) {
    match splitters {
        [] if text.is_empty() => {}
        [] => piece(text),
        [first, rest @ ..] => first.split(text, &mut |part| split(rest, part, piece)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(matches: Matches, inverted: bool, text: &str) -> Vec<String> {
        let split = Split {
            pattern: "-".into(),
            matches,
            inverted,
        };
        let splitter = [Splitter::new(&split).unwrap()];
        let mut pieces = Vec::new();
        super::split(&splitter, text.as_bytes(), &mut |piece| {
            pieces.push(String::from_utf8(piece.to_vec()).unwrap());
        });
        pieces
    }

    /// The examples of the `tokenizers` crate, and ends.
    #[test]
    fn what_becomes_of_matches() {
        let text = "the-final--countdown";
        let of = |matches| pieces(matches, false, text);
        assert_eq!(
            of(Matches::Alone),
            ["the", "-", "final", "-", "-", "countdown"]
        );
        assert_eq!(of(Matches::Removed), ["the", "final", "countdown"]);
        assert_eq!(
            of(Matches::WithPrevious),
            ["the-", "final-", "-", "countdown"]
        );
        assert_eq!(of(Matches::WithNext), ["the", "-final", "-", "-countdown"]);
        assert_eq!(
            of(Matches::Joined),
            ["the", "-", "final", "--", "countdown"]
        );
        assert_eq!(pieces(Matches::Removed, true, text), ["-", "-", "-"]);
        assert_eq!(pieces(Matches::WithNext, false, "a-"), ["a", "-"]);
        assert_eq!(pieces(Matches::WithPrevious, false, "--a"), ["-", "-", "a"]);
        assert!(pieces(Matches::Alone, false, "").is_empty());
    }
}
