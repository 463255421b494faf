//! Reads functions and statements.

use super::cursor::Cursor;
use super::error::{ParseError, Problem};
use super::lex::Token;
use super::operand::Operands;
use crate::ir::{
    Access, Block, BufferParam, Carried, Elem, Function, Loop, Scalar, Size, Stmt, Type, Value,
};

/// Loops that may be nested.
const MAX_LOOP_DEPTH: usize = 64;

/// Reads a function from its text form.
///
/// The types and numbers of values are the text's. Numbers that no definition has get the
/// type [`Type::Index`]; they occur nowhere, so it does not matter. What the text says may
/// still be no valid function; the verifier tells.
///
/// # Errors
/// If the text does not follow the grammar (see [the module](super)), names something that
/// its header does not declare, or defines one value with two types.
///
/// ```
/// let text = "\
/// kernel double(n) {
///   inout x: f32[n]
///
///   for %0 in 0..n {
///     %1: f32 = load x[%0]
///     %2: f32 = add %1, %1
///     store x[%0] = %2
///   }
/// }";
/// let function = atome_codegen::ir::parse(text)?;
/// assert_eq!(function.to_string(), text);
/// # Ok::<(), atome_codegen::ir::ParseError>(())
/// ```
pub fn parse(text: &str) -> Result<Function, ParseError> {
    let mut cursor = Cursor::new(text)?;
    let function = header(&mut cursor)?;
    let mut parser = Parser {
        cursor,
        function,
        types: Vec::new(),
    };
    parser.buffers()?;
    let (body, _) = parser.block(0)?;
    parser.cursor.symbol("}")?;
    if parser.cursor.peek() != Token::End {
        return Err(parser.cursor.expected("the end"));
    }
    let types = parser.types.iter().map(|ty| ty.unwrap_or(Type::Index));
    Ok(Function {
        types: types.collect(),
        body,
        ..parser.function
    })
}

/// `kernel name(dims) scalars(names) {`
fn header(cursor: &mut Cursor<'_>) -> Result<Function, ParseError> {
    cursor.word("kernel")?;
    let name = cursor.any_word("the name of the kernel")?.to_owned();
    cursor.symbol("(")?;
    let mut dims = Vec::new();
    if !cursor.symbol_if(")") {
        dims = cursor.list(|c| Ok(c.any_word("the name of a dimension")?.to_owned()))?;
        cursor.symbol(")")?;
    }
    let mut scalars = Vec::new();
    if cursor.word_if("scalars") {
        cursor.symbol("(")?;
        scalars = cursor.list(|c| {
            let name = c.any_word("the name of a scalar")?.to_owned();
            Ok(Scalar { name })
        })?;
        cursor.symbol(")")?;
    }
    cursor.symbol("{")?;
    Ok(Function {
        name,
        dims,
        buffers: Vec::new(),
        scratch: Vec::new(),
        scalars,
        types: Vec::new(),
        body: Block::new(),
    })
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    /// The header; its body stays empty.
    function: Function,
    /// Types of the values defined so far, by number.
    types: Vec<Option<Type>>,
}

impl<'a> Parser<'a> {
    fn operands(&mut self) -> Operands<'_, 'a> {
        Operands {
            cursor: &mut self.cursor,
            function: &self.function,
        }
    }

    /// Lines such as `in x: f32[cols]`, then those such as `scratch panel: i32[4096]`.
    fn buffers(&mut self) -> Result<(), ParseError> {
        while let Token::Word("in" | "out" | "inout") = self.cursor.peek() {
            let access: Access = self.cursor.mnemonic("in, out or inout")?;
            let (name, elem, len) = self.memory()?;
            self.function.buffers.push(BufferParam {
                name,
                access,
                elem,
                len,
            });
        }
        while self.cursor.word_if("scratch") {
            let (name, elem, len) = self.memory()?;
            self.function.scratch.push(BufferParam {
                name,
                access: Access::InOut,
                elem,
                len,
            });
        }
        Ok(())
    }

    /// `x: f32[cols]`
    fn memory(&mut self) -> Result<(String, Elem, Size), ParseError> {
        let name = self.cursor.any_word("the name of a buffer")?.to_owned();
        self.cursor.symbol(":")?;
        let elem = self.cursor.mnemonic("f32 or i32")?;
        self.cursor.symbol("[")?;
        let len = self.operands().size()?;
        self.cursor.symbol("]")?;
        Ok((name, elem, len))
    }

    /// Statements up to `}`, and what a `yield` before it lists.
    fn block(&mut self, depth: usize) -> Result<(Block, Vec<Value>), ParseError> {
        if depth > MAX_LOOP_DEPTH {
            let limit = MAX_LOOP_DEPTH;
            return Err(self.cursor.error(Problem::TooDeep { limit }));
        }
        let mut block = Block::new();
        loop {
            match self.cursor.peek() {
                Token::Value(_) => block.push(self.definition(depth)?),
                Token::Word("for") => block.push(self.for_loop(Vec::new(), depth)?),
                Token::Word("store") => block.push(self.store()?),
                Token::Word("prefetch") => {
                    self.cursor.advance();
                    let (buffer, address) = self.operands().place()?;
                    block.push(Stmt::Prefetch(buffer, address));
                }
                Token::Word("yield") if depth > 0 => {
                    self.cursor.advance();
                    let nexts = self.cursor.list(Cursor::value)?;
                    return Ok((block, nexts));
                }
                Token::Symbol("}") => return Ok((block, Vec::new())),
                _ => return Err(self.cursor.expected("a statement or `}`")),
            }
        }
    }

