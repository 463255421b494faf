//! Row lookup. A tile of 64 bytes becomes 16 (`int2`) or 20 (`base3`) vectors of columns.

use super::{Lowering, any};
use crate::ir::{Address, Buffer, Builder, Lanes, PackedOp, ShiftOp, Size, Value};
use crate::op::{Callers, Content, Def, Form, Parts, dim, input, output};
use crate::schedule::{Choice, Field, Schedule, Sum};
use atome_spec::{Activation, Isa, LANES, Method, Packing, Tier, layout};

/// Bytes that one prefetch brings.
const CACHE_LINE: u32 = 64;
/// Vectors of a group, all or some columns of which the last tile has.
const GROUP: usize = 4;
const GROUP_COLS: u64 = (GROUP * LANES) as u64;
/// More tokens than one call can have.
const MAX_TOKENS: u64 = 1 << 32;

pub(super) const EMBED: Def = Def {
    numerics: "`out[t, c] = select(table[ids[t], c], scale)`.",
    dims: &[
        dim("vocab").told_by(&["table"]),
        dim("d_model"),
        dim("tokens").told_by(&["ids"]),
    ],
    buffers: |d| {
        let table_len = d.get("vocab") * row_words(d.packing(), &d.get("d_model"));
        let out_len = d.get("tokens") * d.get("d_model");
        vec![
            input("ids", Content::Rows("vocab"), &d.get("tokens")),
            input("table", Content::Table(d.packing()), &table_len),
            output("out", Content::F32, &out_len),
        ]
    },
    scalars: &["scale"],
    forms: &[Form::ternary(
        Activation::F32,
        Packing::STORED,
        &[Method::Select],
        &[Choice {
            field: Field::Prefetch,
            valid: &[0, CACHE_LINE],
            tried: &[0, CACHE_LINE],
        }],
    )],
    select: |spec, isa| Schedule {
        prefetch: Some(if isa == Isa::Portable { 0 } else { CACHE_LINE }),
        sum: (spec.packing == Some(Packing::Base3)).then_some(match isa.tier() {
            Tier::X86_64V2 | Tier::X86_64V3 | Tier::X86_64V4 => Sum::I16,
            // Products of bytes are several instructions.
            _ => Sum::I32,
        }),
        ..Schedule::default()
    },
    parts: &[Parts::of("tokens")],
    callers: Callers::Attributes,
    ..Def::of(lower)
};

/// Words of a row of the table.
fn row_words(packing: Packing, d_model: &Size) -> Size {
    let tile_cols = layout::tile_cols(packing) as u64;
    d_model.clone().div_ceil(tile_cols) * LANES as u64
}

fn lower(l: &mut Lowering<'_>) {
    let packing = l.dims.packing();
    let (d_model, tokens) = (l.dim("d_model"), l.dim("tokens"));
    let row_words = row_words(packing, &d_model);
    let [ids, table, out] = ["ids", "table", "out"].map(|name| l.buffer(name));
    let scale = l.scalar("scale");
    let b = &mut l.b;
    let row = Row {
        packing,
        sum: l.schedule.sum(),
        ids,
        table,
        out,
        scale,
        d_model,
        row_words,
    };
    if l.schedule.prefetch_words() == 0 {
        b.for_loop(tokens.clone(), &[], |b, t, _| {
            row.full_tiles(b, Address::of(&[(t, Size::ONE)]), false);
            vec![]
        });
    } else {
        // All tokens but the last ask for the next one's row while they expand their own.
        let last = tokens.clone().sub(1);
        b.for_loop(last.clone(), &[], |b, t, _| {
            row.full_tiles(b, Address::of(&[(t, Size::ONE)]), true);
            vec![]
        });
        b.for_loop(any(tokens.clone(), MAX_TOKENS), &[], |b, _, _| {
            row.full_tiles(b, Address::at(last), false);
            vec![]
        });
    }
    row.last_tiles(b, &tokens);
}

/// 1 if a number that is 0 or 1 is 0.
fn none(any: Size) -> Size {
    (any + Size::ONE).rem(2)
}

struct Row {
    packing: Packing,
    sum: Sum,
    ids: Buffer,
    table: Buffer,
    out: Buffer,
    scale: Value,
    d_model: Size,
    row_words: Size,
}

impl Row {
    fn tile_cols(&self) -> u64 {
        layout::tile_cols(self.packing) as u64
    }

    /// The words of the row of the token at `at` of `ids`.
    fn words(&self, b: &mut Builder, at: Address) -> Address {
        let id = b.load(self.ids, at);
        let id = b.to_index(id);
        Address::of(&[(id, self.row_words.clone())])
    }

    /// Expands all tiles of a row that are full, asking for all of the next token's if `ahead`.
    fn full_tiles(&self, b: &mut Builder, token: Address, ahead: bool) {
        let (tile_cols, lanes) = (self.tile_cols(), LANES as u64);
        let full = self.d_model.clone().div(tile_cols);
        let to = token.times(&self.d_model);
        let words = self.words(b, token.clone());
        let next = ahead.then(|| self.words(b, token.offset(1)));
        b.for_loop(full.clone(), &[], |b, tile, _| {
            if let Some(next) = &next {
                b.prefetch(self.table, next.clone().step(tile, lanes));
            }
            let to = to.step(tile, tile_cols);
            self.tile(b, words.step(tile, lanes), &mut |b, first, value| {
                b.store(self.out, to.clone().offset(first), value, Lanes::All);
            });
            vec![]
        });
        if let Some(next) = next {
            // Without a last tile that is not full this is the row after it, of which a line does no harm.
            b.prefetch(self.table, next.offset(full * lanes));
        }
    }

