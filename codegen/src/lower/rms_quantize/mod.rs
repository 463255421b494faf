//! RMS norm and rounding to int8 in one, in pairs of f32: a number that is near the middle of two
//! bytes becomes the one that arithmetic without rounding would give.
//!
//! `q = round(127 x gamma / (m + 1e-5 root))`, since the norm's `1 / root` is in the numerator
//! and in the denominator. `x gamma` is kept as the exact sum of two f32, the quotient as one of about
//! 45 bits. Pairs decide only near the middle of two bytes, so 64 columns of which none is there are
//! rounded without them.

mod bytes;
mod factor;
mod pairs;
mod row;

use super::Lowering;
use super::quantize::{BLOCK, Rounding, Rows, quantized};
use crate::ir::{BinaryOp, Builder, Compare, Elem, Value};
use crate::op::{Callers, Content, Def, Parts, dim, input};
use atome_spec::numerics;
use bytes::Bytes;
use factor::Factor;
use pairs::{plus, two_product};
use row::Row;

pub(super) const RMS_QUANTIZE: Def = Def {
    numerics: "`root` is that of `t = x`, plus `sum(x gamma - x gamma)`, which is NaN where a product \
        is infinite or NaN, and otherwise 0; `q = round(127 x gamma / (m + 1e-5 root))`, half to \
        even, in pairs of f32: in a chain of `rms_norm` and `quantize` each rounds, and a number \
        within a few millionths of a half goes to either side. `x y` is the pair `(p, ((xu yu - \
        p) + xu yl) + xl yu) + xl yl)` with `p = x y` rounded, and `xu` the x with its last 12 \
        bits cleared, `xl = x - xu`, `yu` and `yl` alike. `m` is the greatest `p` of the pairs \
        of `|x|` and `|gamma|`, NaN left out, at most the greatest finite number, and `m'` the \
        greatest second part of those whose `p` is `m`, at least `-2^-24 m`. `e = 1e-5 root` and \
        `r = m + e`, at most the greatest finite number, or NaN; `a = r - m`; `r' = ((m - (r - \
        a)) + (e - a)) + m'`; `f = 127 / r`; with `(g, g')` the pair `f r`, `f' = (((127 - g) - \
        g') - f r') / r`. For the pair `(p, p')` of an element, with `(t, t')` the pair `p f`: \
        `n` is t limited to -128 .. 127 and rounded, `d = (t - n) + (t' + (p f' + p' f))`, and \
        `q = n + round(d)`, d limited to -1 .. 1; 0 where d is NaN. `q_scale = (m (1 / root) + \
        1e-5) / 127`; `q_sum` and the words as for `quantize`.",
    dims: &[
        dim("width").told_by(&["gamma"]),
        dim("rows").told_by(&["q_scale"]),
    ],
    buffers: |d| {
        let (width, all) = (d.get("width"), d.get("rows") * d.get("width"));
        let [q, q_scale, q_sum] = quantized(d);
        vec![
            input("x", Content::F32, &all),
            input("gamma", Content::F32, &width),
            q,
            q_scale,
            q_sum,
        ]
    },
    scalars: &["eps"],
    parts: &[Parts::of("rows")],
    callers: Callers::Attributes,
    ..Def::of(|l| lower(l, Rule::EVEN))
};

pub(super) const RMS_QUANTIZE_AWAY: Def = Def {
    numerics: "As `rms_quantize`, but for three things: `r` is `m`, or `e` where `m` is less, and then \
        `r' = m'`, or 0; the last step is `q = n + s [s d >= 1/2] - s [s d < -1/2]`, where `s` \
        is -1 if t is negative and else 1, so that halves, and what is within 2^-25 of one, go \
        away from zero; `q_scale` is the greater of `m (1 / root)` and 1e-5, divided by 127. It \
        is how MatMul-free LM rounds.",
    callers: Callers::Programs,
    lower: |l| lower(l, Rule::AWAY),
    ..RMS_QUANTIZE
};

/// How a row becomes bytes.
#[derive(Clone, Copy)]
struct Rule {
    /// What becomes of the greatest magnitude, so that a row of zeros has a scale.
    range: Range,
    /// Where halves go.
    halves: Halves,
}

#[derive(Clone, Copy)]
enum Range {
    /// 1e-5 is added to it.
    Plus,
    /// It is at least 1e-5.
    AtLeast,
}

#[derive(Clone, Copy)]
enum Halves {
    ToEven,
    AwayFromZero,
}

impl Rule {
    const EVEN: Rule = Rule {
        range: Range::Plus,
        halves: Halves::ToEven,
    };
    const AWAY: Rule = Rule {
        range: Range::AtLeast,
        halves: Halves::AwayFromZero,
    };
}

fn lower(l: &mut Lowering<'_>, rule: Rule) {
    let (width, rows) = (l.dim("width"), l.dim("rows"));
    let row = Row {
        x: l.buffer("x"),
        gamma: l.buffer("gamma"),
        width: width.clone(),
    };
    let out = Rows::new(l);
    let eps = l.scalar("eps");
    let b = &mut l.b;
    let numbers = b.scratch("numbers", Elem::I32, BLOCK);
    let count = b.size_f32(&width);
    b.for_loop(rows, &[], |b, r, _| {
        let (root, greatest) = row.sums(b, r, count, eps);
        let lower = row.lower_half_of_greatest(b, r, greatest);
        let step = step(b, rule.range, greatest, root);
        let factor = factor(b, rule.range, (greatest, lower), root);
        let bytes = Bytes {
            row: &row,
            number: r,
            factor: Factor::new(b, factor, rule.halves),
            rounding: Rounding::new(b),
            numbers,
        };
        out.write(b, r, step, &mut |b, columns| bytes.of(b, columns));
        vec![]
    });
}

/// What a byte of the row stands for: `(greatest / root + 1e-5) / 127`, or with the greater of the two.
fn step(b: &mut Builder, range: Range, greatest: Value, root: Value) -> Value {
    let one = b.f32(1.0);
    let inverse = b.div(one, root);
    let normal = b.mul(greatest, inverse);
    let (eps, top) = (b.f32(numerics::QUANTIZE_EPS), b.f32(127.0));
    let range = match range {
        Range::Plus => b.add(normal, eps),
        // NaN stays.
        Range::AtLeast => b.binary(BinaryOp::Max, eps, normal),
    };
    b.div(range, top)
}

/// `127 / (greatest + lower + 1e-5 root)`, or with the greater of the two, as a sum of two.
fn factor(
    b: &mut Builder,
    range: Range,
    (greatest, lower): (Value, Value),
    root: Value,
) -> (Value, Value) {
    let (eps, top) = (b.f32(numerics::QUANTIZE_EPS), b.f32(127.0));
    let small = b.mul(eps, root);
    let (range, range_lower) = match range {
        Range::Plus => plus(b, (greatest, lower), small),
        Range::AtLeast => {
            let is_small = b.compare(Compare::Lt, greatest, small);
            let zero = b.f32(0.0);
            let lower = b.select(is_small, zero, lower);
            // NaN stays.
            (b.binary(BinaryOp::Max, greatest, small), lower)
        }
    };

    let upper = b.div(top, range);
    let (product, product_lower) = two_product(b, upper, range);
    let rest = b.sub(top, product);
    let rest = b.sub(rest, product_lower);
    let more = b.mul(upper, range_lower);
    let rest = b.sub(rest, more);
    (upper, b.div(rest, range))
}
