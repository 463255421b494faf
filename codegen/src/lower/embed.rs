//! Row lookup. A tile of 64 bytes becomes 16 (`int2`) or 20 (`base3`) vectors of columns.

use super::{Lowering, any};
use crate::ir::{Address, Buffer, Builder, Lanes, ShiftOp, Size, Value};
use crate::op::{Callers, Content, Def, Form, Parts, dim, input, output};
use crate::schedule::{Choice, Field, Schedule};
use atome_spec::{Activation, Isa, LANES, Method, Packing, layout};

/// Bytes that one prefetch brings.
const CACHE_LINE: u32 = 64;
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
    select: |_, isa| Schedule {
        prefetch: Some(if isa == Isa::Portable { 0 } else { CACHE_LINE }),
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
        table,
        out,
        scale,
        d_model,
        row_words,
    };

    if l.schedule.prefetch_words() == 0 {
        b.for_loop(tokens, &[], |b, t, _| {
            let id = load_id(b, ids, Address::of(&[(t, Size::ONE)]));
            row.expand(b, id, None, Address::of(&[(t, row.d_model.clone())]));
            vec![]
        });
        return;
    }
    // All tokens but the last ask for the next one's row while they expand their own.
    let ahead = tokens.clone().sub(1);
    b.for_loop(ahead.clone(), &[], |b, t, _| {
        let id = load_id(b, ids, Address::of(&[(t, Size::ONE)]));
        let next = load_id(b, ids, Address::of(&[(t, Size::ONE)]).offset(1));
        row.expand(b, id, Some(next), Address::of(&[(t, row.d_model.clone())]));
        vec![]
    });
    b.for_loop(any(tokens, MAX_TOKENS), &[], |b, _, _| {
        let id = load_id(b, ids, Address::at(ahead.clone()));
        row.expand(b, id, None, Address::at(ahead * row.d_model.clone()));
        vec![]
    });
}

fn load_id(b: &mut Builder, ids: Buffer, at: Address) -> Value {
    let id = b.load(ids, at);
    b.to_index(id)
}

struct Row {
    packing: Packing,
    table: Buffer,
    out: Buffer,
    scale: Value,
    d_model: Size,
    row_words: Size,
}

impl Row {
    /// Expands row `id` to `out[at..]`, prefetching row `next`.
    fn expand(&self, b: &mut Builder, id: Value, next: Option<Value>, at: Address) {
        let tile_cols = layout::tile_cols(self.packing) as u64;
        let lanes = LANES as u64;
        let full = self.d_model.clone().div(tile_cols);
        let rest = self.d_model.clone().rem(tile_cols);
        let words = |row| Address::of(&[(row, self.row_words.clone())]);
        b.for_loop(full.clone(), &[], |b, tile, _| {
            if let Some(next) = next {
                b.prefetch(self.table, words(next).step(tile, lanes));
            }
            let to = at.clone().step(tile, tile_cols);
            self.tile(b, words(id).step(tile, lanes), &mut |b, vector, value| {
                b.store(
                    self.out,
                    to.clone().offset(vector * lanes),
                    value,
                    Lanes::All,
                );
            });
            vec![]
        });
        b.for_loop(any(rest.clone(), tile_cols), &[], |b, _, _| {
            let last = full.clone() * lanes;
            if let Some(next) = next {
                b.prefetch(self.table, words(next).offset(last.clone()));
            }
            let to = at.offset(full * tile_cols);
            self.tile(b, words(id).offset(last), &mut |b, vector, value| {
                let left = rest.clone().sub(vector * lanes);
                let to = to.clone().offset(vector * lanes);
                b.store(self.out, to, value, Lanes::First(left));
            });
            vec![]
        });
    }

    /// Decodes the tile at `words` and hands each vector of columns to `emit`, in order.
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
                    emit(b, vector as u64, value);
                }
            }
            Packing::Base3 => self.tile_base3(b, codes, emit),
        }
    }

    /// Bytes 0 and 2 of each word, then 1 and 3, sit in 16-bit fields. Three times a byte
    /// has its next digit above bit 8 of the field and what remains below.
    fn tile_base3(
        &self,
        b: &mut Builder,
        codes: Value,
        emit: &mut dyn FnMut(&mut Builder, u64, Value),
    ) {
        let bytes = b.i32_like(codes, 0x00ff_00ff);
        let odd = b.shift(ShiftOp::Right, codes, 8);
        let mut halves = [b.and(codes, bytes), b.and(odd, bytes)];
        for digit in 0..5 {
            let tripled = halves.map(|half| {
                let twice = b.shift(ShiftOp::Left, half, 1);
                b.add(twice, half)
            });
            for byte in 0..4 {
                let bit = 8 + 16 * (byte / 2);
                let value = b.trit_select(tripled[byte % 2], bit, self.scale);
                emit(b, (4 * digit + byte) as u64, value);
            }
            halves = tripled.map(|half| b.and(half, bytes));
        }
    }
}
