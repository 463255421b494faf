//! Causal attention of several heads over a cache, without a score for each position: positions come in chunks, and what
//! was summed up is scaled when a chunk has a greater score.

use super::attention::{CAPACITY, Dot, finite_or_first};
use super::softmax::keep_old;
use super::{Lowering, any, math, strided};
use crate::ir::{Address, BinaryOp, Buffer, Builder, Elem, Lanes, ReduceOp, Size, UnaryOp, Value};
use crate::op::{Bound, Content, Def, Parts, dim, input, read_back};
use atome_spec::{LANES, numerics};

const LANES_U64: u64 = LANES as u64;
/// Positions of a chunk.
const CHUNK: u64 = numerics::ATTEND_CHUNK as u64;
/// Most query heads that share a key head: what a call keeps of them and of a chunk is below 4 KB.
const MAX_QUERIES: u64 = 48;

pub(super) const ATTEND: Def = Def {
    numerics: "Query heads `[kv_heads, queries]`, of which those of a key head share its keys and values. Scores as those of \
        `attn_scores`, of the elements of a key that are its head's; a position has `stride` elements in either cache. Positions come in chunks of 64. From `m = -inf`, \
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
        // Elements of a position in either cache: those of all heads, of which a call may have some.
        dim("stride"),
    ],
    buffers: |d| {
        let row = d.get("kv_heads") * d.get("head_dim");
        let heads = row.clone() * d.get("queries");
        let [capacity, stride] = ["capacity", "stride"].map(|name| d.get(name));
        let blocks = capacity.clone().div(LANES_U64);
        let keys = strided(
            &blocks,
            &(stride.clone() * LANES_U64),
            &(row.clone() * LANES_U64),
        );
        vec![
            input("q", Content::F32, &heads),
            input("keys", Content::F32, &keys),
            input("values", Content::F32, &strided(&capacity, &stride, &row)),
            read_back("out", Content::F32, &heads),
        ]
    },
    // A block of keys lies between two heads, and as much is read for all positions.
    parts: &[Parts::of("kv_heads").each("len", LANES_U64)],
    ..Def::of(lower)
};

fn lower(l: &mut Lowering<'_>) {
    let [kv_heads, queries, head_dim] = ["kv_heads", "queries", "head_dim"].map(|name| l.dim(name));
    let len = l.dim("len");
    let [q, keys, values, out] = ["q", "keys", "values", "out"].map(|name| l.buffer(name));
    let b = &mut l.b;
    let scratch = |b: &mut Builder, name, len| b.scratch(name, Elem::F32, len);
    let attend = Attend {
        q,
        keys,
        values,
        out,
        scores: scratch(b, "scores", CHUNK),
        greatest: scratch(b, "greatest", MAX_QUERIES),
        sums: scratch(b, "sums", MAX_QUERIES * LANES_U64),
        row: l.dims.get("stride"),
        head_dim,
        root: {
            let width = b.size_f32(&l.dims.get("head_dim"));
            let root = b.unary(UnaryOp::Sqrt, width);
            b.splat(root)
        },
    };
    b.for_loop(kv_heads, &[], |b, head, _| {
        let query = |query: Value| Query {
            head,
            query,
            number: Address::of(&[(head, queries.clone()), (query, Size::ONE)]),
        };
        b.for_loop(queries.clone(), &[], |b, number, _| {
            attend.begin(b, &query(number));
            vec![]
        });
        let full = len.clone().div(CHUNK);
        b.for_loop(full.clone(), &[], |b, chunk, _| {
            let first = Address::of(&[(chunk, Size::ONE)]);
            b.for_loop(queries.clone(), &[], |b, number, _| {
                attend.chunk(b, &query(number), &first, &CHUNK.into());
                vec![]
            });
            vec![]
        });
        let rest = len.clone().rem(CHUNK);
        b.for_loop(any(rest.clone(), CHUNK), &[], |b, _, _| {
            let first = Address::at(full);
            b.for_loop(queries.clone(), &[], |b, number, _| {
                attend.chunk(b, &query(number), &first, &rest);
                vec![]
            });
            vec![]
        });
        b.for_loop(queries.clone(), &[], |b, number, _| {
            attend.end(b, &query(number));
            vec![]
        });
        vec![]
    });
}

/// A query head: that of a key head, by its number among those that share it.
struct Query {
    head: Value,
    query: Value,
    /// Its number among all.
    number: Address,
}

struct Attend {
    q: Buffer,
    keys: Buffer,
    values: Buffer,
    out: Buffer,
    /// Of a chunk, then their exponentials.
    scores: Buffer,
    /// The greatest score of each query.
    greatest: Buffer,
    /// The partial sums of each query.
    sums: Buffer,
    /// Elements of a position in either cache.
    row: Size,
    head_dim: Size,
    root: Value,
}

impl Attend {
    fn begin(&self, b: &mut Builder, query: &Query) {
        let (lowest, zero) = (b.f32(f32::NEG_INFINITY), b.splat_f32(0.0));
        let own = Address::of(&[(query.query, Size::ONE)]);
        b.store(self.greatest, own.clone(), lowest, Lanes::All);
        b.store(self.sums, own.times(&LANES_U64.into()), zero, Lanes::All);
        let to = query.number.times(&self.head_dim);
        b.for_each_vector(&self.head_dim, &[], |b, at, lanes, _| {
            b.store(self.out, to.clone().plus(&at), zero, lanes);
            vec![]
        });
    }

