//! The pieces of top-k causal attention over a cache, and the mix of the pathways.
//!
//! Keys lie in blocks of 16 positions, `[capacity / 16, d_head, 16]`, so that a lane is a cached
//! position and the 16 partial sums of a dot product are 16 vectors: the fixed tree needs no
//! shuffles, and a block is one stream.

use super::{Lowering, any};
use crate::ir::{Address, Buffer, Builder, Compare, Lanes, Size, UnaryOp, Value};
use crate::op::{Bound, Content, Def, Dim, Dims, Form, dim, in_out, input, output};
use crate::schedule::{Choice, Field, unrolled};
use atome_spec::LANES;

/// Positions that the cache holds: whole vectors of them.
pub(super) const CAPACITY: Dim = dim("capacity").multiple_of(LANES as u64);

pub(super) const KV_APPEND: Def = Def {
    numerics: "The key becomes lane `slot % 16` of block `slot / 16` of `keys`, \
        `[capacity / 16, d_head, 16]`; the value becomes row `slot` of `values`. Nothing is rounded.",
    dims: &[
        dim("d_head"),
        dim("d_model"),
        CAPACITY,
        dim("slot").bound(Bound::Below("capacity")),
    ],
    buffers: |d| {
        vec![
            input("k", Content::F32, &d.get("d_head")),
            input("v", Content::F32, &d.get("d_model")),
            in_out("keys", Content::F32, &keys_len(d)),
            in_out("values", Content::F32, &values_len(d)),
        ]
    },
    ..Def::of(lower_append)
};

pub(super) const ATTN_SCORES: Def = Def {
    numerics: "`scores[j] = sum(q[i] * keys[j / 16, i, j % 16]) / sqrt(d_head)`, and infinity where that \
        is infinite or NaN, so that the position is chosen and its softmax is NaN. Keys lie in blocks \
        of 16 positions, `[capacity / 16, d_head, 16]`. Scores from `len` on are unspecified.",
    dims: &[
        dim("d_head"),
        CAPACITY,
        dim("len").bound(Bound::AtMost("capacity")),
    ],
    buffers: |d| {
        vec![
            input("q", Content::F32, &d.get("d_head")),
            input("keys", Content::F32, &keys_len(d)),
            output("scores", Content::F32, &d.get("capacity")),
        ]
    },
    forms: &[Form::f32(&[Choice {
        field: Field::Unroll,
        valid: &[1, 16, 32, 64, 128, 256],
        tried: &[1, 64, 128, 256],
    }])],
    select: |_, _| unrolled(128),
    ..Def::of(lower_scores)
};

pub(super) const ATTN_MIX: Def = Def {
    numerics: "`out[c]` adds `p[j] * values[chosen[j], c]` for j = 0, 1, .. in order.",
    dims: &[dim("d_model"), CAPACITY, dim("k")],
    buffers: |d| {
        vec![
            input("chosen", Content::Rows("capacity"), &d.get("k")),
            input("p", Content::F32, &d.get("k")),
            input("values", Content::F32, &values_len(d)),
            output("out", Content::F32, &d.get("d_model")),
        ]
    },
    ..Def::of(lower_mix)
};

pub(super) const ROUTER_MIX: Def = Def {
    numerics: "`x = ((x + r0 * local) + r1 * state) + r2 * sparse`.",
    dims: &[dim("width"), dim("tokens")],
    buffers: |d| {
        let all = d.get("tokens") * d.get("width");
        vec![
            input("router", Content::F32, &(d.get("tokens") * 3)),
            input("local", Content::F32, &all),
            input("state", Content::F32, &all),
            input("sparse", Content::F32, &all),
            in_out("x", Content::F32, &all),
        ]
    },
    ..Def::of(lower_router_mix)
};

fn keys_len(d: &Dims<'_>) -> Size {
    d.get("d_head") * d.get("capacity")
}

/// Elements of a block of keys.
fn block_len(d_head: &Size) -> Size {
    d_head.clone() * LANES as u64
}

fn values_len(d: &Dims<'_>) -> Size {
    d.get("capacity") * d.get("d_model")
}

