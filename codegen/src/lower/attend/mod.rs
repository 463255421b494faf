//! Causal attention of several heads over a cache, without a score for each position: positions come in chunks, and what
//! was summed up is scaled when a chunk has a greater score.

mod append;
mod chunk;

use super::{Lowering, any};
use crate::Schedule;
use crate::ir::{Address, Builder, Elem, Size, UnaryOp, Value};
use crate::op::{Bound, Content, Def, Dim, Dims, Form, Parts, dim, input, read_back};
use crate::schedule::{Choice, Field};
pub(super) use append::ATTEND_APPEND;
use atome_spec::{Isa, LANES, layout, numerics};
use chunk::{Attend, Tile};

const LANES_U64: u64 = LANES as u64;
/// Positions of a chunk.
const CHUNK: u64 = numerics::ATTEND_CHUNK as u64;
/// Columns of a chunk's values that lie together.
const COLUMNS: u64 = layout::VALUE_COLS as u64;
/// Positions that the cache holds: whole chunks of them.
const CAPACITY: Dim = dim("capacity").multiple_of(CHUNK);
/// Most query heads that share a key head: what a call keeps of them and of a chunk is about 4 KB.
const MAX_QUERIES: u64 = 48;

/// Partial sums of a score that are added up at once, 16 each, and channels of values.
const TOGETHER: Choice = Choice {
    field: Field::Mr,
    valid: &[16, 32, 64],
    tried: &[64],
};
/// Query heads that share one reading of keys and values.
const QUERIES: Choice = Choice {
    field: Field::Nr,
    valid: &[1, 2, 4],
    tried: &[1, 2, 4],
};
pub(super) const ATTEND: Def = Def {
    numerics: "Query heads `[kv_heads, queries]`, of which those of a key head share its keys and values, which lie as \
        `attend_append` leaves them. Scores as those of `attn_scores`. Positions come in chunks of 64. From `m = -inf`, \
        16 partials `l` and `acc` of 0, for each chunk: `n` is the greatest of `m` and its scores, as in `softmax`; \
        `f = exp(m - n)`; `e = exp(score - n)`; `l = l * f`, then adds the chunk's `e`, that of position j to \
        partial `j % 16`; `acc[c] = acc[c] * f`, then adds `e * values[j, c]` for its positions in order; `m = n`. \
        `out = acc / sum(l)`, by the fixed tree.",
    dims: &[
        dim("kv_heads"),
        dim("queries").from(1, MAX_QUERIES),
        dim("head_dim"),
        CAPACITY,
        dim("len").bound(Bound::AtMost("capacity")),
    ],
    buffers: |d| {
        let heads = d.get("kv_heads") * d.get("head_dim") * d.get("queries");
        vec![
            input("q", Content::F32, &heads),
            input("keys", Content::F32, &cache_len(d)),
            input("values", Content::F32, &cache_len(d)),
            read_back("out", Content::F32, &heads),
        ]
    },
    forms: &[Form::f32(&[TOGETHER, QUERIES])],
    select: |_, isa| schedule(isa),
    parts: &[Parts::of("kv_heads").used("len", "capacity")],
    ..Def::of(lower)
};

/// Elements of either cache.
fn cache_len(d: &Dims<'_>) -> Size {
    d.get("kv_heads") * d.get("head_dim") * d.get("capacity")
}

/// The sums of a tile are `mr / 16 * nr` logical vectors. Four of a query read a cache in its order.
fn schedule(isa: Isa) -> Schedule {
    let queries = match isa {
        Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Vbmi => 4,
        _ => 1,
    };
    Schedule {
        mr: Some(4 * LANES as u32),
        nr: Some(queries),
        ..Schedule::default()
    }
}

fn lower(l: &mut Lowering<'_>) {
    let [kv_heads, queries, head_dim] = ["kv_heads", "queries", "head_dim"].map(|name| l.dim(name));
    let len = l.dim("len");
    let [q, keys, values, out] = ["q", "keys", "values", "out"].map(|name| l.buffer(name));
    let together = l.schedule.row_groups();
    let tile = l.schedule.tokens() as u64;
    let b = &mut l.b;
    let scratch = |b: &mut Builder, name, len| b.scratch(name, Elem::F32, len);
    let attend = Attend {
        q,
        keys,
        values,
        out,
        scores: scratch(b, "scores", CHUNK * tile),
        greatest: scratch(b, "greatest", MAX_QUERIES),
        sums: scratch(b, "sums", MAX_QUERIES * LANES_U64),
        cached: l.dims.get("capacity") * head_dim.clone(),
        head_dim,
        root: {
            let width = b.size_f32(&l.dims.get("head_dim"));
            let root = b.unary(UnaryOp::Sqrt, width);
            b.splat(root)
        },
        together,
    };
    b.for_loop(kv_heads, &[], |b, head, _| {
        let tiles = |b: &mut Builder, each: &dyn Fn(&mut Builder, &Tile)| {
            for_each_tile(b, &queries, tile, head, each);
        };
        tiles(b, &|b, tile| attend.begin(b, tile));
        let full = len.clone().div(CHUNK);
        b.for_loop(full.clone(), &[], |b, chunk, _| {
            let first = Address::of(&[(chunk, Size::ONE)]);
            tiles(b, &|b, tile| attend.chunk(b, tile, &first, &CHUNK.into()));
            vec![]
        });
        let rest = len.clone().rem(CHUNK);
        b.for_loop(any(rest.clone(), CHUNK), &[], |b, _, _| {
            let first = Address::at(full);
            tiles(b, &|b, tile| attend.chunk(b, tile, &first, &rest));
            vec![]
        });
        tiles(b, &|b, tile| attend.end(b, tile));
        vec![]
    });
}

/// The query heads of a key head, so many at once, then those that are left one by one.
fn for_each_tile(
    b: &mut Builder,
    queries: &Size,
    together: u64,
    head: Value,
    each: &dyn Fn(&mut Builder, &Tile),
) {
    let mut tiles = |count: Size, together: u64, before: Size| {
        b.for_loop(count, &[], |b, i, _| {
            let first = Address::of(&[(i, together.into())]).offset(before.clone());
            let tile = Tile {
                head,
                first_of_all: first.clone().step(head, queries.clone()),
                first,
                queries: together,
            };
            each(b, &tile);
            vec![]
        });
    };
    let full = queries.clone().div(together);
    tiles(full.clone(), together, 0.into());
    tiles(queries.clone().rem(together), 1, full * together);
}
