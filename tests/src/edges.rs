//! Functions at the edges of the IR's meaning, which random functions and kernels hardly
//! reach: NaN, infinities and zeros of both signs, codes that never occur, accesses that
//! overlap, tails of every length, sizes beyond 2^53.

use atome_codegen::ir::{
    Access, Address, Base3Part, BinaryOp, Buffer, Builder, Compare, Elem, Function, Lanes,
    ReduceOp, ShiftOp, Size, UnaryOp, Value,
};
use atome_codegen::testing::Inputs;

/// A function, its arguments, and whether a NaN in the result may be any NaN.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The function.
    pub function: Function,
    /// The arguments of a call.
    pub inputs: Inputs,
    /// The sign and payload of a NaN that arithmetic makes are the machine's.
    pub any_nan: bool,
}

impl Edge {
    /// Whether a call that left `found` did what the interpreter does.
    ///
    /// # Panics
    /// If the interpreter traps.
    pub fn agrees(&self, found: &[u8]) -> bool {
        let expected = match self.inputs.interpret(&self.function) {
            Ok(memory) => memory,
            Err(trap) => panic!("{trap}\n{}", self.function),
        };
        let words = |bytes: &[u8]| {
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|w| u32::from_le_bytes(*w))
                .collect()
        };
        let (found, expected): (Vec<u32>, Vec<u32>) = (words(found), words(&expected));
        let nan = |bits| self.any_nan && f32::from_bits(bits).is_nan();
        found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(&f, e)| f == e || (nan(f) && nan(e)))
    }
}

const FLOATS: [u32; 14] = [
    0x0000_0000, // 0
    0x8000_0000, // -0
    0x0000_0001, // the least subnormal
    0x807f_ffff, // the greatest negative subnormal
    0x0080_0000, // the least normal
    0x3f80_0000, // 1
    0xbf80_0001, // just beyond -1
    0x7f7f_ffff, // the greatest number
    0xff7f_ffff, // the least number
    0x7f80_0000, // infinity
    0xff80_0000, // -infinity
    0x7fc0_0000, // NaN
    0xffc1_2345, // NaN, negative, with a payload
    0x4b00_0001, // 2^23 + 1
];
const INTS: [u32; 8] = [
    0,
    1,
    2,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x0100_0001,
    0xdead_beef,
];
const TAIL: u64 = 16;

/// All of them.
pub fn all() -> Vec<Edge> {
    let mut edges = Vec::new();
    for vector in [false, true] {
        edges.push(over_pairs(
            "f32_exact",
            &FLOATS,
            Elem::F32,
            vector,
            false,
            float_exact,
        ));
        edges.push(over_pairs(
            "f32_rounded",
            &FLOATS,
            Elem::F32,
            vector,
            true,
            float_rounded,
        ));
        edges.push(over_pairs(
            "i32_all",
            &INTS,
            Elem::I32,
            vector,
            false,
            integer,
        ));
    }
    edges.extend([reductions(), trits(), base3(), overlaps(), big_sizes()]);
    edges.extend((0..=TAIL + 2).flat_map(tails));
    edges
}

/// Applies `ops` to every pair of `numbers` and stores each result in a row of its own.
fn over_pairs(
    name: &str,
    numbers: &[u32],
    elem: Elem,
    vector: bool,
    any_nan: bool,
    ops: fn(&mut Builder, Value, Value) -> Vec<Value>,
) -> Edge {
    let pairs = numbers
        .iter()
        .flat_map(|x| numbers.iter().map(move |y| (*x, *y)));
    let (mut xs, mut ys): (Vec<u32>, Vec<u32>) = pairs.unzip();
    let n = xs.len().next_multiple_of(16);
    xs.resize(n, numbers[0]);
    ys.resize(n, numbers[0]);
    let mut b = Builder::new(format!(
        "{name}_{}",
        if vector { "vector" } else { "scalar" }
    ));
    let x = b.buffer("x", Access::In, elem, n as u64);
    let y = b.buffer("y", Access::In, elem, n as u64);
    let out = b.buffer("out", Access::Out, Elem::I32, MOST_OPS * n as u64);
    let width = if vector { 16 } else { 1 };
    b.for_loop(n as u64 / width, &[], |b, i, _| {
        let at = Address::of(&[(i, width.into())]);
        let load = |b: &mut Builder, from: Buffer| match vector {
            true => b.load_vector(from, at.clone(), Lanes::All),
            false => b.load(from, at.clone()),
        };
        let (x, y) = (load(b, x), load(b, y));
        for (row, result) in ops(b, x, y).into_iter().enumerate() {
            let bits = match b.type_of(result).elem() {
                Some(Elem::F32) => b.unary(UnaryOp::ToBits, result),
                _ => result,
            };
            b.store(out, at.clone().offset((row * n) as u64), bits, Lanes::All);
        }
        vec![]
    });
    edge(b.finish(), &[&xs, &ys], any_nan)
}

