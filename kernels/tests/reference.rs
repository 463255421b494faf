//! The scalar references against the same formulas in f64, and their defined corner cases.
//!
//! A sum of n rounded terms is within n ulp of its largest partial sum; so tolerances are
//! relative to the sum of the terms' magnitudes, `EPS` for each operation on the way.

use atome_kernels::Op;
use atome_kernels::reference::{self as reference, Diagonal, Ternary};
use proptest::prelude::*;

const EPS: f64 = f32::EPSILON as f64;

/// Asserts that `found` is within `operations` roundings of numbers no greater than `magnitude`.
#[track_caller]
fn close(found: f32, expected: f64, magnitude: f64, operations: usize) {
    let error = (f64::from(found) - expected).abs();
    let allowed = EPS * magnitude * operations as f64 + f64::from(f32::MIN_POSITIVE);
    assert!(
        error <= allowed,
        "{found} is {error:e} from {expected}, allowed {allowed:e}"
    );
}

fn f64s(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

fn magnitude(terms: impl Iterator<Item = f64>) -> f64 {
    terms.map(f64::abs).sum()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// `n` elements made from a strategy's pool, repeating it.
fn cycle<T: Copy>(pool: &[T], n: usize, from: usize) -> Vec<T> {
    pool.iter().copied().cycle().skip(from).take(n).collect()
}

fn trits() -> impl Strategy<Value = Vec<i8>> {
    prop::collection::vec(-1i8..=1, 37..200)
}

fn floats() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-4.0f32..4.0, 41..200)
}

