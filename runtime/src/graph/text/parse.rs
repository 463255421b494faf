//! Reads graphs and their statements.

use super::cursor::Cursor;
use super::error::{ParseError, Problem, shown};
use super::lex::Token;
use crate::error::FileError;
use crate::graph::{Builder, Extent, Graph, Rows, typical};
use crate::regular_file;
use crate::tensor::Prepare;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

/// Bytes of the longest text that is read.
const MAX_BYTES: usize = 1 << 20;
/// Statements that are read, those of a repetition once for each.
const MAX_STATEMENTS: usize = 1 << 19;
/// Bytes of scopes, those in each other and of repetitions each time.
const MAX_READ: usize = 64 << 20;

impl FromStr for Graph {
    type Err = ParseError;

    /// Reads a graph, which is then checked.
    ///
    /// # Errors
    /// If the text does not follow the grammar, or what it says is no graph: with the line and the column.
    fn from_str(text: &str) -> Result<Graph, ParseError> {
        if let Some(fault) = too_long(text.len()) {
            return Err(fault);
        }
        let mut parser = Parser::new(text)?;
        parser.statements(Within::Graph)?;
        parser.cursor.symbol("}")?;
        match parser.cursor.peek() {
            Token::End => parser.finish(),
            _ => Err(parser.cursor.expected("the end")),
        }
    }
}

impl Graph {
    /// Reads a graph from a file of text.
    ///
    /// # Errors
    /// If the file cannot be read, or its text is no graph, with its path.
    pub fn from_file(path: &Path) -> Result<Graph, FileError> {
        let read = || {
            let (file, found) = regular_file::open(path)?;
            if let Some(fault) = too_long(usize::try_from(found).unwrap_or(usize::MAX)) {
                return Err(fault.into());
            }
            let mut bytes = Vec::new();
            file.take(MAX_BYTES as u64)
                .read_to_end(&mut bytes)
                .map_err(|cause| FileError::Io { cause })?;
            // What is no text is a character that means nothing.
            Ok(String::from_utf8_lossy(&bytes).parse()?)
        };
        read().map_err(|fault: FileError| fault.in_file(path))
    }
}

fn too_long(found: usize) -> Option<ParseError> {
    let max = MAX_BYTES;
    (found > max).then(|| Problem::TooLong { max, found }.at((1, 1)))
}

/// What statements stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Graph,
    EachToken,
    Head,
}

pub(super) struct Parser<'t> {
    pub(super) cursor: Cursor<'t>,
    pub(super) g: Builder,
    /// Where each call is, in order.
    pub(super) calls: Vec<(u32, u32)>,
    /// Where the graph begins.
    start: (u32, u32),
    statements: usize,
    /// Bytes that scopes have read, those of repetitions each time.
    read: usize,
    /// What the last call of the head writes.
    pub(super) logits: Option<Rows>,
}

