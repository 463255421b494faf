//! Tokens that end a text, a turn or a message: vocabularies seldom say more than one of them, and models write others.

use super::{Kind, Tokens};

/// Names that tokens of this meaning have.
const NAMES: [&str; 22] = [
    "</s>",
    "<eos>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<endoftext>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|end_of_turn|>",
    "<end_of_turn>",
    "<turn|>",
    "<|return|>",
    "<|call|>",
    "<|eos|>",
    "<EOT>",
    "<|EOT|>",
    "[EOT]",
    "[EOS]",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
    "<end_of_utterance>",
    "<|end_of_message|>",
];

/// The ids that were `stated` and those of tokens with such a name, in order. A token that is a part of texts is none.
pub(crate) fn ends_by_name(tokens: &Tokens, stated: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let is_end = |text: &[u8], kind| {
        !matches!(kind, Kind::Normal | Kind::Unused | Kind::Byte)
            && NAMES.iter().any(|name| name.as_bytes() == text)
    };
    let named = tokens.iter().filter(|(_, text, kind)| is_end(text, *kind));
    let mut ends: Vec<u32> = named.map(|(id, ..)| id).chain(stated).collect();
    ends.sort_unstable();
    ends.dedup();
    ends
}