proptest! {
    #[test]
    fn gemm_is_the_sum_of_products(
        t in trits(), x in floats(), scale in 0.01f32..2.0,
        rows in 0usize..20, cols in 0usize..70, tokens in 0usize..4, gap in 0usize..3,
    ) {
        let t = cycle(&t, rows * cols, 0);
        let x = cycle(&x, tokens * cols, 0);
        let w = Ternary::new(&t, rows, cols, scale);
        let stride = rows + gap;
        let mut out = vec![f32::NAN; tokens.saturating_sub(1) * stride + rows];
        reference::gemm(w, &x, tokens, stride, &mut out);
        for token in 0..tokens {
            let x = &x[token * cols..][..cols];
            let mut single = vec![f32::NAN; rows];
            reference::gemv(w, x, &mut single);
            for r in 0..rows {
                let products = || f64s(x).into_iter().zip(&t[r * cols..]).map(|(x, t)| x * f64::from(*t));
                let expected = products().sum::<f64>() * f64::from(scale);
                let found = out[token * stride + r];
                close(found, expected, magnitude(products()) * f64::from(scale), cols + 1);
                prop_assert_eq!(found.to_bits(), single[r].to_bits());
            }
            // Elements between two tokens are left alone.
            for gap in &out[out.len().min(token * stride + rows)..out.len().min((token + 1) * stride)] {
                prop_assert!(gap.is_nan());
            }
        }
    }

    #[test]
    fn conv1d_is_causal_and_may_be_cut_anywhere(
        t in trits(), x in floats(), channels in 1usize..20, taps in 1usize..20,
        tokens in 0usize..12, cut in 0usize..12,
    ) {
        let (cut, scale) = (cut.min(tokens), 0.37f32);
        let t = cycle(&t, channels * taps, 0);
        let x = cycle(&x, tokens * channels, 0);
        let w = Ternary::new(&t, channels, taps, scale);
        let start = vec![0.0; (taps - 1) * channels];
        let (mut history, mut out) = (start.clone(), vec![f32::NAN; x.len()]);
        reference::conv1d(w, &x, &mut history, &mut out);
        for i in 0..tokens {
            for c in 0..channels {
                let product = |k| f64::from(t[c * taps + k]) * f64::from(x[(i - k) * channels + c]);
                let products = || (0..taps.min(i + 1)).map(product);
                let expected = products().sum::<f64>() * f64::from(scale);
                close(out[i * channels + c], expected, magnitude(products()), taps + 1);
            }
        }
        for (row, past) in history.chunks(channels).enumerate() {
            let expected = match tokens.checked_sub(1 + row) {
                Some(i) => &x[i * channels..][..channels],
                None => &start[..channels],
            };
            prop_assert_eq!(past, expected);
        }
        let (mut past, mut halves) = (start, vec![f32::NAN; x.len()]);
        let (first, second) = halves.split_at_mut(cut * channels);
        reference::conv1d(w, &x[..cut * channels], &mut past, first);
        reference::conv1d(w, &x[cut * channels..], &mut past, second);
        prop_assert_eq!(bits(&halves), bits(&out));
        prop_assert_eq!(past, history);
    }

    #[test]
    fn scan_is_the_recurrence(x in floats(), channels in 1usize..20, tokens in 0usize..30, cut in 0usize..30) {
        let cut = cut.min(tokens);
        let decay: Vec<f32> = cycle(&x, channels, 1).iter().map(|x| x / 4.1).collect();
        let (b, c) = (cycle(&x, channels, 2), cycle(&x, channels, 3));
        let start = cycle(&x, channels, 4);
        let x = cycle(&x, tokens * channels, 0);
        let parameters = Diagonal { decay: &decay, b: &b, c: &c };
        let (mut state, mut out) = (start.clone(), vec![f32::NAN; x.len()]);
        reference::scan(parameters, &x, &mut state, &mut out);
        for i in 0..channels {
            let (decay, b, c) = (f64::from(decay[i]), f64::from(b[i]), f64::from(c[i]));
            let (mut h, mut reach) = (f64::from(start[i]), f64::from(start[i]).abs());
            for t in 0..tokens {
                let added = b * f64::from(x[t * channels + i]);
                h = decay * h + added;
                reach = decay.abs() * reach + added.abs();
                // An error made at a token decays with the state; 3 roundings a token.
                close(out[t * channels + i], c * h, c.abs() * reach, 3 * (t + 1) + 1);
            }
            close(state[i], h, reach, 3 * tokens);
        }
        let (mut carried, mut halves) = (start, vec![f32::NAN; x.len()]);
        let (first, second) = halves.split_at_mut(cut * channels);
        reference::scan(parameters, &x[..cut * channels], &mut carried, first);
        reference::scan(parameters, &x[cut * channels..], &mut carried, second);
        prop_assert_eq!(bits(&halves), bits(&out));
        prop_assert_eq!(bits(&carried), bits(&state));
    }

    #[test]
    fn norm_has_mean_0_and_variance_1(x in floats(), width in 2usize..100, rows in 0usize..4) {
        let (gamma, beta) = (cycle(&x, width, 5), cycle(&x, width, 6));
        let x = cycle(&x, rows * width, 0);
        let (eps, mut out) = (1e-5f32, vec![f32::NAN; x.len()]);
        reference::norm(&x, &gamma, &beta, eps, &mut out);
        for (x, out) in x.chunks(width).zip(out.chunks(width)) {
            let x = f64s(x);
            let mean = x.iter().sum::<f64>() / width as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
            let deviation = (variance + f64::from(eps)).sqrt();
            // The mean's error, relative to the row's magnitude, is divided by the deviation.
            let reach = (x.iter().fold(0.0f64, |m, x| m.max(x.abs())) / deviation).max(1.0);
            for i in 0..width {
                let (gamma, beta) = (f64::from(gamma[i]), f64::from(beta[i]));
                let expected = gamma * (x[i] - mean) / deviation + beta;
                close(out[i], expected, gamma.abs() * reach * reach + beta.abs(), width + 8);
            }
        }
    }

    #[test]
    fn softmax_shares_add_up(x in floats(), width in 1usize..70, rows in 0usize..4) {
        let x = cycle(&x, rows * width, 0);
        let (eps, mut out) = (1e-10f32, vec![f32::NAN; x.len()]);
        reference::softmax(&x, width, eps, &mut out);
        for (x, out) in x.chunks(width).zip(out.chunks(width)) {
            let x = f64s(x);
            let greatest = x.iter().fold(f64::NEG_INFINITY, |m, x| m.max(*x));
            let e: Vec<f64> = x.iter().map(|x| (x - greatest).exp()).collect();
            let sum = e.iter().sum::<f64>() + f64::from(eps);
            for (out, e) in out.iter().zip(&e) {
                // exp turns the difference's rounding, of up to 8, into a relative error.
                close(*out, e / sum, e / sum, width + 16);
            }
            close(out.iter().sum(), 1.0, 1.0, 3 * width + 16);
        }
    }

    #[test]
    fn attention_reads_what_was_appended(
        x in floats(), d_head in 1usize..40, d_model in 0usize..20, blocks in 1usize..4, k in 0usize..6,
    ) {
        let capacity = 16 * blocks;
        let (mut keys, mut values) = (vec![f32::NAN; d_head * capacity], vec![f32::NAN; capacity * d_model]);
        let key = |slot| cycle(&x, d_head, 3 * slot + 1);
        let value = |slot| cycle(&x, d_model, 5 * slot + 2);
        for slot in 0..capacity {
            reference::kv_append(&key(slot), &value(slot), (capacity, slot), &mut keys, &mut values);
        }
        let q = cycle(&x, d_head, 0);
        let len = capacity - capacity / 3;
        let mut scores = vec![f32::NAN; len];
        reference::attn_scores(&q, &keys, capacity, &mut scores);
        let root = (d_head as f64).sqrt();
        for (slot, score) in scores.iter().enumerate() {
            let products = || f64s(&q).into_iter().zip(f64s(&key(slot))).map(|(q, k)| q * k);
            close(*score, products().sum::<f64>() / root, magnitude(products()) / root, d_head + 3);
        }
        let chosen: Vec<i32> = (0..k).map(|j| ((7 * j + 3) % capacity) as i32).collect();
        let p = cycle(&x, k, 9);
        let mut out = vec![f32::NAN; d_model];
        reference::attn_mix(&chosen, &p, &values, &mut out);
        for (c, out) in out.iter().enumerate() {
            let products = || f64s(&p).into_iter().zip(&chosen).map(|(p, slot)| p * f64::from(value(*slot as usize)[c]));
            close(*out, products().sum(), magnitude(products()), k + 1);
        }
    }

    #[test]
    fn the_router_weighs_the_pathways(x in floats(), width in 0usize..20, tokens in 0usize..5) {
        let router = cycle(&x, 3 * tokens, 7);
        let paths = [1, 2, 3].map(|from| cycle(&x, tokens * width, from));
        let before = cycle(&x, tokens * width, 0);
        let mut after = before.clone();
        reference::router_mix(&router, [&paths[0], &paths[1], &paths[2]], width, &mut after);
        for i in 0..tokens * width {
            let share = |path: usize| f64::from(router[3 * (i / width) + path]);
            let terms = || (0..3).map(|p| share(p) * f64::from(paths[p][i])).chain([f64::from(before[i])]);
            close(after[i], terms().sum(), magnitude(terms()), 6);
        }
    }

    /// Against a stable sort of the tokens in their order.
    #[test]
    fn top_k_is_a_stable_sort(
        scores in prop::collection::vec(prop_oneof![Just(0.0f32), Just(-0.0), Just(1.0), Just(f32::NAN), Just(f32::INFINITY), -2.0f32..2.0], 0..40),
        oldest in 0usize..40, k in 0usize..10,
    ) {
        let oldest = oldest % scores.len().max(1);
        let mut order: Vec<usize> = (oldest..scores.len()).chain(0..oldest).collect();
        order.sort_by(|&a, &b| {
            let key = |i: usize| if scores[i].is_nan() { f32::NEG_INFINITY } else { scores[i] };
            key(b).partial_cmp(&key(a)).unwrap().then(scores[a].is_nan().cmp(&scores[b].is_nan()))
        });
        order.truncate(k);
        let (mut chosen, mut best) = (vec![-7; k], vec![-7.0; k]);
        let count = reference::top_k(&scores, oldest, &mut chosen, &mut best);
        prop_assert_eq!(count, order.len());
        for (i, &slot) in order.iter().enumerate() {
            prop_assert_eq!(chosen[i], slot as i32);
            prop_assert_eq!(best[i].to_bits(), scores[slot].to_bits());
        }
        prop_assert!(chosen[count..].iter().all(|slot| *slot == -7));
    }

    #[test]
    fn argmax_is_the_first_of_the_greatest(x in prop::collection::vec(prop_oneof![Just(1.5f32), Just(f32::NAN), -2.0f32..2.0], 0..50)) {
        let greatest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let expected = x.iter().position(|x| *x == greatest).unwrap_or(0);
        prop_assert_eq!(reference::argmax(&x), expected as i32);
    }
}

