use super::ball::Ball;
use super::steps::{balls, judge_all};
use super::{Call, at};

/// Judges each element of `x`, of which `exact` tells the new ones: for a token, the head's elements before.
fn judge_heads(call: &Call<'_>, exact: impl Fn(usize, &[Ball]) -> Vec<Ball>) -> Result<(), String> {
    let [heads, head_dim, tokens, stride] =
        ["heads", "head_dim", "tokens", "stride"].map(|name| call.dim(name));
    let (x, found) = (balls(&call.input("x")), call.output("x"));
    let mut expected = x.clone();
    for t in 0..tokens {
        for h in 0..heads {
            let start = t * stride + h * head_dim;
            let new = exact(t, &x[start..][..head_dim]);
            expected[start..][..head_dim].copy_from_slice(&new);
        }
    }
    let mut pairs = expected.iter().zip(found).enumerate();
    pairs.try_for_each(|(i, (exact, found))| at("x", i, exact.judge(found)))
}

/// `|x|`, where each square counts, and the root of their mean and `eps` if `mean`.
fn root(x: &[Ball], mean: bool, eps: f64) -> Ball {
    let sum: f64 = x.iter().map(|x| x.mid * x.mid).sum();
    let count = if mean { x.len() as f64 } else { 1.0 };
    let root = (sum / count + eps).sqrt();
    let most = x.iter().map(|x| x.mid.abs()).fold(0.0, f64::max);
    // Roundings of the sum in sixteen partials, and what follows.
    let radius = root * (x.len() as f64 / 16.0 + 12.0) * 2f64.powi(-24) + 1e-37;
    Ball::rounded(
        root,
        radius,
        &[most, if sum.is_nan() { f64::NAN } else { 0.0 }],
    )
}

pub(super) fn l2_norm(call: &Call<'_>) -> Result<(), String> {
    let eps = f64::from(call.case.scalars[0]);
    judge_heads(call, |_, x| {
        let length = root(x, false, 0.0);
        let length = match length.mid < eps {
            true => Ball::known(eps),
            false => length,
        };
        x.iter().map(|x| quotient(*x, length)).collect()
    })
}

/// By the inverse, which is rounded too.
fn quotient(x: Ball, by: Ball) -> Ball {
    let quotient = x.mid / by.mid;
    let part = by.radius / by.mid + 2f64.powi(-21);
    Ball::rounded(quotient, quotient.abs() * part, &[x.peak, by.peak])
}

pub(super) fn head_norm(call: &Call<'_>) -> Result<(), String> {
    let (eps, gamma) = (f64::from(call.case.scalars[0]), balls(&call.input("gamma")));
    judge_heads(call, |_, x| {
        let root = root(x, true, eps);
        let normal = x.iter().map(|x| quotient(*x, root));
        normal.zip(&gamma).map(|(x, gamma)| x.mul(*gamma)).collect()
    })
}

pub(super) fn rope(call: &Call<'_>) -> Result<(), String> {
    let (pairs, angles) = (call.dim("pairs"), balls(&call.input("angles")));
    judge_heads(call, |t, x| {
        let angles = &angles[t * 2 * pairs..];
        let mut turned = x.to_vec();
        for i in 0..pairs {
            let (cosine, sine) = (angles[i], angles[pairs + i]);
            turned[i] = x[i].mul(cosine).add(x[pairs + i].mul(sine).neg());
            turned[pairs + i] = x[pairs + i].mul(cosine).add(x[i].mul(sine));
        }
        turned
    })
}

pub(super) fn transpose(call: &Call<'_>) -> Result<(), String> {
    let [outer, inner, width] = ["outer", "inner", "width"].map(|name| call.dim(name));
    let x = call.words("x");
    let out = &call.argument("out").after;
    for (place, found) in out.iter().enumerate() {
        let (t, rest) = (
            place / (outer * inner * width),
            place % (outer * inner * width),
        );
        let (j, i, c) = (rest / (outer * width), rest / width % outer, rest % width);
        let from = ((t * outer + i) * inner + j) * width + c;
        if *found != x[from] {
            return Err(format!("out[{place}] is not x[{from}]"));
        }
    }
    Ok(())
}

pub(super) fn hadamard(call: &Call<'_>) -> Result<(), String> {
    let block = call.dim("block");
    let x = balls(&call.input("x"));
    let factor = 1.0 / (block as f64).sqrt();
    let exact = (0..x.len()).map(|place| {
        let (start, r) = (place / block * block, place % block);
        let terms = x[start..][..block].iter().enumerate().map(|(c, x)| {
            let sign = if (r & c).count_ones() % 2 == 1 {
                -factor
            } else {
                factor
            };
            Ball::rounded(x.mid * sign, x.mid.abs() * 1e-7, &[x.peak])
        });
        Ball::sum(&terms.collect::<Vec<_>>())
    });
    judge_all(call, "x", &exact.collect::<Vec<_>>())
}

pub(super) fn gated_delta(call: &Call<'_>) -> Result<(), String> {
    let [repeats, key_heads, d] = ["repeats", "key_heads", "head_dim"].map(|name| call.dim(name));
    let (tokens, stride, heads) = (call.dim("tokens"), call.dim("stride"), repeats * key_heads);
    let [q, k, v, decay, beta] =
        ["q", "k", "v", "decay", "beta"].map(|name| balls(&call.input(name)));
    let mut state = balls(&call.input("state"));
    let mut out = vec![Ball::known(0.0); tokens * heads * d];
    let root = (d as f64).sqrt();
    for t in 0..tokens {
        for head in 0..heads {
            let key = |x: &[Ball], i: usize| x[t * stride + head % key_heads * d + i];
            for j in 0..d {
                let place = |i: usize| head * d * d + (j / 16 * d + i) * 16 + j % 16;
                let terms: Vec<Ball> = (0..d).map(|i| state[place(i)].mul(key(&k, i))).collect();
                let kept = decay[t * heads + head];
                let found = kept.mul(Ball::sum(&terms));
                let lacking = v[t * stride + head * d + j].add(found.neg());
                let change = beta[t * heads + head].mul(lacking);
                let mut terms = Vec::new();
                for i in 0..d {
                    let s = &mut state[place(i)];
                    *s = s.mul(kept).add(key(&k, i).mul(change));
                    terms.push(s.mul(key(&q, i)));
                }
                let sum = Ball::sum(&terms);
                let y = Ball::rounded(sum.mid / root, sum.radius / root, &[sum.peak]);
                out[(t * heads + head) * d + j] = y;
            }
        }
    }
    judge_all(call, "out", &out)?;
    judge_all(call, "state", &state)
}
