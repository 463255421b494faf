use super::ball::{Ball, exp, silu, softplus, softplus_of};
use super::{Call, at};

pub(super) fn balls(x: &[f32]) -> Vec<Ball> {
    x.iter().map(|x| Ball::exact(*x)).collect()
}

pub(super) fn judge_all(call: &Call<'_>, name: &str, exact: &[Ball]) -> Result<(), String> {
    let found = call.output(name);
    let mut pairs = exact.iter().zip(found).enumerate();
    pairs.try_for_each(|(i, (exact, found))| at(name, i, exact.judge(found)))
}

pub(super) fn residual(call: &Call<'_>) -> Result<(), String> {
    let (x, y) = (balls(&call.input("x")), balls(&call.input("y")));
    let exact: Vec<Ball> = x.iter().zip(&y).map(|(x, y)| x.add(*y)).collect();
    judge_all(call, "x", &exact)
}

pub(super) fn scan(call: &Call<'_>) -> Result<(), String> {
    let (channels, x) = (call.dim("channels"), balls(&call.input("x")));
    let [decay, b, c] = ["decay", "b", "c"].map(|name| balls(&call.input(name)));
    let mut state = balls(&call.input("state"));
    let mut out = Vec::new();
    for (i, x) in x.iter().enumerate() {
        let i = i % channels;
        state[i] = decay[i].mul(state[i]).add(b[i].mul(*x));
        out.push(c[i].mul(state[i]));
    }
    judge_all(call, "out", &out)?;
    judge_all(call, "state", &state)
}

pub(super) fn conv_silu(call: &Call<'_>) -> Result<(), String> {
    let [channels, taps, tokens, stride] =
        ["channels", "taps", "tokens", "x_stride"].map(|name| call.dim(name));
    let (w, bias) = (balls(&call.input("w")), balls(&call.input("bias")));
    let (x, history) = (balls(&call.input("x")), balls(&call.input("history")));
    let sample = |t: usize, k: usize, c: usize| match t >= k {
        true => x[(t - k) * stride + c],
        false => history[(k - t - 1) * channels + c],
    };
    let mut out = Vec::new();
    for t in 0..tokens {
        for c in 0..channels {
            let terms = (0..taps).map(|k| w[k * channels + c].mul(sample(t, k, c)));
            let terms: Vec<Ball> = terms.chain([bias[c]]).collect();
            out.push(silu(Ball::sum(&terms)));
        }
    }
    judge_all(call, "out", &out)?;
    let rows = (0..taps - 1).flat_map(|k| (0..channels).map(move |c| (k, c)));
    let after = rows.map(|(k, c)| match tokens > k {
        true => sample(tokens - 1, k, c),
        false => history[(k - tokens) * channels + c],
    });
    judge_all(call, "history", &after.collect::<Vec<_>>())
}

pub(super) fn discretize(call: &Call<'_>) -> Result<(), String> {
    let [heads, tokens, stride] = ["heads", "tokens", "stride"].map(|name| call.dim(name));
    let [dt, bias, a_log] = ["dt", "bias", "a_log"].map(|name| balls(&call.input(name)));
    let (mut step, mut decay) = (Vec::new(), Vec::new());
    for t in 0..tokens {
        for h in 0..heads {
            let shifted = dt[t * stride + h].add(bias[h]);
            let size = softplus(shifted);
            step.push(size);
            decay.push(exp(lost(a_log[h], shifted, size).neg()));
        }
    }
    judge_all(call, "step", &step)?;
    judge_all(call, "decay", &decay)
}

/// `e^a_log ln(1 + e^shifted)`, by logarithms where a factor may be 0 or infinite.
fn lost(a_log: Ball, shifted: Ball, size: Ball) -> Ball {
    let log_size = match shifted.mid < -30.0 {
        true => shifted,
        false => shifted.map(|x| softplus_of(x).ln(), None),
    };
    let log = a_log.add(log_size);
    let lost = exp(Ball {
        peak: shifted.peak,
        ..log
    });
    // An f32 rate below 2^-126 has a few bits.
    let rate = 2f64.powi(-149) * size.mid;
    Ball {
        radius: lost.radius + rate,
        peak: shifted.peak.max(size.peak).max(a_log.peak),
        ..lost
    }
}

