//! Depthwise causal convolution with f32 taps and a bias, over tokens, with its history, then silu.

use super::conv1d::TAPS;
use super::past::Past;
use super::{Lowering, math, strided};
use crate::ir::{Address, Builder, Compare, Size, Value};
use crate::op::{Content, Def, Form, dim, in_out, input, output};
use crate::schedule::{Choice, Field, unrolled};
use atome_spec::numerics::CANONICAL_NAN;

pub(super) const CONV_SILU: Def = Def {
    numerics: "`out[t, c] = silu(acc)`, and 0x7fc00000 where acc is negative infinity; acc begins at \
        `bias[c]` and adds `w[k, c] * x[t - k, c]` for tap k = 0, 1, .. in order; history as in \
        `conv1d`.",
    dims: &[dim("channels"), TAPS, dim("tokens"), dim("x_stride")],
    buffers: |d| {
        let (channels, tokens) = (d.get("channels"), d.get("tokens"));
        let past = d.get("taps").sub(1);
        let w_len = (past.clone() + Size::ONE) * channels.clone();
        let x_len = strided(&tokens, &d.get("x_stride"), &channels);
        vec![
            input("w", Content::F32, &w_len),
            input("bias", Content::F32, &channels),
            input("x", Content::F32, &x_len),
            in_out("history", Content::F32, &(past * channels.clone())),
            output("out", Content::F32, &(tokens * channels)),
        ]
    },
    forms: &[Form::f32(&[Choice {
        field: Field::Unroll,
        valid: &[1, 2, 4, 8, 16, 32],
        tried: &[1, 4, 16],
    }])],
    select: |_, _| unrolled(16),
    ..Def::of(lower)
};

fn lower(l: &mut Lowering<'_>) {
    let (channels, taps, tokens) = (l.dim("channels"), l.dim("taps"), l.dim("tokens"));
    let x_stride = l.dim("x_stride");
    // Taps but the last; each has a row of the history. A filter has at least one tap.
    let past = taps.sub(1);
    let unroll = match past {
        Size::Const(n) if n <= u64::from(l.schedule.unroll()) => (n as u32).max(1),
        _ => 1,
    };
    let names = ["w", "bias", "x", "history", "out"];
    let [w, bias, x, history, out] = names.map(|name| l.buffer(name));
    let b = &mut l.b;

    let held = Past::held(history, &channels, &past);
    b.for_each_vector(&channels, &[], |b, at, lanes, _| {
        let start = b.load_vector(bias, at.clone(), lanes.clone());
        let weigh = |b: &mut Builder, row: Address, sample, acc| {
            let tap = b.load_vector(w, row, lanes.clone());
            let term = b.mul(tap, sample);
            b.add(acc, term)
        };
        let newest = |b: &mut Builder, t| {
            let newest = at.clone().step(t, x_stride.clone());
            b.load_vector(x, newest, lanes.clone())
        };
        let finish = |b: &mut Builder, t, acc| {
            let y = finite_silu(b, acc);
            b.store(out, at.clone().step(t, channels.clone()), y, lanes.clone());
        };
        if let Some(held) = &held {
            held.for_each_token(b, (&at, &lanes), &tokens, newest, |b, t, samples| {
                let taps = (0..).zip(samples);
                let acc = taps.fold(start, |acc, (k, sample)| {
                    weigh(b, at.clone().offset(channels.clone() * k), *sample, acc)
                });
                finish(b, t, acc);
            });
            return vec![];
        }
        b.for_loop(tokens.clone(), &[], |b, t, _| {
            let sample = newest(b, t);
            // One tap: adds the sample, then moves it one place into the past.
            let inits = [start, sample];
            let carried = b.for_unrolled(past.clone(), unroll, &inits, |b, k, carried| {
                let row = at.clone().step(k, channels.clone());
                let acc = weigh(b, row.clone(), carried[1], carried[0]);
                let older = b.load_vector(history, row.clone(), lanes.clone());
                b.store(history, row, carried[1], lanes.clone());
                vec![acc, older]
            });
            let last = at.clone().offset(past.clone() * channels.clone());
            let acc = weigh(b, last, carried[1], carried[0]);
            finish(b, t, acc);
            vec![]
        });
        vec![]
    });
}

/// silu, but NaN where a sum was lost to negative infinity: silu would make it 0.
fn finite_silu(b: &mut Builder, sum: Value) -> Value {
    let least = b.f32_like(sum, f32::MIN);
    let lost = b.compare(Compare::Lt, sum, least);
    let nan = b.f32_like(sum, f32::from_bits(CANONICAL_NAN));
    let y = math::silu(b, sum);
    b.select(lost, nan, y)
}
