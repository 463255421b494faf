use super::{
    Access, Address, Base3Part, BinaryOp, Block, Buffer, BufferParam, Carried, Compare, Dim, Elem,
    Function, Inst, Lanes, Loop, PackedOp, ReduceOp, Scalar, ShiftOp, Size, Stmt, Type, UnaryOp,
    Value, VectorInst, VectorOp,
};
use atome_spec::LANES;

/// Builds a function statement by statement; result types are inferred.
///
/// Operands of the wrong type make a function that the verifier rejects.
///
/// ```
/// use atome_codegen::ir::{Access, Builder, Elem};
///
/// let mut b = Builder::new("double");
/// let n = b.dim("n");
/// let x = b.buffer("x", Access::InOut, Elem::F32, n.clone());
/// b.for_each_vector(&n, &[], |b, at, lanes, _| {
///     let v = b.load_vector(x, at.clone(), lanes.clone());
///     let twice = b.add(v, v);
///     b.store(x, at, twice, lanes);
///     vec![]
/// });
/// let function = b.finish();
/// assert_eq!(function.dims, ["n"]);
/// ```
pub struct Builder {
    function: Function,
    blocks: Vec<Block>,
}

impl Builder {
    /// Starts an empty function.
    pub fn new(name: impl Into<String>) -> Builder {
        Builder {
            function: Function {
                name: name.into(),
                dims: Vec::new(),
                buffers: Vec::new(),
                scratch: Vec::new(),
                scalars: Vec::new(),
                types: Vec::new(),
                body: Block::new(),
            },
            blocks: vec![Block::new()],
        }
    }

    /// Starts a function whose parameters are declared already.
    pub(crate) fn declared(declaration: Function) -> Builder {
        Builder {
            function: declaration,
            blocks: vec![Block::new()],
        }
    }

    /// Ends the function.
    ///
    /// # Panics
    /// If it is called while a loop's body is built.
    pub fn finish(mut self) -> Function {
        self.function.body = self.blocks.pop().expect("the body is open until now");
        assert!(self.blocks.is_empty(), "a loop is still open");
        self.function
    }

    /// Adds a dimension.
    pub fn dim(&mut self, name: &str) -> Size {
        self.function.dims.push(name.to_owned());
        Size::Dim(Dim(self.function.dims.len() as u32 - 1))
    }

    /// Adds a buffer of `len` elements.
    ///
    /// # Panics
    /// If there is scratch memory already, which is numbered after the buffers.
    pub fn buffer(
        &mut self,
        name: &str,
        access: Access,
        elem: Elem,
        len: impl Into<Size>,
    ) -> Buffer {
        assert!(self.function.scratch.is_empty(), "buffers come first");
        let (name, len) = (name.to_owned(), len.into());
        self.function.buffers.push(BufferParam {
            name,
            access,
            elem,
            len,
        });
        Buffer(self.function.buffers.len() as u32 - 1)
    }

    /// Adds memory of the call's own, which begins with anything.
    pub fn scratch(&mut self, name: &str, elem: Elem, len: u64) -> Buffer {
        self.function.scratch.push(BufferParam {
            name: name.to_owned(),
            access: Access::InOut,
            elem,
            len: len.into(),
        });
        Buffer(self.function.memories().count() as u32 - 1)
    }

    /// The buffer of a name.
    pub(crate) fn buffer_named(&self, name: &str) -> Option<Buffer> {
        let at = self.function.buffers.iter().position(|b| b.name == name)?;
        Some(Buffer(at as u32))
    }

    /// Adds an f32 parameter and gives its value.
    pub fn scalar(&mut self, name: &str) -> Value {
        let number = self.function.scalars.len() as u32;
        self.function.scalars.push(Scalar {
            name: name.to_owned(),
        });
        self.push(Type::F32, Inst::Param(number))
    }

    /// The value of the f32 parameter of a name.
    pub(crate) fn param(&mut self, name: &str) -> Option<Value> {
        let at = self.function.scalars.iter().position(|s| s.name == name)?;
        Some(self.push(Type::F32, Inst::Param(at as u32)))
    }

    /// The type of a value.
    pub fn type_of(&self, value: Value) -> Type {
        self.function.type_of(value)
    }

    fn push(&mut self, ty: Type, inst: Inst) -> Value {
        let value = self.function.new_value(ty);
        self.block().push(Stmt::Let(value, inst));
        value
    }

