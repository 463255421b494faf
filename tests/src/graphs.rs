//! Random graphs: whatever a builder records of these parts is one.

use atome::graph::{Arg, Builder, Graph, Op, Prepare, Rows};
use atome_codegen::testing::Rng;
use atome_spec::CacheType;

/// Widths around the edges of vectors.
const WIDTHS: [u64; 12] = [1, 2, 7, 8, 15, 16, 17, 24, 31, 33, 48, 64];
const EPS: f32 = 1e-5;

/// A small graph, the same for the same seed on every machine.
///
/// # Panics
/// If what was recorded is no graph.
#[must_use]
pub fn random(seed: u64) -> Graph {
    let mut rng = Rng::new(seed);
    let window = 1 + rng.below(20) as usize;
    let mut g = Builder::new("random", window);
    let (vocab, width) = (2 + rng.below(40) as usize, rng.pick(&WIDTHS) as usize);
    let x = match rng.below(2) {
        0 => g.embedding("embed", vocab, width),
        _ => g.lookup("embed", vocab, width),
    };
    let layers = 1 + rng.below(3);
    // Layers that are alike are a repetition in text; others are not.
    let alike = rng.below(2) == 0;
    let seeds: Vec<u64> = (0..layers).map(|i| if alike { 0 } else { i }).collect();
    let base = rng.bits();
    for (i, layer) in seeds.into_iter().enumerate() {
        g.scope(format!("layers.{i}"), |g| {
            self::layer(g, &mut Rng::new(base ^ layer), x);
        });
    }
    let outputs = match rng.below(4) {
        0 => 1 + rng.below(9) as usize,
        _ => vocab,
    };
    g.head(|g| {
        let normal = normal(g, &mut rng, "norm", x);
        match rng.below(2) {
            0 => g.linear("unembed", normal, outputs),
            _ => g.bit_linear("unembed", normal, outputs, EPS),
        }
    });
    match g.finish() {
        Ok(graph) => graph,
        Err(fault) => panic!("seed {seed}: {fault}"),
    }
}

/// Parts of the same rows, among those that are known.
const WIDE: std::ops::Range<usize> = 1..5;

/// A graph of maps that follow each other: over whole rows and over parts of them, in place, with states, by heads.
///
/// # Panics
/// If what was recorded is no graph.
#[must_use]
pub fn chains(seed: u64) -> Graph {
    let mut rng = Rng::new(seed);
    let width = rng.pick(&WIDTHS) as usize;
    let mut g = Builder::new("chains", 1);
    let x = g.embedding("embed", 2 + rng.below(40) as usize, width);
    let shared = g.linear("shared", x, 1);
    let wide = product(&mut g, &mut rng, "wide", x, 3 * width + 1);
    let [first, second, third] = wide.split([width; 3]);
    // Overlaps the first and the second.
    let [_, shifted] = wide.split([1, width]);
    let mut known = vec![x, first, second, shifted, third];
    for i in 0..2 + rng.below(7) {
        g.scope(format!("link{i}"), |g| {
            let y = link(g, &mut rng, &known, (shared, width));
            known.push(y);
        });
    }
    // Others than the last may be read by nobody.
    let last = known.into_iter().rev().find(|rows| *rows != x);
    let last = last.unwrap_or(first);
    g.residual("sum", last, x);
    g.head(|g| {
        let y = g.rows("y", width);
        g.map("twice", "y = x + x", &[("x", x.into()), ("y", y.into())]);
        g.map("less", "y = y - 0.5", &[("y", y.into())]);
        g.linear("unembed", y, 3)
    });
    match g.finish() {
        Ok(graph) => graph,
        Err(fault) => panic!("seed {seed}: {fault}"),
    }
}

/// A map of some known rows; gives what it writes.
fn link(g: &mut Builder, rng: &mut Rng, known: &[Rows], (shared, width): (Rows, usize)) -> Rows {
    let last = known[known.len() - 1];
    let a = if rng.below(3) == 0 {
        rng.pick(known)
    } else {
        last
    };
    let b = rng.pick(known);
    let gain = g.floats("gain", &[width], (-1.0, 1.0));
    let make = |g: &mut Builder, body: &str, operands: &[(&str, Arg)]| {
        g.map("map", body, operands);
    };
    let (a_arg, b_arg): ((&str, Arg), (&str, Arg)) = (("a", a.into()), ("b", b.into()));
    match rng.below(6) {
        // In place.
        0 => {
            make(g, "a = a * g", &[a_arg, ("g", gain.into())]);
            return a;
        }
        // What is written has rows of its own.
        1 if a != b && !(known[WIDE].contains(&a) && known[WIDE].contains(&b)) => {
            make(g, "t = a - b; b = t * 0.5; a = t + a", &[a_arg, b_arg]);
            return b;
        }
        _ => {}
    }
    let y = g.rows("y", width);
    let y_arg = ("y", Arg::from(y));
    match rng.below(4) {
        0 => {
            let h = g.state("h", width);
            let body = "t = sigmoid(a); h = h * t + a; y = h";
            make(g, body, &[a_arg, ("h", h.into()), y_arg]);
        }
        1 if width > 1 => {
            let body = "y = a * tanh(s)";
            make(g, body, &[a_arg, ("s", shared.into()), y_arg]);
        }
        2 if a != b => make(g, "y = silu(a) * b", &[a_arg, b_arg, y_arg]),
        _ => make(g, "t = a * a; y = a - t", &[a_arg, y_arg]),
    }
    y
}

