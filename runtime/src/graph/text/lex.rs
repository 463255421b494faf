//! Text into tokens.

/// One token of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A name, a keyword or an op: words between dots, perhaps behind a dot.
    Word(&'t str),
    /// `%` and a name, with nothing between them.
    Rows(&'t str),
    /// Digits, with or without a fraction and an exponent.
    Number(&'t str),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    /// A character that begins no token.
    Other(char),
    /// The end of the text.
    End,
}

const SYMBOLS: [&str; 11] = ["..", "{", "}", "[", "]", "(", ")", ",", ":", "=", "-"];

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'t> {
    pub(super) rest: &'t str,
    /// Line and column, both from 1, columns in characters.
    pub(super) place: (u32, u32),
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer {
            rest: text,
            place: (1, 1),
        }
    }

    /// Moves over blanks and comments.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            self.take(count(self.rest, char::is_whitespace));
            if !self.rest.starts_with('#') {
                return;
            }
            self.take(count(self.rest, |c| c != '\n'));
        }
    }

    /// Moves over the token that comes next, which no blank stands before, and gives it.
    pub(super) fn token(&mut self) -> Token<'t> {
        let Some(first) = self.rest.chars().next() else {
            return Token::End;
        };
        if first.is_ascii_digit() {
            return Token::Number(self.take(number_len(self.rest)));
        }
        if let Some(name) = self.rest.strip_prefix('%') {
            let len = name_len(name);
            if len > 0 {
                return Token::Rows(&self.take(1 + len)[1..]);
            }
        }
        let len = name_len(self.rest);
        if len > 0 {
            return Token::Word(self.take(len));
        }
        for symbol in SYMBOLS {
            if self.rest.starts_with(symbol) {
                self.take(symbol.len());
                return Token::Symbol(symbol);
            }
        }
        self.take(first.len_utf8());
        Token::Other(first)
    }

    /// Moves over a text up to a closing brace and gives it; `None` if there is none. A brace of a comment is none.
    pub(super) fn braced(&mut self) -> Option<&'t str> {
        let mut comment = false;
        let end = self.rest.find(|c| {
            comment = c == '#' || comment && c != '\n';
            c == '}' && !comment
        })?;
        Some(self.take(end))
    }

    /// Moves over `len` bytes and gives them.
    pub(super) fn take(&mut self, len: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(len);
        let (line, column) = &mut self.place;
        for c in taken.chars() {
            match c {
                '\n' => (*line, *column) = (*line + 1, 1),
                _ => *column += 1,
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

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A name begins with a letter or `_`, perhaps behind a dot; after each further dot comes a letter, `_` or a digit.
fn name_len(text: &str) -> usize {
    let dot = usize::from(text.starts_with('.'));
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !text[dot..].starts_with(starts) {
        return 0;
    }
    let mut len = dot + count(&text[dot..], is_word);
    while let Some(tail) = text[len..].strip_prefix('.')
        && tail.starts_with(is_word)
    {
        len += 1 + count(tail, is_word);
    }
    len
}

/// Letters that follow at once belong to the number, and make it one that does not parse.
fn number_len(text: &str) -> usize {
    let mut len = count(text, is_word);
    if let Some(tail) = text[len..].strip_prefix('.')
        && tail.starts_with(|c: char| c.is_ascii_digit())
    {
        len += 1 + count(tail, is_word);
    }
    if text[..len].ends_with(['e', 'E'])
        && let Some(tail) = text[len..].strip_prefix(['-', '+'])
        && tail.starts_with(|c: char| c.is_ascii_digit())
    {
        len += 1 + count(tail, is_word);
    }
    len
}