    /// Expands what is no full tile of every row: where there is none, nothing of this is computed, and where it is whole groups, no
    /// mask.
    fn last_tiles(&self, b: &mut Builder, tokens: &Size) {
        let tile_cols = self.tile_cols();
        let cols = self.d_model.clone().rem(tile_cols);
        let some = any(cols.clone().rem(GROUP_COLS), GROUP_COLS);
        let whole = any(cols.clone(), tile_cols) * none(some.clone());
        for (runs, masks) in [(whole, false), (some, true)] {
            b.for_loop(runs, &[], |b, _, _| {
                b.for_loop(tokens.clone(), &[], |b, t, _| {
                    self.last_tile(b, Address::of(&[(t, Size::ONE)]), &cols, masks);
                    vec![]
                });
                vec![]
            });
        }
    }

    /// Expands the first `cols` columns of a tile.
    fn last_tile(&self, b: &mut Builder, token: Address, cols: &Size, masks: bool) {
        let full = self.d_model.clone().div(self.tile_cols());
        let to = token.times(&self.d_model);
        let to = to.offset(full.clone() * self.tile_cols());
        let words = self.words(b, token).offset(full * LANES as u64);
        let mut group = Vec::new();
        self.tile(b, words, &mut |b, first, value| {
            group.push(value);
            if group.len() == GROUP {
                let before = first + LANES as u64 - GROUP_COLS;
                let to = to.clone().offset(before);
                self.store_some(b, &to, &group, (cols.clone().sub(before), masks));
                group.clear();
            }
        });
    }

    /// Stores the first `cols` columns of a group, or, without masks, all or none. Whole groups have no mask, which costs
    /// much where a store has one.
    fn store_some(
        &self,
        b: &mut Builder,
        to: &Address,
        group: &[Value],
        (cols, masks): (Size, bool),
    ) {
        /// More groups than a tile has.
        const GROUPS: u64 = 8;
        let whole = any(cols.clone().div(GROUP_COLS), GROUPS);
        b.for_loop(whole.clone(), &[], |b, _, _| {
            self.store(b, to, group, |_| Lanes::All);
            vec![]
        });
        if masks {
            let rest = cols.rem(GROUP_COLS);
            b.for_loop(
                any(rest.clone(), GROUP_COLS) * none(whole),
                &[],
                |b, _, _| {
                    self.store(b, to, group, |first| Lanes::First(rest.clone().sub(first)));
                    vec![]
                },
            );
        }
    }

    /// Stores vectors from `to` on, of each the lanes that are told by its first column.
    fn store(
        &self,
        b: &mut Builder,
        to: &Address,
        vectors: &[Value],
        lanes: impl Fn(u64) -> Lanes,
    ) {
        for (first, vector) in (0..).step_by(LANES).zip(vectors) {
            b.store(self.out, to.clone().offset(first), *vector, lanes(first));
        }
    }

    /// Decodes the tile at `words` and hands each vector of columns to `emit` by its first column, in order.
    fn tile(
        &self,
        b: &mut Builder,
        words: Address,
        emit: &mut dyn FnMut(&mut Builder, u64, Value),
    ) {
        let codes = b.load_vector(self.table, words, Lanes::All);
        match self.packing {
            Packing::Int2 | Packing::Sorted => {
                for vector in 0..16 {
                    let value = b.trit_select(codes, 2 * vector, self.scale);
                    emit(b, (vector * LANES) as u64, value);
                }
            }
            Packing::Base3 => self.tile_base3(b, codes, emit),
        }
    }

    /// Bytes 0 and 2 of each word, then 1 and 3, sit in 16-bit fields. Three times a byte
    /// has its next digit from bit 8 of the field on, and what remains below.
    fn tile_base3(
        &self,
        b: &mut Builder,
        codes: Value,
        emit: &mut dyn FnMut(&mut Builder, u64, Value),
    ) {
        let mut tripled = match self.sum {
            Sum::I16 => [TRIPLE_LOW, TRIPLE_HIGH].map(|factors| products(b, codes, factors)),
            Sum::I32 => {
                let odd = b.shift(ShiftOp::Right, codes, 8);
                [codes, odd].map(|bytes| thrice(b, bytes))
            }
        };
        for digit in 0..5 {
            if digit > 0 {
                tripled = tripled.map(|half| match self.sum {
                    Sum::I16 => products(b, half, TRIPLE_LOW),
                    Sum::I32 => thrice(b, half),
                });
            }
            let (digits, bit) = match self.sum {
                Sum::I16 => (tripled.map(|half| products(b, half, HIGH)), 0),
                Sum::I32 => (tripled, 8),
            };
            for byte in 0..4 {
                let bit = bit + 16 * (byte / 2);
                let value = b.trit_select(digits[byte % 2], bit, self.scale);
                emit(b, ((4 * digit + byte) * LANES) as u64, value);
            }
        }
    }
}

/// Three times the low byte of each half, or the high one.
const TRIPLE_LOW: i32 = 0x0003_0003;
const TRIPLE_HIGH: i32 = 0x0300_0300;
/// The high byte, as the low one: units that multiply have time where those that shift have none.
const HIGH: i32 = 0x0100_0100;

/// The bytes of each half times those of a word of factors, added up: at most 765.
fn products(b: &mut Builder, bytes: Value, factors: i32) -> Value {
    let factors = b.splat_i32(factors);
    b.packed(PackedOp::Pairs, &[bytes, factors])
}

/// The same for the low bytes, by a shift and a sum.
fn thrice(b: &mut Builder, bytes: Value) -> Value {
    let low = b.i32_like(bytes, 0x00ff_00ff);
    let low = b.and(bytes, low);
    let twice = b.shift(ShiftOp::Left, low, 1);
    b.add(twice, low)
}
