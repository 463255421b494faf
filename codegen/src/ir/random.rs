//! Random functions that the verifier accepts, for property tests.

use atome_spec::SplitMix64;

use super::{
    Access, Address, BinaryOp, Buffer, Builder, Compare, Elem, Function, Inst, Lanes, ReduceOp,
    ShiftOp, Size, Stmt, Type, UnaryOp, Value, VectorOp,
};

/// The function of a seed: every instruction, loops up to three deep, values carried
/// through them, sizes of every shape.
///
/// It is not meant to be run: addresses are not inside the buffers.
pub(crate) fn function(seed: u64) -> Function {
    let mut b = Builder::new(format!("random_{seed}"));
    let mut random = Random {
        mix: SplitMix64::new(seed),
        dims: (0..3).map(|i| b.dim(&format!("d{i}"))).collect(),
        buffers: Vec::new(),
        values: Vec::new(),
    };
    for (i, access) in [Access::In, Access::Out, Access::InOut]
        .into_iter()
        .enumerate()
    {
        for elem in [Elem::F32, Elem::I32] {
            let len = random.size(3) + random.dims[0].clone();
            let buffer = b.buffer(&format!("b{i}_{elem}"), access, elem, len);
            random.buffers.push((buffer, access, elem));
        }
    }
    for elem in [Elem::F32, Elem::I32] {
        let scratch = b.scratch(&format!("own_{elem}"), elem, SCRATCH);
        random.buffers.push((scratch, Access::InOut, elem));
    }
    random.values.extend([b.scalar("s0"), b.scalar("s1")]);
    let start = b.i32(0);
    random.values.extend([start, b.to_index(start), b.iota()]);
    let zeros = b.splat_f32(0.0);
    random.values.push(zeros);
    random.block(&mut b, 3);
    b.finish()
}

/// Elements of scratch memory.
const SCRATCH: u64 = 50;

struct Random {
    mix: SplitMix64,
    dims: Vec<Size>,
    buffers: Vec<(Buffer, Access, Elem)>,
    /// Values that are visible.
    values: Vec<Value>,
}

impl Random {
    fn next(&mut self) -> u64 {
        self.mix.next_u64()
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn size(&mut self, depth: u32) -> Size {
        let n = self.next() % 20;
        let inner = depth.saturating_sub(1);
        match if depth == 0 { n % 2 } else { n % 8 } {
            0 => Size::Const(n),
            1 => {
                let dim = self.below(3);
                self.dims[dim].clone()
            }
            2 => self.size(inner) + self.size(inner),
            3 => self.size(inner) * self.size(inner),
            4 => self.size(inner).sub(n),
            5 => self.size(inner).div(n + 1),
            6 => self.size(inner).rem(n + 1),
            _ => self.size(inner).div_ceil(16) * 16,
        }
    }

    fn lanes(&mut self) -> Lanes {
        if self.below(2) == 0 {
            Lanes::All
        } else {
            Lanes::First(self.size(2))
        }
    }

    /// A visible value of that type; there always is one.
    fn value(&mut self, b: &Builder, ty: Type) -> Value {
        let fit: Vec<Value> = self
            .values
            .iter()
            .copied()
            .filter(|v| b.type_of(*v) == ty)
            .collect();
        self.pick(&fit)
    }

    fn place(&mut self, b: &Builder, without: Access) -> (Buffer, Elem, Address) {
        let allowed: Vec<_> = self
            .buffers
            .iter()
            .copied()
            .filter(|x| x.1 != without)
            .collect();
        let (buffer, _, elem) = self.pick(&allowed);
        // Constant, so that the verifier knows whether it is inside.
        if buffer.0 as usize >= self.buffers.len() - 2 {
            return (buffer, elem, Address::at(self.next() % (SCRATCH - 16)));
        }
        let mut address = Address::at(self.size(2));
        for _ in 0..self.below(3) {
            address = address.step(self.value(b, Type::Index), self.size(2));
        }
        (buffer, elem, address)
    }

    fn block(&mut self, b: &mut Builder, depth: u32) {
        for _ in 0..4 + self.below(12) {
            match self.below(12) {
                0 if depth > 0 => self.for_loop(b, depth - 1),
                1 => {
                    let (buffer, elem, address) = self.place(b, Access::In);
                    let vector = self.value(b, Type::Vector(elem));
                    let lanes = self.lanes();
                    b.store(buffer, address.clone(), vector, lanes);
                    let scalar = self.value(b, Type::Scalar(elem));
                    b.store(buffer, address, scalar, Lanes::All);
                }
                2 => {
                    let (buffer, _, address) = self.place(b, Access::InOut);
                    b.prefetch(buffer, address);
                }
                _ => {
                    let value = self.inst(b);
                    self.values.push(value);
                }
            }
        }
    }

    fn for_loop(&mut self, b: &mut Builder, depth: u32) {
        let inits: Vec<Value> = (0..self.below(4)).map(|_| self.any(b)).collect();
        let (trip, unroll) = (self.size(2), 1 + self.below(4) as u32);
        let when = (self.below(4) == 0).then(|| self.value(b, Type::I32));
        let outside = self.values.len();
        let results = b.repeat((trip, when), unroll, &inits, |b, counter, params| {
            self.values.push(counter);
            self.values.extend(params);
            self.block(b, depth);
            let types: Vec<Type> = inits.iter().map(|v| b.type_of(*v)).collect();
            types.into_iter().map(|ty| self.value(b, ty)).collect()
        });
        self.values.truncate(outside);
        self.values.extend(results);
    }

    /// A value of any type.
    fn any(&mut self, b: &Builder) -> Value {
        let ty = self.pick(&[
            Type::Index,
            Type::F32,
            Type::I32,
            Type::F32X16,
            Type::I32X16,
        ]);
        self.value(b, ty)
    }

    fn inst(&mut self, b: &mut Builder) -> Value {
        let (f, i) = self.pick(&[(Type::F32, Type::I32), (Type::F32X16, Type::I32X16)]);
        let (fx, fy) = (self.value(b, f), self.value(b, f));
        let (ix, iy) = (self.value(b, i), self.value(b, i));
        match self.below(21) {
            0 => self.constant(b),
            1 => {
                let size = self.size(3);
                b.size_f32(&size)
            }
            2 => {
                let x = self.value(b, Type::I32);
                b.splat(x)
            }
            3 => {
                let ops = [UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Sqrt, UnaryOp::ToBits];
                b.unary(self.pick(&ops), fx)
            }
            4 => b.unary(self.pick(&[UnaryOp::ToFloat, UnaryOp::FromBits]), ix),
            5 => {
                let ops = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div];
                b.binary(self.pick(&ops), fx, fy)
            }
            6 => b.binary(self.pick(&[BinaryOp::Max, BinaryOp::Min]), fx, fy),
            7 => {
                let ops = [BinaryOp::Add, BinaryOp::And, BinaryOp::Or, BinaryOp::Xor];
                b.binary(self.pick(&ops), ix, iy)
            }
            8 => {
                let ops = [ShiftOp::Left, ShiftOp::Right, ShiftOp::RightSigned];
                b.shift(self.pick(&ops), ix, 1 + self.below(31) as u8)
            }
            9 => b.compare(self.pick(&[Compare::Lt, Compare::Le, Compare::Eq]), fx, fy),
            10 => b.select(ix, fx, fy),
            11 => {
                let x = self.value(b, Type::F32X16);
                b.reduce(self.pick(&[ReduceOp::Add, ReduceOp::Max]), x)
            }
            12 => {
                let x = self.value(b, Type::I32X16);
                b.extract(x, self.below(16) as u8)
            }
            13 => {
                let x = self.value(b, Type::F32X16);
                let lanes = Lanes::First(self.size(2));
                b.keep(x, &lanes)
            }
            14 => {
                let codes = self.value(b, Type::I32X16);
                let x = self.value(b, Type::F32);
                b.trit_select(codes, 2 * self.below(16), x)
            }
            15..=17 => {
                let op = self.pick(VectorOp::ALL);
                let operands = op.operands().iter();
                let operands: Vec<Value> = operands.map(|_| self.value(b, Type::I32X16)).collect();
                let bits = op.greatest_bit().map_or(1, |bit| usize::from(bit) + 1);
                b.vector(op, &operands, self.below(bits) as u8)
            }
            18 => {
                let x = self.value(b, Type::I32X16);
                b.reduce(ReduceOp::Add, x)
            }
            19 => {
                let (buffer, _, address) = self.place(b, Access::Out);
                if self.below(2) == 0 {
                    return b.load(buffer, address);
                }
                let lanes = self.lanes();
                b.load_vector(buffer, address, lanes)
            }
            _ => {
                let x = self.value(b, Type::Index);
                let x = b.from_index(x);
                b.to_index(x)
            }
        }
    }

