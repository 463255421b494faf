//! The Walsh-Hadamard transform of each block of a row.

use super::Lowering;
use crate::ir::{Address, BinaryOp, Buffer, Builder, Lanes, ShiftOp, Size, UnaryOp, Value};
use crate::op::{Content, Def, Parts, dim, in_out};
use atome_spec::LANES;

const LANES_U64: u64 = LANES as u64;
/// The greatest block: whole rows of what models have.
const MAX_BLOCK: u64 = 1 << 14;

pub(super) const HADAMARD: Def = Def {
    numerics: "For each block `x[i] = x[i] * (1 / sqrt(block))`; then for h = 1, 2, 4, .. below `block`, a stage each: of every \
        two elements h apart, the first with bit h of its index clear, `(a, b)` becomes `(a + b, a - b)`. A \
        block is a power of two.",
    dims: &[
        dim("block")
            .from(LANES_U64, MAX_BLOCK)
            .multiple_of(LANES_U64),
        dim("blocks").told_by(&["x"]),
    ],
    buffers: |d| {
        let all = d.get("blocks") * d.get("block");
        vec![in_out("x", Content::F32, &all)]
    },
    parts: &[Parts::of("blocks")],
    ..Def::of(lower)
};

fn lower(l: &mut Lowering<'_>) {
    let (block, blocks, x) = (l.dim("block"), l.dim("blocks"), l.buffer("x"));
    let b = &mut l.b;
    let (one, count) = (b.f32(1.0), b.size_f32(&block));
    let root = b.unary(UnaryOp::Sqrt, count);
    let factor = b.div(one, root);
    let factor = b.splat(factor);
    let swaps = [1, 2, 4, 8].map(|h| Swap::new(b, h));
    b.for_loop(blocks, &[], |b, number, _| {
        let block_at = Address::of(&[(number, block.clone())]);
        b.for_loop(block.clone().div(LANES_U64), &[], |b, i, _| {
            let at = block_at.clone().step(i, LANES_U64);
            let value = b.load_vector(x, at.clone(), Lanes::All);
            let scaled = b.mul(value, factor);
            let mixed = swaps
                .iter()
                .fold(scaled, |value, swap| swap.stage(b, value));
            b.store(x, at, mixed, Lanes::All);
            vec![]
        });
        let mut half = LANES_U64;
        while half < MAX_BLOCK {
            stage(b, x, &block_at, &block, half);
            half *= 2;
        }
        vec![]
    });
}

/// The stage of elements `half` apart, whole vectors; of no turn where the block has no such elements.
fn stage(b: &mut Builder, x: Buffer, block_at: &Address, block: &Size, half: u64) {
    b.for_loop(block.clone().div(2 * half), &[], |b, pair, _| {
        b.for_loop(half / LANES_U64, &[], |b, i, _| {
            let low = block_at.clone().step(pair, 2 * half).step(i, LANES_U64);
            let high = low.clone().offset(half);
            let first = b.load_vector(x, low.clone(), Lanes::All);
            let second = b.load_vector(x, high.clone(), Lanes::All);
            let (sum, difference) = (b.add(first, second), b.sub(first, second));
            b.store(x, low, sum, Lanes::All);
            b.store(x, high, difference, Lanes::All);
            vec![]
        });
        vec![]
    });
}

/// A stage within a vector.
struct Swap {
    /// The lane of the other element.
    other: Value,
    /// 1 where the lane has the first of the two, -1 where the second.
    sign: Value,
}

impl Swap {
    /// Of lanes `h` apart.
    fn new(b: &mut Builder, h: i32) -> Swap {
        let lane = b.iota();
        let distance = b.splat_i32(h);
        let other = b.binary(BinaryOp::Xor, lane, distance);
        let is_second = b.and(lane, distance);
        let bit = h.trailing_zeros() as u8;
        let is_second = b.shift(ShiftOp::Right, is_second, bit);
        let (one, twice) = (b.splat_i32(1), b.shift(ShiftOp::Left, is_second, 1));
        let sign = b.sub(one, twice);
        let sign = b.unary(UnaryOp::ToFloat, sign);
        Swap { other, sign }
    }

    fn stage(&self, b: &mut Builder, value: Value) -> Value {
        let bits = b.unary(UnaryOp::ToBits, value);
        let other = b.lookup(bits, self.other, 0);
        let other = b.unary(UnaryOp::FromBits, other);
        // The first adds the second, the second is taken from the first.
        let own = b.mul(value, self.sign);
        b.add(other, own)
    }
}
