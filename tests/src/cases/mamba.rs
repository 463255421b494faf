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
                cases.push(rms_norm_case(&x, &gamma).values(values));
            }
        }
    }
    for values in [Values::Plain, Values::Extreme] {
        let (x, gamma) = (series.rows(33), series.floats(values, 33));
        cases.push(rms_norm_case(&x, &gamma).values((Values::Edges, values)));
    }
    cases
}

fn rms_norm_case(x: &[f32], gamma: &[f32]) -> Case {
    let width = gamma.len();
    let rows = x.len().checked_div(width).unwrap_or(1);
    let (eps, mut out) = (1e-6, blank(x.len()));
    reference::rms_norm(x, gamma, eps, &mut out);
    let arguments = vec![
        Argument::input("x", x),
        Argument::input("gamma", gamma),
        Argument::output("out", &out),
    ];
    let dims = [("width", width), ("rows", rows)];
    Case::new(Op::RmsNorm, &dims, arguments).scalar(eps)
}

pub(super) fn residual() -> Vec<Case> {
    let mut series = Series::new(22);
    let mut cases = Vec::new();
    for width in WIDTHS {
        for tokens in [0, 1, 3] {
            for values in [Values::Plain, Values::Extreme, Values::Edges] {
                let [y, x] = [(); 2].map(|()| series.floats(values, tokens * width));
                let mut sum = x.clone();
                reference::residual(&y, &mut sum);
                let arguments = vec![Argument::input("y", &y), Argument::in_out("x", &x, &sum)];
                let dims = [("width", width), ("tokens", tokens)];
                cases.push(Case::new(Op::Residual, &dims, arguments).values(values));
            }
        }
    }
    cases
}

/// Elements from the first of `rows` rows to the last of the last.
pub(super) fn strided(rows: usize, stride: usize, width: usize) -> usize {
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
    cases.push(conv_case(&mut series, [700, 4, 3, 703], Values::Edges));
    cases.push(lost_sum());
    cases
}

/// A sum that is infinite on the way to 3e37.
fn lost_sum() -> Case {
    let (x, history) = (
        [3e38; 17],
        [[3e38; 17], [-3e38; 17], [-3.3e38; 17]].concat(),
    );
    let data = (&[-1.0; 4 * 17][..], &[0.0; 17][..], &x[..], &history[..]);
    conv_case_of(data, [17, 4, 1, 17]).values("a sum lost on the way")
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
    let dims = [channels, taps, tokens, x_stride];
    conv_case_of((&w, &bias, &x, &before), dims).values(values)
}

/// Of weights, bias, inputs and history.
fn conv_case_of(
    (w, bias, x, before): (&[f32], &[f32], &[f32], &[f32]),
    [channels, taps, tokens, x_stride]: [usize; 4],
) -> Case {
    let (mut after, mut out) = (before.to_vec(), blank(tokens * channels));
    reference::conv_silu(w, bias, (x, x_stride), &mut after, &mut out);
    let arguments = vec![
        Argument::input("w", w),
        Argument::input("bias", bias),
        Argument::input("x", x),
        Argument::in_out("history", before, &after),
        Argument::output("out", &out),
    ];
    let dims = [
        ("channels", channels),
        ("taps", taps),
        ("tokens", tokens),
        ("x_stride", x_stride),
    ];
    Case::new(Op::ConvSilu, &dims, arguments)
}

pub(super) fn discretize() -> Vec<Case> {
    let mut series = Series::new(24);
    let mut cases = Vec::new();
    for heads in [0, 1, 16, 17, 32, 50] {
        for tokens in [0, 1, 3] {
            for values in [Values::Plain, Values::Extreme, Values::Zeros, Values::Edges] {
                let stride = heads + 5;
                let dt = series.floats(values, strided(tokens, stride, heads));
                let [bias, a_log] = [(); 2].map(|()| series.floats(values, heads));
                let case = discretize_case((&dt, stride, tokens), &bias, &a_log);
                cases.push(case.values(values));
            }
        }
    }
    cases.push(discretize_grid());
    cases
}

/// Every rate with every step: from those that are 0 or infinite in f32 to plain ones.
fn discretize_grid() -> Case {
    let logs = [
        -200.0, -104.5, -80.0, -3.0, 0.0, 2.0, 30.0, 80.0, 88.0, 88.8, 89.0, 95.0, 120.0, 200.0,
        1e30,
    ];
    let inputs = [
        -1e30, -200.0, -120.0, -104.0, -95.0, -89.0, -88.0, -85.0, -80.1, -79.9, -40.0, -2.0, 0.0,
        3.0, 100.0, 1e30,
    ];
    let pairs = logs
        .iter()
        .flat_map(|a| inputs.iter().map(move |x| (*a, *x)));
    let (a_log, bias): (Vec<f32>, Vec<f32>) = pairs.unzip();
    let dt: Vec<f32> = (0..3 * bias.len()).map(|i| (i % 5) as f32 * 0.25).collect();
    discretize_case((&dt, bias.len(), 3), &bias, &a_log).values("grid")
}

fn discretize_case(
    (dt, stride, tokens): (&[f32], usize, usize),
    bias: &[f32],
    a_log: &[f32],
) -> Case {
    let heads = bias.len();
    let [mut step, mut decay] = [(); 2].map(|()| blank(tokens * heads));
    let rows = Strided { values: dt, stride };
    reference::discretize(rows, bias, a_log, &mut step, &mut decay);
    let arguments = vec![
        Argument::input("dt", dt),
        Argument::input("bias", bias),
        Argument::input("a_log", a_log),
        Argument::output("step", &step),
        Argument::output("decay", &decay),
    ];
    let dims = [("heads", heads), ("tokens", tokens), ("stride", stride)];
    Case::new(Op::Discretize, &dims, arguments)
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
                    cases.push(scan_case(&mut series, heads, tokens, Values::Edges));
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
