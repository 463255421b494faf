//! The gated delta rule. A lane is a value's element; the state of a head is the outer product of keys and values,
//! in tiles of 16 of a value's elements, `[head_dim / 16, head_dim, 16]`.

use super::{Lowering, strided};
use crate::ir::{Address, Buffer, Builder, Lanes, Size, UnaryOp, Value};
use crate::op::{Bound, Content, Def, Form, Parts, dim, in_out, input, output};
use crate::schedule::{Choice, Field};
use crate::{KernelSpec, Schedule};
use atome_spec::{Isa, LANES};

const LANES_U64: u64 = LANES as u64;

pub(super) const GATED_DELTA: Def = Def {
    numerics: "State `[repeats, key_heads, head_dim / 16, head_dim, 16]`: S[i, j] of key i and value j is at `[j / 16, \
        i, j % 16]` of its head. Value head `(r, h)` reads key head h. For each value j: `d = beta * (v[j] - \
        decay * sum(S[i, j] * k[i]))`; then `S[i, j] = S[i, j] * decay + k[i] * d` and `out = sum(S[i, j] * \
        q[i]) / sqrt(head_dim)`. Both sums add the keys i = 0, 1, .. in order.",
    dims: &[
        dim("repeats"),
        dim("key_heads"),
        dim("head_dim").multiple_of(LANES_U64),
        dim("tokens"),
        dim("stride").bound(Bound::AtLeast("head_dim")),
    ],
    buffers: |d| {
        let [repeats, key_heads, head_dim] =
            ["repeats", "key_heads", "head_dim"].map(|name| d.get(name));
        let tokens = d.get("tokens");
        let heads = repeats * key_heads.clone();
        let strided = |heads: &Size| {
            let width = heads.clone() * head_dim.clone();
            strided(&tokens, &d.get("stride"), &width)
        };
        let each_head = tokens.clone() * heads.clone();
        let state = heads.clone() * (head_dim.clone() * head_dim.clone());
        vec![
            input("q", Content::F32, &strided(&key_heads)),
            input("k", Content::F32, &strided(&key_heads)),
            input("v", Content::F32, &strided(&heads)),
            input("decay", Content::F32, &each_head),
            input("beta", Content::F32, &each_head),
            in_out("state", Content::F32, &state),
            output("out", Content::F32, &(each_head * head_dim)),
        ]
    },
    forms: &[Form::f32(&[Choice {
        field: Field::Mr,
        valid: &[16, 32, 48, 64],
        tried: &[16, 32, 64],
    }])],
    select: schedule,
    parts: &[
        Parts::of("repeats").alone(&["tokens"]),
        Parts::of("key_heads").alone(&["repeats", "tokens"]),
    ],
    ..Def::of(lower)
};

/// A value's elements that are worked on at once. A token passes a tile as one stream of memory. Many tokens find their tiles in
/// the first cache, 8 KB each of 128 keys, where two of a few registers hide more of what sums wait for.
fn schedule(spec: &KernelSpec, isa: Isa) -> Schedule {
    let one_token = spec.shape.get("tokens") == Some(&1);
    let tiles = match isa.vector_bits() {
        256 if !one_token => 2,
        _ => 1,
    };
    Schedule {
        mr: Some(tiles * LANES as u32),
        ..Schedule::default()
    }
}

fn lower(l: &mut Lowering<'_>) {
    let tiles = l.schedule.row_groups() as u64;
    let [repeats, key_heads, head_dim] =
        ["repeats", "key_heads", "head_dim"].map(|name| l.dim(name));
    let (tokens, stride) = (l.dim("tokens"), l.dim("stride"));
    let names = ["q", "k", "v", "decay", "beta", "state", "out"];
    let [q, k, v, decay, beta, state, out] = names.map(|name| l.buffer(name));
    let b = &mut l.b;
    let width = b.size_f32(&head_dim);
    let root = b.unary(UnaryOp::Sqrt, width);
    let delta = Delta {
        buffers: [q, k, v, decay, beta, state, out],
        heads: repeats.clone() * key_heads.clone(),
        key_heads: key_heads.clone(),
        root: b.splat(root),
        head_dim: head_dim.clone(),
        tokens,
        stride,
    };
    b.for_loop(repeats, &[], |b, repeat, _| {
        b.for_loop(key_heads, &[], |b, head, _| {
            let together = tiles * LANES_U64;
            let full = head_dim.clone().div(together);
            b.for_loop(full.clone(), &[], |b, i, _| {
                let first = Address::of(&[(i, together.into())]);
                delta.tiles(b, [repeat, head], &first, tiles);
                vec![]
            });
            let rest = head_dim.clone().rem(together).div(LANES_U64);
            b.for_loop(rest, &[], |b, i, _| {
                let first = Address::of(&[(i, LANES_U64.into())]).offset(full * together);
                delta.tiles(b, [repeat, head], &first, 1);
                vec![]
            });
            vec![]
        });
        vec![]
    });
}