fn lower_append(l: &mut Lowering<'_>) {
    let (d_head, d_model) = (l.dim("d_head"), l.dim("d_model"));
    let slot = l.dim("slot");
    let [k, v, keys, values] = ["k", "v", "keys", "values"].map(|name| l.buffer(name));
    let b = &mut l.b;
    let lanes = LANES as u64;
    let lane = slot.clone().div(lanes) * block_len(&d_head) + slot.clone().rem(lanes);
    b.for_loop(d_head, &[], |b, i, _| {
        let element = b.load(k, Address::of(&[(i, Size::ONE)]));
        let to = Address::of(&[(i, lanes.into())]).offset(lane);
        b.store(keys, to, element, Lanes::All);
        vec![]
    });
    b.for_each_vector(&d_model, &[], |b, at, lanes, _| {
        let row = b.load_vector(v, at.clone(), lanes.clone());
        b.store(
            values,
            at.offset(slot.clone() * d_model.clone()),
            row,
            lanes,
        );
        vec![]
    });
}

fn lower_scores(l: &mut Lowering<'_>) {
    let (d_head, len) = (l.dim("d_head"), l.dim("len"));
    let unroll = u64::from(l.schedule.unroll());
    let [q, keys, scores] = ["q", "keys", "scores"].map(|name| l.buffer(name));
    let b = &mut l.b;
    let width = b.size_f32(&d_head);
    let root = b.unary(UnaryOp::Sqrt, width);
    let root = b.splat(root);
    let lanes = LANES as u64;
    b.for_loop(len.div_ceil(lanes), &[], |b, group, _| {
        let dot = Dot {
            q,
            query: Address::at(0),
            keys,
            block: Address::of(&[(group, block_len(&d_head))]),
        };
        let sum = match d_head.as_const() {
            Some(n) if n <= unroll => dot.unrolled(b, n),
            _ => dot.looped(b, &d_head),
        };
        let score = b.div(sum, root);
        let score = finite_or_first(b, score);
        let positions = Address::of(&[(group, lanes.into())]);
        b.store(scores, positions, score, Lanes::All);
        vec![]
    });
}

/// The score, or infinity where it is no finite number: so it is chosen, and seen, and not passed over.
pub(super) fn finite_or_first(b: &mut Builder, score: Value) -> Value {
    let magnitude = b.unary(UnaryOp::Abs, score);
    let most = b.f32_like(score, f32::MAX);
    let finite = b.compare(Compare::Le, magnitude, most);
    let infinity = b.f32_like(score, f32::INFINITY);
    b.select(finite, score, infinity)
}

/// Dot products of the query with the sixteen keys of a block at once.
pub(super) struct Dot {
    pub(super) q: Buffer,
    /// The query's first element.
    pub(super) query: Address,
    pub(super) keys: Buffer,
    /// The block's.
    pub(super) block: Address,
}

/// Partial sums that are carried through a loop at once: with what is added up already, they fit the
/// sixteen registers of half a vector each that AVX2 has.
const TOGETHER: u64 = 4;

impl Dot {
    /// `sum + q[i] * keys[i]`, where `i` is the element at `at(stride)` for elements that lie
    /// `stride` apart.
    fn add_product(&self, b: &mut Builder, sum: Value, at: &dyn Fn(u64) -> Address) -> Value {
        let query = b.load(self.q, self.query.clone().plus(&at(1)));
        let query = b.splat(query);
        let key = self.block.clone().plus(&at(LANES as u64));
        let key = b.load_vector(self.keys, key, Lanes::All);
        let product = b.mul(query, key);
        b.add(sum, product)
    }

    /// All of `n` elements one by one.
    fn unrolled(&self, b: &mut Builder, n: u64) -> Value {
        tree(b, (0, 1), LANES as u64, &|b, first| {
            let mut sum = b.splat_f32(0.0);
            for i in (first..n).step_by(LANES) {
                sum = self.add_product(b, sum, &|stride| Address::at(stride * i));
            }
            sum
        })
    }

