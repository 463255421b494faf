//! Reads instructions and what they consist of: sizes, addresses, lanes.

use super::cursor::Cursor;
use super::error::{ParseError, Problem};
use super::lex::Token;
use super::mnemonic::Mnemonic;
use crate::ir::{
    Address, BinaryOp, Buffer, Compare, Dim, Function, Inst, Lanes, ReduceOp, ShiftOp, Size,
    UnaryOp, Value, VectorInst, VectorOp,
};

/// Operators and parentheses that a size may have one inside the other.
const MAX_SIZE_DEPTH: usize = 128;

/// Reads parts of a function whose header is known.
pub(super) struct Operands<'c, 'a> {
    pub(super) cursor: &'c mut Cursor<'a>,
    pub(super) function: &'c Function,
}

impl Operands<'_, '_> {
    /// The instruction whose first word is next.
    pub(super) fn inst(&mut self) -> Result<Inst, ParseError> {
        let Token::Word(word) = self.cursor.peek() else {
            return Err(self.cursor.expected("an instruction"));
        };
        let unknown = self.cursor.error(Problem::UnknownInst {
            name: word.to_owned(),
        });
        self.cursor.advance();
        match word {
            "const.f32" => Ok(Inst::F32(self.cursor.f32_bits()?)),
            "const.i32" => Ok(Inst::I32(self.cursor.i32()?)),
            "size.f32" => Ok(Inst::SizeF32(self.size()?)),
            "param" => self.param(),
            "splat" => Ok(Inst::Splat(self.cursor.value()?)),
            "iota" => Ok(Inst::Iota),
            "select" => self.select(),
            "extract" => {
                let x = self.cursor.value()?;
                Ok(Inst::Extract(x, self.byte()?))
            }
            "keep" => {
                let x = self.cursor.value()?;
                self.cursor.word("lanes")?;
                Ok(Inst::Keep(x, self.size()?))
            }
            "trit_select" => self.trit_select(),
            "load" => {
                let (buffer, address) = self.place()?;
                Ok(Inst::Load(buffer, address, self.lanes()?))
            }
            "to_index" => Ok(Inst::ToIndex(self.cursor.value()?)),
            "from_index" => Ok(Inst::FromIndex(self.cursor.value()?)),
            _ => self.operation(word).unwrap_or(Err(unknown)),
        }
    }

    /// An instruction named by its operator.
    fn operation(&mut self, word: &str) -> Option<Result<Inst, ParseError>> {
        if let Some(op) = UnaryOp::of_word(word) {
            Some(self.cursor.value().map(|x| Inst::Unary(op, x)))
        } else if let Some(op) = ReduceOp::of_word(word) {
            Some(self.cursor.value().map(|x| Inst::Reduce(op, x)))
        } else if let Some(op) = VectorOp::of_word(word) {
            Some(self.vector(op))
        } else if let Some(op) = BinaryOp::of_word(word) {
            Some(self.two_values().map(|(x, y)| Inst::Binary(op, x, y)))
        } else if let Some(op) = Compare::of_word(word) {
            Some(self.two_values().map(|(x, y)| Inst::Compare(op, x, y)))
        } else {
            ShiftOp::of_word(word).map(|op| self.shift(op))
        }
    }

    fn two_values(&mut self) -> Result<(Value, Value), ParseError> {
        self.values().map(|[x, y]| (x, y))
    }

    /// So many values, with commas between them.
    fn values<const N: usize>(&mut self) -> Result<[Value; N], ParseError> {
        let mut values = [Value(0); N];
        for (i, value) in values.iter_mut().enumerate() {
            if i > 0 {
                self.cursor.symbol(",")?;
            }
            *value = self.cursor.value()?;
        }
        Ok(values)
    }

    fn shift(&mut self, op: ShiftOp) -> Result<Inst, ParseError> {
        let x = self.cursor.value()?;
        Ok(Inst::Shift(op, x, self.byte()?))
    }

    fn select(&mut self) -> Result<Inst, ParseError> {
        let [mask, on, off] = self.values()?;
        Ok(Inst::Select { mask, on, off })
    }

    fn trit_select(&mut self) -> Result<Inst, ParseError> {
        let codes = self.cursor.value()?;
        self.cursor.symbol(",")?;
        self.cursor.word("bit")?;
        let bit = self.cursor.natural("a number, 0 to 255")?;
        self.cursor.symbol(",")?;
        let x = self.cursor.value()?;
        Ok(Inst::TritSelect { codes, bit, x })
    }

    fn vector(&mut self, op: VectorOp) -> Result<Inst, ParseError> {
        let mut operands = vec![self.cursor.value()?];
        for _ in 1..op.operands().len() {
            self.cursor.symbol(",")?;
            operands.push(self.cursor.value()?);
        }
        let mut bit = 0;
        if op.greatest_bit().is_some() {
            self.cursor.symbol(",")?;
            self.cursor.word("bit")?;
            bit = self.cursor.natural("a number, 0 to 255")?;
        }
        Ok(Inst::Vector(VectorInst::new(op, &operands, bit)))
    }

