//! What is done to each head of a row alone: norms and rotations, where the head lies; and the order of heads.

use super::root::MeanSquare;
use super::{Lowering, strided};
use crate::ir::{Address, Builder, Compare, Lanes, Size, UnaryOp, Value};
use crate::op::{Bound, BufferDef, Content, Def, Dim, Dims, Parts, dim, in_out, input, output};

/// Elements from a row's start to the next one's.
const STRIDE: Dim = dim("stride").bound(Bound::AtLeast("head_dim"));

pub(super) const L2_NORM: Def = Def {
    numerics: "For each head, with the root of `t = x`: where `root * sqrt(head_dim) < eps`, which is less than any length that counts, \
        `x = (x * (1 / eps)) * 1`; else `x = (x * (1 / root)) * (1 / sqrt(head_dim))`.",
    dims: &[dim("heads"), dim("head_dim"), dim("tokens"), STRIDE],
    buffers: |d| vec![heads(d)],
    scalars: &["eps"],
    parts: HEADS,
    ..Def::of(lower_l2)
};

pub(super) const HEAD_NORM: Def = Def {
    numerics: "For each head `x = (x * (1 / root)) * gamma`, with the root of `t = x`.",
    buffers: |d| {
        let gamma = input("gamma", Content::F32, &d.get("head_dim"));
        vec![gamma, heads(d)]
    },
    lower: lower_rms,
    ..L2_NORM
};

pub(super) const ROPE: Def = Def {
    numerics: "For each head and i below `pairs`, with `c = angles[i]` and `s = angles[pairs + i]` of the token, `a = \
        x[i]` and `b = x[pairs + i]`: `x[i] = a * c - b * s`, `x[pairs + i] = b * c + a * s`. \
        The other elements stay.",
    dims: &[
        dim("heads"),
        dim("head_dim"),
        dim("pairs").bound(Bound::AtMost("head_dim")),
        dim("tokens"),
        STRIDE,
    ],
    buffers: |d| {
        let angles = d.get("tokens") * (d.get("pairs") * 2);
        vec![input("angles", Content::F32, &angles), heads(d)]
    },
    parts: HEADS,
    ..Def::of(lower_rope)
};

pub(super) const TRANSPOSE: Def = Def {
    numerics: "`out[t, j, i, c] = x[t, i, j, c]`: `outer` by `inner` pieces of `width` elements change their order. Nothing is \
        rounded.",
    dims: &[dim("outer"), dim("inner"), dim("width"), dim("tokens")],
    buffers: |d| {
        let all = d.get("tokens") * (d.get("outer") * (d.get("inner") * d.get("width")));
        let out = output("out", Content::F32, &all);
        vec![input("x", Content::F32, &all), out]
    },
    parts: &[Parts::of("tokens")],
    ..Def::of(lower_transpose)
};

const HEADS: &[Parts] = &[Parts::of("tokens"), Parts::of("heads").alone(&["tokens"])];

/// Heads of rows that lie `stride` apart.
fn heads(d: &Dims<'_>) -> BufferDef {
    let width = d.get("heads") * d.get("head_dim");
    let len = strided(&d.get("tokens"), &d.get("stride"), &width);
    in_out("x", Content::F32, &len)
}

/// Runs `body` for each token and head, with the address of the head's first element.
fn each_head(l: &mut Lowering<'_>, body: impl Fn(&mut Builder, Value, Address)) {
    let [heads, head_dim] = ["heads", "head_dim"].map(|name| l.dim(name));
    let (tokens, stride) = (l.dim("tokens"), l.dim("stride"));
    l.b.for_loop(tokens, &[], |b, t, _| {
        b.for_loop(heads, &[], |b, head, _| {
            body(b, t, Address::of(&[(t, stride), (head, head_dim)]));
            vec![]
        });
        vec![]
    });
}

