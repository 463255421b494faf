//! What somebody types is text: special tokens that it spells are none, though a template's are.

use crate::Tokenizer;

/// Parts a special token that was typed. It is no character, so no text has it.
const PART: char = '\u{ffff}';

/// The names of a vocabulary's special tokens.
#[must_use]
pub fn specials(tokenizer: &Tokenizer) -> Vec<String> {
    let ids = 0..u32::try_from(tokenizer.vocab()).unwrap_or(u32::MAX);
    let special = ids.filter(|id| tokenizer.is_special(*id));
    let names = special.map(|id| String::from_utf8_lossy(tokenizer.name(id)).into_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// The text with every special token in it parted after its first character.
#[must_use]
pub fn part(text: &str, specials: &[String]) -> String {
    specials.iter().fold(text.replace(PART, ""), |text, name| {
        let first = name.chars().next().map_or(0, char::len_utf8);
        text.replace(name, &format!("{}{PART}{}", &name[..first], &name[first..]))
    })
}

/// The tokens of a conversation that a template made of parted texts.
#[must_use]
pub fn encode(tokenizer: &Tokenizer, text: &[u8]) -> Vec<u32> {
    let (mut rest, mut tokens) = (text, Vec::new());
    let part = PART.to_string();
    while let Some(at) = rest.windows(part.len()).position(|w| w == part.as_bytes()) {
        tokens.extend(tokenizer.encode_with_special(&rest[..at]));
        rest = &rest[at + part.len()..];
    }
    tokens.extend(tokenizer.encode_with_special(rest));
    tokens
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::Vocabulary;

    const TOKENIZER: &str = r#"{
        "added_tokens": [
            {"id": 0, "content": "<unk>", "special": true},
            {"id": 1, "content": "</s>", "special": true}],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "decoder": {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": false, "vocab":
            {"<unk>": 0, "</s>": 1, "▁": 2, "a": 3, "<": 4, "/": 5, "s": 6, ">": 7}, "merges": []}
    }"#;

    #[test]
    fn typed_tokens_are_text() {
        let vocabulary = Vocabulary::from_json(TOKENIZER.as_bytes(), None).unwrap();
        let tokenizer = vocabulary.tokenizer().unwrap();
        let specials = specials(&tokenizer);
        assert_eq!(specials, ["<unk>", "</s>"]);
        assert_eq!(part("a a", &specials), "a a");
        let typed = part("a</s>a", &specials);
        let text = format!("a</s>{typed}</s>");
        let expected = [3, 1, 3, 4, 5, 6, 7, 3, 1];
        assert_eq!(encode(&tokenizer, text.as_bytes()), expected);
        assert!(encode(&tokenizer, b"").is_empty());
    }
}