    fn block(&mut self) -> &mut Block {
        self.blocks
            .last_mut()
            .expect("the body is open until `finish`")
    }

    /// A scalar f32 constant.
    pub fn f32(&mut self, x: f32) -> Value {
        self.push(Type::F32, Inst::F32(x.to_bits()))
    }

    /// A scalar i32 constant.
    pub fn i32(&mut self, x: i32) -> Value {
        self.push(Type::I32, Inst::I32(x))
    }

    /// An f32 constant as wide as `like`.
    pub fn f32_like(&mut self, like: Value, x: f32) -> Value {
        let scalar = self.f32(x);
        self.widen_like(like, scalar)
    }

    /// An i32 constant as wide as `like`.
    pub fn i32_like(&mut self, like: Value, x: i32) -> Value {
        let scalar = self.i32(x);
        self.widen_like(like, scalar)
    }

    fn widen_like(&mut self, like: Value, scalar: Value) -> Value {
        if self.type_of(like).is_vector() {
            self.splat(scalar)
        } else {
            scalar
        }
    }

    /// A size as an f32.
    pub fn size_f32(&mut self, size: &Size) -> Value {
        self.push(Type::F32, Inst::SizeF32(size.clone()))
    }

    /// A scalar in all lanes.
    pub fn splat(&mut self, x: Value) -> Value {
        let elem = self.type_of(x).elem().unwrap_or(Elem::I32);
        self.push(Type::Vector(elem), Inst::Splat(x))
    }

    /// An i32 constant in all lanes.
    pub fn splat_i32(&mut self, x: i32) -> Value {
        let x = self.i32(x);
        self.splat(x)
    }

    /// An f32 constant in all lanes.
    pub fn splat_f32(&mut self, x: f32) -> Value {
        let x = self.f32(x);
        self.splat(x)
    }

    /// The vector 0, 1, .. 15.
    pub fn iota(&mut self) -> Value {
        self.push(Type::I32X16, Inst::Iota)
    }

    /// An operation on one value.
    pub fn unary(&mut self, op: UnaryOp, x: Value) -> Value {
        let elem = match op {
            UnaryOp::ToBits => Elem::I32,
            UnaryOp::Neg | UnaryOp::Abs | UnaryOp::Sqrt | UnaryOp::ToFloat | UnaryOp::FromBits => {
                Elem::F32
            }
        };
        let ty = self.type_of(x).with_elem(elem);
        self.push(ty, Inst::Unary(op, x))
    }

    /// An operation on two values of one type.
    pub fn binary(&mut self, op: BinaryOp, x: Value, y: Value) -> Value {
        self.push(self.type_of(x), Inst::Binary(op, x, y))
    }

    /// `x + y`
    pub fn add(&mut self, x: Value, y: Value) -> Value {
        self.binary(BinaryOp::Add, x, y)
    }

    /// `x - y`
    pub fn sub(&mut self, x: Value, y: Value) -> Value {
        self.binary(BinaryOp::Sub, x, y)
    }

    /// `x * y`
    pub fn mul(&mut self, x: Value, y: Value) -> Value {
        self.binary(BinaryOp::Mul, x, y)
    }

    /// `x / y`
    pub fn div(&mut self, x: Value, y: Value) -> Value {
        self.binary(BinaryOp::Div, x, y)
    }

    /// `x & y`
    pub fn and(&mut self, x: Value, y: Value) -> Value {
        self.binary(BinaryOp::And, x, y)
    }

    /// An i32 shifted by a constant.
    pub fn shift(&mut self, op: ShiftOp, x: Value, bits: u8) -> Value {
        if bits == 0 {
            x
        } else {
            self.push(self.type_of(x), Inst::Shift(op, x, bits))
        }
    }

    /// A mask.
    pub fn compare(&mut self, compare: Compare, x: Value, y: Value) -> Value {
        self.push(
            self.type_of(x).with_elem(Elem::I32),
            Inst::Compare(compare, x, y),
        )
    }

    /// `mask ? on : off`
    pub fn select(&mut self, mask: Value, on: Value, off: Value) -> Value {
        self.push(self.type_of(on), Inst::Select { mask, on, off })
    }

    /// A vector folded to a scalar.
    pub fn reduce(&mut self, op: ReduceOp, x: Value) -> Value {
        let elem = self.type_of(x).elem().unwrap_or(Elem::F32);
        self.push(Type::Scalar(elem), Inst::Reduce(op, x))
    }