struct Delta {
    buffers: [Buffer; 7],
    heads: Size,
    key_heads: Size,
    root: Value,
    head_dim: Size,
    tokens: Size,
    stride: Size,
}

impl Delta {
    /// Some tiles of the state of a head, from the one of the value's element at `first` on: all tokens pass while they are
    /// in the cache.
    fn tiles(&self, b: &mut Builder, [repeat, head]: [Value; 2], first: &Address, count: u64) {
        let [q, k, v, decay, beta, state, out] = self.buffers;
        let head_dim = &self.head_dim;
        // Numbers of this value head, and its own elements of a row.
        let head_at = Address::of(&[(repeat, self.key_heads.clone()), (head, Size::ONE)]);
        let value_at = head_at.times(head_dim).plus(first);
        let key_at = Address::of(&[(head, head_dim.clone())]);
        let elems = head_dim.clone() * head_dim.clone();
        let tile_at = head_at.times(&elems).plus(&first.times(head_dim));
        let tile = |i: Value, n: u64| {
            let tile = head_dim.clone() * (n * LANES_U64);
            tile_at.clone().step(i, LANES_U64).offset(tile)
        };
        b.for_loop(self.tokens.clone(), &[], |b, t, _| {
            let of_head = head_at.clone().step(t, self.heads.clone());
            let [kept, share] = [decay, beta].map(|buffer| {
                let number = b.load(buffer, of_head.clone());
                b.splat(number)
            });
            let key_at = key_at.clone().step(t, self.stride.clone());
            let of_key = |b: &mut Builder, buffer: Buffer, i: Value| {
                let number = b.load(buffer, key_at.clone().step(i, 1));
                b.splat(number)
            };
            let zero = b.splat_f32(0.0);
            let zeros = vec![zero; count as usize];
            let found = b.for_loop(head_dim.clone(), &zeros, |b, i, sums| {
                let key = of_key(b, k, i);
                let add = |(n, sum): (u64, &Value)| {
                    let old = b.load_vector(state, tile(i, n), Lanes::All);
                    let term = b.mul(old, key);
                    b.add(*sum, term)
                };
                (0..).zip(sums).map(add).collect()
            });
            let change = |(n, found): (u64, &Value)| {
                let at = value_at.clone().step(t, self.stride.clone());
                let value = b.load_vector(v, at.offset(n * LANES_U64), Lanes::All);
                let found = b.mul(kept, *found);
                let lacking = b.sub(value, found);
                b.mul(share, lacking)
            };
            let changes: Vec<Value> = (0..).zip(&found).map(change).collect();
            let sums = b.for_loop(head_dim.clone(), &zeros, |b, i, sums| {
                let (key, query) = (of_key(b, k, i), of_key(b, q, i));
                let add = |((n, sum), change): ((u64, &Value), &Value)| {
                    let old = b.load_vector(state, tile(i, n), Lanes::All);
                    let old = b.mul(old, kept);
                    let added = b.mul(key, *change);
                    let new = b.add(old, added);
                    b.store(state, tile(i, n), new, Lanes::All);
                    let term = b.mul(new, query);
                    b.add(*sum, term)
                };
                (0..).zip(sums).zip(&changes).map(add).collect()
            });
            let row = self.heads.clone() * head_dim.clone();
            for (n, sum) in (0..).zip(sums) {
                let y = b.div(sum, self.root);
                let at = value_at.clone().step(t, row.clone());
                b.store(out, at.offset(n * LANES_U64), y, Lanes::All);
            }
            vec![]
        });
    }
}