#[test]
fn argmax_of_nothing_comparable_is_0() {
    assert_eq!(reference::argmax(&[]), 0);
    assert_eq!(reference::argmax(&[f32::NAN; 3]), 0);
    assert_eq!(reference::argmax(&[f32::NAN, f32::NEG_INFINITY]), 0);
    assert_eq!(reference::argmax(&[-0.0, 0.0]), 0);
}

#[test]
fn an_embedding_is_exactly_the_scaled_trit() {
    let t = [1, 0, -1, 0, 1, 1];
    for scale in [0.0371f32, -2.5, 1e-40] {
        let mut out = [f32::NAN; 9];
        reference::embed(Ternary::new(&t, 2, 3, scale), &[1, 0, 1], &mut out);
        let expected = [0.0, scale, scale, scale, 0.0, -scale, 0.0, scale, scale];
        assert_eq!(bits(&out), bits(&expected));
    }
}

#[test]
fn sums_start_at_plus_zero_and_keep_their_order() {
    // 1e8 + 1 is 1e8 in f32: only the order of columns tells these rows apart.
    let t = [1, 1, -1, 0, 0, 0, -1, 0, 0];
    let mut out = [f32::NAN; 3];
    reference::gemv(Ternary::new(&t, 3, 3, 1.0), &[1e8, 1.0, 1e8], &mut out);
    assert_eq!(bits(&out), bits(&[0.0, 0.0, -1e8]));
    reference::gemv(Ternary::new(&t, 3, 3, 1.0), &[1e8, 1e8, 1.0], &mut out);
    assert_eq!(out, [2e8, 0.0, -1e8]);
    // A sum of negative zeros is +0.0.
    reference::gemv(Ternary::new(&t, 3, 3, 1.0), &[-0.0; 3], &mut out);
    assert_eq!(bits(&out), [0; 3]);
    let mut none = [f32::NAN; 2];
    reference::gemv(Ternary::new(&[], 2, 0, 3.0), &[], &mut none);
    assert_eq!(bits(&none), [0; 2]);
}

