//! Rows of f32 to int8 with one scale a row, by the row's greatest magnitude.

use super::{Lowering, any};
use crate::ir::{
    Address, BinaryOp, Buffer, Builder, Compare, Lanes, ReduceOp, Size, UnaryOp, Value,
};
use crate::op::{BufferDef, Callers, Content, Def, Dims, Parts, dim, input, output};
use atome_spec::{LANES, numerics};

const LANES_U64: u64 = LANES as u64;
/// Elements that become one vector of bytes.
pub(super) const BLOCK: u64 = 4 * LANES_U64;

pub(super) const QUANTIZE: Def = Def {
    numerics: "`m` is the greatest magnitude of a row, NaN left out; `range = (m + 1e-5) + sum(x - x)`, \
        which is NaN where an element is infinite or NaN; `q = round(x * (127 / range))`, half \
        to even, limited to -128 .. 127, and 0 where the product is NaN; `q_scale = range / \
        127`; `q_sum` is the sum of the row's `q`. Four `q` a word, the first lowest; a row is \
        padded with 0 to a multiple of 16.",
    dims: &[
        dim("width").told_by(&["x"]),
        dim("rows").told_by(&["q_scale"]),
    ],
    buffers: |d| {
        let all = d.get("rows") * d.get("width");
        let [q, q_scale, q_sum] = quantized(d);
        vec![input("x", Content::F32, &all), q, q_scale, q_sum]
    },
    parts: &[Parts::of("rows")],
    callers: Callers::Attributes,
    ..Def::of(lower)
};

/// Rows of int8 with their scales and sums.
pub(super) fn quantized(d: &Dims<'_>) -> [BufferDef; 3] {
    let rows = d.get("rows");
    let words = rows.clone() * row_words(&d.get("width"));
    [
        output("q", Content::I8, &words),
        output("q_scale", Content::F32, &rows),
        output("q_sum", Content::I32, &rows),
    ]
}

/// Words of a row of int8.
pub(super) fn row_words(width: &Size) -> Size {
    width.clone().div_ceil(LANES_U64) * (LANES_U64 / 4)
}

fn lower(l: &mut Lowering<'_>) {
    let (width, rows) = (l.dim("width"), l.dim("rows"));
    let x = l.buffer("x");
    let out = Rows::new(l);
    let b = &mut l.b;
    b.for_loop(rows, &[], |b, row, _| {
        let (greatest, fault) = greatest(b, x, row, &width);
        let eps = b.f32(numerics::QUANTIZE_EPS);
        let range = b.add(greatest, eps);
        let range = b.add(range, fault);
        let top = b.f32(127.0);
        let factor = b.div(top, range);
        let step = b.div(range, top);
        let factor = b.splat(factor);
        let rounding = Rounding::new(b);
        out.write(b, row, step, &mut |b, columns| {
            columns.vectors().map(|(at, lanes)| {
                let x = b.load_vector(x, at.step(row, width.clone()), lanes);
                let scaled = b.mul(x, factor);
                let (number, _) = rounding.to_byte(b, scaled);
                let is_number = b.compare(Compare::Eq, scaled, scaled);
                b.and(is_number, number)
            })
        });
        vec![]
    });
}

/// The greatest magnitude of a row; and 0, or NaN where an element is no finite number.
fn greatest(b: &mut Builder, x: Buffer, row: Value, width: &Size) -> (Value, Value) {
    let zero = b.splat_f32(0.0);
    let found = b.for_each_vector(width, &[zero; 2], |b, at, lanes, found| {
        let x = b.load_vector(x, at.step(row, width.clone()), lanes);
        let fault = not_a_number(b, x, found[1]);
        let x = b.unary(UnaryOp::Abs, x);
        vec![b.binary(BinaryOp::Max, x, found[0]), fault]
    });
    let greatest = b.reduce(ReduceOp::Max, found[0]);
    (greatest, b.reduce(ReduceOp::Add, found[1]))
}

/// `sum`, or NaN where `x` is no finite number.
pub(super) fn not_a_number(b: &mut Builder, x: Value, sum: Value) -> Value {
    // +0.0 for a number.
    let difference = b.sub(x, x);
    b.add(sum, difference)
}

/// The rows that are written: bytes, a scale and a sum each.
pub(super) struct Rows {
    width: Size,
    row_words: Size,
    q: Buffer,
    q_scale: Buffer,
    q_sum: Buffer,
}