/// Adds what some parts make of `x` to it.
fn layer(g: &mut Builder, rng: &mut Rng, x: Rows) {
    let mut y = normal(g, rng, "norm", x);
    for i in 0..1 + rng.below(3) {
        y = g.scope(format!("part{i}"), |g| part(g, rng, y));
    }
    let y = match y.width() == x.width() && rng.below(2) == 0 {
        true => y,
        false => product(g, rng, "out", y, x.width()),
    };
    match rng.below(3) {
        0 => {
            let call = g.call("sum", Op::Residual);
            call.arg("y", y).arg("x", x);
        }
        _ => g.residual("sum", y, x),
    }
}

fn normal(g: &mut Builder, rng: &mut Rng, name: &str, x: Rows) -> Rows {
    match rng.below(2) {
        0 => g.rms_norm(name, x, EPS),
        _ => g.layer_norm(name, x, EPS),
    }
}

fn product(g: &mut Builder, rng: &mut Rng, name: &str, x: Rows, rows: usize) -> Rows {
    match rng.below(2) {
        0 => g.linear(name, x, rows),
        _ => g.bit_linear(name, x, rows, EPS),
    }
}

fn part(g: &mut Builder, rng: &mut Rng, x: Rows) -> Rows {
    match rng.below(9) {
        0 => {
            let taps = 1 + rng.below(6) as usize;
            g.conv1d("conv", x, taps)
        }
        1 => scan(g, x),
        2 => attention(g, rng, x),
        3 => selective_scan(g, rng, x),
        4 => gated(g, rng, x),
        5 => heads(g, rng, x),
        7 => attend(g, rng, x),
        6 => {
            let out = g.rows("shares", x.width());
            g.softmax("softmax", x, out, 1e-10);
            out
        }
        _ => {
            let rows = rng.pick(&WIDTHS) as usize;
            product(g, rng, "product", x, rows)
        }
    }
}

fn scan(g: &mut Builder, x: Rows) -> Rows {
    let [a, b, c] = ["a", "b", "c"].map(|n| g.floats(n, &[x.width()], (-1.0, 1.0)));
    let decay = g.prepare(a, Prepare::Tanh);
    let (h, out) = (g.state("h", x.width()), g.rows("y", x.width()));
    let call = g.call("scan", Op::Scan);
    call.arg("decay", decay).arg("b", b).arg("c", c);
    call.arg("x", x).arg("state", h).arg("out", out);
    out
}

fn attention(g: &mut Builder, rng: &mut Rng, x: Rows) -> Rows {
    let (d_head, most) = (rng.pick(&WIDTHS) as usize, 1 + rng.below(4) as usize);
    let most = most.min(g.window());
    let [q, k] = ["q", "k"].map(|n| g.linear(n, x, d_head));
    let (keys, values) = (g.cache("keys", d_head, 1), g.cache("values", 1, x.width()));
    let (scores, out) = (g.positions("scores"), g.rows("y", x.width()));
    let [chosen, picked, shares] = ["chosen", "picked", "shares"].map(|n| g.kept(n, most));
    g.each_token(|g| {
        let append = g.call("append", Op::KvAppend);
        append.arg("k", k).arg("v", x);
        append.arg("keys", keys).arg("values", values);
        let dots = g.call("dots", Op::AttnScores);
        dots.arg("q", q).arg("keys", keys).arg("scores", scores);
        g.top_k("top_k", scores, chosen).arg("picked", picked);
        g.softmax("softmax", picked, shares, 1e-10);
        let mix = g.call("mix", Op::AttnMix);
        mix.arg("chosen", chosen).arg("p", shares);
        mix.arg("values", values).arg("out", out);
    });
    out
}

