//! RMS norm and rounding to int8 in one, in pairs of f32: a number that is near the middle of two
//! bytes becomes the one that arithmetic without rounding would give.
//!
//! `q = round(127 x gamma / (m + 1e-5 root))`, since the norm's `1 / root` is in the numerator
//! and in the denominator. `x gamma` is kept as the exact sum of two f32, the quotient as one of about
//! 45 bits.

use super::Lowering;
use super::quantize::{Rounding, Rows, not_a_number, quantized};
use super::root::Squares;
use crate::ir::{
    Address, BinaryOp, Buffer, Builder, Compare, Lanes, ReduceOp, Size, UnaryOp, Value,
};
use crate::op::{Callers, Content, Def, Parts, dim, input};
use atome_spec::numerics;

/// The upper 12 of an f32's 24 significant bits, with its exponent and sign.
const UPPER_HALF: i32 = !0xfff;
/// Half a unit in the last place of the number 1.
const HALF_ULP: f32 = f32::EPSILON / 2.0;

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
    let count = b.size_f32(&width);
    b.for_loop(rows, &[], |b, r, _| {
        let (root, greatest) = row.sums(b, r, count, eps);
        let lower = row.lower_half_of_greatest(b, r, greatest);
        let step = step(b, rule.range, greatest, root);
        let factor = factor(b, rule.range, (greatest, lower), root);
        let factor = Factor::new(b, factor, rule.halves);
        let rounding = Rounding::new(b);
        out.write(b, r, step, &mut |b, at, lanes| {
            let (x, gamma) = row.load(b, r, &at, &lanes);
            let product = two_product(b, x, gamma);
            factor.apply(b, &rounding, product)
        });
        vec![]
    });
}

/// The inputs.
struct Row {
    x: Buffer,
    gamma: Buffer,
    width: Size,
}

impl Row {
    fn load(&self, b: &mut Builder, row: Value, at: &Address, lanes: &Lanes) -> (Value, Value) {
        let x = at.clone().step(row, self.width.clone());
        let x = b.load_vector(self.x, x, lanes.clone());
        (x, b.load_vector(self.gamma, at.clone(), lanes.clone()))
    }

    /// The root of a row's mean square, NaN where a product is no finite number, and the greatest magnitude
    /// of a product.
    fn sums(&self, b: &mut Builder, row: Value, count: Value, eps: Value) -> (Value, Value) {
        let zero = b.splat_f32(0.0);
        let sums = b.for_each_vector(&self.width, &[zero; 4], |b, at, lanes, sums| {
            let (x, gamma) = self.load(b, row, &at, &lanes);
            let [squares, less] = Squares::carried(sums).add(b, x);
            let product = b.mul(x, gamma);
            let fault = not_a_number(b, product, sums[2]);
            let product = b.unary(UnaryOp::Abs, product);
            let greatest = b.binary(BinaryOp::Max, product, sums[3]);
            vec![squares, less, fault, greatest]
        });
        let root = Squares::carried(&sums).mean(b, count).root(b, eps);
        let fault = b.reduce(ReduceOp::Add, sums[2]);
        let greatest = b.reduce(ReduceOp::Max, sums[3]);
        (b.add(root, fault), limited(b, greatest))
    }

    /// What the greatest magnitude is short of the exact product, the most of all that round to it.
    fn lower_half_of_greatest(&self, b: &mut Builder, row: Value, greatest: Value) -> Value {
        let least = b.f32(-HALF_ULP);
        let least = b.mul(greatest, least);
        let (least, greatest) = (b.splat(least), b.splat(greatest));
        let lower = b.for_each_vector(&self.width, &[least], |b, at, lanes, best| {
            let (x, gamma) = self.load(b, row, &at, &lanes);
            let (x, gamma) = (b.unary(UnaryOp::Abs, x), b.unary(UnaryOp::Abs, gamma));
            let (upper, lower) = two_product(b, x, gamma);
            let is_greatest = b.compare(Compare::Eq, upper, greatest);
            let lower = b.select(is_greatest, lower, least);
            vec![b.binary(BinaryOp::Max, lower, best[0])]
        });
        b.reduce(ReduceOp::Max, lower[0])
    }
}

