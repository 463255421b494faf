//! Tokens to expressions, by recursive descent of bounded depth.

use super::lex::{Placed, Token, symbol_of, tokens};
use super::{Body, Expr, ExprError, ExprFault, Node, Number, Operand, OperandKind, Statement};
use crate::op;
use atome_spec::Op;
use std::str::FromStr;

/// Greatest depth of parentheses and signs.
const MAX_DEPTH: usize = 64;

impl FromStr for Expr {
    type Err = ExprError;

    /// `(x: row, g: gain per head) { x = x * g }`
    fn from_str(text: &str) -> Result<Expr, ExprError> {
        let mut parser = Parser::new(text)?;
        let operands = parser.operands()?;
        parser.symbol("{")?;
        let body = parser.body()?;
        parser.symbol("}")?;
        parser.end()?;
        Expr::new(operands, body).map_err(|error| parser.placed(error))
    }
}

impl FromStr for Body {
    type Err = ExprError;

    /// Statements, each on a line of its own or after a `;`.
    fn from_str(text: &str) -> Result<Body, ExprError> {
        let mut parser = Parser::new(text)?;
        let body = parser.body()?;
        parser.end()?;
        Ok(body)
    }
}

struct Parser<'t> {
    tokens: Vec<Placed<'t>>,
    next: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Parser<'t>, ExprError> {
        Ok(Parser {
            tokens: tokens(text)?,
            next: 0,
            depth: 0,
        })
    }

    /// The next token; the last one is the end of the text.
    fn peek(&self) -> Placed<'t> {
        self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Placed<'t> {
        let placed = self.peek();
        self.next += 1;
        placed
    }

    fn expected<T>(&self, expected: impl Into<String>) -> Result<T, ExprError> {
        let Placed { token, place } = self.peek();
        let (expected, found) = (expected.into(), token.described());
        Err(ExprFault::Expected { expected, found }.at(Some(place)))
    }

    fn symbol_if(&mut self, symbol: &str) -> bool {
        let found = self.peek().token == Token::Symbol(symbol_of(symbol));
        self.next += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: &str) -> Result<(), ExprError> {
        match self.symbol_if(symbol) {
            true => Ok(()),
            false => self.expected(format!("`{symbol}`")),
        }
    }

    fn word(&mut self, expected: &str) -> Result<&'t str, ExprError> {
        match self.peek().token {
            Token::Word(word) => {
                self.next += 1;
                Ok(word)
            }
            _ => self.expected(expected),
        }
    }

    fn end(&mut self) -> Result<(), ExprError> {
        match self.peek().token {
            Token::End => Ok(()),
            _ => self.expected("the end"),
        }
    }

    fn operands(&mut self) -> Result<Vec<Operand>, ExprError> {
        let mut operands = Vec::new();
        self.symbol("(")?;
        while !self.symbol_if(")") {
            if !operands.is_empty() {
                self.symbol(",")?;
            }
            operands.push(self.operand()?);
        }
        Ok(operands)
    }

    fn operand(&mut self) -> Result<Operand, ExprError> {
        let name = self.word("the name of an operand")?;
        self.symbol(":")?;
        let word = self.peek().token;
        let kinds = OperandKind::ALL;
        let Some(kind) = kinds.into_iter().find(|k| word == Token::Word(k.name())) else {
            return self.expected("`row`, `gain` or `state`");
        };
        self.next += 1;
        let operand = Operand::new(name, kind);
        if self.peek().token != Token::Word("per") {
            return Ok(operand);
        }
        self.next += 1;
        match self.peek().token {
            Token::Word("head") => self.next += 1,
            _ => return self.expected("`head`"),
        }
        Ok(operand.per_head())
    }

    fn body(&mut self) -> Result<Body, ExprError> {
        let mut statements = Vec::new();
        loop {
            while self.symbol_if(";") {}
            if matches!(self.peek().token, Token::End | Token::Symbol("}"))
                && !statements.is_empty()
            {
                return Ok(Body::new(statements));
            }
            let name = self.word("a statement, `name = ..`")?.to_owned();
            self.symbol("=")?;
            let value = self.sum()?;
            statements.push(Statement { name, value });
            let Placed { token, place } = self.peek();
            let before = self.tokens[self.next - 1].place;
            let ends = matches!(token, Token::End | Token::Symbol("}" | ";"));
            if !ends && place.0 == before.0 {
                return self.expected("an operator, `;` or a new line");
            }
        }
    }

    fn sum(&mut self) -> Result<Node, ExprError> {
        let mut left = self.product()?;
        loop {
            let op = match self.peek().token {
                Token::Symbol("+") => Op::Add,
                Token::Symbol("-") => Op::Sub,
                _ => return Ok(left),
            };
            self.next += 1;
            left = Node::Call(op, vec![left, self.product()?]);
            self.bounded(&left)?;
        }
    }

    fn product(&mut self) -> Result<Node, ExprError> {
        let mut left = self.sign()?;
        loop {
            let op = match self.peek().token {
                Token::Symbol("*") => Op::Mul,
                Token::Symbol("/") => Op::Div,
                _ => return Ok(left),
            };
            self.next += 1;
            left = Node::Call(op, vec![left, self.sign()?]);
            self.bounded(&left)?;
        }
    }

    /// A chain of operators is a tree as deep as it is long.
    fn bounded(&self, node: &Node) -> Result<(), ExprError> {
        let mut depth = 0;
        let mut node = node;
        while let Node::Call(_, operands) = node {
            depth += 1;
            match operands.first() {
                Some(first) => node = first,
                None => break,
            }
        }
        match depth > 4 * MAX_DEPTH {
            true => Err(ExprFault::TooDeep(MAX_DEPTH).at(Some(self.peek().place))),
            false => Ok(()),
        }
    }

    fn sign(&mut self) -> Result<Node, ExprError> {
        if !self.symbol_if("-") {
            return self.atom();
        }
        if let Token::Number(_) = self.peek().token {
            let Node::Number(number) = self.atom()? else {
                return self.expected("a number");
            };
            let negative = Number::new(-number.value());
            return Ok(negative.map_or(Node::Number(number), Node::Number));
        }
        let node = self.deeper(Parser::sign)?;
        Ok(Node::Call(Op::Neg, vec![node]))
    }

    fn atom(&mut self) -> Result<Node, ExprError> {
        let Placed { token, place } = self.take();
        match token {
            Token::Number(text) => {
                let number = text.parse().ok().and_then(Number::new);
                let fault = ExprFault::Number(text.to_owned()).at(Some(place));
                number.map(Node::Number).ok_or(fault)
            }
            Token::Symbol("(") => {
                let node = self.deeper(Parser::sum)?;
                self.symbol(")")?;
                Ok(node)
            }
            Token::Word("select") if self.symbol_if("(") => self.deeper(Parser::select),
            Token::Word(word) if self.symbol_if("(") => {
                self.deeper(|parser| parser.call(word, place))
            }
            Token::Word(word) => Ok(Node::Name(word.to_owned())),
            _ => {
                self.next -= 1;
                self.expected("a value")
            }
        }
    }

    /// `x < y, u, v)`
    fn select(&mut self) -> Result<Node, ExprError> {
        let mut x = self.sum()?;
        let (op, is_swapped) = match self.peek().token {
            Token::Symbol("<") => (Op::SelectLt, false),
            Token::Symbol("<=") => (Op::SelectLe, false),
            Token::Symbol(">") => (Op::SelectLt, true),
            Token::Symbol(">=") => (Op::SelectLe, true),
            Token::Symbol("==") => (Op::SelectEq, false),
            _ => return self.expected("`<`, `<=`, `>`, `>=` or `==`"),
        };
        self.next += 1;
        let mut y = self.sum()?;
        if is_swapped {
            std::mem::swap(&mut x, &mut y);
        }
        self.symbol(",")?;
        let u = self.sum()?;
        self.symbol(",")?;
        let v = self.sum()?;
        self.symbol(")")?;
        Ok(Node::Call(op, vec![x, y, u, v]))
    }

    /// `x, y)` of a function.
    fn call(&mut self, word: &str, place: (u32, u32)) -> Result<Node, ExprError> {
        let functions = functions();
        let Some(op) = functions.iter().find(|op| op.name() == word) else {
            let known: Vec<&str> = functions.iter().map(|op| op.name()).collect();
            let (name, known) = (word.to_owned(), known.join(", ") + ", select");
            return Err(ExprFault::UnknownFunction { name, known }.at(Some(place)));
        };
        let mut operands = Vec::new();
        while !self.symbol_if(")") {
            if !operands.is_empty() {
                self.symbol(",")?;
            }
            operands.push(self.sum()?);
        }
        let (expected, found) = (op::arity(*op).unwrap_or(0), operands.len());
        if expected != found {
            let function = word.to_owned();
            let fault = ExprFault::Count {
                function,
                expected,
                found,
            };
            return Err(fault.at(Some(place)));
        }
        Ok(Node::Call(*op, operands))
    }

    fn deeper(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Node, ExprError>,
    ) -> Result<Node, ExprError> {
        if self.depth == MAX_DEPTH {
            return Err(ExprFault::TooDeep(MAX_DEPTH).at(Some(self.peek().place)));
        }
        self.depth += 1;
        let node = parse(self);
        self.depth -= 1;
        node
    }

    /// An error about a name, with its place: the second one of two, else the first.
    fn placed(&self, error: ExprError) -> ExprError {
        let (name, second) = match &error.fault {
            ExprFault::Twice(name) => (name, Some("=")),
            ExprFault::SameName(name) => (name, Some(":")),
            ExprFault::Unknown(name)
            | ExprFault::Unused(name)
            | ExprFault::Dead(name)
            | ExprFault::DimName(name)
            | ExprFault::NotWritable(name)
            | ExprFault::NotKept(name) => (name, None),
            _ => return error,
        };
        let pairs = self.tokens.windows(2);
        let named = pairs.filter(|pair| pair[0].token == Token::Word(name));
        let mut places = named.filter(|pair| match second {
            Some(symbol) => pair[1].token == Token::Symbol(symbol_of(symbol)),
            None => true,
        });
        let found = places.nth(usize::from(second.is_some()));
        let place = found.map(|pair| pair[0].place);
        error.fault.at(place)
    }
}

/// The elementwise ops that are written as functions.
fn functions() -> Vec<Op> {
    let signs = [Op::Neg, Op::Add, Op::Sub, Op::Mul, Op::Div];
    let choices = [Op::SelectLt, Op::SelectLe, Op::SelectEq];
    let all = Op::ALL.iter().copied();
    let elementwise = all.filter(|op| op::arity(*op).is_some());
    elementwise
        .filter(|op| !signs.contains(op) && !choices.contains(op))
        .collect()
}
