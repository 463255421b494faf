//! A place among the tokens of a text.

use super::error::{ParseError, Problem, shown};
use super::lex::{Lexer, Token};

/// Which token is next, and where. A copy remembers the place.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'t> {
    /// Behind the next token.
    lexer: Lexer<'t>,
    token: Token<'t>,
    place: (u32, u32),
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Cursor<'t> {
        let mut cursor = Cursor {
            lexer: Lexer::new(text),
            token: Token::End,
            place: (1, 1),
        };
        cursor.advance();
        cursor
    }

    /// The next token.
    pub(super) fn peek(&self) -> Token<'t> {
        self.token
    }

    /// The line and the column of the next token.
    pub(super) fn place(&self) -> (u32, u32) {
        self.place
    }

    /// Bytes of the text behind the next token.
    pub(super) fn left(&self) -> usize {
        self.lexer.rest.len()
    }

    /// Moves over the next token; the end stays next for ever.
    pub(super) fn advance(&mut self) {
        self.lexer.skip_blanks();
        self.place = self.lexer.place;
        self.token = self.lexer.token();
    }

    /// `problem` with the next token.
    pub(super) fn error(&self, problem: Problem) -> ParseError {
        problem.at(self.place)
    }

    /// The next token is not what the grammar allows.
    pub(super) fn expected(&self, expected: impl Into<String>) -> ParseError {
        self.error(match self.token {
            Token::Other(found) => Problem::Character { found },
            token => Problem::Expected {
                expected: expected.into(),
                found: described(token),
            },
        })
    }

    /// Moves over a symbol if it is next.
    pub(super) fn symbol_if(&mut self, symbol: &'static str) -> bool {
        let is_next = self.token == Token::Symbol(symbol);
        if is_next {
            self.advance();
        }
        is_next
    }

    /// Moves over a symbol.
    pub(super) fn symbol(&mut self, symbol: &'static str) -> Result<(), ParseError> {
        match self.symbol_if(symbol) {
            true => Ok(()),
            false => Err(self.expected(format!("`{symbol}`"))),
        }
    }

    /// Moves over a keyword if it is next.
    pub(super) fn word_if(&mut self, word: &str) -> bool {
        let is_next = self.token == Token::Word(word);
        if is_next {
            self.advance();
        }
        is_next
    }

    /// Moves over a keyword.
    pub(super) fn word(&mut self, word: &'static str) -> Result<(), ParseError> {
        match self.word_if(word) {
            true => Ok(()),
            false => Err(self.expected(format!("`{word}`"))),
        }
    }

    /// Moves over a name.
    pub(super) fn name(&mut self, expected: &'static str) -> Result<&'t str, ParseError> {
        match self.token {
            Token::Word(word) => {
                self.advance();
                Ok(word)
            }
            _ => Err(self.expected(expected)),
        }
    }

    /// Moves over a non-negative whole number.
    pub(super) fn natural(&mut self, expected: &'static str) -> Result<usize, ParseError> {
        let Token::Number(digits) = self.token else {
            return Err(self.expected(expected));
        };
        let number = digits.parse().map_err(|_| self.bad(expected, digits))?;
        self.advance();
        Ok(number)
    }

    /// Moves over a finite number.
    pub(super) fn number(&mut self) -> Result<f32, ParseError> {
        let negative = self.symbol_if("-");
        let Token::Number(digits) = self.token else {
            return Err(self.expected("a number"));
        };
        let number = digits.parse().ok().filter(|x: &f32| x.is_finite());
        let number = number.ok_or_else(|| self.bad("a finite f32", digits))?;
        self.advance();
        Ok(if negative { -number } else { number })
    }

    /// Moves over `{`, a text and `}`, and gives the text and where it begins.
    pub(super) fn braced(&mut self) -> Result<(&'t str, (u32, u32)), ParseError> {
        if self.token != Token::Symbol("{") {
            return Err(self.expected("`{`"));
        }
        let place = self.lexer.place;
        let text = self.lexer.braced();
        self.advance();
        match text {
            Some(text) => {
                self.symbol("}")?;
                Ok((text, place))
            }
            None => Err(Problem::Unclosed.at(place)),
        }
    }

    fn bad(&self, expected: &'static str, found: &str) -> ParseError {
        self.error(Problem::Number {
            expected,
            found: shown(found),
        })
    }
}

fn described(token: Token<'_>) -> String {
    match token {
        Token::Word(text) | Token::Number(text) => format!("`{}`", shown(text)),
        Token::Rows(text) => format!("`%{}`", shown(text)),
        Token::Symbol(text) => format!("`{text}`"),
        Token::Other(found) => format!("{found:?}"),
        Token::End => "the end".to_owned(),
    }
}