/// Rows that `over_pairs` has room for.
const MOST_OPS: u64 = 20;

fn float_exact(b: &mut Builder, x: Value, y: Value) -> Vec<Value> {
    let mut results = vec![
        b.binary(BinaryOp::Max, x, y),
        b.binary(BinaryOp::Min, x, y),
        b.unary(UnaryOp::Neg, x),
        b.unary(UnaryOp::Abs, x),
    ];
    for compare in [Compare::Lt, Compare::Le, Compare::Eq] {
        let mask = b.compare(compare, x, y);
        results.push(mask);
        results.push(b.select(mask, x, y));
    }
    // A mask that is no comparison's: each bit chooses.
    let bits = b.unary(UnaryOp::ToBits, x);
    results.push(b.select(bits, y, x));
    results
}

fn float_rounded(b: &mut Builder, x: Value, y: Value) -> Vec<Value> {
    let mut results: Vec<Value> = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div]
        .into_iter()
        .map(|op| b.binary(op, x, y))
        .collect();
    results.push(b.unary(UnaryOp::Sqrt, x));
    results
}

fn integer(b: &mut Builder, x: Value, y: Value) -> Vec<Value> {
    use BinaryOp::{Add, And, Mul, Or, Sub, Xor};
    let mut results: Vec<Value> = [Add, Sub, Mul, And, Or, Xor]
        .into_iter()
        .map(|op| b.binary(op, x, y))
        .collect();
    for op in [ShiftOp::Left, ShiftOp::Right, ShiftOp::RightSigned] {
        results.extend([1, 31].map(|bits| b.shift(op, x, bits)));
    }
    for compare in [Compare::Lt, Compare::Le, Compare::Eq] {
        let mask = b.compare(compare, x, y);
        results.push(b.select(mask, x, y));
    }
    results.push(b.select(x, y, x));
    results.push(b.unary(UnaryOp::ToFloat, x));
    results
}

/// Sums, greatest values and single lanes of vectors in which order and NaN matter.
fn reductions() -> Edge {
    let vectors: Vec<u32> = (0..32 * 16)
        .map(|i| FLOATS[(i * i / 7 + i / 16) % 11])
        .collect();
    let n = vectors.len() as u64;
    let mut b = Builder::new("reductions");
    let x = b.buffer("x", Access::In, Elem::F32, n);
    let out = b.buffer("out", Access::Out, Elem::F32, n / 16 * 18);
    b.for_loop(n / 16, &[], |b, i, _| {
        let v = b.load_vector(x, Address::of(&[(i, 16.into())]), Lanes::All);
        let folds = [ReduceOp::Add, ReduceOp::Max].map(|op| b.reduce(op, v));
        let lanes: Vec<Value> = (0..16).map(|lane| b.extract(v, lane)).collect();
        for (at, result) in folds.into_iter().chain(lanes).enumerate() {
            let at = Address::of(&[(i, 18.into())]).offset(at as u64);
            b.store(out, at, result, Lanes::All);
        }
        vec![]
    });
    edge(b.finish(), &[&vectors], true)
}

/// Every code at every bit, 3 included, for numbers of every kind.
fn trits() -> Edge {
    let codes: Vec<u32> = (0..16u32)
        .map(|i| i.wrapping_mul(0x9e37_79b9) ^ 0xe4e4_1b1b)
        .collect();
    let n = FLOATS.len() as u64;
    let mut b = Builder::new("trits");
    let w = b.buffer("w", Access::In, Elem::I32, 16);
    let x = b.buffer("x", Access::In, Elem::F32, n);
    let out = b.buffer("out", Access::Out, Elem::F32, n * 16 * 16);
    b.for_loop(n, &[], |b, i, _| {
        let codes = b.load_vector(w, Address::at(0), Lanes::All);
        let x = b.load(x, Address::of(&[(i, 1.into())]));
        for bit in (0..32).step_by(2) {
            let chosen = b.trit_select(codes, bit, x);
            let at = Address::of(&[(i, 256.into())]).offset(8 * bit as u64);
            b.store(out, at, chosen, Lanes::All);
        }
        vec![]
    });
    edge(b.finish(), &[&codes, &FLOATS], false)
}

/// The codes of every byte, in every place of a word.
fn base3() -> Edge {
    let words: Vec<u32> = (0..256u32)
        .map(|i| u32::from_le_bytes([0, 77, 150, 223].map(|more| (i + more) as u8)))
        .collect();
    let mut b = Builder::new("base3");
    let x = b.buffer("x", Access::In, Elem::I32, 256);
    let out = b.buffer("out", Access::Out, Elem::I32, 512);
    b.for_loop(16, &[], |b, i, _| {
        let packed = b.load_vector(x, Address::of(&[(i, 16.into())]), Lanes::All);
        for (part, first) in [(Base3Part::Fields, 0), (Base3Part::Fifth, 256)] {
            let codes = b.base3(part, packed);
            let at = Address::of(&[(i, 16.into())]).offset(first);
            b.store(out, at, codes, Lanes::All);
        }
        vec![]
    });
    edge(b.finish(), &[&words], false)
}