impl<'t> Parser<'t> {
    /// Reads `graph NAME window N {`.
    fn new(text: &'t str) -> Result<Parser<'t>, ParseError> {
        let mut cursor = Cursor::new(text);
        let start = cursor.place();
        cursor.word("graph")?;
        let name = cursor.name("the name of the graph")?;
        let window = match cursor.word_if("window") {
            true => cursor.natural("a number of positions")?,
            false => 1,
        };
        cursor.symbol("{")?;
        let mut parser = Parser {
            cursor,
            g: Builder::new(name, window),
            calls: Vec::new(),
            start,
            statements: 0,
            read: 0,
            logits: None,
        };
        parser.check(start)?;
        Ok(parser)
    }

    fn finish(self) -> Result<Graph, ParseError> {
        let (calls, start) = (self.calls, self.start);
        self.g.build().map_err(|(call, fault)| {
            let place = call.and_then(|number| calls.get(number));
            Problem::from(fault).at(*place.unwrap_or(&start))
        })
    }

    /// What a statement recorded has no fault.
    pub(super) fn check(&mut self, place: (u32, u32)) -> Result<(), ParseError> {
        match self.g.take_fault() {
            None => Ok(()),
            Some(fault) => Err(Problem::from(fault).at(place)),
        }
    }

    /// Statements up to `}` or the end.
    fn statements(&mut self, within: Within) -> Result<(), ParseError> {
        while let Token::Word(_) | Token::Rows(_) = self.cursor.peek() {
            self.count()?;
            let place = self.cursor.place();
            self.statement(within)?;
            self.check(place)?;
        }
        match self.cursor.peek() {
            Token::Symbol("}") => Ok(()),
            _ => Err(self.cursor.expected("a statement or `}`")),
        }
    }

    fn count(&mut self) -> Result<(), ParseError> {
        self.statements += 1;
        let max = MAX_STATEMENTS;
        match self.statements <= max {
            true => Ok(()),
            false => Err(self.cursor.error(Problem::TooMany { max })),
        }
    }

    fn statement(&mut self, within: Within) -> Result<(), ParseError> {
        let Token::Word(word) = self.cursor.peek() else {
            return self.composed();
        };
        let start = self.cursor;
        self.cursor.advance();
        let outside = within != Within::EachToken;
        match (word, self.cursor.peek()) {
            (_, Token::Symbol(":")) => self.call(word, start.place()),
            ("head", Token::Symbol("{")) if within == Within::Graph => self.head(),
            (_, Token::Symbol("{" | "..")) if outside => self.scope(word, start, within),
            ("param", Token::Word(_)) if outside => self.param(),
            ("state", Token::Word(_)) if outside => self.state(),
            ("cache", Token::Word(_)) if outside => self.cache(),
            ("output", Token::Rows(_)) if outside => self.output(),
            ("angles", Token::Rows(_)) if outside => self.angles(),
            ("each", Token::Word("token")) if within == Within::Graph => self.each_token(),
            (_, Token::Word(_)) => {
                self.cursor = start;
                self.composed()
            }
            _ => Err(self.cursor.expected("`:`, `{` or the name of a call")),
        }
    }

    /// `in_proj: trits[76, 16]`
    fn param(&mut self) -> Result<(), ParseError> {
        let name = self.cursor.name("the name of a parameter")?;
        self.cursor.symbol(":")?;
        let kind = self.cursor;
        let word = self.cursor.name(KINDS)?;
        let dims = self.dims()?;
        let param = match (word, dims.as_slice()) {
            ("trits", &[rows, cols]) => match self.cursor.word_if("by") {
                true => {
                    let group = self.cursor.natural("a number of columns")?;
                    self.g.ternary_by(name, [rows, cols], group)
                }
                false => self.g.ternary(name, [rows, cols]),
            },
            ("table", &[rows, cols]) => self.g.table(name, [rows, cols], typical::TABLE),
            ("f32", dims) => self.g.floats(name, dims, typical::FLOATS),
            _ => return Err(kind.expected(KINDS)),
        };
        let place = self.cursor.place();
        for prepare in [Prepare::Tanh, Prepare::NewestTapFirst] {
            if self.cursor.word_if(prepare.name()) {
                self.g.prepare(param, prepare);
                self.check(place)?;
            }
        }
        if self.cursor.word_if("random") {
            let low = self.cursor.number()?;
            self.cursor.symbol("..")?;
            let high = self.cursor.number()?;
            self.g.typical(param, (low, high));
        }
        Ok(())
    }

    /// `[76, 16]`
    fn dims(&mut self) -> Result<Vec<usize>, ParseError> {
        self.cursor.symbol("[")?;
        let mut dims = vec![self.cursor.natural("a number of elements")?];
        while self.cursor.symbol_if(",") {
            dims.push(self.cursor.natural("a number of elements")?);
        }
        self.cursor.symbol("]")?;
        Ok(dims)
    }

    /// `h: f32[64]`
    fn state(&mut self) -> Result<(), ParseError> {
        let name = self.cursor.name("the name of a state")?;
        let place = self.cursor;
        match self.f32_dims()?.as_slice() {
            &[elems] => drop(self.g.state(name, elems)),
            _ => return Err(place.expected("a state of one dimension")),
        }
        Ok(())
    }

    /// `keys: f32[8, 1]`
    fn cache(&mut self) -> Result<(), ParseError> {
        let name = self.cursor.name("the name of a cache")?;
        let place = self.cursor;
        match self.f32_dims()?.as_slice() {
            &[rows, width] => drop(self.g.cache(name, rows, width)),
            _ => return Err(place.expected("a cache of rows and of elements of a position")),
        }
        Ok(())
    }

    fn f32_dims(&mut self) -> Result<Vec<usize>, ParseError> {
        self.cursor.symbol(":")?;
        self.cursor.word("f32")?;
        self.dims()
    }

    /// `%shares[3]`
    fn output(&mut self) -> Result<(), ParseError> {
        let (name, width) = self.new_rows()?;
        self.g.output(name, width);
        Ok(())
    }

    /// `%angles[64] base=10000.0`
    fn angles(&mut self) -> Result<(), ParseError> {
        let place = self.cursor;
        let (name, width) = self.new_rows()?;
        self.cursor.word("base")?;
        self.cursor.symbol("=")?;
        let base = self.cursor.number()?;
        match width % 2 {
            0 => drop(self.g.angles(name, width / 2, base)),
            _ => return Err(place.expected("as many cosines as sines")),
        }
        Ok(())
    }

    /// `%shares[3]`
    fn new_rows(&mut self) -> Result<(&'t str, usize), ParseError> {
        let Token::Rows(name) = self.cursor.peek() else {
            return Err(self.cursor.expected("rows"));
        };
        self.cursor.advance();
        self.cursor.symbol("[")?;
        let width = self.cursor.natural("a number of columns")?;
        self.cursor.symbol("]")?;
        Ok((name, width))
    }

    /// `{ .. }`, or `..24 { .. }` of a scope whose name ends with the first number.
    fn scope(&mut self, name: &str, start: Cursor<'t>, within: Within) -> Result<(), ParseError> {
        let scopes = match self.cursor.symbol_if("..") {
            false => Scopes::One(name),
            true => {
                let end = self.cursor.natural("the end of a repetition")?;
                let parts = name.rsplit_once('.');
                let parts = parts.and_then(|(of, first)| Some((of, first.parse().ok()?)));
                match parts.filter(|(_, first)| *first < end) {
                    Some((of, first)) => Scopes::Numbered(of, first..end),
                    None => {
                        let found = format!("{}..{end}", shown(name));
                        return Err(start.error(Problem::Repeat { found }));
                    }
                }
            }
        };
        let body = self.cursor;
        let mut once = |name: String| {
            self.cursor = body;
            self.cursor.symbol("{")?;
            self.g.open(name);
            self.check(start.place())?;
            // Even if there is nothing in it.
            self.count()?;
            self.statements(within)?;
            self.g.close();
            self.cursor.symbol("}")?;
            self.read_again(body)
        };
        match scopes {
            Scopes::One(name) => once(name.to_owned()),
            Scopes::Numbered(of, mut numbers) => {
                numbers.try_for_each(|number| once(format!("{of}.{number}")))
            }
        }
    }

    /// Bounds what repetitions read of the text, blanks and comments too.
    fn read_again(&mut self, body: Cursor<'t>) -> Result<(), ParseError> {
        self.read += body.left() - self.cursor.left();
        let max = MAX_READ;
        match self.read <= max {
            true => Ok(()),
            false => Err(body.error(Problem::ReadAgain { max })),
        }
    }

    fn each_token(&mut self) -> Result<(), ParseError> {
        let place = self.cursor.place();
        self.cursor.word("token")?;
        self.cursor.symbol("{")?;
        let part = self.g.begin_each_token();
        self.check(place)?;
        self.statements(Within::EachToken)?;
        self.g.end_each_token(part);
        self.cursor.symbol("}")
    }

    fn head(&mut self) -> Result<(), ParseError> {
        let place = self.cursor.place();
        self.cursor.symbol("{")?;
        self.g.begin_head();
        self.check(place)?;
        self.statements(Within::Head)?;
        self.g.end_head(self.logits);
        self.check(place)?;
        self.cursor.symbol("}")
    }

    /// `[16]`, `[0..16]`, `[positions]`, `[..4]`, or nothing.
    pub(super) fn columns(&mut self) -> Result<Option<Columns>, ParseError> {
        if !self.cursor.symbol_if("[") {
            return Ok(None);
        }
        let columns = if self.cursor.word_if("positions") {
            Columns::All(self.g.window(), Extent::Positions)
        } else if self.cursor.symbol_if("..") {
            Columns::All(self.cursor.natural("a number of positions")?, Extent::Kept)
        } else {
            let first = self.cursor.natural("a number of columns")?;
            match self.cursor.symbol_if("..") {
                true => Columns::Some(first..self.cursor.natural("the end of the columns")?),
                false => Columns::All(first, Extent::Tokens),
            }
        };
        self.cursor.symbol("]")?;
        Ok(Some(columns))
    }
}

const KINDS: &str = "`trits[rows, cols]`, `table[rows, cols]` or `f32[..]`";

enum Scopes<'n> {
    One(&'n str),
    Numbered(&'n str, Range<usize>),
}

/// Columns of rows, as a text has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    All(usize, Extent),
    Some(Range<usize>),
}
