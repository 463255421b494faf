//! Text into tokens.

use super::{ExprError, ExprFault};

/// Greatest length of a name.
const MAX_NAME: usize = 200;

const SYMBOLS: [&str; 17] = [
    "==", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "(", ")", "{", "}", ",", ":", ";",
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Word(&'t str),
    Number(&'t str),
    Symbol(&'static str),
    End,
}

#[derive(Clone, Copy)]
pub(super) struct Placed<'t> {
    pub(super) token: Token<'t>,
    /// Line and column in characters, from 1.
    pub(super) place: (u32, u32),
}

/// The symbol as tokens have it.
pub(super) fn symbol_of(text: &str) -> &'static str {
    let found = SYMBOLS.iter().find(|symbol| **symbol == text);
    found.copied().unwrap_or("")
}

impl Token<'_> {
    pub(super) fn described(self) -> String {
        match self {
            Token::Word(text) | Token::Number(text) => format!("`{text}`"),
            Token::Symbol(text) => format!("`{text}`"),
            Token::End => "the end".to_owned(),
        }
    }
}

/// The tokens of `text`, the last of them the end; `#` begins a comment to the end of its line.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed<'_>>, ExprError> {
    let mut tokens = Vec::new();
    let (mut rest, mut place) = (text, (1, 1));
    loop {
        let blanks = rest.len() - rest.trim_start().len();
        let comment = rest[blanks..].starts_with('#');
        let skipped = match comment {
            true => rest[blanks..].find('\n').map_or(rest.len(), |n| blanks + n),
            false => blanks,
        };
        place = moved(place, &rest[..skipped]);
        rest = &rest[skipped..];
        if comment {
            continue;
        }
        let (token, len) = token(rest).map_err(|fault| fault.at(Some(place)))?;
        tokens.push(Placed { token, place });
        if token == Token::End {
            return Ok(tokens);
        }
        place = moved(place, &rest[..len]);
        rest = &rest[len..];
    }
}

fn moved((line, column): (u32, u32), over: &str) -> (u32, u32) {
    let lines = over.matches('\n').count() as u32;
    let last = over.rsplit('\n').next().unwrap_or("").chars().count() as u32;
    match lines {
        0 => (line, column + last),
        _ => (line + lines, 1 + last),
    }
}

/// The token that begins a text without blanks before it, and its length in bytes.
fn token(text: &str) -> Result<(Token<'_>, usize), ExprFault> {
    let Some(first) = text.chars().next() else {
        return Ok((Token::End, 0));
    };
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if first.is_ascii_alphabetic() || first == '_' {
        let len = text.find(|c| !name(c)).unwrap_or(text.len());
        return match len <= MAX_NAME {
            true => Ok((Token::Word(&text[..len]), len)),
            false => Err(ExprFault::LongName(MAX_NAME)),
        };
    }
    if first.is_ascii_digit() {
        let mut len = text.find(|c| !name(c) && c != '.').unwrap_or(text.len());
        if text[..len].ends_with(['e', 'E']) && text[len..].starts_with(['-', '+']) {
            let tail = &text[len + 1..];
            len += 1 + tail.find(|c: char| !name(c)).unwrap_or(tail.len());
        }
        return Ok((Token::Number(&text[..len]), len));
    }
    let symbol = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol));
    match symbol {
        Some(symbol) => Ok((Token::Symbol(symbol), symbol.len())),
        None => Err(ExprFault::Character(first)),
    }
}
