//! What is no graph, and what is said about it.

use crate::graph::{Builder, Call, ParamId, Rows, StateId};
use crate::tensor::Prepare;
use atome_spec::Op;
use std::fmt::Write;

/// Records something behind a lookup of rows of 16 columns.
type Case = (&'static str, fn(&mut Builder, Rows));

/// A model of a table and a head, with something between.
fn fault(case: fn(&mut Builder, Rows)) -> String {
    let mut g = Builder::new("test", 20);
    let x = g.embedding("embed", 40, 16);
    case(&mut g, x);
    g.head(|g| g.linear("unembed", x, 40));
    match g.finish() {
        Err(fault) => fault.to_string(),
        Ok(graph) => format!("a graph\n{graph}"),
    }
}

fn norm(g: &mut Builder, x: Rows, gamma: ParamId, out: Rows) {
    let call = g.call("norm", Op::RmsNorm);
    call.arg("x", x).arg("gamma", gamma).arg("out", out);
    call.scalar("eps", 1e-5);
}

fn scan(g: &mut Builder, name: &str, x: Rows, state: StateId) {
    let [decay, b, c] =
        ["decay", "b", "c"].map(|n| g.floats(&format!("{name}.{n}"), &[16], (0.0, 1.0)));
    let out = g.rows(&format!("{name}.out"), 16);
    let call = g.call(name, Op::Scan);
    call.arg("decay", decay).arg("b", b).arg("c", c);
    call.arg("x", x).arg("state", state).arg("out", out);
}

/// A key and a value into two caches.
fn append(g: &mut Builder, op: Op, x: Rows, (keys, values): (StateId, StateId)) -> &mut Call {
    let call = g.call("append", op);
    call.arg("k", x).arg("v", x);
    call.arg("keys", keys).arg("values", values)
}

/// Attention of two heads.
fn attend(g: &mut Builder, x: Rows, (keys, values): (StateId, StateId)) {
    let out = g.rows("out", 16);
    let call = g.call("attend", Op::Attend);
    call.arg("q", x).arg("keys", keys).arg("values", values);
    call.arg("out", out).size("head_dim", 8);
}

const NAMES: &[Case] = &[
    ("a name of something else", |g, _| {
        g.rows("a b", 3);
    }),
    ("a name that begins with a digit", |g, _| {
        g.rows("0.a", 3);
    }),
    ("no name", |g, _| {
        g.scope("", |g| g.rows("a", 3));
    }),
    ("a scope called as the head", |g, x| {
        g.scope("head", |g| g.linear("w", x, 3));
    }),
    ("two parameters of one name", |g, x| {
        g.linear("w", x, 16);
        g.floats("w", &[3], (0.0, 1.0));
    }),
    ("two rows of one name", |g, _| {
        g.rows("x", 16);
    }),
    ("a state called as a parameter", |g, _| {
        g.state("embed", 16);
    }),
    ("scopes without end", |g, _| {
        fn deeper(g: &mut Builder, depth: usize) {
            if depth > 0 {
                g.scope("a", |g| deeper(g, depth - 1));
            }
        }
        deeper(g, 17);
    }),
    ("a long name", |g, _| {
        let half = "a".repeat(150);
        g.scope(half.clone(), |g| g.rows(&half, 1));
    }),
];

const SIZES: &[Case] = &[
    ("no columns", |g, _| {
        g.rows("y", 0);
    }),
    ("too many columns", |g, _| {
        g.rows("y", usize::MAX);
    }),
    ("a parameter of nothing", |g, _| {
        g.floats("a", &[4, 0], (0.0, 1.0));
    }),
    ("a parameter too large", |g, _| {
        g.floats("a", &[1 << 24, 1 << 24], (0.0, 1.0));
    }),
    ("many dimensions", |g, _| {
        g.floats("a", &[1; 9], (0.0, 1.0));
    }),
    ("no interval", |g, _| {
        g.floats("a", &[4], (1.0, 0.0));
    }),
    ("an interval of infinities", |g, _| {
        g.floats("a", &[4], (0.0, f32::INFINITY));
    }),
    ("a state too large", |g, _| {
        g.state("s", usize::MAX);
    }),
    ("more to remember than the parameters say", |g, x| {
        let s = g.state("s", 16);
        scan(g, "ssm", x, s);
        g.state("t", 1 << 21);
    }),
    ("more positions than there are", |g, _| {
        g.kept("chosen", 21);
    }),
];

const OPERANDS: &[Case] = &[
    ("an operand is missing", |g, x| {
        g.call("norm", Op::RmsNorm).arg("x", x).scalar("eps", 1e-5);
    }),
    ("a scalar is missing", |g, x| {
        let gamma = g.floats("norm", &[16], (0.0, 1.0));
        let out = g.rows("y", 16);
        let call = g.call("norm", Op::RmsNorm);
        call.arg("x", x).arg("gamma", gamma).arg("out", out);
    }),
    ("an operand twice", |g, x| {
        g.call("sum", Op::Residual)
            .arg("x", x)
            .arg("y", x)
            .arg("x", x);
    }),
    ("an operand of another op", |g, x| {
        g.call("sum", Op::Residual).arg("x", x).arg("z", x);
    }),
    ("a scalar of another op", |g, x| {
        let y = g.linear("w", x, 16);
        g.call("sum", Op::Residual)
            .arg("x", x)
            .arg("y", y)
            .scalar("eps", 1.0);
    }),
    ("rows for a parameter", |g, x| {
        let out = g.rows("y", 16);
        let call = g.call("norm", Op::RmsNorm);
        call.arg("x", x).arg("gamma", x).arg("out", out);
        call.scalar("eps", 1e-5);
    }),
    ("a parameter for rows", |g, _| {
        let gamma = g.floats("norm", &[16], (0.0, 1.0));
        let out = g.rows("y", 16);
        let call = g.call("norm", Op::RmsNorm);
        call.arg("x", gamma).arg("gamma", gamma).arg("out", out);
        call.scalar("eps", 1e-5);
    }),
    ("f32 for trits", |g, x| {
        let (w, out) = (g.floats("w", &[8, 16], (0.0, 1.0)), g.rows("y", 8));
        let call = g.call("w", Op::Gemm);
        call.arg("w", w)
            .arg("x", x)
            .arg("out", out)
            .scalar("scale", 1.0);
    }),
    ("a cache for a state", |g, x| {
        let cache = g.cache("s", 16, 1);
        scan(g, "ssm", x, cache);
    }),
    ("another width", |g, x| {
        let (gamma, out) = (g.floats("norm", &[15], (0.0, 1.0)), g.rows("y", 16));
        norm(g, x, gamma, out);
    }),
    ("a narrow result", |g, x| {
        let (gamma, out) = (g.floats("norm", &[16], (0.0, 1.0)), g.rows("y", 15));
        norm(g, x, gamma, out);
    }),
    ("some columns for a kernel of whole rows", |g, x| {
        let [low, _] = x.split([8, 8]);
        let (gamma, out) = (g.floats("norm", &[8], (0.0, 1.0)), g.rows("y", 8));
        norm(g, low, gamma, out);
    }),
    ("columns that there are not", |g, x| {
        let [_, high] = x.split([8, 9]);
        g.linear("w", high, 3);
    }),
    ("columns past all numbers", |g, x| {
        let [_, high] = x.split([usize::MAX, usize::MAX]);
        g.linear("w", high, 3);
    }),
    ("heads that do not divide the channels", |g, x| {
        let projected = g.linear("w", x, 16 + 16 + 5 + 5 + 5);
        let [z, _, b, c, dt] = projected.split([16, 16, 5, 5, 5]);
        let [bias, a_log] = ["bias", "a_log"].map(|n| g.floats(n, &[5], (0.0, 1.0)));
        let [step, decay] = ["step", "decay"].map(|n| g.rows(n, 5));
        let call = g.call("discretize", Op::Discretize);
        call.arg("dt", dt).arg("bias", bias).arg("a_log", a_log);
        call.arg("step", step).arg("decay", decay);
        let (d, h, out) = (
            g.floats("d", &[16], (0.0, 1.0)),
            g.state("h", 16),
            g.rows("y", 16),
        );
        let call = g.call("ssm", Op::SelectiveScan);
        call.arg("x", x).arg("step", step).arg("decay", decay);
        call.arg("b", b).arg("c", c).arg("z", z).arg("d", d);
        call.arg("state", h).arg("out", out);
    }),
    ("more taps than a kernel has", |g, x| {
        let (w, out) = (g.ternary("conv", [16, 5000]), g.rows("y", 16));
        let history = g.state("history", 4999 * 16);
        let call = g.call("conv", Op::Conv1d);
        call.arg("w", w).arg("x", x).arg("history", history);
        call.arg("out", out).scalar("scale", w);
    }),
    ("a scale that is no number", |g, x| {
        let (w, out) = (g.ternary("w", [8, 16]), g.rows("y", 8));
        let call = g.call("w", Op::Gemm);
        call.arg("w", w)
            .arg("x", x)
            .arg("out", out)
            .scalar("scale", f32::NAN);
    }),
    ("the scale of other weights", |g, x| {
        let ([w, v], out) = (["w", "v"].map(|n| g.ternary(n, [8, 16])), g.rows("y", 8));
        let call = g.call("w", Op::Gemm);
        call.arg("w", w)
            .arg("x", x)
            .arg("out", out)
            .scalar("scale", v);
    }),
    ("a parameter of another graph", |g, x| {
        let out = g.rows("y", 16);
        norm(g, x, ParamId(7), out);
    }),
    ("trits that are prepared", |g, _| {
        let w = g.ternary("w", [8, 16]);
        g.prepare(w, Prepare::Tanh);
    }),
    ("an op that plans have for one row", |g, x| {
        let out = g.rows("y", 16);
        g.call("silu", Op::Silu).arg("x", x).arg("out", out);
    }),
    ("a product of one row", |g, x| {
        let (w, out) = (g.ternary("w", [8, 16]), g.rows("y", 8));
        let call = g.call("w", Op::Gemv);
        call.arg("w", w)
            .arg("x", x)
            .arg("out", out)
            .scalar("scale", w);
    }),
    ("a matrix that is looked up too", |g, x| {
        let w = g.ternary("w", [16, 16]);
        let out = g.rows("y", 16);
        let call = g.call("w", Op::Gemm);
        call.arg("w", w)
            .arg("x", x)
            .arg("out", out)
            .scalar("scale", w);
        let out = g.rows("z", 16);
        g.look_up("again", w, out);
    }),
];

const FLOW: &[Case] = &[
    ("rows that nothing wrote", |g, x| {
        let y = g.rows("y", 16);
        g.residual("sum", y, x);
    }),
    ("columns that nothing wrote", |g, x| {
        let y = g.rows("y", 32);
        let [low, _] = y.split([8, 24]);
        let w = g.ternary("w", [8, 16]);
        let call = g.call("w", Op::Gemm);
        call.arg("w", w)
            .arg("x", x)
            .arg("out", low)
            .scalar("scale", w);
        g.linear("v", y, 8);
    }),
    ("int8 sums as numbers", |g, x| {
        let normal = g.bit_linear("w", x, 16, 1e-5);
        let sums = Rows {
            id: normal.id - 1,
            first: 0,
            width: 1,
        };
        g.linear("v", sums, 8);
    }),
    ("rows that are read and written", |g, x| {
        g.residual("sum", x, x)
    }),
    ("token ids are written", |g, x| {
        let (w, out) = (g.ternary("w", [1, 16]), g.ids());
        let call = g.call("w", Op::Gemm);
        call.arg("w", w)
            .arg("x", x)
            .arg("out", out)
            .scalar("scale", w);
    }),
    ("a state of two recurrences", |g, x| {
        let h = g.state("h", 16);
        scan(g, "a", x, h);
        scan(g, "b", x, h);
    }),
    ("attention over a block at once", |g, x| {
        let (keys, values) = (g.cache("keys", 16, 1), g.cache("values", 1, 16));
        append(g, Op::KvAppend, x, (keys, values));
    }),
    ("keys a position after the other", |g, x| {
        let (keys, values) = (g.cache("keys", 1, 16), g.cache("values", 1, 16));
        g.each_token(|g| {
            append(g, Op::KvAppend, x, (keys, values));
        });
    }),
    ("keys in blocks for attention by heads", |g, x| {
        let (keys, values) = (g.cache("keys", 16, 1), g.cache("values", 1, 16));
        g.each_token(|g| {
            append(g, Op::KvAppend, x, (keys, values));
            attend(g, x, (keys, values));
        });
    }),
    ("heads of another size", |g, x| {
        let (keys, values) = (g.cache("keys", 16, 1), g.cache("values", 1, 16));
        g.each_token(|g| {
            append(g, Op::AttendAppend, x, (keys, values)).size("head_dim", 16);
            attend(g, x, (keys, values));
        });
    }),
    ("scores before the token is there", |g, x| {
        let (keys, scores) = (g.cache("keys", 16, 1), g.positions("scores"));
        g.each_token(|g| {
            let call = g.call("scores", Op::AttnScores);
            call.arg("q", x).arg("keys", keys).arg("scores", scores);
        });
    }),
    ("scores of another part", |g, x| {
        let (keys, values) = (g.cache("keys", 16, 1), g.cache("values", 1, 16));
        let (scores, chosen) = (g.positions("scores"), g.kept("chosen", 3));
        let picked = g.kept("picked", 3);
        g.each_token(|g| {
            append(g, Op::KvAppend, x, (keys, values));
            let call = g.call("scores", Op::AttnScores);
            call.arg("q", x).arg("keys", keys).arg("scores", scores);
        });
        g.each_token(|g| {
            g.top_k("top_k", scores, chosen).arg("picked", picked);
        });
    }),
];

const WHOLE: &[Case] = &[
    ("another vocabulary", |g, x| {
        let y = g.scope("b", |g| g.embedding("embed", 41, 16));
        g.residual("sum", y, x);
    }),
    ("each token within each token", |g, _| {
        g.each_token(|g| g.each_token(|_| {}));
    }),
    ("a head in a scope", |g, x| {
        g.scope("a", |g| g.head(|g| g.linear("w", x, 40)));
    }),
    ("two heads", |g, x| g.head(|g| g.linear("w", x, 40))),
    ("an output that nothing writes", |g, _| {
        g.output("shares", 3);
    }),
    ("two outputs", |g, _| {
        g.output("a", 3);
        g.output("b", 3);
    }),
];

#[test]
fn faults_are_one_line() {
    let mut text = String::new();
    for (name, case) in [NAMES, SIZES, OPERANDS, FLOW, WHOLE].into_iter().flatten() {
        let fault = fault(*case);
        assert_eq!(fault.lines().count(), 1, "{name}: {fault}");
        let _ = writeln!(text, "{name}\n    {fault}");
    }
    insta::assert_snapshot!("faults", text);
}

/// A graph without what every graph has.
fn bare(window: usize, record: fn(&mut Builder)) -> String {
    let mut g = Builder::new("test", window);
    record(&mut g);
    g.finish().expect_err("no graph").to_string()
}

#[test]
fn every_graph_has_token_ids_and_logits() {
    type Case = (&'static str, usize, fn(&mut Builder));
    let cases: [Case; 9] = [
        ("nothing", 1, |_| {}),
        ("no window", 0, |_| {}),
        ("a window too long", 1 << 21, |_| {}),
        ("no head", 1, |g| {
            g.embedding("embed", 40, 16);
        }),
        ("a head without calls", 1, |g| {
            let x = g.embedding("embed", 40, 16);
            g.head(|_| x);
        }),
        ("logits of the body", 1, |g| {
            let x = g.embedding("embed", 40, 16);
            let y = g.linear("w", x, 40);
            g.head(|g| {
                g.linear("unembed", x, 40);
                y
            });
        }),
        ("logits that are some columns", 1, |g| {
            let x = g.embedding("embed", 40, 16);
            g.head(|g| g.linear("unembed", x, 40).split([20])[0]);
        }),
        ("a head that remembers", 1, |g| {
            let x = g.embedding("embed", 40, 16);
            g.head(|g| {
                let h = g.state("h", 16);
                scan(g, "ssm", x, h);
                g.linear("unembed", x, 40)
            });
        }),
        ("a head that changes the body", 1, |g| {
            let x = g.embedding("embed", 40, 16);
            g.head(|g| {
                let y = g.linear("w", x, 16);
                g.residual("sum", y, x);
                g.linear("unembed", x, 40)
            });
        }),
    ];
    let told =
        cases.map(|(name, window, record)| format!("{name}\n    {}\n", bare(window, record)));
    insta::assert_snapshot!("whole", told.concat());
}

#[test]
fn what_grows_without_bound_is_refused_early() {
    let mut g = Builder::new("test", 1);
    let x = g.embedding("embed", 40, 16);
    for i in 0..200_000 {
        g.residual(&format!("sum{i}"), x, x);
        g.rows(&format!("y{i}"), 16);
    }
    let fault = g.finish().expect_err("too long").to_string();
    assert_eq!(fault, "`sum131071`: expected at most 131072 calls");

    let mut g = Builder::new("test", 1);
    let x = g.embedding("embed", 40, 16);
    let rows: Vec<Rows> = (0..5000)
        .map(|i| g.linear(&format!("w{i}"), x, 16))
        .collect();
    rows.iter().for_each(|y| g.residual("sum", *y, x));
    g.head(|g| g.linear("unembed", x, 40));
    let fault = g.finish().expect_err("too many rows").to_string();
    assert_eq!(fault, "`test`: expected at most 4096 rows in use");

    let mut g = Builder::new("test", 1);
    let x = g.embedding("embed", 40, 16);
    for i in 1..1100 {
        g.scope(format!("w{i}"), |g| g.linear("w", x, i));
    }
    g.head(|g| g.linear("unembed", x, 40));
    let fault = g.finish().expect_err("too many kernels").to_string();
    assert_eq!(
        fault,
        "`test`: expected at most 1024 calls of different ops or widths"
    );
}