    /// An instruction, or a loop with results.
    fn definition(&mut self, depth: usize) -> Result<Stmt, ParseError> {
        let mut defined = vec![self.typed_value()?];
        while self.cursor.symbol_if(",") {
            defined.push(self.typed_value()?);
        }
        self.cursor.symbol("=")?;
        match defined[..] {
            _ if self.cursor.peek() == Token::Word("for") => self.for_loop(defined, depth),
            [value] => Ok(Stmt::Let(value, self.operands().inst()?)),
            _ => Err(self.cursor.expected("`for`")),
        }
    }

    fn store(&mut self) -> Result<Stmt, ParseError> {
        self.cursor.word("store")?;
        let (buffer, address) = self.operands().place()?;
        self.cursor.symbol("=")?;
        let value = self.cursor.value()?;
        let lanes = self.operands().lanes()?;
        Ok(Stmt::Store {
            buffer,
            address,
            value,
            lanes,
        })
    }

    fn for_loop(&mut self, results: Vec<Value>, depth: usize) -> Result<Stmt, ParseError> {
        self.cursor.word("for")?;
        let counter = self.counter()?;
        self.cursor.word("in")?;
        if self.cursor.peek() != Token::Number("0") {
            return Err(self.cursor.expected("`0`"));
        }
        self.cursor.advance();
        self.cursor.symbol("..")?;
        let trip = self.operands().size()?;
        let mut when = None;
        if self.cursor.word_if("when") {
            when = Some(self.cursor.value()?);
        }
        let mut unroll = 1;
        if self.cursor.word_if("unroll") {
            unroll = self.cursor.natural("a number of copies")?;
        }
        let mut inits = Vec::new();
        if self.cursor.word_if("carry") {
            inits = self.params()?;
        }
        self.check_count("results", inits.len(), results.len())?;
        self.cursor.symbol("{")?;
        let (body, nexts) = self.block(depth + 1)?;
        self.check_count("next values", inits.len(), nexts.len())?;
        self.cursor.symbol("}")?;
        let carried = inits.iter().zip(nexts).zip(results);
        let carried = carried.map(|((&(param, init), next), result)| Carried {
            param,
            init,
            next,
            result,
        });
        Ok(Stmt::For(Loop {
            counter,
            trip,
            when,
            unroll,
            carried: carried.collect(),
            body,
        }))
    }

    /// `%1: f32 = %0, %3: f32 = %2`
    fn params(&mut self) -> Result<Vec<(Value, Value)>, ParseError> {
        let mut params = Vec::new();
        loop {
            let param = self.typed_value()?;
            self.cursor.symbol("=")?;
            params.push((param, self.cursor.value()?));
            if !self.cursor.symbol_if(",") {
                return Ok(params);
            }
        }
    }

    fn check_count(
        &self,
        what: &'static str,
        carried: usize,
        found: usize,
    ) -> Result<(), ParseError> {
        if carried == found {
            return Ok(());
        }
        Err(self.cursor.error(Problem::CarriedCount {
            what,
            carried,
            found,
        }))
    }

    /// `%3: f32x16`
    fn typed_value(&mut self) -> Result<Value, ParseError> {
        let value = self.cursor.value()?;
        self.cursor.symbol(":")?;
        self.define(value)?;
        Ok(value)
    }

    /// `%3`, an index if no other type is given.
    fn counter(&mut self) -> Result<Value, ParseError> {
        let value = self.cursor.value()?;
        if self.cursor.symbol_if(":") {
            self.define(value)?;
        } else {
            self.set_type(value, Type::Index)?;
        }
        Ok(value)
    }

    /// Reads the type of a value that is defined here.
    fn define(&mut self, value: Value) -> Result<(), ParseError> {
        let Token::Word(word) = self.cursor.peek() else {
            return Err(self.cursor.expected(TYPES));
        };
        let ty = super::mnemonic::Mnemonic::of_word(word);
        let ty = ty.ok_or_else(|| self.cursor.expected(TYPES))?;
        self.set_type(value, ty)?;
        self.cursor.advance();
        Ok(())
    }

    fn set_type(&mut self, value: Value, second: Type) -> Result<(), ParseError> {
        let at = value.0 as usize;
        if at >= self.types.len() {
            self.types.resize(at + 1, None);
        }
        match self.types[at] {
            Some(first) if first != second => Err(self.cursor.error(Problem::TwoTypes {
                value: value.0,
                first,
                second,
            })),
            _ => {
                self.types[at] = Some(second);
                Ok(())
            }
        }
    }
}

const TYPES: &str = "index, f32, i32, f32x16 or i32x16";