    /// The `n` positions of a chunk.
    fn chunk(&self, b: &mut Builder, query: &Query, chunk: &Address, n: &Size) {
        let own = Address::of(&[(query.query, Size::ONE)]);
        let best = self.score(b, query, chunk, n);
        let old = b.load(self.greatest, own.clone());
        let best = b.binary(BinaryOp::Max, old, best);
        b.store(self.greatest, own.clone(), best, Lanes::All);
        let below = b.sub(old, best);
        let factor = math::exp(b, below);
        let (best, factor) = (b.splat(best), b.splat(factor));
        let own = own.times(&LANES_U64.into());
        let sums = b.load_vector(self.sums, own.clone(), Lanes::All);
        let sums = b.mul(sums, factor);
        let sums = b.for_each_vector(n, &[sums], |b, at, lanes, sums| {
            let score = b.load_vector(self.scores, at.clone(), Lanes::All);
            let below = b.sub(score, best);
            let e = math::exp(b, below);
            let e = b.keep(e, &lanes);
            b.store(self.scores, at, e, Lanes::All);
            vec![b.add(sums[0], e)]
        });
        b.store(self.sums, own, sums[0], Lanes::All);
        self.mix(b, query, chunk, n, factor);
    }

    /// Keeps the scores of a chunk, whole vectors of them, and gives the greatest.
    fn score(&self, b: &mut Builder, query: &Query, chunk: &Address, n: &Size) -> Value {
        let lowest = b.splat_f32(f32::NEG_INFINITY);
        let best = b.for_each_vector(n, &[lowest], |b, at, lanes, best| {
            let block = chunk.times(&CHUNK.into()).plus(&at).times(&self.row);
            let head = Address::of(&[(query.head, self.head_dim.clone() * LANES_U64)]);
            let dot = Dot {
                q: self.q,
                query: query.number.times(&self.head_dim),
                keys: self.keys,
                block: block.plus(&head),
            };
            let sum = dot.looped(b, &self.head_dim);
            let score = b.div(sum, self.root);
            let score = finite_or_first(b, score);
            b.store(self.scores, at, score, Lanes::All);
            let next = b.binary(BinaryOp::Max, best[0], score);
            vec![keep_old(b, &lanes, next, best[0])]
        });
        b.reduce(ReduceOp::Max, best[0])
    }

    /// Scales what was summed up, and adds the chunk's values.
    fn mix(&self, b: &mut Builder, query: &Query, chunk: &Address, n: &Size, factor: Value) {
        let to = query.number.times(&self.head_dim);
        let head = Address::of(&[(query.head, self.head_dim.clone())]);
        let from = chunk.times(&(self.row.clone() * CHUNK)).plus(&head);
        let some = |b: &mut Builder, first: &Address, count: u64, lanes: &Lanes| {
            let place = |n: u64| to.clone().plus(first).offset(n * LANES_U64);
            let old = (0..count).map(|n| {
                let old = b.load_vector(self.out, place(n), lanes.clone());
                b.mul(old, factor)
            });
            let old: Vec<Value> = old.collect();
            let sums = b.for_loop(n.clone(), &old, |b, j, sums| {
                let e = b.load(self.scores, Address::of(&[(j, Size::ONE)]));
                let e = b.splat(e);
                let add = |(n, sum): (u64, &Value)| {
                    let at = from.clone().plus(first).step(j, self.row.clone());
                    let at = at.offset(n * LANES_U64);
                    let value = b.load_vector(self.values, at, lanes.clone());
                    let term = b.mul(e, value);
                    b.add(*sum, term)
                };
                (0..).zip(sums).map(add).collect()
            });
            for (n, sum) in (0..).zip(sums) {
                b.store(self.out, place(n), sum, lanes.clone());
            }
        };
        let together = TOGETHER * LANES_U64;
        let full = self.head_dim.clone().div(together);
        b.for_loop(full.clone(), &[], |b, i, _| {
            let first = Address::of(&[(i, together.into())]);
            some(b, &first, TOGETHER, &Lanes::All);
            vec![]
        });
        let rest = self.head_dim.clone().rem(together);
        b.for_each_vector(&rest, &[], |b, at, lanes, _| {
            some(b, &at.offset(full.clone() * together), 1, &lanes);
            vec![]
        });
    }

    fn end(&self, b: &mut Builder, query: &Query) {
        let own = Address::of(&[(query.query, LANES_U64.into())]);
        let sums = b.load_vector(self.sums, own, Lanes::All);
        let sum = b.reduce(ReduceOp::Add, sums);
        let sum = b.splat(sum);
        let to = query.number.times(&self.head_dim);
        b.for_each_vector(&self.head_dim, &[], |b, at, lanes, _| {
            let at = to.clone().plus(&at);
            let all = b.load_vector(self.out, at.clone(), lanes.clone());
            let mean = b.div(all, sum);
            b.store(self.out, at, mean, lanes);
            vec![]
        });
    }
}

/// Vectors of values that are summed up at once.
const TOGETHER: u64 = 4;
