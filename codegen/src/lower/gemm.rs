//! Ternary matrix by one or several vectors, by sign-select.
//!
//! A lane is a row, so each row's sum keeps the order of its columns whatever the tile.

use super::{Lowering, any};
use crate::ir::{Access, Address, Buffer, Builder, Elem, Lanes, ShiftOp, Size, Value};
use atome_spec::layout::{BLOCK_ROWS, WORD_COLS, gemv_bit};
use atome_spec::{LANES, Op};

const LANES_U64: u64 = LANES as u64;
const BLOCK_ROWS_U64: u64 = BLOCK_ROWS as u64;
const WORD_COLS_U64: u64 = WORD_COLS as u64;

pub(super) fn lower(l: &mut Lowering<'_>) {
    let (rows, cols) = (l.dim("rows"), l.dim("cols"));
    let (tokens, out_stride) = match l.spec.op {
        Op::Gemm => (l.dim("tokens"), l.dim("out_stride")),
        _ => (Size::ONE, rows.clone()),
    };
    let words = cols.clone().div_ceil(WORD_COLS_U64);
    let padded_rows = rows.clone().div_ceil(LANES_U64) * LANES_U64;
    let out_len = tokens.clone().sub(1) * out_stride.clone() + rows.clone();
    let b = &mut l.b;
    let w = b.buffer("w", Access::In, Elem::I32, padded_rows * words.clone());
    let x = b.buffer("x", Access::In, Elem::F32, tokens.clone() * cols.clone());
    let out = b.buffer("out", Access::Out, Elem::F32, out_len);
    let scale = b.scalar("scale");
    let scale = b.splat(scale);
    let gemm = Gemm {
        w,
        x,
        out,
        scale,
        cols,
        words,
        tokens,
        out_stride,
        row_groups: l.schedule.row_groups,
        token_tile: l.schedule.tokens,
        prefetch_words: l.schedule.prefetch_bytes / 4,
    };
    gemm.full_blocks(b, &rows);
    gemm.last_block(b, &rows);
}

struct Gemm {
    w: Buffer,
    x: Buffer,
    out: Buffer,
    scale: Value,
    cols: Size,
    /// Words a row.
    words: Size,
    tokens: Size,
    out_stride: Size,
    row_groups: usize,
    token_tile: usize,
    prefetch_words: u64,
}

/// Up to four groups of 16 rows.
struct Rows {
    /// First word of the first group.
    codes: Address,
    /// Distance between a group's words of consecutive columns.
    stride: Size,
    /// First element of the first group in a token's output.
    out: Address,
    groups: usize,
    /// Rows of the last group.
    last: Lanes,
}

impl Gemm {
    fn full_blocks(&self, b: &mut Builder, rows: &Size) {
        let groups = self.row_groups;
        let tile_rows = (groups * LANES) as u64;
        let block_words = self.words.clone() * BLOCK_ROWS_U64;
        b.for_loop(rows.clone().div(BLOCK_ROWS_U64), &[], |b, block, _| {
            b.for_loop(BLOCK_ROWS_U64 / tile_rows, &[], |b, part, _| {
                let tile = Rows {
                    codes: Address::of(&[(block, block_words.clone())]).step(part, tile_rows),
                    stride: BLOCK_ROWS_U64.into(),
                    out: Address::of(&[(block, BLOCK_ROWS_U64.into())]).step(part, tile_rows),
                    groups,
                    last: Lanes::All,
                };
                self.all_tokens(b, &tile);
                vec![]
            });
            vec![]
        });
    }

    /// The block of fewer than 64 rows. Its number of groups sets its stride, so when it is
    /// not known the groups are walked one by one.
    fn last_block(&self, b: &mut Builder, rows: &Size) {
        let rest = rows.clone().rem(BLOCK_ROWS_U64);
        let first_row = rows.clone().div(BLOCK_ROWS_U64) * BLOCK_ROWS_U64;
        let first_word = first_row.clone() * self.words.clone();
        let groups = rest.clone().div_ceil(LANES_U64);
        let stride = groups.clone() * LANES_U64;
        let last = match rest.clone().rem(LANES_U64) {
            Size::Const(0) => Lanes::All,
            lanes => Lanes::First(lanes),
        };
        let tile = |first: Address, groups, last| Rows {
            codes: Address {
                base: first_word.clone() + first.base.clone(),
                ..first.clone()
            },
            stride: stride.clone(),
            out: Address {
                base: first_row.clone() + first.base,
                terms: first.terms,
            },
            groups,
            last,
        };
        match groups.as_const() {
            Some(0) => {}
            Some(n) => {
                let n = n as usize;
                let mut at = 0;
                while at < n {
                    let groups = self.row_groups.min(n - at);
                    let lanes = if at + groups == n {
                        last.clone()
                    } else {
                        Lanes::All
                    };
                    let first = Address::at((at * LANES) as u64);
                    self.all_tokens(b, &tile(first, groups, lanes));
                    at += groups;
                }
            }
            None => {
                let full = rest.clone().div(LANES_U64);
                b.for_loop(full.clone(), &[], |b, group, _| {
                    let first = Address::of(&[(group, LANES_U64.into())]);
                    self.all_tokens(b, &tile(first, 1, Lanes::All));
                    vec![]
                });
                b.for_loop(any(rest.rem(LANES_U64), LANES_U64), &[], |b, _, _| {
                    let first = Address::at(full * LANES_U64);
                    self.all_tokens(b, &tile(first, 1, last));
                    vec![]
                });
            }
        }
    }

