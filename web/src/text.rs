//! Text to tokens and back. Of a model without text these give nothing.

use crate::answer::give;
use crate::memory::{borrowed, lent};
use crate::model::Loaded;
use atome::tokenizer::Tokenizer;

fn tokenizer<'a>(model: *const Loaded) -> Option<&'a Tokenizer> {
    // SAFETY: the caller's handle.
    unsafe { borrowed(model) }.tokenizer.as_ref().ok()
}

/// The bytes of the tokens of a text, four each, the lowest first; with what comes before a text if it starts one.
#[unsafe(no_mangle)]
unsafe extern "C" fn text_encode(
    model: *const Loaded,
    text: *const u8,
    bytes: usize,
    starts: u32,
) -> usize {
    // SAFETY: so many bytes of the caller's room.
    let text = unsafe { lent(text, bytes) };
    let Some(tokenizer) = tokenizer(model) else {
        return give(Vec::new());
    };
    let before = match starts {
        0 => &[],
        _ => tokenizer.before(),
    };
    let tokens = tokenizer.encode(text);
    let tokens = before.iter().chain(&tokens);
    give(tokens.flat_map(|token| token.to_le_bytes()).collect())
}

/// The bytes that a token stands for, which need not be whole characters.
#[unsafe(no_mangle)]
unsafe extern "C" fn text_bytes(model: *const Loaded, token: u32) -> usize {
    let bytes = tokenizer(model).map_or(&[][..], |tokenizer| tokenizer.bytes(token));
    give(bytes.to_vec())
}