fn lower_l2(l: &mut Lowering<'_>) {
    let (x, width, eps) = (l.buffer("x"), l.dim("head_dim"), l.scalar("eps"));
    let count = l.b.size_f32(&width);
    let side = l.b.unary(UnaryOp::Sqrt, count);
    each_head(l, |b, _, head| {
        let one = b.f32(1.0);
        let load = |b: &mut Builder, at: &Address, lanes: &Lanes| {
            b.load_vector(x, head.clone().plus(at), lanes.clone())
        };
        let square = MeanSquare::of_row(b, (&width, count), &load);
        let zero = b.f32(0.0);
        // The length may be beyond f32 where the root of the mean is not.
        let root = square.root(b, zero);
        let length = b.mul(root, side);
        let is_short = b.compare(Compare::Lt, length, eps);
        let divisor = b.select(is_short, eps, root);
        let inverse = b.div(one, divisor);
        let rest = b.div(one, side);
        let rest = b.select(is_short, one, rest);
        let (inverse, rest) = (b.splat(inverse), b.splat(rest));
        b.for_each_vector(&width, &[], |b, at, lanes, _| {
            let at = head.clone().plus(&at);
            let value = b.load_vector(x, at.clone(), lanes.clone());
            let normal = b.mul(value, inverse);
            let normal = b.mul(normal, rest);
            b.store(x, at, normal, lanes);
            vec![]
        });
    });
}

fn lower_rms(l: &mut Lowering<'_>) {
    let (x, width, eps) = (l.buffer("x"), l.dim("head_dim"), l.scalar("eps"));
    let gamma = l.buffer("gamma");
    let count = l.b.size_f32(&width);
    each_head(l, |b, _, head| {
        let one = b.f32(1.0);
        let load = |b: &mut Builder, at: &Address, lanes: &Lanes| {
            b.load_vector(x, head.clone().plus(at), lanes.clone())
        };
        let square = MeanSquare::of_row(b, (&width, count), &load);
        let root = square.root(b, eps);
        let inverse = b.div(one, root);
        let inverse = b.splat(inverse);
        b.for_each_vector(&width, &[], |b, at, lanes, _| {
            let gain = b.load_vector(gamma, at.clone(), lanes.clone());
            let at = head.clone().plus(&at);
            let value = b.load_vector(x, at.clone(), lanes.clone());
            let normal = b.mul(value, inverse);
            let y = b.mul(normal, gain);
            b.store(x, at, y, lanes);
            vec![]
        });
    });
}

fn lower_rope(l: &mut Lowering<'_>) {
    let (x, angles, pairs) = (l.buffer("x"), l.buffer("angles"), l.dim("pairs"));
    each_head(l, |b, t, head| {
        b.for_each_vector(&pairs, &[], |b, at, lanes, _| {
            let angle = at.clone().step(t, pairs.clone() * 2);
            let cosine = b.load_vector(angles, angle.clone(), lanes.clone());
            let sine = b.load_vector(angles, angle.offset(pairs.clone()), lanes.clone());
            let low = head.clone().plus(&at);
            let high = low.clone().offset(pairs.clone());
            let first = b.load_vector(x, low.clone(), lanes.clone());
            let second = b.load_vector(x, high.clone(), lanes.clone());
            let (kept, lent) = (b.mul(first, cosine), b.mul(second, sine));
            let turned = b.sub(kept, lent);
            let (kept, lent) = (b.mul(second, cosine), b.mul(first, sine));
            let other = b.add(kept, lent);
            b.store(x, low, turned, lanes.clone());
            b.store(x, high, other, lanes);
            vec![]
        });
    });
}

fn lower_transpose(l: &mut Lowering<'_>) {
    let [outer, inner, width] = ["outer", "inner", "width"].map(|name| l.dim(name));
    let (tokens, x, out) = (l.dim("tokens"), l.buffer("x"), l.buffer("out"));
    let all = outer.clone() * (inner.clone() * width.clone());
    let b = &mut l.b;
    b.for_loop(tokens, &[], |b, t, _| {
        b.for_loop(outer.clone(), &[], |b, i, _| {
            b.for_loop(inner.clone(), &[], |b, j, _| {
                let place = |major: (Value, &Size), minor: Value| {
                    let (index, count) = major;
                    let row = Address::of(&[(t, all.clone())]);
                    row.step(index, count.clone() * width.clone())
                        .step(minor, width.clone())
                };
                let (read, write) = (place((i, &inner), j), place((j, &outer), i));
                b.for_each_vector(&width, &[], |b, at, lanes, _| {
                    let piece = b.load_vector(x, read.clone().plus(&at), lanes.clone());
                    b.store(out, write.clone().plus(&at), piece, lanes);
                    vec![]
                });
                vec![]
            });
            vec![]
        });
        vec![]
    });
}
