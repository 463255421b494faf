//! Calls that are composed: what the functions of a builder record.

use super::error::{ParseError, Problem, shown};
use super::lex::Token;
use super::parse::Parser;
use crate::graph::{Extent, Named, Rows};

/// What a text may call, with what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Lookup,
    Embedding,
    Linear,
    BitLinear,
    BitLinearAway,
    RmsNorm,
    LayerNorm,
    Softmax,
    Conv1d,
    Residual,
}

impl Function {
    const ALL: [(Function, &'static str, &'static str); 10] = [
        (Function::Lookup, "lookup", "(vocabulary, width)"),
        (Function::Embedding, "embedding", "(vocabulary, width)"),
        (Function::Linear, "linear", "(%x, rows)"),
        (Function::BitLinear, "bit_linear", "(%x, rows) eps=.."),
        (
            Function::BitLinearAway,
            "bit_linear_away",
            "(%x, rows) eps=..",
        ),
        (Function::RmsNorm, "rms_norm", "(%x) eps=.."),
        (Function::LayerNorm, "layer_norm", "(%x) eps=.."),
        (Function::Softmax, "softmax", "(%x) eps=.."),
        (Function::Conv1d, "conv1d", "(%x, taps)"),
        (Function::Residual, "residual", "(%y, %x)"),
    ];
}

/// What stands between the parentheses.
#[derive(Default)]
struct Arguments {
    rows: Vec<Rows>,
    sizes: Vec<usize>,
    eps: Option<f32>,
}

impl Parser<'_> {
    /// `%q = linear wq(%n, 64)`, or `residual out(%y, %x)`
    pub(super) fn composed(&mut self) -> Result<(), ParseError> {
        let start = self.cursor;
        let out = match self.cursor.peek() {
            Token::Rows(name) => {
                self.cursor.advance();
                if self.cursor.peek() != Token::Symbol("=") {
                    return Err(self.cursor.expected("`=`"));
                }
                self.cursor.advance();
                Some(name)
            }
            _ => None,
        };
        let at = self.cursor;
        let word = self.cursor.name("a function")?;
        let found = Function::ALL.iter().find(|(_, name, _)| *name == word);
        let Some((function, _, takes)) = found else {
            let known = Function::ALL.map(|(_, name, _)| name).join(", ");
            let (what, name) = ("function", shown(word));
            return Err(at.error(Problem::UnknownOp { what, name, known }));
        };
        let name = self.cursor.name("the name of the call")?;
        let arguments = self.arguments()?;
        let expected = || {
            let out = if *function == Function::Residual {
                ""
            } else {
                "%out = "
            };
            start.error(Problem::Expected {
                expected: format!("`{out}{word} NAME{takes}`"),
                found: "other operands".to_owned(),
            })
        };
        self.record(*function, name, (out, start.place()), &arguments)?
            .ok_or_else(expected)
    }

    fn arguments(&mut self) -> Result<Arguments, ParseError> {
        let mut arguments = Arguments::default();
        self.cursor.symbol("(")?;
        while !self.cursor.symbol_if(")") {
            if !arguments.rows.is_empty() || !arguments.sizes.is_empty() {
                self.cursor.symbol(",")?;
            }
            match self.cursor.peek() {
                Token::Rows(_) => arguments.rows.push(self.rows()?),
                _ => arguments
                    .sizes
                    .push(self.cursor.natural("rows or a number")?),
            }
        }
        if self.cursor.word_if("eps") {
            self.cursor.symbol("=")?;
            arguments.eps = Some(self.cursor.number()?);
        }
        Ok(arguments)
    }

    /// Records a call; `None` if it takes other arguments.
    fn record(
        &mut self,
        function: Function,
        name: &str,
        (out, place): (Option<&str>, (u32, u32)),
        arguments: &Arguments,
    ) -> Result<Option<()>, ParseError> {
        let Arguments { rows, sizes, eps } = arguments;
        let width = match (function, rows.as_slice(), sizes.as_slice(), eps) {
            (Function::Lookup | Function::Embedding, [], [_, width], None) => *width,
            (Function::Linear, [_], [width], None) => *width,
            (Function::BitLinear | Function::BitLinearAway, [_], [width], Some(_)) => *width,
            (Function::RmsNorm | Function::LayerNorm | Function::Softmax, [x], [], Some(_)) => {
                x.width
            }
            (Function::Conv1d, [x], [_], None) => x.width,
            (Function::Residual, [_, _], [], None) => 0,
            _ => return Ok(None),
        };
        let first = |list: &[usize]| list.first().copied().unwrap_or_default();
        let eps = eps.unwrap_or_default();
        let (size, g) = (first(sizes), &mut self.g);
        if function == Function::Residual {
            let ([y, x], None) = (rows.as_slice(), out) else {
                return Ok(None);
            };
            g.residual(name, *y, *x);
            self.recorded(1, place, None);
            return Ok(Some(()));
        }
        let Some(out) = out else { return Ok(None) };
        let out = match g.find_rows(out) {
            Some(Named::Rows(rows)) => rows,
            _ => g.declare(out, width, Extent::Tokens),
        };
        let x = rows.first().copied();
        match (function, x) {
            (Function::Lookup, _) => g.lookup_to(name, size, out),
            (Function::Embedding, _) => g.embedding_to(name, size, out),
            (Function::Linear, Some(x)) => g.linear_to(name, x, out),
            (Function::BitLinear, Some(x)) => g.bit_linear_to(name, x, out, eps),
            (Function::BitLinearAway, Some(x)) => g.bit_linear_away_to(name, x, out, eps),
            (Function::RmsNorm, Some(x)) => g.rms_norm_to(name, x, out, eps),
            (Function::LayerNorm, Some(x)) => g.layer_norm_to(name, x, out, eps),
            (Function::Softmax, Some(x)) => g.softmax(name, x, out, eps),
            (Function::Conv1d, Some(x)) => g.conv1d_to(name, x, out, size),
            _ => return Ok(None),
        }
        let calls = match function {
            Function::BitLinear | Function::BitLinearAway => 2,
            _ => 1,
        };
        self.recorded(calls, place, Some(out));
        Ok(Some(()))
    }

    fn recorded(&mut self, calls: usize, place: (u32, u32), writes: Option<Rows>) {
        self.calls.extend(std::iter::repeat_n(place, calls));
        self.logits = writes;
    }
}