pub(super) fn selective_scan(call: &Call<'_>) -> Result<(), String> {
    let [heads, head_dim, d_state] = ["heads", "head_dim", "d_state"].map(|name| call.dim(name));
    let (tokens, stride, d_inner) = (call.dim("tokens"), call.dim("stride"), heads * head_dim);
    let [x, step, decay, b, c, z, d] =
        ["x", "step", "decay", "b", "c", "z", "d"].map(|name| balls(&call.input(name)));
    let mut state = balls(&call.input("state"));
    let mut out = Vec::new();
    for t in 0..tokens {
        for i in 0..d_inner {
            let (head, channel) = (i / head_dim, i % head_dim);
            let x = x[t * d_inner + i];
            let mut terms = vec![d[i].mul(x)];
            for n in head * d_state..(head + 1) * d_state {
                let h = &mut state[n * head_dim + channel];
                let weight = b[t * stride + n].mul(step[t * heads + head]);
                *h = h.mul(decay[t * heads + head]).add(x.mul(weight));
                terms.push(h.mul(c[t * stride + n]));
            }
            out.push(Ball::sum(&terms).mul(silu(z[t * stride + i])));
        }
    }
    judge_all(call, "out", &out)?;
    judge_all(call, "state", &state)
}

pub(super) fn kv_append(call: &Call<'_>) -> Result<(), String> {
    let [d_head, d_model, slot] = ["d_head", "d_model", "slot"].map(|name| call.dim(name));
    let (k, v) = (balls(&call.input("k")), balls(&call.input("v")));
    let (mut keys, mut values) = (balls(&call.input("keys")), balls(&call.input("values")));
    (0..d_head).for_each(|i| keys[16 * (slot / 16 * d_head + i) + slot % 16] = k[i]);
    (0..d_model).for_each(|i| values[slot * d_model + i] = v[i]);
    judge_all(call, "keys", &keys)?;
    judge_all(call, "values", &values)
}

pub(super) fn attn_scores(call: &Call<'_>) -> Result<(), String> {
    let [d_head, len] = ["d_head", "len"].map(|name| call.dim(name));
    let (q, keys) = (balls(&call.input("q")), balls(&call.input("keys")));
    let inverse = 1.0 / (d_head as f64).sqrt();
    let score = |j: usize| {
        let terms: Vec<Ball> = (0..d_head)
            .map(|i| q[i].mul(keys[16 * (j / 16 * d_head + i) + j % 16]))
            .collect();
        let sum = Ball::sum(&terms);
        Ball::rounded(sum.mid * inverse, sum.radius * inverse, &[sum.peak])
    };
    match d_head {
        // 0 / 0.
        0 => Ok(()),
        _ => judge_all(call, "scores", &(0..len).map(score).collect::<Vec<_>>()),
    }
}

pub(super) fn attn_mix(call: &Call<'_>) -> Result<(), String> {
    let d_model = call.dim("d_model");
    let (p, values) = (balls(&call.input("p")), balls(&call.input("values")));
    let chosen = call.words("chosen");
    let mix = |c| {
        let terms = chosen.iter().zip(&p);
        let terms = terms.map(|(slot, p)| p.mul(values[*slot as usize * d_model + c]));
        Ball::sum(&terms.collect::<Vec<_>>())
    };
    judge_all(call, "out", &(0..d_model).map(mix).collect::<Vec<_>>())
}

pub(super) fn router_mix(call: &Call<'_>) -> Result<(), String> {
    let (width, router) = (call.dim("width"), balls(&call.input("router")));
    let paths = ["local", "state", "sparse"].map(|name| balls(&call.input(name)));
    let mix = |(i, x): (usize, &Ball)| {
        let shares = &router[i / width * 3..][..3];
        let parts = shares
            .iter()
            .zip(&paths)
            .map(|(share, path)| share.mul(path[i]));
        Ball::sum(&parts.chain([*x]).collect::<Vec<_>>())
    };
    let x = balls(&call.input("x"));
    judge_all(
        call,
        "x",
        &x.iter().enumerate().map(mix).collect::<Vec<_>>(),
    )
}
