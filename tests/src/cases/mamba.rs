use super::argument::blank;
use super::data::{Series, Values};
use super::{Argument, Case};
use atome_kernels::reference::{self, Heads, ScanInputs, Strided};
use atome_spec::Op;

const KINDS: [Values; 3] = [Values::Plain, Values::Extreme, Values::Zeros];
const WIDTHS: [usize; 9] = [0, 1, 15, 16, 17, 31, 33, 48, 100];

pub(super) fn rms_norm() -> Vec<Case> {
    let mut series = Series::new(21);
    let mut cases = Vec::new();
    for width in WIDTHS {
        for rows in [0, 1, 3] {
            for values in KINDS {
                let x = series.floats(values, rows * width);
                let gamma = series.floats(values, width);
                let (eps, mut out) = (1e-6, blank(x.len()));
                reference::rms_norm(&x, &gamma, eps, &mut out);
                let arguments = vec![
                    Argument::input("x", &x),
                    Argument::input("gamma", &gamma),
                    Argument::output("out", &out),
                ];
                let dims = [("width", width), ("rows", rows)];
                let case = Case::new(Op::RmsNorm, &dims, arguments);
                cases.push(case.scalar(eps).values(values));
            }
        }
    }
    cases
}

pub(super) fn add() -> Vec<Case> {
    let mut series = Series::new(22);
    let mut cases = Vec::new();
    for width in WIDTHS {
        for tokens in [0, 1, 3] {
            for values in KINDS {
                let [y, x] = [(); 2].map(|()| series.floats(values, tokens * width));
                let mut sum = x.clone();
                reference::add(&y, &mut sum);
                let arguments = vec![Argument::input("y", &y), Argument::in_out("x", &x, &sum)];
                let dims = [("width", width), ("tokens", tokens)];
                cases.push(Case::new(Op::Add, &dims, arguments).values(values));
            }
        }
    }
    cases
}

/// Elements from the first of `rows` rows to the last of the last.
fn strided(rows: usize, stride: usize, width: usize) -> usize {
    rows.saturating_sub(1) * stride + width
}

pub(super) fn conv_silu() -> Vec<Case> {
    let mut series = Series::new(23);
    let mut cases = Vec::new();
    for channels in [0, 1, 15, 16, 17, 40] {
        for taps in [1, 2, 4, 18] {
            for tokens in [0, 1, 2, 7] {
                for values in KINDS {
                    let dims = [channels, taps, tokens, channels + taps % 3];
                    cases.push(conv_case(&mut series, dims, values));
                }
            }
        }
    }
    cases
}

fn conv_case(
    series: &mut Series,
    [channels, taps, tokens, x_stride]: [usize; 4],
    values: Values,
) -> Case {
    let w = series.floats(values, taps * channels);
    let bias = series.floats(values, channels);
    let x = series.floats(values, strided(tokens, x_stride, channels));
    let before = series.floats(values, (taps - 1) * channels);
    let (mut after, mut out) = (before.clone(), blank(tokens * channels));
    reference::conv_silu(&w, &bias, (&x, x_stride), &mut after, &mut out);
    let arguments = vec![
        Argument::input("w", &w),
        Argument::input("bias", &bias),
        Argument::input("x", &x),
        Argument::in_out("history", &before, &after),
        Argument::output("out", &out),
    ];
    let dims = [
        ("channels", channels),
        ("taps", taps),
        ("tokens", tokens),
        ("x_stride", x_stride),
    ];
    Case::new(Op::ConvSilu, &dims, arguments).values(values)
}

pub(super) fn discretize() -> Vec<Case> {
    let mut series = Series::new(24);
    let mut cases = Vec::new();
    for heads in [0, 1, 16, 17, 32, 50] {
        for tokens in [0, 1, 3] {
            for values in KINDS {
                let stride = heads + 5;
                let dt = series.floats(values, strided(tokens, stride, heads));
                let [bias, a] = [(); 2].map(|()| series.floats(values, heads));
                let [mut step, mut decay] = [(); 2].map(|()| blank(tokens * heads));
                let values_of_dt = Strided {
                    values: &dt,
                    stride,
                };
                reference::discretize(values_of_dt, &bias, &a, &mut step, &mut decay);
                let arguments = vec![
                    Argument::input("dt", &dt),
                    Argument::input("bias", &bias),
                    Argument::input("a", &a),
                    Argument::output("step", &step),
                    Argument::output("decay", &decay),
                ];
                let dims = [("heads", heads), ("tokens", tokens), ("stride", stride)];
                cases.push(Case::new(Op::Discretize, &dims, arguments).values(values));
            }
        }
    }
    cases
}

pub(super) fn selective_scan() -> Vec<Case> {
    let mut series = Series::new(25);
    let mut cases = Vec::new();
    for heads in [0, 1, 3] {
        for head_dim in [1, 15, 16, 17, 48] {
            for d_state in [1, 3] {
                for (tokens, values) in [0, 1, 5].into_iter().zip(KINDS) {
                    let heads = Heads {
                        heads,
                        head_dim,
                        d_state,
                    };
                    cases.push(scan_case(&mut series, heads, tokens, Values::Plain));
                    cases.push(scan_case(&mut series, heads, tokens, values));
                }
            }
        }
    }
    cases
}

fn scan_case(series: &mut Series, size: Heads, tokens: usize, values: Values) -> Case {
    let Heads {
        heads,
        head_dim,
        d_state,
    } = size;
    let d_inner = heads * head_dim;
    let stride = 2 * d_inner + 3 * heads * d_state + 1;
    let x = series.floats(values, tokens * d_inner);
    let [step, decay] = [(); 2].map(|()| series.floats(values, tokens * heads));
    let vectors = strided(tokens, stride, heads * d_state);
    let [b, c] = [(); 2].map(|()| series.floats(values, vectors));
    let z = series.floats(values, strided(tokens, stride, d_inner));
    let d = series.floats(values, d_inner);
    let before = series.floats(values, d_inner * d_state);
    let (mut after, mut out) = (before.clone(), blank(x.len()));
    let rows = |values| Strided { values, stride };
    let inputs = ScanInputs {
        x: &x,
        step: &step,
        decay: &decay,
        b: rows(&b),
        c: rows(&c),
        z: rows(&z),
        d: &d,
    };
    reference::selective_scan(size, inputs, &mut after, &mut out);
    let arguments = vec![
        Argument::input("x", &x),
        Argument::input("step", &step),
        Argument::input("decay", &decay),
        Argument::input("b", &b),
        Argument::input("c", &c),
        Argument::input("z", &z),
        Argument::input("d", &d),
        Argument::in_out("state", &before, &after),
        Argument::output("out", &out),
    ];
    let dims = [
        ("heads", heads),
        ("head_dim", head_dim),
        ("d_state", d_state),
        ("tokens", tokens),
        ("stride", stride),
    ];
    Case::new(Op::SelectiveScan, &dims, arguments).values(values)
}