#[test]
fn overflow_in_a_softmax_is_caught_by_the_maximum() {
    let mut out = [f32::NAN; 3];
    reference::softmax(&[3e38, 3e38, -3e38], 3, 0.0, &mut out);
    assert_eq!(out, [0.5, 0.5, 0.0]);
    reference::softmax(
        &[f32::NEG_INFINITY, -1e30, f32::NEG_INFINITY],
        3,
        0.0,
        &mut out,
    );
    assert_eq!(out, [0.0, 1.0, 0.0]);
}

#[test]
fn elementwise_functions_go_element_by_element() {
    type Exact = fn(f64) -> f64;
    let pairs: [(Op, Exact); 5] = [
        (Op::Exp, f64::exp),
        (Op::Tanh, f64::tanh),
        (Op::Softplus, |x| x.exp().ln_1p()),
        (Op::Silu, |x| x / (1.0 + (-x).exp())),
        (Op::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
    ];
    let x: Vec<f32> = (-40..=40).map(|i| i as f32 * 0.37).collect();
    for (op, exact) in pairs {
        let mut out = vec![f32::NAN; x.len()];
        reference::elementwise(op, &[&x], &mut out);
        for (x, out) in x.iter().zip(out) {
            let expected = exact(f64::from(*x));
            close(out, expected, expected.abs(), 2);
        }
    }
}
