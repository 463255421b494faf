use super::ball::{Ball, exp};
use super::{Call, at};
use atome_spec::layout;

/// 2^-24, half a step of an f32 beside its number.
const ROUNDING: f64 = 1.0 / (1u32 << 24) as f64;

/// Roundings of a sum of `n` in sixteen partials, and of what follows it.
fn roundings(n: usize) -> f64 {
    (n as f64 / 16.0 + 10.0) * ROUNDING
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

fn magnitudes(x: &[f64]) -> f64 {
    x.iter().map(|x| x.abs()).sum()
}

/// The rows of `x` with their numbers; none if they have no elements.
fn rows(x: &[f32], width: usize) -> impl Iterator<Item = (usize, &[f32])> {
    x.chunks(width.max(1)).enumerate()
}

/// Each output within 2^-10 of its gain: a row's mean may be 256 times its deviation before what it was rounded by is taken
/// out.
pub(super) fn norm(call: &Call<'_>) -> Result<(), String> {
    let (width, eps) = (call.dim("width"), f64::from(call.case.scalars[0]));
    let (gamma, beta) = (call.input("gamma"), call.input("beta"));
    let out = call.output("out");
    let part = 256.0 * roundings(width);
    for (r, x) in rows(&call.input("x"), width) {
        let x = wide(x);
        let mean = x.iter().sum::<f64>() / width as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
        let root = (variance + eps).sqrt();
        for i in 0..width {
            let normal = (x[i] - mean) / root;
            let (gain, offset) = (f64::from(gamma[i]), f64::from(beta[i]));
            let radius = gain.abs() * part * (1.0 + normal.abs());
            let peaks = [magnitudes(&x), gain * normal, offset];
            let exact = Ball::rounded(gain * normal + offset, radius, &peaks.map(f64::abs));
            at("out", r * width + i, exact.judge(out[r * width + i]))?;
        }
    }
    Ok(())
}

fn root_of_mean_square(x: &[f64], eps: f64) -> f64 {
    (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64 + eps).sqrt()
}

pub(super) fn rms_norm(call: &Call<'_>) -> Result<(), String> {
    let (width, eps) = (call.dim("width"), f64::from(call.case.scalars[0]));
    let gamma = call.input("gamma");
    let out = call.output("out");
    for (r, x) in rows(&call.input("x"), width) {
        let x = wide(x);
        let root = root_of_mean_square(&x, eps);
        for i in 0..width {
            let exact = x[i] / root * f64::from(gamma[i]);
            // The inverse of a root above 2^126 has 21 bits.
            let radius = exact.abs() * (roundings(width) + 8.0 * ROUNDING);
            let least = f64::from(gamma[i]).abs() * 1e-37;
            let exact = Ball::rounded(exact, radius + least, &[x[i].abs(), root]);
            at("out", r * width + i, exact.judge(out[r * width + i]))?;
        }
    }
    Ok(())
}

/// What a row of int8 has to be.
struct Bytes {
    /// The numbers before they are rounded.
    numbers: Vec<f64>,
    scale: Ball,
}

/// Bytes may be off by what f32 arithmetic loses before they are rounded.
fn judge_bytes(call: &Call<'_>, r: usize, row: &Bytes) -> Result<(), String> {
    let width = row.numbers.len();
    let scale = call.output("q_scale")[r];
    at("q_scale", r, row.scale.judge(scale))?;
    let words = &call.argument("q").after[r * layout::q_words(width)..];
    let q: Vec<i8> = words
        .iter()
        .flat_map(|w| w.to_le_bytes())
        .map(u8::cast_signed)
        .collect();
    let mut sum = 0;
    for (i, number) in row.numbers.iter().enumerate() {
        sum += i32::from(q[i]);
        let near = (f64::from(q[i]) - number).abs() <= 0.5 + 1e-3;
        if scale.is_finite() && !near {
            return Err(format!(
                "q[{r}, {i}] is {}, finite and wrong: it is {number}",
                q[i]
            ));
        }
    }
    let found = call.argument("q_sum").after[r].cast_signed();
    match found == sum {
        true => Ok(()),
        false => Err(format!("q_sum[{r}] is {found}, the sum is {sum}")),
    }
}

fn greatest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |m, x| {
        if x.abs() > m || x.is_nan() {
            x.abs()
        } else {
            m
        }
    })
}

