//! Calls of ops, and their operands.

use super::error::{ParseError, Problem, shown};
use super::lex::Token;
use super::parse::{Columns, Parser};
use crate::graph::{Arg, Extent, Name, Named, Rows, Scalar, What, dims, listed, signature};
use atome_codegen::expr::{Body, ExprError};
use atome_spec::{Activation, Op};

/// An operand or a scalar of a call.
enum Given {
    Arg(Name, Arg),
    Scalar(Name, Scalar),
    Size(Name, usize),
}

impl Parser<'_> {
    /// `: gemm w=wq, x=%norm[16], out=%wq[8], scale=wq`, behind the name.
    pub(super) fn call(&mut self, name: &str, place: (u32, u32)) -> Result<(), ParseError> {
        self.cursor.symbol(":")?;
        if self.cursor.word_if("map") {
            return self.map(name, place);
        }
        let mut what = self.what()?;
        let mut given = Vec::new();
        if self.is_given() {
            given.push(self.given(&what)?);
            while self.cursor.symbol_if(",") {
                given.push(self.given(&what)?);
            }
        }
        for operand in &given {
            if let (What::TopK(k), Given::Arg(name, Arg::Rows(rows))) = (&mut what, operand)
                && name == "chosen"
            {
                *k = rows.width;
            }
        }
        self.calls.push(place);
        let written = signature::written(&what);
        let call = self.g.push(name, what);
        for operand in given {
            match operand {
                Given::Arg(name, arg) => drop(call.arg(name, arg)),
                Given::Scalar(name, scalar) => drop(call.scalar(name, scalar)),
                Given::Size(name, size) => drop(call.size(name, size)),
            }
        }
        let logits = call.args.iter().find(|(name, _)| written.contains(name));
        self.logits = logits.and_then(|(_, arg)| match arg {
            Arg::Rows(rows) => Some(*rows),
            _ => None,
        });
        Ok(())
    }

    /// `map f=%f[64], h=h, y=%y[64] { h = f * h; y = h }`, behind the op.
    fn map(&mut self, name: &str, place: (u32, u32)) -> Result<(), ParseError> {
        // What the statements write, the call may declare.
        let mut ahead = self.cursor;
        while !matches!(ahead.peek(), Token::Symbol("{" | "}") | Token::End) {
            ahead.advance();
        }
        let (text, start) = ahead.braced()?;
        let body: Body = text.parse().map_err(|fault| placed(fault, start))?;
        let mut operands: Vec<(&str, Arg)> = Vec::new();
        while operands.is_empty() || self.cursor.symbol_if(",") {
            let operand = self.cursor.name("an operand")?;
            self.cursor.symbol("=")?;
            operands.push((operand, self.arg(body.writes(operand))?));
        }
        self.cursor.braced()?;
        self.calls.push(place);
        let written = operands.iter().find(|(name, _)| body.writes(name));
        self.logits = written.and_then(|(_, arg)| match arg {
            Arg::Rows(rows) => Some(*rows),
            _ => None,
        });
        self.g.map_body(name, body, &operands);
        Ok(())
    }

    /// Whether an operand or a scalar is next.
    fn is_given(&self) -> bool {
        let mut ahead = self.cursor;
        ahead.advance();
        matches!(self.cursor.peek(), Token::Word(_)) && ahead.peek() == Token::Symbol("=")
    }

    /// `gemm`, or `gemm-i8`
    fn what(&mut self) -> Result<What, ParseError> {
        let start = self.cursor;
        let word = self.cursor.name("an op")?;
        match word {
            "lookup" => return Ok(What::Lookup),
            "top_k" => return Ok(What::TopK(0)),
            _ => {}
        }
        let unknown = |what, word: &str, known: &[&str]| {
            start.error(Problem::UnknownOp {
                what,
                name: shown(word),
                known: known.join(", "),
            })
        };
        let op = word.parse();
        let op: Op = op.map_err(|_| unknown("op", word, &called()))?;
        if !self.cursor.symbol_if("-") {
            return Ok(What::Kernel(op, Activation::F32));
        }
        let word = self.cursor.name("a type of activations")?;
        let activation = word.parse();
        let names = Activation::NAMES;
        let activation = activation.map_err(|_| unknown("type of activations", word, names))?;
        match signature::is_kernel(op, activation) {
            true => Ok(What::Kernel(op, activation)),
            false => Err(unknown("type of activations of this op", word, &["f32"])),
        }
    }

    /// `x=%norm[16]`
    fn given(&mut self, what: &What) -> Result<Given, ParseError> {
        let start = self.cursor;
        let word = self.cursor.name("an operand")?;
        self.cursor.symbol("=")?;
        let signature::Names {
            buffers,
            scalars,
            sizes,
        } = signature::names(what);
        if let Some(name) = scalars.iter().find(|name| **name == word) {
            let name = Name::Borrowed(name);
            return Ok(Given::Scalar(name, self.scalar()?));
        }
        if let Some(name) = sizes.iter().find(|name| **name == word) {
            let size = self.cursor.natural("a number of elements")?;
            return Ok(Given::Size(Name::Borrowed(name), size));
        }
        let Some(name) = buffers.iter().find(|name| **name == word) else {
            let mut known = buffers;
            known.extend(
                scalars
                    .iter()
                    .chain(sizes)
                    .map(|name| Name::Borrowed(*name)),
            );
            return Err(start.error(Problem::UnknownOperand {
                op: what.to_string(),
                name: shown(word),
                known: listed(&known),
            }));
        };
        let arg = self.arg(signature::written(what).contains(name))?;
        Ok(Given::Arg(name.clone(), arg))
    }

    /// Rows, which are declared if they are written, a parameter or a state.
    fn arg(&mut self, written: bool) -> Result<Arg, ParseError> {
        match self.cursor.peek() {
            Token::Rows(_) if written => Ok(self.rows_written()?.into()),
            Token::Rows(_) => Ok(self.rows()?.into()),
            Token::Word(_) => self.param_or_state(),
            _ => Err(self.cursor.expected("rows, a parameter or a state")),
        }
    }

    fn scalar(&mut self) -> Result<Scalar, ParseError> {
        let Token::Word(word) = self.cursor.peek() else {
            return Ok(self.cursor.number()?.into());
        };
        match self.g.find(word) {
            Some(Named::Param(id)) => {
                self.cursor.advance();
                Ok(id.into())
            }
            _ => Err(self.unknown("a parameter", word)),
        }
    }

    fn param_or_state(&mut self) -> Result<Arg, ParseError> {
        let start = self.cursor;
        let word = self.cursor.name("a parameter or a state")?;
        match self.g.find(word) {
            Some(Named::Param(id)) => Ok(id.into()),
            Some(Named::State(id)) => Ok(id.into()),
            _ => {
                self.cursor = start;
                Err(self.unknown("a parameter or a state", word))
            }
        }
    }

    fn unknown(&self, what: &'static str, name: &str) -> ParseError {
        let name = shown(name);
        self.cursor.error(Problem::UnknownName { what, name })
    }

    /// Rows that are declared, with their columns if these are said.
    pub(super) fn rows(&mut self) -> Result<Rows, ParseError> {
        let Token::Rows(name) = self.cursor.peek() else {
            return Err(self.cursor.expected("rows"));
        };
        let Some(Named::Rows(rows)) = self.g.find_rows(name) else {
            return Err(self.unknown("rows", &format!("%{name}")));
        };
        let start = self.cursor;
        self.cursor.advance();
        let info = self.g.rows_info(rows);
        let (width, extent) = (info.width, info.extent);
        match self.columns()? {
            None => Ok(rows),
            Some(Columns::All(found, as_found)) if (found, as_found) == (width, extent) => Ok(rows),
            Some(Columns::Some(columns))
                if extent == Extent::Tokens
                    && columns.start < columns.end
                    && columns.end <= width =>
            {
                Ok(Rows {
                    first: columns.start,
                    width: columns.len(),
                    ..rows
                })
            }
            Some(found) => Err(start.error(Problem::Columns {
                rows: shown(name),
                expected: Columns::All(width, extent).described(),
                found: found.described(),
            })),
        }
    }

    /// Rows that a call writes: declared by it, if they are not yet.
    fn rows_written(&mut self) -> Result<Rows, ParseError> {
        let start = self.cursor;
        let Token::Rows(name) = self.cursor.peek() else {
            return Err(self.cursor.expected("rows"));
        };
        if self.g.find_rows(name).is_some() {
            return self.rows();
        }
        self.cursor.advance();
        match self.columns()? {
            Some(Columns::All(width, extent)) => Ok(self.g.declare(name, width, extent)),
            _ => {
                self.cursor = start;
                Err(self.unknown("rows", &format!("%{name}")))
            }
        }
    }
}

/// The ops that graphs call.
fn called() -> Vec<&'static str> {
    let ops = Op::ALL.iter().filter(|op| dims::instead(**op).is_none());
    let mut names: Vec<&str> = ops.map(|op| op.name()).collect();
    names.extend(["lookup", "map", "top_k"]);
    names
}

/// A fault of statements that begin at `start`, in the text as a whole.
fn placed(fault: ExprError, start: (u32, u32)) -> ParseError {
    let place = match fault.place {
        Some((1, column)) => (start.0, start.1 + column - 1),
        Some((line, column)) => (start.0 + line - 1, column),
        None => start,
    };
    Problem::from(fault.fault).at(place)
}

impl Columns {
    fn described(&self) -> String {
        match self {
            Columns::All(_, Extent::Positions) => "[positions]".to_owned(),
            Columns::All(width, Extent::Kept) => format!("[..{width}]"),
            Columns::All(width, Extent::Tokens) => format!("[{width}]"),
            Columns::Some(columns) => format!("[{}..{}]", columns.start, columns.end),
        }
    }
}
