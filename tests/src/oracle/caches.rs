//! Attention by heads, and its caches: as their layouts are written down, word by word.

use super::ball::{Ball, exp};
use super::products::half;
use super::steps::{balls, judge_all};
use super::{Call, at};
use std::cmp::Ordering;

/// The line of a key's element: four of every sixteen elements lie together, those that are left behind the others.
fn line(d: usize, i: usize) -> usize {
    let full = d / 16;
    match i / 16 < full {
        true => 4 * (i % 4 * full + i / 16) + i / 4 % 4,
        false => i,
    }
}

/// Where element `i` of a position's key lies in what is cached of its head.
fn key(d: usize, position: usize, i: usize) -> usize {
    16 * (position / 16 * d + line(d, i)) + position % 16
}

/// The same of a value: of 64 positions, 64 columns lie together.
fn value(d: usize, position: usize, i: usize) -> usize {
    let first = i / 64 * 64;
    let width = (d - first).min(64);
    64 * (position / 64 * d + first) + position % 64 * width + i % 64
}

/// Lines of a block of keys in f16: two elements each, and one of faults.
fn lines(d: usize) -> usize {
    d.div_ceil(2) + 1
}

fn key_word(d: usize, position: usize, line: usize) -> usize {
    16 * (position / 16 * lines(d) + line) + position % 16
}

/// Words of a value in f16: 32 columns are 16 words.
fn words(d: usize) -> usize {
    d.div_ceil(32) * 16
}

fn value_word(d: usize, position: usize, word: usize) -> usize {
    let first = word / 32 * 32;
    let width = (words(d) - first).min(32);
    64 * (position / 64 * words(d) + first) + position % 64 * width + word % 32
}