pub(super) fn quantize(call: &Call<'_>) -> Result<(), String> {
    let width = call.dim("width");
    for (r, x) in rows(&call.input("x"), width) {
        let x = wide(x);
        let range = if x.iter().all(|x| x.is_finite()) {
            greatest(&x) + 1e-5
        } else {
            f64::NAN
        };
        let row = Bytes {
            numbers: x.iter().map(|x| 127.0 * x / range).collect(),
            scale: Ball::rounded(range / 127.0, range * 4.0 * ROUNDING, &[range]),
        };
        judge_bytes(call, r, &row)?;
    }
    Ok(())
}

pub(super) fn rms_quantize(call: &Call<'_>) -> Result<(), String> {
    normalised(call, |m, least| m + least)
}

pub(super) fn rms_quantize_away(call: &Call<'_>) -> Result<(), String> {
    // NaN stays.
    normalised(call, |m, least| if m < least { least } else { m })
}

/// Rounding by a range: of the greatest magnitude and of what keeps it from 0.
fn normalised(call: &Call<'_>, range: fn(f64, f64) -> f64) -> Result<(), String> {
    let (width, eps) = (call.dim("width"), f64::from(call.case.scalars[0]));
    let gamma = wide(&call.input("gamma"));
    for (r, x) in rows(&call.input("x"), width) {
        let x = wide(x);
        let root = root_of_mean_square(&x, eps);
        let products: Vec<f64> = x.iter().zip(&gamma).map(|(x, g)| x * g).collect();
        let fault = !products.iter().chain(&x).all(|x| x.is_finite());
        let m = if fault { f64::NAN } else { greatest(&products) };
        let scale = range(m / root, 1e-5) / 127.0;
        let radius = scale * (roundings(width) + 8.0 * ROUNDING) + m * 1e-39;
        let row = Bytes {
            numbers: products
                .iter()
                .map(|p| 127.0 * p / range(m, 1e-5 * root))
                .collect(),
            scale: Ball::rounded(scale, radius, &[m, m / root]),
        };
        judge_bytes(call, r, &row)?;
    }
    Ok(())
}

pub(super) fn softmax(call: &Call<'_>) -> Result<(), String> {
    let (width, eps) = (call.dim("width"), call.case.scalars[0]);
    let out = call.output("out");
    for (r, x) in rows(&call.input("x"), width) {
        let best = x.iter().fold(
            f32::NEG_INFINITY,
            |m, x| if *x > m || x.is_nan() { *x } else { m },
        );
        let below = Ball::exact(best).neg();
        let e: Vec<Ball> = x.iter().map(|x| exp(Ball::exact(*x).add(below))).collect();
        let total = Ball::sum(&e).add(Ball::exact(eps));
        for (i, e) in e.iter().enumerate() {
            let share = e.mid / total.mid;
            let radius = e.radius / total.mid + share * (total.radius / total.mid);
            let exact = Ball::rounded(share, radius, &[e.peak, total.peak]);
            at("out", r * width + i, exact.judge(out[r * width + i]))?;
        }
    }
    Ok(())
}

pub(super) fn argmax(call: &Call<'_>) -> Result<(), String> {
    let x = call.input("x");
    let found = call.argument("out").after[0] as usize;
    let best = x
        .iter()
        .copied()
        .filter(|x| !x.is_nan())
        .fold(f32::NEG_INFINITY, f32::max);
    // An index of nothing but NaN and negative infinity is 0.
    let first = x
        .iter()
        .position(|x| *x == best && best > f32::NEG_INFINITY)
        .unwrap_or(0);
    match found == first {
        true => Ok(()),
        false => Err(format!("out is {found}, the greatest is at {first}")),
    }
}
