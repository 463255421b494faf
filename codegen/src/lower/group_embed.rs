//! Rows of a matrix that has scales for groups of columns, which lies as products read it, so that a model whose head is its
//! embeddings has it once. A word of a row is in every lane, and each lane takes its column's code.

use super::Lowering;
use crate::ir::{Address, BinaryOp, Builder, Compare, Lanes, ShiftOp, Size, UnaryOp, Value};
use crate::op::{Content, Def, Form, Parts, dim, input, output};
use atome_spec::layout::{BLOCK_ROWS, GROUP_COLS, WORD_COLS, gemv_bit};
use atome_spec::{Activation, LANES, Method, Packing};

const BLOCK: u64 = BLOCK_ROWS as u64;
/// Columns that groups are multiples of.
const STEP: u64 = GROUP_COLS as u64;
/// Those of the largest group.
const MAX_GROUP: u64 = 256;
/// Words from the beginning of a block are counted in an i32.
const MAX_GROUPS: u64 = 1 << 16;
/// An f32 has the number of every block.
const MAX_ROWS: u64 = BLOCK << 24;
/// The bit from which a lane's code is taken.
const TOP: usize = 30;

pub(super) const GROUP_EMBED: Def = Def {
    numerics: "`out[t, c] = select(table[ids[t], c], scales[ids[t], c / group])`, with `groups * group` columns. The table and \
        its scales lie as those of `group_gemm`.",
    dims: &[
        dim("vocab").from(0, MAX_ROWS),
        dim("groups").from(0, MAX_GROUPS),
        dim("group").from(STEP, MAX_GROUP).multiple_of(STEP),
        dim("tokens").told_by(&["ids"]),
    ],
    buffers: |d| {
        let cols = d.get("groups") * d.get("group");
        let rows = d.get("vocab").div_ceil(LANES as u64) * LANES as u64;
        let table_len = rows.clone() * words(&cols);
        vec![
            input("ids", Content::Rows("vocab"), &d.get("tokens")),
            input("table", Content::Matrix(Packing::Int2), &table_len),
            input("scales", Content::F32, &(rows * d.get("groups"))),
            output("out", Content::F32, &(d.get("tokens") * cols)),
        ]
    },
    forms: &[Form::ternary(
        Activation::F32,
        &[Packing::Int2],
        &[Method::Select],
        &[],
    )],
    parts: &[Parts::of("tokens")],
    ..Def::of(lower)
};

/// Words of a row.
fn words(cols: &Size) -> Size {
    cols.clone().div(WORD_COLS as u64)
}

fn lower(l: &mut Lowering<'_>) {
    let [vocab, groups, group, tokens] =
        ["vocab", "groups", "group", "tokens"].map(|name| l.dim(name));
    let [ids, table, scales, out] = ["ids", "table", "scales", "out"].map(|name| l.buffer(name));
    let cols = groups.clone() * group.clone();
    let b = &mut l.b;
    let blocks = Blocks::new(b, &vocab);
    let to_top = to_top(b);
    b.for_loop(tokens, &[], |b, t, _| {
        let id = b.load(ids, Address::of(&[(t, Size::ONE)]));
        let row = blocks.row(b, id);
        b.for_loop(groups.clone(), &[row.lane, row.lane], |b, g, at| {
            let [word, number] = [at[0], at[1]];
            let scale = row.at(b, number, &groups);
            let scale = b.load(scales, scale);
            let number = b.add(number, row.stride);
            let steps = group.clone().div(STEP);
            let word = b.for_loop(steps, &[word], |b, step, word| {
                let mut word = word[0];
                let to = Address::of(&[(t, cols.clone()), (g, group.clone()), (step, STEP.into())]);
                for vector in 0..STEP / LANES as u64 {
                    let at = row.at(b, word, &words(&cols));
                    let codes = b.load(table, at);
                    let codes = b.splat(codes);
                    let codes = b.mul(codes, to_top);
                    let value = b.trit_select(codes, TOP, scale);
                    let to = to.clone().offset(vector * LANES as u64);
                    b.store(out, to, value, Lanes::All);
                    word = b.add(word, row.stride);
                }
                vec![word]
            });
            vec![word[0], number]
        });
        vec![]
    });
}

/// By what a word is multiplied in each lane, so that the lane's code is its top two bits.
fn to_top(b: &mut Builder) -> Value {
    let lanes = b.iota();
    let none = b.splat_i32(1 << TOP);
    (0..LANES.ilog2()).fold(none, |factors, bit| {
        let one = b.splat_i32(1 << bit);
        let of_lane = b.and(lanes, one);
        let is_one = b.compare(Compare::Eq, of_lane, one);
        let less = b.shift(ShiftOp::Right, factors, gemv_bit(1 << bit) as u8);
        b.select(is_one, less, factors)
    })
}

/// How the rows of a matrix lie in its blocks.
struct Blocks {
    /// How many have all rows, as an f32.
    full: Value,
    /// Distances between the words of a row, there and in the last block.
    full_stride: Value,
    last_stride: Value,
}

/// Where a row begins.
struct Row {
    block: Value,
    /// Words from the block's beginning.
    lane: Value,
    stride: Value,
}

impl Blocks {
    fn new(b: &mut Builder, rows: &Size) -> Blocks {
        let full = b.size_f32(&rows.clone().div(BLOCK));
        let [none, lanes, full_stride] = [0, LANES as i32, BLOCK as i32].map(|n| b.i32(n));
        let last = rows.clone().rem(BLOCK).div_ceil(LANES as u64);
        let last = b.for_loop(last, &[none], |b, _, sum| vec![b.add(sum[0], lanes)]);
        Blocks {
            full,
            full_stride,
            last_stride: last[0],
        }
    }

    fn row(&self, b: &mut Builder, id: Value) -> Row {
        let block = b.shift(ShiftOp::Right, id, BLOCK.ilog2() as u8);
        let number = b.unary(UnaryOp::ToFloat, block);
        let is_full = b.compare(Compare::Lt, number, self.full);
        let below = b.i32(BLOCK as i32 - 1);
        Row {
            block: b.to_index(block),
            lane: b.binary(BinaryOp::And, id, below),
            stride: b.select(is_full, self.full_stride, self.last_stride),
        }
    }
}

impl Row {
    /// The word that is so many from the block's beginning, of rows that have so many words.
    fn at(&self, b: &mut Builder, word: Value, of_row: &Size) -> Address {
        let word = b.to_index(word);
        Address::of(&[(self.block, of_row.clone() * BLOCK), (word, Size::ONE)])
    }
}