/// The f16 that is nearest to a number, of two the even one; `None` from half way to the next one above the greatest on.
fn nearest(x: f32) -> Option<u32> {
    let exact = f64::from(x.abs());
    if exact.is_nan() || exact >= 65_520.0 {
        return None;
    }
    // Bits of numbers above 0 have their order.
    let (mut low, mut high) = (0_u32, 0x7bff_u32);
    while low < high {
        let middle = (low + high).div_ceil(2);
        match half(middle) <= exact {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    // Above the greatest 65,536 would come.
    let above = match low {
        0x7bff => 65_536.0,
        _ => half(low + 1),
    };
    let up = match (exact - half(low)).total_cmp(&(above - exact)) {
        Ordering::Less => 0,
        Ordering::Equal => low & 1,
        Ordering::Greater => 1,
    };
    Some(low + up + (x.to_bits() >> 16 & 0x8000))
}

pub(super) fn attend_append(call: &Call<'_>) -> Result<(), String> {
    let [kv_heads, d, capacity, slot] =
        ["kv_heads", "head_dim", "capacity", "slot"].map(|name| call.dim(name));
    let [k, v, mut keys, mut values] =
        ["k", "v", "keys", "values"].map(|name| balls(&call.input(name)));
    for (head, i) in (0..kv_heads).flat_map(|head| (0..d).map(move |i| (head, i))) {
        keys[head * capacity * d + key(d, slot, i)] = k[head * d + i];
        values[head * capacity * d + value(d, slot, i)] = v[head * d + i];
    }
    judge_all(call, "keys", &keys)?;
    judge_all(call, "values", &values)
}

pub(super) fn attend_append_f16(call: &Call<'_>) -> Result<(), String> {
    let [kv_heads, d, capacity, slot] =
        ["kv_heads", "head_dim", "capacity", "slot"].map(|name| call.dim(name));
    let [k, v] = ["k", "v"].map(|name| call.input(name));
    let [mut keys, mut values] = ["keys", "values"].map(|name| call.words(name).to_vec());
    for head in 0..kv_heads {
        let (k, v) = (&k[head * d..][..d], &v[head * d..][..d]);
        let own = head * capacity * lines(d);
        for n in 0..lines(d) {
            keys[own + key_word(d, slot, n)] = 0;
        }
        for (i, x) in k.iter().enumerate() {
            let word = key_word(d, slot, line(d, i) / 2);
            keys[own + word] |= nearest(*x).unwrap_or(0) << (16 * (line(d, i) % 2));
        }
        if k.iter().chain(v).any(|x| nearest(*x).is_none()) {
            keys[own + key_word(d, slot, lines(d) - 1)] = 0x7fc0_0000;
        }
        let own = head * capacity * words(d);
        for n in 0..words(d) {
            values[own + value_word(d, slot, n)] = 0;
        }
        for (i, x) in v.iter().enumerate() {
            let word = value_word(d, slot, i / 32 * 16 + i % 16);
            values[own + word] |= nearest(*x).unwrap_or(0) << (i / 16 % 2 * 16);
        }
    }
    same(call, "keys", &keys)?;
    same(call, "values", &values)
}

/// Words have to be these, to the bit.
fn same(call: &Call<'_>, name: &str, expected: &[u32]) -> Result<(), String> {
    let found = &call.argument(name).after;
    let mut pairs = expected.iter().zip(found).enumerate();
    pairs.try_for_each(|(i, (expected, found))| match expected == found {
        true => Ok(()),
        false => at(
            name,
            i,
            Err(format!("expected {expected:08x}, found {found:08x}")),
        ),
    })
}

pub(super) fn attend(call: &Call<'_>) -> Result<(), String> {
    let [d, capacity] = ["head_dim", "capacity"].map(|name| call.dim(name));
    let [keys, values] = ["keys", "values"].map(|name| balls(&call.input(name)));
    let own = |head: usize| head * d * capacity;
    let key = |head: usize, j: usize, i: usize| keys[own(head) + key(d, j, i)];
    let value = |head: usize, j: usize, i: usize| values[own(head) + value(d, j, i)];
    judge_attention(call, (&key, &value))
}

pub(super) fn attend_f16(call: &Call<'_>) -> Result<(), String> {
    let [d, capacity] = ["head_dim", "capacity"].map(|name| call.dim(name));
    let [keys, values] = ["keys", "values"].map(|name| call.words(name));
    let number = |word: u32, part: usize| Ball::known(half(word >> (16 * part) & 0xffff));
    let key = |head: usize, j: usize, i: usize| {
        let own = head * capacity * lines(d);
        match keys[own + key_word(d, j, lines(d) - 1)] {
            0 => number(keys[own + key_word(d, j, line(d, i) / 2)], line(d, i) % 2),
            _ => Ball::exact(f32::NAN),
        }
    };
    let value = |head: usize, j: usize, i: usize| {
        let word = value_word(d, j, i / 32 * 16 + i % 16);
        number(values[head * capacity * words(d) + word], i / 16 % 2)
    };
    judge_attention(call, (&key, &value))
}

/// What is cached, by the number of a head, of a position, and of an element.
type Cached<'a> = &'a dyn Fn(usize, usize, usize) -> Ball;

fn judge_attention(call: &Call<'_>, (key, value): (Cached<'_>, Cached<'_>)) -> Result<(), String> {
    let [kv_heads, queries, d, len] =
        ["kv_heads", "queries", "head_dim", "len"].map(|name| call.dim(name));
    let (q, root) = (balls(&call.input("q")), (d as f64).sqrt());
    let mut out = Vec::new();
    for query in 0..kv_heads * queries {
        let head = query / queries;
        let scores = (0..len).map(|j| {
            let product = |i: usize| q[query * d + i].mul(key(head, j, i));
            let terms: Vec<Ball> = (0..d).map(product).collect();
            let sum = Ball::sum(&terms);
            Ball::rounded(sum.mid / root, sum.radius / root, &[sum.peak])
        });
        let scores: Vec<Ball> = scores.collect();
        let best = scores.iter().fold(f64::NEG_INFINITY, |m, s| m.max(s.mid));
        let e = scores.iter().map(|s| exp(s.add(Ball::known(-best))));
        // What was summed up is scaled once a chunk, and may have lost what is below the least number.
        let chunks = (len / 64 + 2) as f64 * 2f64.powi(-22);
        let e = e.map(|e| Ball {
            radius: e.radius + e.mid * chunks + 1e-37,
            ..e
        });
        let e: Vec<Ball> = e.collect();
        let total = Ball::sum(&e);
        for c in 0..d {
            let terms = e.iter().enumerate().map(|(j, e)| e.mul(value(head, j, c)));
            out.push(Ball::sum(&terms.collect::<Vec<_>>()).div(total));
        }
    }
    judge_all(call, "out", &out)
}
