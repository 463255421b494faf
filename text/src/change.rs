//! Changes of a text before it is cut.

use crate::error::TextError;
use crate::vocabulary::Change;
use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization};
use unicode_normalization::{is_nfc_quick, is_nfd_quick, is_nfkc_quick, is_nfkd_quick};

/// The text after all changes. `is_first` tells whether nothing lies before it.
pub(crate) fn changed<'t>(changes: &[Change], text: &'t [u8], is_first: bool) -> Cow<'t, [u8]> {
    let mut text = Cow::Borrowed(text);
    for change in changes {
        if let Some(new) = apply(change, &text, is_first) {
            text = Cow::Owned(new);
        }
    }
    text
}

/// How many times as long a text may become, apart from what is put before it and normal forms.
const MOST_GROWTH: usize = 64;
/// The most bytes that are put before a text.
const MOST_BEFORE: usize = 256;

/// Refuses changes that make short texts long: a few that double them are more than any memory.
pub(crate) fn check(changes: &[Change]) -> Result<(), TextError> {
    let refused = |expected, found: String| {
        Err(TextError::Unsupported {
            what: "what is done to a text before it is cut",
            expected,
            found,
        })
    };
    let mut growth = 1usize;
    for change in changes {
        match change {
            Change::Replace { from, to } => {
                let times = to.len().div_ceil(from.len().max(1)).max(1);
                growth = growth.saturating_mul(times);
                if growth > MOST_GROWTH {
                    return refused("at most 64 times as long a text", format!("{growth} times"));
                }
            }
            Change::Prepend { text, .. } if text.len() > MOST_BEFORE => {
                return refused(
                    "at most 256 bytes before it",
                    format!("{} bytes", text.len()),
                );
            }
            Change::Prepend { .. } | Change::Nfc | Change::Nfd | Change::Nfkc | Change::Nfkd => {}
        }
    }
    Ok(())
}

/// The text after a change; `None` if it is as it was.
fn apply(change: &Change, text: &[u8], is_first: bool) -> Option<Vec<u8>> {
    match change {
        Change::Prepend {
            text: before,
            first,
            unless_there,
        } => {
            let there = text.is_empty() || *unless_there && text.starts_with(before.as_bytes());
            let prepends = !there && (is_first || !*first);
            prepends.then(|| [before.as_bytes(), text].concat())
        }
        Change::Replace { from, to } => replaced(text, from.as_bytes(), to.as_bytes()),
        Change::Nfc => normal(
            text,
            |text| is_nfc_quick(text.chars()),
            |text| text.nfc().collect(),
        ),
        Change::Nfd => normal(
            text,
            |text| is_nfd_quick(text.chars()),
            |text| text.nfd().collect(),
        ),
        Change::Nfkc => normal(
            text,
            |text| is_nfkc_quick(text.chars()),
            |text| text.nfkc().collect(),
        ),
        Change::Nfkd => normal(
            text,
            |text| is_nfkd_quick(text.chars()),
            |text| text.nfkd().collect(),
        ),
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let (&first, _) = from.split_first()?;
    let mut new = Vec::new();
    let mut rest = text;
    let mut seen = 0;
    while let Some(at) = rest[seen..].iter().position(|byte| *byte == first) {
        match rest[seen + at..].strip_prefix(from) {
            Some(after) => {
                new.reserve(text.len().saturating_sub(new.len()));
                new.extend_from_slice(&rest[..seen + at]);
                new.extend_from_slice(to);
                (rest, seen) = (after, 0);
            }
            None => seen += at + 1,
        }
    }
    if rest.len() == text.len() {
        return None;
    }
    new.extend_from_slice(rest);
    Some(new)
}

/// The normal form of what is UTF-8; other bytes stay.
fn normal(
    text: &[u8],
    quick: impl Fn(&str) -> IsNormalized,
    form: impl Fn(&str) -> String,
) -> Option<Vec<u8>> {
    let is_normal = |part: &str| part.is_ascii() || quick(part) == IsNormalized::Yes;
    if text.utf8_chunks().all(|chunk| is_normal(chunk.valid())) {
        return None;
    }
    let mut new = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        match is_normal(chunk.valid()) {
            true => new.extend_from_slice(chunk.valid().as_bytes()),
            false => new.extend_from_slice(form(chunk.valid()).as_bytes()),
        }
        new.extend_from_slice(chunk.invalid());
    }
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_in_proportion() {
        let replace = |from: &str, to: &str| Change::Replace {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let usual = vec![Change::Nfkc, replace(" ", "\u{2581}"), replace("``", "\"")];
        assert!(check(&usual).is_ok());
        let doubled = vec![replace("a", "aa"); 6];
        assert!(check(&doubled).is_ok());
        let message = check(&vec![replace("a", "aa"); 40])
            .unwrap_err()
            .to_string();
        assert!(message.contains("at most 64 times as long"), "{message}");
        let before = Change::Prepend {
            text: "a".repeat(257),
            first: false,
            unless_there: false,
        };
        assert!(check(&[before]).is_err());
    }

    fn all(changes: &[Change], text: &str, is_first: bool) -> String {
        String::from_utf8(changed(changes, text.as_bytes(), is_first).into_owned()).unwrap()
    }

    #[test]
    fn blanks_are_replaced_and_one_comes_first() {
        let replace = Change::Replace {
            from: " ".into(),
            to: "▁".into(),
        };
        let prepend = |first, unless_there| Change::Prepend {
            text: "▁".into(),
            first,
            unless_there,
        };
        assert_eq!(
            all(&[prepend(false, false), replace.clone()], " a  b", false),
            "▁▁a▁▁b"
        );
        assert_eq!(
            all(&[replace.clone(), prepend(true, true)], " a", true),
            "▁a"
        );
        assert_eq!(
            all(&[replace.clone(), prepend(true, true)], "a", false),
            "a"
        );
        assert_eq!(all(&[replace, prepend(false, false)], "", true), "");
    }

    #[test]
    fn replacing_finds_what_starts_within_what_seemed_to() {
        let replace = Change::Replace {
            from: "aab".into(),
            to: "x".into(),
        };
        assert_eq!(all(&[replace], "aaabaabaa", true), "axxaa");
    }

    #[test]
    fn normal_forms_leave_other_bytes() {
        let text = b"e\xcc\x81\xffe\xcc\x81";
        assert_eq!(
            *changed(&[Change::Nfc], text, true),
            *b"\xc3\xa9\xff\xc3\xa9"
        );
        assert_eq!(all(&[Change::Nfd], "é", true), "e\u{301}");
        assert_eq!(all(&[Change::Nfkc], "ﬁ", true), "fi");
        assert!(matches!(
            changed(&[Change::Nfc], "né".as_bytes(), true),
            Cow::Borrowed(_)
        ));
    }
}
