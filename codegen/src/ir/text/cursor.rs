//! A place in the token list.

use super::error::{ParseError, Problem};
use super::lex::{Placed, Token, tokens};
use super::mnemonic::Mnemonic;
use crate::ir::Value;

/// Greatest number of a value: it bounds the type table that a short text can ask for.
const MAX_VALUE: u32 = (1 << 22) - 1;

/// The tokens of a text, and which is next.
pub(super) struct Cursor<'a> {
    tokens: Vec<Placed<'a>>,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Result<Cursor<'a>, ParseError> {
        Ok(Cursor {
            tokens: tokens(text)?,
            at: 0,
        })
    }

    /// The next token.
    pub(super) fn peek(&self) -> Token<'a> {
        self.tokens[self.at].token
    }

    /// Moves over the next token; the end stays next for ever.
    pub(super) fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    /// `problem` with the next token.
    pub(super) fn error(&self, problem: Problem) -> ParseError {
        let placed = self.tokens[self.at];
        problem.at(placed.line, placed.column)
    }

    /// The next token is not what the grammar allows.
    pub(super) fn expected(&self, expected: impl Into<String>) -> ParseError {
        self.error(Problem::Expected {
            expected: expected.into(),
            found: match self.peek() {
                Token::Word(text) | Token::Number(text) => format!("`{text}`"),
                Token::Value(text) => format!("`%{text}`"),
                Token::Symbol(text) => format!("`{text}`"),
                Token::End => "the end".to_owned(),
            },
        })
    }

    fn bad_number(&self, expected: &'static str, found: impl Into<String>) -> ParseError {
        self.error(Problem::Number {
            expected,
            found: found.into(),
        })
    }

    /// Moves over a symbol if it is next.
    pub(super) fn symbol_if(&mut self, symbol: &'static str) -> bool {
        let is_next = self.peek() == Token::Symbol(symbol);
        if is_next {
            self.advance();
        }
        is_next
    }

    /// Moves over a symbol.
    pub(super) fn symbol(&mut self, symbol: &'static str) -> Result<(), ParseError> {
        if self.symbol_if(symbol) {
            Ok(())
        } else {
            Err(self.expected(format!("`{symbol}`")))
        }
    }

    /// Moves over a keyword if it is next.
    pub(super) fn word_if(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Token::Word(word);
        if is_next {
            self.advance();
        }
        is_next
    }

    /// Moves over a keyword.
    pub(super) fn word(&mut self, word: &'static str) -> Result<(), ParseError> {
        if self.word_if(word) {
            Ok(())
        } else {
            Err(self.expected(format!("`{word}`")))
        }
    }

    /// Moves over any word.
    pub(super) fn any_word(&mut self, expected: &'static str) -> Result<&'a str, ParseError> {
        match self.peek() {
            Token::Word(word) => {
                self.advance();
                Ok(word)
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// Moves over a word of a table.
    pub(super) fn mnemonic<T: Mnemonic>(
        &mut self,
        expected: &'static str,
    ) -> Result<T, ParseError> {
        let found = match self.peek() {
            Token::Word(word) => T::of_word(word),
            _ => None,
        };
        let found = found.ok_or_else(|| self.expected(expected))?;
        self.advance();
        Ok(found)
    }

    /// Moves over a value.
    pub(super) fn value(&mut self) -> Result<Value, ParseError> {
        let Token::Value(digits) = self.peek() else {
            return Err(self.expected("a value"));
        };
        let number = digits.parse().ok().filter(|n| *n <= MAX_VALUE);
        let number = number.ok_or_else(|| {
            self.bad_number("the number of a value, 0 to 4194303", format!("%{digits}"))
        })?;
        self.advance();
        Ok(Value(number))
    }

    /// Moves over a non-negative number in decimal digits.
    pub(super) fn natural<T: std::str::FromStr>(
        &mut self,
        expected: &'static str,
    ) -> Result<T, ParseError> {
        let Token::Number(digits) = self.peek() else {
            return Err(self.expected(expected));
        };
        let number = digits
            .parse()
            .map_err(|_| self.bad_number(expected, digits))?;
        self.advance();
        Ok(number)
    }

    /// Moves over an i32.
    pub(super) fn i32(&mut self) -> Result<i32, ParseError> {
        let sign = if self.symbol_if("-") { "-" } else { "" };
        let Token::Number(digits) = self.peek() else {
            return Err(self.expected("an i32"));
        };
        let text = format!("{sign}{digits}");
        let number = text.parse().map_err(|_| self.bad_number("an i32", text))?;
        self.advance();
        Ok(number)
    }

    /// Moves over an f32 and gives its bits.
    pub(super) fn f32_bits(&mut self) -> Result<u32, ParseError> {
        let negative = self.symbol_if("-");
        let x = match self.peek() {
            Token::Word("inf") => f32::INFINITY,
            Token::Number(text) => match text.strip_prefix("0x") {
                Some(digits) if !negative => {
                    let bits = u32::from_str_radix(digits, 16)
                        .map_err(|_| self.bad_number("the bits of an f32", text))?;
                    self.advance();
                    return Ok(bits);
                }
                _ => {
                    let x = text.parse().ok().filter(|x: &f32| x.is_finite());
                    x.ok_or_else(|| self.bad_number("a finite f32", text))?
                }
            },
            _ => return Err(self.expected("an f32")),
        };
        self.advance();
        Ok(if negative { -x } else { x }.to_bits())
    }

    /// One item, then more of them after commas.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut items = vec![item(self)?];
        while self.symbol_if(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }
}