    /// `, 7`
    fn byte(&mut self) -> Result<u8, ParseError> {
        self.cursor.symbol(",")?;
        self.cursor.natural("a number, 0 to 255")
    }

    fn param(&mut self) -> Result<Inst, ParseError> {
        let at = self.name("scalar", "the name of a scalar", |function, name| {
            function.scalars.iter().position(|s| s.name == name)
        })?;
        Ok(Inst::Param(at))
    }

    /// The number of the thing that the next word names.
    fn name(
        &mut self,
        what: &'static str,
        expected: &'static str,
        find: impl FnOnce(&Function, &str) -> Option<usize>,
    ) -> Result<u32, ParseError> {
        let Token::Word(name) = self.cursor.peek() else {
            return Err(self.cursor.expected(expected));
        };
        let found = find(self.function, name).and_then(|at| u32::try_from(at).ok());
        let found = found.ok_or_else(|| {
            let name = name.to_owned();
            self.cursor.error(Problem::UnknownName { what, name })
        })?;
        self.cursor.advance();
        Ok(found)
    }

    /// `buffer[address]`
    pub(super) fn place(&mut self) -> Result<(Buffer, Address), ParseError> {
        let buffer = self.name("buffer", "the name of a buffer", |function, name| {
            function.memories().position(|b| b.name == name)
        })?;
        self.cursor.symbol("[")?;
        let address = self.address()?;
        self.cursor.symbol("]")?;
        Ok((Buffer(buffer), address))
    }

    /// Terms first, then the base.
    fn address(&mut self) -> Result<Address, ParseError> {
        let mut terms = Vec::new();
        while let Token::Value(_) = self.cursor.peek() {
            let index = self.cursor.value()?;
            let stride = if self.cursor.symbol_if("*") {
                self.atom(0)?
            } else {
                Size::ONE
            };
            terms.push((index, stride));
            if !self.cursor.symbol_if("+") {
                let base = Size::ZERO;
                return Ok(Address { terms, base });
            }
        }
        let base = self.size()?;
        Ok(Address { terms, base })
    }

    /// Nothing, or `lanes` and how many.
    pub(super) fn lanes(&mut self) -> Result<Lanes, ParseError> {
        if self.cursor.word_if("lanes") {
            Ok(Lanes::First(self.size()?))
        } else {
            Ok(Lanes::All)
        }
    }

    /// A size, folded as the operators of [`Size`] fold.
    pub(super) fn size(&mut self) -> Result<Size, ParseError> {
        self.sum(0)
    }

    fn sum(&mut self, depth: usize) -> Result<Size, ParseError> {
        let mut depth = depth;
        let mut size = self.product(depth)?;
        loop {
            depth += 1;
            if depth > MAX_SIZE_DEPTH {
                return Err(self.too_deep());
            }
            if self.cursor.symbol_if("+") {
                size = size + self.product(depth)?;
            } else if self.cursor.symbol_if("-") {
                size = size.sub(self.cursor.natural("a number to subtract")?);
            } else {
                return Ok(size);
            }
        }
    }

    fn product(&mut self, depth: usize) -> Result<Size, ParseError> {
        let mut depth = depth;
        let mut size = self.atom(depth)?;
        loop {
            depth += 1;
            if depth > MAX_SIZE_DEPTH {
                return Err(self.too_deep());
            }
            if self.cursor.symbol_if("*") {
                size = size * self.atom(depth)?;
            } else if self.cursor.symbol_if("/") {
                size = size.div(self.divisor()?);
            } else if self.cursor.symbol_if("%") {
                size = size.rem(self.divisor()?);
            } else {
                return Ok(size);
            }
        }
    }

    fn divisor(&mut self) -> Result<u64, ParseError> {
        let expected = "a number to divide by, at least 1";
        let number: std::num::NonZeroU64 = self.cursor.natural(expected)?;
        Ok(number.get())
    }

    fn atom(&mut self, depth: usize) -> Result<Size, ParseError> {
        if depth > MAX_SIZE_DEPTH {
            return Err(self.too_deep());
        }
        match self.cursor.peek() {
            Token::Number(_) => Ok(Size::Const(self.cursor.natural("a 64-bit number")?)),
            Token::Word(_) => {
                let dim = self.name("dimension", "the name of a dimension", |function, name| {
                    function.dims.iter().position(|d| d == name)
                })?;
                Ok(Size::Dim(Dim(dim)))
            }
            Token::Symbol("(") => {
                self.cursor.advance();
                let size = self.sum(depth + 1)?;
                self.cursor.symbol(")")?;
                Ok(size)
            }
            _ => Err(self.cursor.expected("a size")),
        }
    }

    fn too_deep(&self) -> ParseError {
        let limit = MAX_SIZE_DEPTH;
        self.cursor.error(Problem::TooDeep { limit })
    }
}
