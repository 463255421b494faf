//! Rows of a matrix that has scales for groups of columns, which lies as products read it, so that a model whose head is its
//! embeddings has it once. A word of a row is in every lane, and each lane takes its column's code.

use super::Lowering;
use super::gemm::{Word, group_words};
use crate::ir::{
    Address, BinaryOp, Buffer, Builder, Compare, Lanes, ShiftOp, Size, UnaryOp, Value,
};
use crate::op::{Content, Def, Form, Parts, dim, input, output};
use atome_spec::layout::{BLOCK_ROWS, GROUP_COLS, gemv_bit, word_cols};
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
        let table_len =
            rows.clone() * (d.get("groups") * group_words(d.packing(), &d.get("group")));
        vec![
            input("ids", Content::Rows("vocab"), &d.get("tokens")),
            input("table", Content::Matrix(d.packing()), &table_len),
            input("scales", Content::F32, &(rows * d.get("groups"))),
            output("out", Content::F32, &(d.get("tokens") * cols)),
        ]
    },
    forms: &[Form::ternary(
        Activation::F32,
        Packing::STORED,
        &[Method::Select],
        &[],
    )],
    parts: &[Parts::of("tokens")],
    ..Def::of(lower)
};

fn lower(l: &mut Lowering<'_>) {
    let packing = l.dims.packing();
    let [vocab, groups, group, tokens] =
        ["vocab", "groups", "group", "tokens"].map(|name| l.dim(name));
    let [ids, table, scales, out] = ["ids", "table", "scales", "out"].map(|name| l.buffer(name));
    let cols = groups.clone() * group.clone();
    let b = &mut l.b;
    let blocks = Blocks::new(b, &vocab);
    let groups_of = Groups {
        packing,
        to_top: to_top(b),
        table,
        out,
        row_words: groups.clone() * group_words(packing, &group),
        cols: group.clone(),
    };
    b.for_loop(tokens, &[], |b, t, _| {
        let id = b.load(ids, Address::of(&[(t, Size::ONE)]));
        let row = blocks.row(b, id);
        b.for_loop(groups.clone(), &[row.lane, row.lane], |b, g, at| {
            let [word, number] = [at[0], at[1]];
            let scale = row.at(b, number, &groups);
            let scale = b.load(scales, scale);
            let number = b.add(number, row.stride);
            let to = Address::of(&[(t, cols.clone()), (g, group.clone())]);
            let word = groups_of.expand(b, &row, (word, scale), &to);
            vec![word, number]
        });
        vec![]
    });
}

/// How groups of columns become numbers.
struct Groups {
    packing: Packing,
    /// By what a word is multiplied in each lane.
    to_top: Value,
    table: Buffer,
    out: Buffer,
    /// Words of a row.
    row_words: Size,
    /// Columns of a group.
    cols: Size,
}

impl Groups {
    /// Writes a group to `to`, whose first word is given, as that of the next one is returned.
    fn expand(
        &self,
        b: &mut Builder,
        row: &Row,
        (word, scale): (Value, Value),
        to: &Address,
    ) -> Value {
        let of_word = word_cols(self.packing) as u64;
        // What up to four steps leave is less than a word.
        let of_step = STEP / of_word;
        let steps = self.cols.clone().div(STEP);
        let word = b.for_loop(steps, &[word], |b, step, word| {
            let mut word = word[0];
            for number in 0..of_step {
                let to = to.clone().step(step, of_step * of_word);
                let parts = self.load(b, row, word);
                for (codes, first) in parts.into_iter().zip((0..of_word).step_by(LANES)) {
                    let lanes = match of_word - first {
                        rest if rest < LANES as u64 => Lanes::First(rest.into()),
                        _ => Lanes::All,
                    };
                    let to = to.clone().offset(number * of_word + first);
                    self.write(b, (codes, scale), to, lanes);
                }
                word = b.add(word, row.stride);
            }
            vec![word]
        });
        if STEP.is_multiple_of(of_word) {
            return word[0];
        }
        let (full, rest) = (
            self.cols.clone().div(of_word),
            self.cols.clone().rem(of_word),
        );
        let parts = self.load(b, row, word[0]);
        let to = to.clone().offset(full * of_word);
        self.write(b, (parts[0], scale), to, Lanes::First(rest));
        b.add(word[0], row.stride)
    }

    /// The codes of a word's columns, 16 at a time, in every lane.
    fn load(&self, b: &mut Builder, row: &Row, word: Value) -> Vec<Value> {
        let at = row.at(b, word, &self.row_words);
        let packed = b.load(self.table, at);
        let packed = b.splat(packed);
        let word = Word::new(b, self.packing, packed);
        let quads = (0..word_cols(self.packing) / 4).step_by(LANES / 4);
        quads.map(|quad| word.field(quad).0).collect()
    }

    fn write(&self, b: &mut Builder, (codes, scale): (Value, Value), to: Address, lanes: Lanes) {
        let codes = b.mul(codes, self.to_top);
        let value = b.trit_select(codes, TOP, scale);
        b.store(self.out, to, value, lanes);
    }
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