    /// In loops, for a head that is long or not known.
    pub(super) fn looped(&self, b: &mut Builder, n: &Size) -> Value {
        tree(b, (0, 1), TOGETHER, &|b, first| self.together(b, n, first))
    }

    /// The subtree over the partial sums `first`, `first + 4`, `first + 8` and `first + 12`.
    fn together(&self, b: &mut Builder, n: &Size, first: u64) -> Value {
        let lanes = LANES as u64;
        let numbers: Vec<u64> = (first..lanes).step_by(TOGETHER as usize).collect();
        let zero = b.splat_f32(0.0);
        let zeros = vec![zero; numbers.len()];
        let full = n.clone().div(lanes);
        let mut sums = b.for_loop(full.clone(), &zeros, |b, i, sums| {
            let add = |(&j, &sum): (&u64, &Value)| {
                self.add_product(b, sum, &|stride| {
                    Address::of(&[(i, (stride * lanes).into())]).offset(stride * j)
                })
            };
            numbers.iter().zip(sums).map(add).collect()
        });
        let rest = n.clone().rem(lanes);
        for (&j, sum) in numbers.iter().zip(&mut sums) {
            let next = b.for_loop(any(rest.clone().sub(j), lanes), &[*sum], |b, _, sum| {
                vec![self.add_product(b, sum[0], &|stride| {
                    Address::at((full.clone() * lanes + j) * stride)
                })]
            });
            *sum = next[0];
        }
        tree(b, (0, 1), sums.len() as u64, &|_, number| {
            sums[number as usize]
        })
    }
}

/// The fixed tree over values that lie `step` apart from `first` on, `leaf` of each where they are `stop` apart. Depth
/// first, few of them are alive at once.
fn tree(
    b: &mut Builder,
    (first, step): (u64, u64),
    stop: u64,
    leaf: &dyn Fn(&mut Builder, u64) -> Value,
) -> Value {
    if step == stop {
        return leaf(b, first);
    }
    let low = tree(b, (first, 2 * step), stop, leaf);
    let high = tree(b, (first + step, 2 * step), stop, leaf);
    b.add(low, high)
}

fn lower_mix(l: &mut Lowering<'_>) {
    let (d_model, k) = (l.dim("d_model"), l.dim("k"));
    let [chosen, p, values, out] = ["chosen", "p", "values", "out"].map(|name| l.buffer(name));
    let b = &mut l.b;
    b.for_each_vector(&d_model, &[], |b, at, lanes, _| {
        let zero = b.splat_f32(0.0);
        let sum = b.for_loop(k.clone(), &[zero], |b, j, sum| {
            let here = Address::of(&[(j, Size::ONE)]);
            let slot = b.load(chosen, here.clone());
            let slot = b.to_index(slot);
            let weight = b.load(p, here);
            let weight = b.splat(weight);
            let row = at.clone().step(slot, d_model.clone());
            let value = b.load_vector(values, row, lanes.clone());
            let product = b.mul(weight, value);
            vec![b.add(sum[0], product)]
        });
        b.store(out, at, sum[0], lanes);
        vec![]
    });
}

fn lower_router_mix(l: &mut Lowering<'_>) {
    let (width, tokens) = (l.dim("width"), l.dim("tokens"));
    let [router, x] = ["router", "x"].map(|name| l.buffer(name));
    let paths = ["local", "state", "sparse"].map(|name| l.buffer(name));
    let b = &mut l.b;
    b.for_loop(tokens, &[], |b, t, _| {
        let shares = [0, 1, 2].map(|path: u64| {
            let share = b.load(router, Address::of(&[(t, 3.into())]).offset(path));
            b.splat(share)
        });
        b.for_each_vector(&width, &[], |b, at, lanes, _| {
            let row = at.step(t, width.clone());
            let mut sum = b.load_vector(x, row.clone(), lanes.clone());
            for (path, share) in paths.iter().zip(shares) {
                let value = b.load_vector(*path, row.clone(), lanes.clone());
                let part = b.mul(share, value);
                sum = b.add(sum, part);
            }
            b.store(x, row, sum, lanes);
            vec![]
        });
        vec![]
    });
}
