//! Causal attention of several heads over a cache, without a score for each position: positions come in chunks, and what
//! was summed up is scaled when a chunk has a greater score.

mod append;
mod caches;
mod chunk;

use super::{Lowering, any};
use crate::Schedule;
use crate::ir::{Address, Builder, Elem, Size, UnaryOp, Value};
use crate::op::{Bound, BufferDef, Content, Def, Dim, Dims, Form, Parts, dim, input, read_back};
use crate::schedule::{Choice, Field};
pub(super) use append::{ATTEND_APPEND, ATTEND_APPEND_F16};
use atome_spec::{CacheType, Isa, LANES, numerics};
use caches::Caches;
use chunk::{Attend, Queries};

const LANES_U64: u64 = LANES as u64;
/// Positions of a chunk.
const CHUNK: u64 = numerics::ATTEND_CHUNK as u64;
/// Columns of a chunk's values that lie together.
const COLUMNS: u64 = CacheType::VALUE_COLS as u64;
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
const SHARING: Choice = Choice {
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
    buffers: |d| buffers(d, CacheType::F32),
    forms: &[Form::f32(&[TOGETHER, SHARING])],
    select: |_, isa| schedule(isa),
    parts: &[Parts::of("kv_heads").used("len", "capacity")],
    ..Def::of(|l| lower(l, CacheType::F32))
};

/// A vector of words has two of columns, so the least that a tile sums are two.
const TOGETHER_F16: Choice = Choice {
    valid: &[32, 64],
    ..TOGETHER
};
/// A machine asks for the lines of a page where it has seen some of them. Where each is worked on for long, that comes late.
const AHEAD: Choice = Choice {
    field: Field::Prefetch,
    valid: &[0, 1024, 2048, 4096, 8192],
    tried: &[0, 4096],
};
pub(super) const ATTEND_F16: Def = Def {
    numerics: "As `attend`, over caches that lie as `attend_append_f16` leaves them, of which an f16 becomes the same \
        number. A position's fault is added to its scores.",
    buffers: |d| buffers(d, CacheType::F16),
    forms: &[Form::f32(&[TOGETHER_F16, SHARING, AHEAD])],
    select: |_, isa| schedule_f16(isa),
    lower: |l| lower(l, CacheType::F16),
    ..ATTEND
};

fn buffers(d: &Dims<'_>, held: CacheType) -> Vec<BufferDef> {
    let kv_heads = d.get("kv_heads");
    let caches = Caches::of(held, d);
    let [keys, values] = caches.words().map(|words| kv_heads.clone() * words);
    let heads = kv_heads * d.get("head_dim") * d.get("queries");
    vec![
        input("q", Content::F32, &heads),
        input("keys", caches.content(), &keys),
        input("values", caches.content(), &values),
        read_back("out", Content::F32, &heads),
    ]
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

/// Queries that share a line share making numbers of it, which takes more than the registers that it costs, but of
/// narrow ones.
fn schedule_f16(isa: Isa) -> Schedule {
    let queries = match isa.vector_bits() {
        256.. => 4,
        _ => 1,
    };
    Schedule {
        mr: Some(4 * LANES as u32),
        nr: Some(queries),
        prefetch: Some(4096),
        ..Schedule::default()
    }
}

fn lower(l: &mut Lowering<'_>, held: CacheType) {
    let [kv_heads, queries] = ["kv_heads", "queries"].map(|name| l.dim(name));
    let len = l.dim("len");
    let [q, keys, values, out] = ["q", "keys", "values", "out"].map(|name| l.buffer(name));
    let together = l.schedule.row_groups();
    let tile = l.schedule.tokens() as u64;
    let ahead = l.schedule.prefetch_words();
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
        caches: Caches::of(held, &l.dims),
        root: {
            let width = b.size_f32(&l.dims.get("head_dim"));
            let root = b.unary(UnaryOp::Sqrt, width);
            b.splat(root)
        },
        together,
        ahead,
    };
    b.for_loop(kv_heads, &[], |b, head, _| {
        let tiles = |b: &mut Builder, each: &dyn Fn(&mut Builder, &Queries)| {
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
    each: &dyn Fn(&mut Builder, &Queries),
) {
    let mut tiles = |count: Size, together: u64, before: Size| {
        b.for_loop(count, &[], |b, i, _| {
            let first = Address::of(&[(i, together.into())]).offset(before.clone());
            let tile = Queries {
                head,
                first_of_all: first.clone().step(head, queries.clone()),
                first,
                count: together,
            };
            each(b, &tile);
            vec![]
        });
    };
    let full = queries.clone().div(together);
    tiles(full.clone(), together, 0.into());
    tiles(queries.clone().rem(together), 1, full * together);
}
