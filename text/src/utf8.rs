//! Characters of bytes that may not be UTF-8: a byte that is no part of a character counts as one, U+FFFD.

/// The first character of a text that is not empty, and its length in bytes.
pub(crate) fn first(text: &[u8]) -> (char, usize) {
    let byte = text[0];
    if byte.is_ascii() {
        return (char::from(byte), 1);
    }
    let length = match byte {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    let character = text.get(..length).map(str::from_utf8);
    match character {
        Some(Ok(character)) => (character.chars().next().unwrap_or_default(), length),
        _ => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// The length in bytes of the last character of a text that is not empty.
pub(crate) fn last(text: &[u8]) -> usize {
    if text[text.len() - 1].is_ascii() {
        return 1;
    }
    let is_last = |length: &usize| {
        let start = text.len().checked_sub(*length);
        start.is_some_and(|start| first(&text[start..]).1 == *length)
    };
    (2..=char::MAX_LEN_UTF8).find(is_last).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_both_ends() {
        let text = b"a\xc3\xa9\xff\xe4\xbd\xa0\xe2\x82\xf0\x9f\x98\x80\x80\xc3";
        let (mut forth, mut at) = (vec![], 0);
        while at < text.len() {
            let (c, length) = first(&text[at..]);
            assert_eq!(c == char::REPLACEMENT_CHARACTER, length == 1 && at > 0);
            forth.push(length);
            at += length;
        }
        let (mut back, mut at) = (vec![], text.len());
        while at > 0 {
            back.push(last(&text[..at]));
            at -= back[back.len() - 1];
        }
        back.reverse();
        assert_eq!(forth, [1, 2, 1, 3, 1, 1, 4, 1, 1]);
        assert_eq!(back, forth);
    }
}