    /// Any bits: zeros, infinities, NaNs and subnormals are a quarter of the f32 constants.
    fn constant(&mut self, b: &mut Builder) -> Value {
        let bits = self.next() as u32;
        match self.below(4) {
            0 => b.i32(bits as i32),
            1 => {
                let special = [0, 0x8000_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 1];
                b.f32(f32::from_bits(self.pick(&special)))
            }
            _ => b.f32(f32::from_bits(bits)),
        }
    }
}

#[test]
fn every_kind_of_instruction_and_statement_occurs() {
    fn walk(block: &[Stmt], seen: &mut std::collections::BTreeSet<String>) {
        for stmt in block {
            let text = match stmt {
                Stmt::Let(_, Inst::Load(_, address, lanes)) => {
                    format!("Load {} {lanes:?}", address.terms.len())
                }
                Stmt::Let(_, Inst::Vector(inst)) => inst.op.word().to_owned(),
                Stmt::Let(_, inst) => format!("{inst:?}"),
                Stmt::For(l) => {
                    walk(&l.body, seen);
                    let when = l.when.map_or("", |_| " when");
                    format!("For {}{when}", l.carried.len())
                }
                other => format!("{other:?}"),
            };
            let end = text.find(['(', '{']).unwrap_or(text.len());
            seen.insert(text[..end].trim().to_owned());
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..300 {
        walk(&function(seed).body, &mut seen);
    }
    for kind in [
        "F32",
        "I32",
        "SizeF32",
        "Param",
        "Splat",
        "Iota",
        "Unary",
        "Binary",
        "Shift",
        "Compare",
        "Select",
        "Reduce",
        "Extract",
        "Keep",
        "TritSelect",
        "ToIndex",
        "FromIndex",
        "Store",
        "Prefetch",
        "For 0",
        "For 3",
        "For 2 when",
        "Load 0 All",
        "Load 2 First",
    ]
    .into_iter()
    .chain(VectorOp::ALL.iter().map(|op| op.word()))
    {
        assert!(seen.contains(kind), "{kind} is not among {seen:?}");
    }
}