/// Vectors of one buffer at addresses that overlap, loaded and stored in an order that matters.
fn overlaps() -> Edge {
    let numbers: Vec<u32> = (0..80u32).map(|i| (i as f32).to_bits()).collect();
    let mut b = Builder::new("overlaps");
    let x = b.buffer("x", Access::InOut, Elem::F32, 80);
    b.for_loop(3, &[], |b, i, _| {
        let at = |n: u64| Address::of(&[(i, 5.into())]).offset(n);
        let low = b.load_vector(x, at(0), Lanes::All);
        b.store(x, at(4), low, Lanes::All);
        let shifted = b.load_vector(x, at(7), Lanes::All);
        let sum = b.add(low, shifted);
        b.store(x, at(30), sum, Lanes::All);
        b.store(x, at(22), shifted, Lanes::First(9.into()));
        let same = b.load_vector(x, at(30), Lanes::All);
        let product = b.mul(same, sum);
        b.store(x, at(30), product, Lanes::All);
        // Another way to an address of the run.
        let again = b.load_vector(x, Address::at(35), Lanes::First(11.into()));
        b.store(x, at(33), again, Lanes::All);
        vec![]
    });
    edge(b.finish(), &[&numbers], false)
}

/// Loads, stores and `Keep` of `n` lanes, known at run time and known before.
fn tails(n: u64) -> [Edge; 2] {
    let numbers: Vec<u32> = (0..48u32).map(|i| 0x7fc0_0000 | i).collect();
    let mut b = Builder::new(format!("tail_{n}"));
    let size = b.dim("n");
    let x = b.buffer("x", Access::In, Elem::F32, 48);
    let words = b.buffer("words", Access::InOut, Elem::I32, 48);
    let out = b.buffer("out", Access::Out, Elem::F32, 48);
    let lanes = Lanes::First(size.clone());
    let v = b.load_vector(x, Address::at(3), lanes.clone());
    b.store(out, Address::at(0), v, Lanes::All);
    let full = b.load_vector(x, Address::at(20), Lanes::All);
    let kept = b.keep(full, &lanes);
    b.store(out, Address::at(16), kept, Lanes::All);
    b.store(out, Address::at(32), full, lanes.clone());
    let w = b.load_vector(words, Address::at(1), lanes.clone());
    b.store(words, Address::at(25), w, lanes);
    let open = b.finish();
    let bound = open.bind(&[("n", n)]);
    let mut edge = edge(open, &[&numbers, &numbers], false);
    edge.inputs.dims = vec![n];
    let mut inputs = edge.inputs.clone();
    inputs.dims.clear();
    [
        edge,
        Edge {
            function: bound,
            inputs,
            any_nan: false,
        },
    ]
}

/// Sizes of every form, and their nearest f32 where 64 bits do not fit 24.
fn big_sizes() -> Edge {
    let mut b = Builder::new("big_sizes");
    let (m, n) = (b.dim("m"), b.dim("n"));
    let out = b.buffer("out", Access::Out, Elem::F32, 16);
    let sizes = [
        m.clone(),
        m.clone() + n.clone(),
        n.clone() * n.clone(),
        n.clone() * 24,
        m.clone().div(7),
        m.clone().div(64),
        m.clone().rem(1_000_003),
        m.clone().rem(4096),
        m.clone().sub(1),
        n.clone().sub(1 << 40),
        m.clone().div(3) + n.clone().rem(5) * 9,
        Size::Const(u64::MAX),
        Size::Const((1 << 24) + 1),
    ];
    for (at, size) in sizes.iter().enumerate() {
        let number = b.size_f32(size);
        b.store(out, Address::at(at as u64), number, Lanes::All);
    }
    let mut edge = edge(b.finish(), &[], false);
    edge.inputs.dims = vec![0xffff_ff7f_ffff_ffff, 0x0040_0003];
    edge
}

/// The function with `inputs` in its first buffers and a pattern in the others, 64 bytes apart.
fn edge(function: Function, inputs: &[&[u32]], any_nan: bool) -> Edge {
    let mut memory = vec![0xa5; 64];
    let mut buffers = Vec::new();
    for (number, buffer) in function.buffers.iter().enumerate() {
        let start = memory.len();
        let len = buffer
            .len
            .as_const()
            .expect("edges have buffers of constant length");
        for at in 0..len as usize {
            let word = inputs.get(number).map_or(0x5a5a_5a5a, |words| words[at]);
            memory.extend(word.to_le_bytes());
        }
        buffers.push(start..memory.len());
        memory.resize(memory.len() + 64, 0xa5);
    }
    let inputs = Inputs {
        memory,
        buffers,
        dims: Vec::new(),
        scalars: Vec::new(),
    };
    Edge {
        function,
        inputs,
        any_nan,
    }
}
