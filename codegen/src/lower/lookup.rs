//! Row lookup in tables of floats: f32, f16 and int8 with a scale a row.

use super::{Lowering, any, half};
use crate::ir::{Address, Buffer, Builder, Lanes, ShiftOp, Size, UnaryOp, Value};
use crate::op::{BufferDef, Callers, Content, Def, Dim, Dims, Parts, dim, input, output};
use atome_spec::LANES;

const LANES_U64: u64 = LANES as u64;

const TOKENS: Dim = dim("tokens").told_by(&["ids"]);

const NUMERICS: &str = "f32 rows are copied; an f16 becomes the same number (the tables hold finite ones); an int8 \
    is multiplied by its row's scale.";

pub(super) const LOOKUP_F32: Def = Def {
    numerics: NUMERICS,
    dims: &[dim("vocab").told_by(&["table"]), dim("d_model"), TOKENS],
    buffers: |d| {
        let [ids, out] = rows(d);
        vec![ids, table(d, Content::F32), out]
    },
    parts: &[Parts::of("tokens")],
    callers: Callers::Programs,
    ..Def::of(|l| lower(l, 1))
};

pub(super) const LOOKUP_F16: Def = Def {
    numerics: NUMERICS,
    buffers: |d| {
        let [ids, out] = rows(d);
        vec![ids, table(d, Content::F16), out]
    },
    lower: |l| lower(l, 2),
    ..LOOKUP_F32
};

pub(super) const LOOKUP_I8: Def = Def {
    numerics: NUMERICS,
    dims: &[dim("vocab").told_by(&["scales"]), dim("d_model"), TOKENS],
    buffers: |d| {
        let [ids, out] = rows(d);
        let scales = input("scales", Content::F32, &d.get("vocab"));
        vec![ids, table(d, Content::I8), scales, out]
    },
    lower: |l| lower(l, 4),
    ..LOOKUP_F32
};

/// Which rows, and where they go.
fn rows(d: &Dims<'_>) -> [BufferDef; 2] {
    let out_len = d.get("tokens") * d.get("d_model");
    [
        input("ids", Content::Rows("vocab"), &d.get("tokens")),
        output("out", Content::F32, &out_len),
    ]
}

fn table(d: &Dims<'_>, content: Content) -> BufferDef {
    let row = row_elems(content.per_elem() as u64, &d.get("d_model"));
    input("table", content, &(d.get("vocab") * row))
}

/// Elements of a row of the table, of which each has `vectors` numbers.
pub(super) fn row_elems(vectors: u64, d_model: &Size) -> Size {
    match vectors {
        1 => d_model.clone(),
        _ => d_model.clone().div_ceil(vectors * LANES_U64) * LANES_U64,
    }
}

/// A vector of words of the table is as many vectors of numbers; int8 ones have scales.
fn lower(l: &mut Lowering<'_>, tile_vectors: u64) {
    let (d_model, tokens) = (l.dim("d_model"), l.dim("tokens"));
    let lanes = LANES_U64;
    let row_elems = row_elems(tile_vectors, &d_model);
    let [ids, table, out] = ["ids", "table", "out"].map(|name| l.buffer(name));
    let scales = (tile_vectors == 4).then(|| l.buffer("scales"));
    let b = &mut l.b;

    b.for_loop(tokens, &[], |b, t, _| {
        let id = b.load(ids, Address::of(&[(t, Size::ONE)]));
        let id = b.to_index(id);
        let from = Address::of(&[(id, row_elems.clone())]);
        let to = Address::of(&[(t, d_model.clone())]);
        if tile_vectors == 1 {
            copy(b, (table, from), (out, to), &d_model);
            return vec![];
        }
        let scale = scales.map(|scales| {
            let scale = b.load(scales, Address::of(&[(id, Size::ONE)]));
            b.splat(scale)
        });
        let tile = |b: &mut Builder, words: Address| decode(b, table, words, scale);
        let tile_cols = tile_vectors * lanes;
        let full = d_model.clone().div(tile_cols);
        let rest = d_model.clone().rem(tile_cols);
        b.for_loop(full.clone(), &[], |b, i, _| {
            let vectors = tile(b, from.clone().step(i, lanes));
            for (k, value) in (0..).zip(vectors) {
                let at = to.clone().step(i, tile_cols).offset(k * lanes);
                b.store(out, at, value, Lanes::All);
            }
            vec![]
        });
        b.for_loop(any(rest.clone(), tile_cols), &[], |b, _, _| {
            let vectors = tile(b, from.clone().offset(full.clone() * lanes));
            for (k, value) in (0..).zip(vectors) {
                let at = to.clone().offset(full.clone() * tile_cols + k * lanes);
                let left = rest.clone().sub(k * lanes);
                b.store(out, at, value, Lanes::First(left));
            }
            vec![]
        });
        vec![]
    });
}

/// Copies `n` floats.
fn copy(b: &mut Builder, from: (Buffer, Address), to: (Buffer, Address), n: &Size) {
    b.for_each_vector(n, &[], |b, at, lanes, _| {
        let value = b.load_vector(from.0, at.clone().plus(&from.1), lanes.clone());
        b.store(to.0, at.plus(&to.1), value, lanes);
        vec![]
    });
}

/// The vectors of the tile at `words`: two of f16, or four of int8 with their scale.
pub(super) fn decode(
    b: &mut Builder,
    table: Buffer,
    words: Address,
    scale: Option<Value>,
) -> Vec<Value> {
    let words = b.load_vector(table, words, Lanes::All);
    match scale {
        None => vec![half::decode(b, words, 0), half::decode(b, words, 16)],
        Some(scale) => (0..4).map(|byte| signed(b, words, byte, scale)).collect(),
    }
}

/// The signed byte of that number, times the scale.
fn signed(b: &mut Builder, words: Value, byte: u8, scale: Value) -> Value {
    let high = b.shift(ShiftOp::Left, words, 24 - 8 * byte);
    let number = b.shift(ShiftOp::RightSigned, high, 24);
    let number = b.unary(UnaryOp::ToFloat, number);
    b.mul(number, scale)
}