impl Rows {
    pub(super) fn new(l: &Lowering<'_>) -> Rows {
        let width = l.dim("width");
        Rows {
            row_words: row_words(&width),
            width,
            q: l.buffer("q"),
            q_scale: l.buffer("q_scale"),
            q_sum: l.buffer("q_sum"),
        }
    }

    /// Writes a row. `numbers` gives the i32 numbers of some columns; lanes beyond the row are 0.
    pub(super) fn write(&self, b: &mut Builder, row: Value, scale: Value, numbers: Numbers<'_>) {
        let at = Address::of(&[(row, Size::ONE)]);
        b.store(self.q_scale, at.clone(), scale, Lanes::All);
        let zero = b.splat_i32(0);
        let full = self.width.clone().div(BLOCK);
        let sums = b.for_loop(full.clone(), &[zero], |b, block, sums| {
            let to = Address::of(&[(block, LANES_U64.into())]).step(row, self.row_words.clone());
            let columns = Columns {
                first: Address::of(&[(block, BLOCK.into())]),
                rest: None,
            };
            vec![self.block(b, &columns, (to, Lanes::All), sums[0], numbers)]
        });
        let rest = self.width.clone().rem(BLOCK);
        let sums = b.for_loop(any(rest.clone(), BLOCK), &sums, |b, _, sums| {
            let to = Address::of(&[(row, self.row_words.clone())]).offset(full.clone() * LANES_U64);
            let words = rest.clone().div_ceil(LANES_U64) * (LANES_U64 / 4);
            let columns = Columns {
                first: Address::at(full * BLOCK),
                rest: Some(rest),
            };
            vec![self.block(b, &columns, (to, Lanes::First(words)), sums[0], numbers)]
        });
        let sum = b.reduce(ReduceOp::Add, sums[0]);
        b.store(self.q_sum, at, sum, Lanes::All);
    }

    /// Up to 64 columns, and the words that they become; gives the sum with their numbers.
    fn block(
        &self,
        b: &mut Builder,
        columns: &Columns,
        (to, words): (Address, Lanes),
        sum: Value,
        numbers: Numbers<'_>,
    ) -> Value {
        let parts = numbers(b, columns);
        let sum = parts.iter().fold(sum, |sum, part| b.add(sum, *part));
        let bytes = b.narrow(parts);
        b.store(self.q, to, bytes, words);
        sum
    }
}

/// Gives the numbers of some columns of a row, sixteen a vector.
pub(super) type Numbers<'a> = &'a mut dyn FnMut(&mut Builder, &Columns) -> [Value; 4];

/// Up to 64 columns of a row.
pub(super) struct Columns {
    pub(super) first: Address,
    /// How many there are, if fewer than 64.
    rest: Option<Size>,
}

impl Columns {
    /// All 64 are there.
    pub(super) fn are_all(&self) -> bool {
        self.rest.is_none()
    }

    /// The first column of each vector, and its lanes.
    pub(super) fn vectors(&self) -> [(Address, Lanes); 4] {
        [0, 1, 2, 3].map(|i| {
            let lanes = match &self.rest {
                None => Lanes::All,
                Some(rest) => Lanes::First(rest.clone().sub(LANES_U64 * i)),
            };
            (self.first.clone().offset(LANES_U64 * i), lanes)
        })
    }
}

/// Rounds to the nearest integer, ties to even.
pub(super) struct Rounding {
    low: Value,
    high: Value,
    round: Value,
    round_bits: Value,
}

impl Rounding {
    pub(super) fn new(b: &mut Builder) -> Rounding {
        Rounding {
            low: b.splat_f32(-128.0),
            high: b.splat_f32(127.0),
            round: b.splat_f32(numerics::ROUND),
            round_bits: b.splat_i32(numerics::ROUND.to_bits().cast_signed()),
        }
    }

    /// `x` limited to -128 .. 127 and rounded, as an i32 and as an f32. Any number for NaN.
    pub(super) fn to_byte(&self, b: &mut Builder, x: Value) -> (Value, Value) {
        let limited = b.binary(BinaryOp::Min, x, self.high);
        let limited = b.binary(BinaryOp::Max, limited, self.low);
        self.to_nearest(b, limited)
    }

    /// `x`, which is within the range of bytes, rounded, as an i32 and as an f32. Any number for what is beyond it.
    pub(super) fn to_nearest(&self, b: &mut Builder, x: Value) -> (Value, Value) {
        let rounded = b.add(x, self.round);
        let bits = b.unary(UnaryOp::ToBits, rounded);
        let number = b.binary(BinaryOp::Sub, bits, self.round_bits);
        (number, b.sub(rounded, self.round))
    }
}
