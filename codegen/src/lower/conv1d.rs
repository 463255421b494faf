//! Depthwise causal convolution with ternary taps, over tokens, with its history.

use super::Lowering;
use super::past::Past;
use crate::ir::{Address, BinaryOp, Buffer, Builder, Lanes, ShiftOp, Size, UnaryOp, Value};
use crate::op::{Callers, Content, Def, Dim, Form, dim, in_out, input, output};
use crate::schedule::{Choice, Field, unrolled};
use atome_spec::layout::WORD_COLS;
use atome_spec::{Activation, Method, Packing};

const SIGN: i32 = i32::MIN;

/// The width of the filters of a convolution.
pub(super) const TAPS: Dim = dim("taps").from(1, 4096);

pub(super) const CONV1D: Def = Def {
    numerics: "`out[t, c] = scale * acc`, where acc adds `select(w[c, k], x[t - k, c])` for tap k = 0, \
        1, .. in order. Tokens before the first come from `history`: row 0 is the newest. At the \
        end history holds the newest taps - 1 tokens.",
    dims: &[dim("channels"), TAPS, dim("tokens").told_by(&["x"])],
    buffers: |d| {
        let (channels, taps) = (d.get("channels"), d.get("taps"));
        let past = taps.sub(1);
        let words = past.clone().div(WORD_COLS as u64) + Size::ONE;
        let all = d.get("tokens") * channels.clone();
        vec![
            input("w", Content::Taps(d.packing()), &(words * channels.clone())),
            input("x", Content::F32, &all),
            in_out("history", Content::F32, &(past * channels)),
            output("out", Content::F32, &all),
        ]
    },
    scalars: &["scale"],
    forms: &[Form::ternary(
        Activation::F32,
        &[Packing::Int2],
        &[Method::Select],
        &[Choice {
            field: Field::Unroll,
            valid: &[1, 2, 4, 8, 16],
            tried: &[1, 4, 16],
        }],
    )],
    select: |_, _| unrolled(WORD_COLS as u32),
    callers: Callers::Attributes,
    ..Def::of(lower)
};

fn lower(l: &mut Lowering<'_>) {
    let (channels, taps, tokens) = (l.dim("channels"), l.dim("taps"), l.dim("tokens"));
    let word_taps = WORD_COLS as u64;
    // Taps but the last; each has a row of the history. A filter has at least one tap.
    let past = taps.sub(1);
    let last_word = past.clone().div(word_taps);
    let [w, x, history, out] = ["w", "x", "history", "out"].map(|name| l.buffer(name));
    let scale = l.scalar("scale");
    let unroll = l.schedule.unroll();
    let b = &mut l.b;
    let scale = b.splat(scale);

    let held = Past::held(history, &channels, &past);
    b.for_each_vector(&channels, &[], |b, at, lanes, _| {
        let newest = |b: &mut Builder, t| {
            let row = at.clone().step(t, channels.clone());
            b.load_vector(x, row, lanes.clone())
        };
        let finish = |b: &mut Builder, t, acc| {
            let scaled = b.mul(acc, scale);
            b.store(
                out,
                at.clone().step(t, channels.clone()),
                scaled,
                lanes.clone(),
            );
        };
        if let Some(held) = &held {
            let inverted = load_inverted(b, w, at.clone(), &lanes);
            let taps = (0..=held.rows).map(|k| Tap::new(b, inverted, 2 * k as u8));
            let taps: Vec<Tap> = taps.collect();
            let zero = b.splat_f32(0.0);
            held.for_each_token(b, (&at, &lanes), &tokens, newest, |b, t, samples| {
                let acc = taps.iter().zip(samples);
                let acc = acc.fold(zero, |acc, (tap, sample)| tap.add(b, *sample, acc));
                finish(b, t, acc);
            });
            return vec![];
        }
        b.for_loop(tokens.clone(), &[], |b, t, _| {
            // One tap: adds the sample, then moves it one place into the past.
            let tap = |b: &mut Builder, row: Address, carried: &[Value]| {
                let [codes, acc, sample] = [carried[0], carried[1], carried[2]];
                let acc = Tap::new(b, codes, 0).add(b, sample, acc);
                let older = b.load_vector(history, row.clone(), lanes.clone());
                b.store(history, row, sample, lanes.clone());
                vec![b.shift(ShiftOp::Right, codes, 2), acc, older]
            };
            let sample = newest(b, t);
            let zero = b.splat_f32(0.0);
            let carried = b.for_loop(last_word.clone(), &[zero, sample], |b, word, carried| {
                let codes = at.clone().step(word, channels.clone());
                let codes = load_inverted(b, w, codes, &lanes);
                let inits = [codes, carried[0], carried[1]];
                let carried = b.for_loop(word_taps, &inits, |b, k, carried| {
                    let row = at.clone().step(word, channels.clone() * word_taps);
                    tap(b, row.step(k, channels.clone()), carried)
                });
                carried[1..].to_vec()
            });
            let codes = at.clone().offset(last_word.clone() * channels.clone());
            let codes = load_inverted(b, w, codes, &lanes);
            let inits = [codes, carried[0], carried[1]];
            let rest = past.clone().rem(word_taps);
            let carried = b.for_unrolled(rest, unroll, &inits, |b, k, carried| {
                let first = last_word.clone() * word_taps * channels.clone();
                tap(
                    b,
                    at.clone().offset(first).step(k, channels.clone()),
                    carried,
                )
            });
            let acc = Tap::new(b, carried[0], 0).add(b, carried[2], carried[1]);
            finish(b, t, acc);
            vec![]
        });
        vec![]
    });
}

/// Codes are trits and 1: of their inverse the high bit says -1, or 0, and the low one that it is not 0.
fn load_inverted(b: &mut Builder, w: Buffer, at: Address, lanes: &Lanes) -> Value {
    let codes = b.load_vector(w, at, lanes.clone());
    let ones = b.i32_like(codes, -1);
    b.binary(BinaryOp::Xor, codes, ones)
}

/// The trits of a tap.
struct Tap {
    /// The sign bit where one is negative.
    flip: Value,
    /// All bits where one is not zero.
    keep: Value,
}

impl Tap {
    /// Of inverted codes at a bit below 30.
    fn new(b: &mut Builder, inverted: Value, bit: u8) -> Tap {
        let sign = b.i32_like(inverted, SIGN);
        let high = b.shift(ShiftOp::Left, inverted, 30 - bit);
        let low = b.shift(ShiftOp::Left, inverted, 31 - bit);
        Tap {
            flip: b.and(high, sign),
            keep: b.shift(ShiftOp::RightSigned, low, 31),
        }
    }

    /// `acc` plus `-x`, `+0.0` or `+x`.
    fn add(&self, b: &mut Builder, x: Value, acc: Value) -> Value {
        let bits = b.unary(UnaryOp::ToBits, x);
        let signed = b.binary(BinaryOp::Xor, bits, self.flip);
        let chosen = b.and(signed, self.keep);
        let term = b.unary(UnaryOp::FromBits, chosen);
        b.add(acc, term)
    }
}
