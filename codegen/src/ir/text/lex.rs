//! Text into tokens.

use super::error::{ParseError, Problem};

/// One token of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name, a keyword or an operation: letters, digits, `_`, and `.` before a letter.
    Word(&'a str),
    /// `%` and a number, with nothing between them: a value.
    Value(&'a str),
    /// Digits, with or without a fraction and an exponent; or `0x` and hexadecimal digits.
    Number(&'a str),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// A token and where it begins, both from 1, columns in characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) token: Token<'a>,
    pub(super) line: u32,
    pub(super) column: u32,
}

const SYMBOLS: [&str; 15] = [
    "..", "(", ")", "{", "}", "[", "]", ",", ":", "=", "+", "-", "*", "/", "%",
];

/// The tokens of `text`, the last of them [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed<'_>>, ParseError> {
    let mut lexer = Lexer {
        rest: text,
        line: 1,
        column: 1,
    };
    let mut tokens = Vec::new();
    loop {
        let placed = lexer.next()?;
        tokens.push(placed);
        if placed.token == Token::End {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: u32,
    column: u32,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Result<Placed<'a>, ParseError> {
        self.skip_blanks();
        let (line, column) = (self.line, self.column);
        let token = self.token()?;
        Ok(Placed {
            token,
            line,
            column,
        })
    }

    fn token(&mut self) -> Result<Token<'a>, ParseError> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(Token::End);
        };
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(Token::Word(self.take(word_len(self.rest))));
        }
        if first.is_ascii_digit() {
            return Ok(Token::Number(self.take(number_len(self.rest))));
        }
        if let Some(digits) = self.rest.strip_prefix('%') {
            let len = count(digits, |c| c.is_ascii_digit());
            if len > 0 {
                return Ok(Token::Value(&self.take(1 + len)[1..]));
            }
        }
        for symbol in SYMBOLS {
            if self.rest.starts_with(symbol) {
                self.take(symbol.len());
                return Ok(Token::Symbol(symbol));
            }
        }
        let problem = Problem::Character { found: first };
        Err(problem.at(self.line, self.column))
    }

    fn skip_blanks(&mut self) {
        loop {
            let blanks = count(self.rest, char::is_whitespace);
            self.take(blanks);
            if !self.rest.starts_with("//") {
                return;
            }
            self.take(count(self.rest, |c| c != '\n'));
        }
    }

    /// Moves over `len` bytes and gives them.
    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        for c in taken.chars() {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.rest = rest;
        taken
    }
}

/// Bytes of the longest beginning whose characters all are `like` this.
fn count(text: &str, like: impl Fn(char) -> bool) -> usize {
    text.find(|c| !like(c)).unwrap_or(text.len())
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn word_len(text: &str) -> usize {
    let mut len = count(text, is_name);
    while let Some(tail) = text[len..].strip_prefix('.') {
        if !tail.starts_with(|c: char| c.is_ascii_alphabetic()) {
            break;
        }
        len += 1 + count(tail, is_name);
    }
    len
}

/// Letters that follow at once belong to the number, and make it one that does not parse.
fn number_len(text: &str) -> usize {
    let mut len = count(text, is_name);
    if let Some(tail) = text[len..].strip_prefix('.')
        && tail.starts_with(|c: char| c.is_ascii_digit())
    {
        len += 1 + count(tail, is_name);
    }
    let decimal = !text.starts_with("0x");
    if decimal
        && text[..len].ends_with(['e', 'E'])
        && let Some(tail) = text[len..].strip_prefix(['-', '+'])
        && tail.starts_with(|c: char| c.is_ascii_digit())
    {
        len += 1 + count(tail, is_name);
    }
    len
}