    fn all_tokens(&self, b: &mut Builder, rows: &Rows) {
        let tile = self.token_tile as u64;
        let full = self.tokens.clone().div(tile);
        if tile > 1 {
            b.for_loop(full.clone(), &[], |b, t, _| {
                self.tile(b, rows, self.token_tile, &|stride: &Size| {
                    Address::of(&[(t, stride.clone() * tile)])
                });
                vec![]
            });
        }
        let (done, rest) = match tile {
            1 => (Size::ZERO, self.tokens.clone()),
            _ => (full * tile, self.tokens.clone().rem(tile)),
        };
        if rest == Size::ONE && done == Size::ZERO {
            return self.tile(b, rows, 1, &|_| Address::at(0));
        }
        b.for_loop(rest, &[], |b, t, _| {
            self.tile(b, rows, 1, &|stride: &Size| {
                Address::of(&[(t, stride.clone())]).offset(done.clone() * stride.clone())
            });
            vec![]
        });
    }

    /// One tile: `rows.groups * tokens` accumulators over all columns. `token` gives the
    /// offset of the tile's first token for a distance between tokens.
    fn tile(&self, b: &mut Builder, rows: &Rows, tokens: usize, token: &dyn Fn(&Size) -> Address) {
        let zero = b.splat_f32(0.0);
        let mut acc = vec![zero; rows.groups * tokens];
        let x = token(&self.cols);
        let xs = |t: usize| x.clone().offset(self.cols.clone() * t as u64);
        let full = self.cols.clone().div(WORD_COLS_U64);
        acc = b.for_loop(full.clone(), &acc, |b, word, acc| {
            let codes = self.load_codes(b, rows, Address::of(&[(word, rows.stride.clone())]));
            let mut acc = acc.to_vec();
            for k in 0..WORD_COLS {
                for t in 0..tokens {
                    let x = b.load(self.x, xs(t).step(word, WORD_COLS_U64).offset(k as u64));
                    accumulate(b, &codes, gemv_bit(k), x, &mut acc[t * rows.groups..]);
                }
            }
            acc
        });
        let rest = self.cols.clone().rem(WORD_COLS_U64);
        acc = b.for_loop(any(rest.clone(), WORD_COLS_U64), &acc, |b, _, acc| {
            let codes = self.load_codes(b, rows, Address::at(full.clone() * rows.stride.clone()));
            let first = full.clone() * WORD_COLS_U64;
            self.last_columns(
                b,
                codes,
                &|t| xs(t).offset(first.clone()),
                &rest,
                tokens,
                acc,
            )
        });
        for t in 0..tokens {
            let out = token(&self.out_stride).offset(self.out_stride.clone() * t as u64);
            for (g, &sum) in acc[t * rows.groups..][..rows.groups].iter().enumerate() {
                let scaled = b.mul(sum, self.scale);
                let lanes = if g + 1 == rows.groups {
                    rows.last.clone()
                } else {
                    Lanes::All
                };
                let mut at = rows.out.clone().offset(out.base.clone());
                at.terms.extend(out.terms.iter().cloned());
                b.store(self.out, at.offset((g * LANES) as u64), scaled, lanes);
            }
        }
    }

    fn load_codes(&self, b: &mut Builder, rows: &Rows, word: Address) -> Vec<Value> {
        (0..rows.groups)
            .map(|g| {
                let mut at = rows.codes.clone().offset(word.base.clone());
                at.terms.extend(word.terms.iter().cloned());
                let at = at.offset((g * LANES) as u64);
                if self.prefetch_words > 0 {
                    b.prefetch(self.w, at.clone().offset(self.prefetch_words));
                }
                b.load_vector(self.w, at, Lanes::All)
            })
            .collect()
    }

    /// Fewer than 16 columns: quads by the fields of a byte, then single columns.
    fn last_columns(
        &self,
        b: &mut Builder,
        codes: Vec<Value>,
        x: &dyn Fn(usize) -> Address,
        rest: &Size,
        tokens: usize,
        acc: &[Value],
    ) -> Vec<Value> {
        let groups = codes.len();
        let carried: Vec<Value> = codes.iter().chain(acc).copied().collect();
        let quads = rest.clone().div(4);
        let carried = b.for_unrolled(quads.clone(), 4, &carried, |b, quad, carried| {
            let (codes, acc) = carried.split_at(groups);
            let mut acc = acc.to_vec();
            for k in 0..4 {
                for t in 0..tokens {
                    let x = b.load(self.x, x(t).step(quad, 4).offset(k as u64));
                    accumulate(b, codes, gemv_bit(k), x, &mut acc[t * groups..]);
                }
            }
            shift_all(b, codes, 2).into_iter().chain(acc).collect()
        });
        let carried = b.for_unrolled(rest.clone().rem(4), 4, &carried, |b, k, carried| {
            let (codes, acc) = carried.split_at(groups);
            let mut acc = acc.to_vec();
            for t in 0..tokens {
                let x = b.load(self.x, x(t).offset(quads.clone() * 4).step(k, 1));
                accumulate(b, codes, 0, x, &mut acc[t * groups..]);
            }
            shift_all(b, codes, 8).into_iter().chain(acc).collect()
        });
        carried[groups..].to_vec()
    }
}

fn accumulate(b: &mut Builder, codes: &[Value], bit: usize, x: Value, acc: &mut [Value]) {
    for (codes, acc) in codes.iter().zip(acc) {
        let term = b.trit_select(*codes, bit, x);
        *acc = b.add(*acc, term);
    }
}

fn shift_all(b: &mut Builder, codes: &[Value], bits: u8) -> Vec<Value> {
    codes
        .iter()
        .map(|&c| b.shift(ShiftOp::Right, c, bits))
        .collect()
}