    /// One lane.
    pub fn extract(&mut self, x: Value, lane: u8) -> Value {
        let elem = self.type_of(x).elem().unwrap_or(Elem::F32);
        self.push(Type::Scalar(elem), Inst::Extract(x, lane))
    }

    /// The lanes that `lanes` names; the others become zero.
    pub fn keep(&mut self, x: Value, lanes: &Lanes) -> Value {
        match lanes {
            Lanes::All => x,
            Lanes::First(n) => self.push(self.type_of(x), Inst::Keep(x, n.clone())),
        }
    }

    /// `+x`, `-x` or `+0.0` for each lane's code.
    pub fn trit_select(&mut self, codes: Value, bit: usize, x: Value) -> Value {
        let bit = bit as u8;
        self.push(Type::F32X16, Inst::TritSelect { codes, bit, x })
    }

    /// An operation on i32 vectors alone; `bit` is 0 where it names none.
    ///
    /// # Panics
    /// If these are not as many operands as it has.
    pub fn vector(&mut self, op: VectorOp, operands: &[Value], bit: u8) -> Value {
        self.push(
            Type::I32X16,
            Inst::Vector(VectorInst::new(op, operands, bit)),
        )
    }

    /// `acc` plus the products of four unsigned bytes of `codes` with four signed ones of `x`.
    pub fn dot4(&mut self, acc: Value, codes: Value, x: Value) -> Value {
        self.vector(VectorOp::Dot4, &[acc, codes, x], 0)
    }

    /// Four vectors of i32 as one of 64 signed bytes.
    pub fn narrow(&mut self, parts: [Value; 4]) -> Value {
        self.vector(VectorOp::Narrow, &parts, 0)
    }

    /// Codes of the trits of base-3 bytes.
    pub fn base3(&mut self, part: Base3Part, x: Value) -> Value {
        self.vector(VectorOp::Base3(part), &[x], 0)
    }

    /// The lanes of `table` that four bits of `index` name.
    pub fn lookup(&mut self, table: Value, index: Value, bit: u8) -> Value {
        self.vector(VectorOp::Lookup, &[table, index], bit)
    }

    /// The first four lanes of `x` in every quarter.
    pub fn spread(&mut self, x: Value) -> Value {
        self.vector(VectorOp::Spread, &[x], 0)
    }

    /// The halves of two tables that six bits of each half of `index` name.
    pub fn shuffle16(&mut self, tables: [Value; 2], index: Value) -> Value {
        let [low, high] = tables;
        self.vector(VectorOp::Shuffle16, &[low, high, index], 0)
    }

    /// An operation on the bytes or the halves of lanes.
    ///
    /// # Panics
    /// If these are not as many operands as it has.
    pub fn packed(&mut self, op: PackedOp, operands: &[Value]) -> Value {
        self.vector(VectorOp::Packed(op), operands, 0)
    }

    fn elem_of(&self, buffer: Buffer) -> Elem {
        let param = self.function.buffer(buffer);
        param.expect("it is of this function").elem
    }

    /// A row number read as i32, as an index.
    pub fn to_index(&mut self, x: Value) -> Value {
        self.push(Type::Index, Inst::ToIndex(x))
    }

    /// An index as an i32.
    pub fn from_index(&mut self, x: Value) -> Value {
        self.push(Type::I32, Inst::FromIndex(x))
    }

    /// Loads one element.
    pub fn load(&mut self, buffer: Buffer, at: Address) -> Value {
        let elem = self.elem_of(buffer);
        self.push(Type::Scalar(elem), Inst::Load(buffer, at, Lanes::All))
    }

    /// Loads up to sixteen elements.
    pub fn load_vector(&mut self, buffer: Buffer, at: Address, lanes: Lanes) -> Value {
        let elem = self.elem_of(buffer);
        self.push(Type::Vector(elem), Inst::Load(buffer, at, lanes))
    }

    /// Stores one element or up to sixteen.
    pub fn store(&mut self, buffer: Buffer, address: Address, value: Value, lanes: Lanes) {
        self.block().push(Stmt::Store {
            buffer,
            address,
            value,
            lanes,
        });
    }

    /// Asks for a cache line.
    pub fn prefetch(&mut self, buffer: Buffer, at: Address) {
        self.block().push(Stmt::Prefetch(buffer, at));
    }