/// At most the greatest finite number; NaN stays.
fn limited(b: &mut Builder, x: Value) -> Value {
    let most = b.f32(f32::MAX);
    b.binary(BinaryOp::Min, most, x)
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

/// A pair plus a number, as a pair whose first is at most the greatest finite number.
fn plus(b: &mut Builder, (upper, lower): (Value, Value), more: Value) -> (Value, Value) {
    let sum = b.add(upper, more);
    let sum = limited(b, sum);
    // What the sum lost.
    let added = b.sub(sum, upper);
    let kept = b.sub(sum, added);
    let lost = b.sub(upper, kept);
    let more = b.sub(more, added);
    let lost = b.add(lost, more);
    (sum, b.add(lost, lower))
}

/// `x y` as the sum of two, the first of which is the product as it is rounded.
fn two_product(b: &mut Builder, x: Value, y: Value) -> (Value, Value) {
    let product = b.mul(x, y);
    let ((xu, xl), (yu, yl)) = (halves(b, x), halves(b, y));
    // Products of halves are exact.
    let upper = b.mul(xu, yu);
    let mut rest = b.sub(upper, product);
    for (x, y) in [(xu, yl), (xl, yu), (xl, yl)] {
        let part = b.mul(x, y);
        rest = b.add(rest, part);
    }
    (product, rest)
}

/// `x` as the sum of two with 12 significant bits each.
fn halves(b: &mut Builder, x: Value) -> (Value, Value) {
    let bits = b.unary(UnaryOp::ToBits, x);
    let mask = b.i32_like(bits, UPPER_HALF);
    let bits = b.and(bits, mask);
    let upper = b.unary(UnaryOp::FromBits, bits);
    (upper, b.sub(x, upper))
}

/// The factor of a row in all lanes.
struct Factor {
    upper: Value,
    lower: Value,
    halves: Ties,
}

/// Numbers in all lanes by which what rounding left is rounded.
enum Ties {
    ToEven { least: Value, most: Value },
    AwayFromZero(Away),
}

/// Rounds what rounding left away from zero.
struct Away {
    zero: Value,
    half: Value,
    minus_half: Value,
    one: Value,
}

impl Factor {
    fn new(b: &mut Builder, (upper, lower): (Value, Value), halves: Halves) -> Factor {
        Factor {
            upper: b.splat(upper),
            lower: b.splat(lower),
            halves: match halves {
                Halves::ToEven => Ties::ToEven {
                    least: b.splat_f32(-1.0),
                    most: b.splat_f32(1.0),
                },
                Halves::AwayFromZero => Ties::AwayFromZero(Away {
                    zero: b.splat_f32(0.0),
                    half: b.splat_f32(0.5),
                    minus_half: b.splat_f32(-0.5),
                    one: b.splat_i32(1),
                }),
            },
        }
    }

    /// The product of a pair with the factor, rounded; 0 for NaN.
    fn apply(&self, b: &mut Builder, rounding: &Rounding, (x, x_lower): (Value, Value)) -> Value {
        let (product, rest) = two_product(b, x, self.upper);
        let more = b.mul(x, self.lower);
        let most = b.mul(x_lower, self.upper);
        let more = b.add(more, most);
        let rest = b.add(rest, more);
        let (number, rounded) = rounding.to_byte(b, product);
        // What rounding took, which may be a half and a little.
        let left = b.sub(product, rounded);
        let left = b.add(left, rest);
        let is_number = b.compare(Compare::Eq, left, left);
        let number = match &self.halves {
            Ties::ToEven { least, most } => {
                let left = b.binary(BinaryOp::Min, left, *most);
                let left = b.binary(BinaryOp::Max, left, *least);
                let (one, _) = rounding.to_byte(b, left);
                b.add(number, one)
            }
            Ties::AwayFromZero(away) => {
                let step = away.step(b, product, left);
                b.add(number, step)
            }
        };
        b.and(is_number, number)
    }
}

impl Away {
    /// What is added to a rounded number that leaves `left`, seen from zero, of a product: 1 from a half on, -1 below
    /// minus a half.
    fn step(&self, b: &mut Builder, product: Value, left: Value) -> Value {
        let is_negative = b.compare(Compare::Lt, product, self.zero);
        let mirrored = b.sub(self.zero, left);
        let outwards = b.select(is_negative, mirrored, left);
        let is_more = b.compare(Compare::Le, self.half, outwards);
        let is_less = b.compare(Compare::Lt, outwards, self.minus_half);
        let (more, less) = (b.and(is_more, self.one), b.and(is_less, self.one));
        let (outwards, inwards) = (
            b.binary(BinaryOp::Sub, more, less),
            b.binary(BinaryOp::Sub, less, more),
        );
        b.select(is_negative, inwards, outwards)
    }
}
