//! Patterns that cut text: the part of regular expressions that tokenizers use.
//!
//! Alternatives, groups, `(?i:..)`, look-ahead, and single characters or classes of them that may be repeated:
//!
//! ```text
//! '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//! ```
//!
//! Of several alternatives the first that matches counts, and a repetition takes as much as it can, as in Perl. A search
//! takes time in proportion to the text, whatever the pattern.
//!
//! | file | concept |
//! |---|---|
//! | `class` | classes of characters |
//! | `parse` | text to a program |
//! | `program` | running it |

mod class;
mod parse;
mod program;

pub(crate) use class::is_word;
pub(crate) use parse::Fault;
use program::Program;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Program);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What was expected, if it is none of this kind.
    pub(crate) fn new(text: &str) -> Result<Pattern, Fault> {
        parse::program(text).map(Pattern)
    }

    /// The text in pieces, none of them empty and nothing left out: where each ends, and whether it is a match.
    pub(crate) fn pieces<'s>(&'s self, text: &'s [u8]) -> impl Iterator<Item = (usize, bool)> + 's {
        let mut search = self.0.search(text);
        let (mut at, mut found) = (0, None);
        std::iter::from_fn(move || {
            if at == text.len() {
                return None;
            }
            let (start, end) = match found.take() {
                Some(found) => found,
                None => search.next_match(at).unwrap_or((text.len(), text.len())),
            };
            let is_match = start == at;
            if is_match {
                at = end;
            } else {
                at = start;
                found = Some((start, end)).filter(|_| start < text.len());
            }
            Some((at, is_match))
        })
    }
}

/// A pattern of a text that stands for itself.
pub(crate) fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split<'t>(pattern: &str, text: &'t str) -> Vec<(&'t str, bool)> {
        let pattern = Pattern::new(pattern).unwrap();
        let mut start = 0;
        let pieces = pattern.pieces(text.as_bytes()).map(|(end, is_match)| {
            let piece = &text[start..end];
            start = end;
            (piece, is_match)
        });
        pieces.collect()
    }

    #[test]
    fn matches_and_what_lies_between() {
        assert_eq!(
            split("[0-9]{3}", "a1234567"),
            [("a", false), ("123", true), ("456", true), ("7", false)]
        );
        assert_eq!(
            split("b+", "abba"),
            [("a", false), ("bb", true), ("a", false)]
        );
        assert_eq!(split("x", ""), []);
        assert_eq!(split("x?", "ax"), [("a", false), ("x", true)]);
    }

    #[test]
    fn alternatives_in_order_and_repetitions_as_long_as_can_be() {
        let all = |pattern, text| -> Vec<&str> {
            split(pattern, text).into_iter().map(|p| p.0).collect()
        };
        assert_eq!(all(r"a|ab", "ab"), ["a", "b"]);
        assert_eq!(all(r"\s+(?!\S)|\s+", "a   b"), ["a", "  ", " ", "b"]);
        assert_eq!(all(r"\s*[\r\n]+|\s+", " \n \n  x"), [" \n \n", "  ", "x"]);
        assert_eq!(all(r"(?i:'s|'ll)", "'S'lL'ſ's"), ["'S", "'lL", "'ſ", "'s"]);
        assert_eq!(all(r"[A-Z]*[A-Zx]+y", "ABCy"), ["ABCy"]);
        assert_eq!(all(r"[A-Z]*+[A-Z]+y", "ABCy"), ["ABCy"]);
        assert_eq!(split(r"[A-Z]*+[A-Z]+y", "ABCy"), [("ABCy", false)]);
        assert_eq!(all(r"((?=[\p{L}])([^a-z]))+", "aÉBc"), ["a", "ÉB", "c"]);
        assert_eq!(all(r"\s+$", " a  "), [" a", "  "]);
        assert_eq!(
            all(r"a(?:bc|b)?c", "abc ac abbc"),
            ["abc", " ", "ac", " abbc"]
        );
        assert_eq!(
            all(r"[\]\-a]+|\x41|\u00e9|\u{1f600}", "]-aAé😀"),
            ["]-a", "A", "é", "😀"]
        );
    }

    #[test]
    fn what_is_no_pattern() {
        for (pattern, expected) in [
            ("(a", "a `)` for each `(`"),
            ("a)", "each `)` to close a group"),
            ("[a", "a `]` for each `[`"),
            (
                "(?<=a)b",
                "a group to be `(`, `(?:`, `(?i:`, `(?=` or `(?!`",
            ),
            (
                "(?:ab)+",
                "only single characters to be repeated, and groups to be optional",
            ),
            ("a+?", "no lazy repetition"),
            ("*", "something to repeat before `*`, `+`, `?` or `{`"),
            (r"\p{Han}", "a general category of Unicode in `\\p{..}`"),
            ("a{3,1}", "counts such as `{3}`, `{2,}` or `{1,3}`"),
            (
                "[z-a]",
                "ranges from one character to a later one, outside `(?i:`",
            ),
            ("^a", "no `^`"),
            ("[a&&b]", "no `&&`"),
            (r"\q", "another escape"),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap_err(), expected, "{pattern}");
        }
        assert!(Pattern::new(&"(".repeat(100_000)).is_err());
    }

    #[test]
    fn a_pattern_that_looks_again_and_again_ends() {
        let text = "a".repeat(1 << 20);
        let pieces = split("a*a*a*a*b", &text);
        assert_eq!(pieces, [(text.as_str(), false)]);
    }

    #[test]
    fn a_literal_is_itself() {
        let text = "a.b(c)\\-é ";
        assert_eq!(split(&escaped(text), text), [(text, true)]);
    }
}