    /// A loop of `trip` iterations; one that never runs is not built. `body` gets the counter and the carried values and
    /// gives their next values; the result is their last values.
    pub fn for_loop(
        &mut self,
        trip: impl Into<Size>,
        inits: &[Value],
        body: impl FnOnce(&mut Builder, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        self.for_unrolled(trip, 1, inits, body)
    }

    /// Like [`Builder::for_loop`], asking for `unroll` copies of the body an iteration.
    pub fn for_unrolled(
        &mut self,
        trip: impl Into<Size>,
        unroll: u32,
        inits: &[Value],
        body: impl FnOnce(&mut Builder, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        self.repeat((trip.into(), None), unroll, inits, body)
    }

    /// Runs `body` once, unless the scalar i32 `condition` is 0. `body` gets the carried values and gives their next values;
    /// the result is their last values.
    pub fn when(
        &mut self,
        condition: Value,
        inits: &[Value],
        body: impl FnOnce(&mut Builder, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let body = |b: &mut Builder, _, carried: &[Value]| body(b, carried);
        self.repeat((Size::ONE, Some(condition)), 1, inits, body)
    }

    pub(crate) fn repeat(
        &mut self,
        (trip, when): (Size, Option<Value>),
        unroll: u32,
        inits: &[Value],
        body: impl FnOnce(&mut Builder, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        if trip == Size::ZERO {
            return inits.to_vec();
        }
        let counter = self.function.new_value(Type::Index);
        let params: Vec<Value> = self.values_like(inits);
        self.blocks.push(Block::new());
        let nexts = body(self, counter, &params);
        let body = self.blocks.pop().expect("pushed above");
        assert_eq!(nexts.len(), inits.len(), "a loop yields what it carries");
        let results = self.values_like(inits);
        let carried = (0..inits.len())
            .map(|i| Carried {
                param: params[i],
                init: inits[i],
                next: nexts[i],
                result: results[i],
            })
            .collect();
        self.block().push(Stmt::For(Loop {
            counter,
            trip,
            when,
            unroll,
            carried,
            body,
        }));
        results
    }

    fn values_like(&mut self, like: &[Value]) -> Vec<Value> {
        like.iter()
            .map(|v| self.function.new_value(self.type_of(*v)))
            .collect()
    }

    /// Runs `body` for each sixteen of `n` elements, in order: a loop over the full vectors,
    /// then once for the rest, if any. `body` gets the address of the first element, the
    /// lanes that exist and the carried values.
    pub fn for_each_vector(
        &mut self,
        n: &Size,
        inits: &[Value],
        mut body: impl FnMut(&mut Builder, Address, Lanes, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let lanes = LANES as u64;
        let full = n.clone().div(lanes);
        let rest = n.clone().rem(lanes);
        let carried = self.for_loop(full.clone(), inits, |b, i, carried| {
            body(b, Address::of(&[(i, lanes.into())]), Lanes::All, carried)
        });
        if rest == Size::ZERO {
            return carried;
        }
        // A loop of no or one iteration.
        let once = rest.clone().div_ceil(lanes);
        self.for_loop(once, &carried, |b, _, carried| {
            let at = Address::at(full.clone() * lanes);
            body(b, at, Lanes::First(rest.clone()), carried)
        })
    }
}

impl Address {
    /// The element at `base`.
    pub fn at(base: impl Into<Size>) -> Address {
        Address {
            terms: Vec::new(),
            base: base.into(),
        }
    }

    /// The element at the sum of `index * stride`.
    pub fn of(terms: &[(Value, Size)]) -> Address {
        Address {
            terms: terms.to_vec(),
            base: Size::ZERO,
        }
    }

    /// This address moved by `offset` elements.
    pub fn offset(mut self, offset: impl Into<Size>) -> Address {
        self.base = self.base + offset.into();
        self
    }

    /// This address, counted in units of `size` elements.
    #[must_use]
    pub fn times(&self, size: &Size) -> Address {
        let terms = self.terms.iter();
        Address {
            base: self.base.clone() * size.clone(),
            terms: terms.map(|(v, s)| (*v, s.clone() * size.clone())).collect(),
        }
    }

    /// The sum of two addresses.
    #[must_use]
    pub fn plus(mut self, other: &Address) -> Address {
        self.base = self.base + other.base.clone();
        self.terms.extend(other.terms.iter().cloned());
        self
    }

    /// This address moved by `index * stride` elements.
    pub fn step(mut self, index: Value, stride: impl Into<Size>) -> Address {
        self.terms.push((index, stride.into()));
        self
    }
}