/// Query heads that share the keys and values of fewer heads.
fn attend(g: &mut Builder, rng: &mut Rng, x: Rows) -> Rows {
    let [kv_heads, queries] = [3, 6].map(|most| 1 + rng.below(most) as usize);
    let head_dim = rng.pick(&WIDTHS) as usize;
    let row = kv_heads * head_dim;
    let [q, k, v] = [("q", row * queries), ("k", row), ("v", row)]
        .map(|(name, width)| g.linear(name, x, width));
    let (held, [append, attend]) = match rng.below(2) {
        0 => (CacheType::F32, [Op::AttendAppend, Op::Attend]),
        _ => (CacheType::F16, [Op::AttendAppendF16, Op::AttendF16]),
    };
    let keys = g.cache("keys", kv_heads * held.key_words(head_dim), 1);
    let values = g.cache("values", 1, kv_heads * held.value_words(head_dim));
    let out = g.rows("y", row * queries);
    g.each_token(|g| {
        let append = g.call("append", append);
        append.arg("k", k).arg("v", v).size("head_dim", head_dim);
        append.arg("keys", keys).arg("values", values);
        let call = g.call("attend", attend);
        call.arg("q", q).arg("keys", keys).arg("values", values);
        call.arg("out", out).size("head_dim", head_dim);
    });
    out
}

fn selective_scan(g: &mut Builder, rng: &mut Rng, x: Rows) -> Rows {
    let (heads, head_dim) = (1 + rng.below(4) as usize, 1 + rng.below(20) as usize);
    let (d_state, channels) = (1 + rng.below(3) as usize, heads * head_dim);
    let widths = [channels, channels, heads * d_state, heads * d_state, heads];
    let projected = product(g, rng, "in", x, widths.iter().sum());
    let [z, input, b, c, dt] = projected.split(widths);
    let [bias, a_log] = ["bias", "a_log"].map(|n| g.floats(n, &[heads], (-1.0, 1.0)));
    let [step, decay] = ["step", "decay"].map(|n| g.rows(n, heads));
    let call = g.call("discretize", Op::Discretize);
    call.arg("dt", dt).arg("bias", bias).arg("a_log", a_log);
    call.arg("step", step).arg("decay", decay);
    let taps = 1 + rng.below(4) as usize;
    let w = g.floats("w", &[channels, 1, taps], (-0.5, 0.5));
    let w = g.prepare(w, Prepare::NewestTapFirst);
    let shift = g.floats("shift", &[channels], (-0.5, 0.5));
    let past = g.state("past", (taps - 1) * channels);
    let mixed = g.rows("mixed", channels);
    let call = g.call("conv", Op::ConvSilu);
    call.arg("w", w).arg("bias", shift).arg("x", input);
    call.arg("history", past).arg("out", mixed);
    let d = g.floats("d", &[channels], (0.5, 1.5));
    let (h, out) = (g.state("h", channels * d_state), g.rows("y", channels));
    let call = g.call("scan", Op::SelectiveScan);
    call.arg("x", mixed).arg("step", step).arg("decay", decay);
    call.arg("b", b).arg("c", c).arg("z", z).arg("d", d);
    call.arg("state", h).arg("out", out);
    out
}

/// A gated recurrence over columns of a product.
fn gated(g: &mut Builder, rng: &mut Rng, x: Rows) -> Rows {
    let width = rng.pick(&WIDTHS) as usize;
    let projected = product(g, rng, "in", x, 3 * width);
    let [i, f, o] = projected.split([width; 3]);
    let floor = g.floats("floor", &[width], (0.0, 0.9));
    let (h, y) = (g.state("h", width), g.rows("y", width));
    let bodies = [
        "k = floor + (1 - floor) * sigmoid(f); h = k * h + silu(i) * (1 - k); y = h * tanh(o)",
        "h = max(floor * h, i); y = select(h < f, squared_relu(o), -abs(h) / 2)",
        "h = min(exp(-softplus(f)) * h + floor, 4); y = h - i * o",
    ];
    let operands: [(&str, Arg); 6] = [
        ("i", i.into()),
        ("f", f.into()),
        ("o", o.into()),
        ("floor", floor.into()),
        ("h", h.into()),
        ("y", y.into()),
    ];
    g.map("gate", rng.pick(&bodies), &operands);
    y
}

/// Channels that share a number a head.
fn heads(g: &mut Builder, rng: &mut Rng, x: Rows) -> Rows {
    let (heads, head_dim) = (1 + rng.below(4) as usize, 2 + rng.below(9) as usize);
    let values = product(g, rng, "v", x, heads * head_dim);
    let gates = g.linear("gates", x, heads);
    let bias = g.floats("bias", &[heads], (-1.0, 1.0));
    let y = g.rows("y", heads * head_dim);
    let operands: [(&str, Arg); 4] = [
        ("v", values.into()),
        ("g", gates.into()),
        ("b", bias.into()),
        ("y", y.into()),
    ];
    g.map("scaled", "y = v * sigmoid(g + b)", &operands);
    y
}
