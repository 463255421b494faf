use super::argument::blank;
use super::data::{Series, Values};
use super::{Argument, Case};
use atome_kernels::reference::{self, Diagonal};
use atome_spec::Op;

const KINDS: [Values; 3] = [Values::Plain, Values::Extreme, Values::Zeros];
const WIDTHS: [usize; 12] = [0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 100];

pub(super) fn scan() -> Vec<Case> {
    let mut series = Series::new(5);
    let mut cases = Vec::new();
    for channels in [0, 1, 15, 16, 17, 40] {
        for tokens in [0, 1, 2, 7] {
            for values in KINDS {
                cases.push(scan_case(&mut series, [channels, tokens], values));
            }
        }
    }
    cases.push(scan_case(&mut series, [1000, 3], Values::Edges));
    cases
}

fn scan_case(series: &mut Series, [channels, tokens]: [usize; 2], values: Values) -> Case {
    let [decay, b, c, before] = [(); 4].map(|()| series.floats(values, channels));
    let x = series.floats(values, tokens * channels);
    let (mut state, mut out) = (before.clone(), blank(x.len()));
    let parameters = Diagonal {
        decay: &decay,
        b: &b,
        c: &c,
    };
    reference::scan(parameters, &x, &mut state, &mut out);
    let arguments = vec![
        Argument::input("decay", &decay),
        Argument::input("b", &b),
        Argument::input("c", &c),
        Argument::input("x", &x),
        Argument::in_out("state", &before, &state),
        Argument::output("out", &out),
    ];
    let dims = [("channels", channels), ("tokens", tokens)];
    Case::new(Op::Scan, &dims, arguments).values(values)
}

pub(super) fn norm() -> Vec<Case> {
    let mut series = Series::new(6);
    let mut cases = Vec::new();
    for width in WIDTHS {
        for rows in [0, 1, 3] {
            for values in KINDS {
                let x = series.floats(values, rows * width);
                let [gamma, beta] = [(); 2].map(|()| series.floats(values, width));
                cases.push(norm_case(&x, &gamma, &beta).values(values));
            }
        }
    }
    for width in [17, 64] {
        for values in [Values::Plain, Values::Extreme] {
            let x = series.rows(width);
            let [gamma, beta] = [(); 2].map(|()| series.floats(values, width));
            cases.push(norm_case(&x, &gamma, &beta).values((Values::Edges, values)));
        }
    }
    cases
}

fn norm_case(x: &[f32], gamma: &[f32], beta: &[f32]) -> Case {
    let width = gamma.len();
    let rows = x.len().checked_div(width).unwrap_or(1);
    let (eps, mut out) = (1e-5, blank(x.len()));
    reference::norm(x, gamma, beta, eps, &mut out);
    let arguments = vec![
        Argument::input("x", x),
        Argument::input("gamma", gamma),
        Argument::input("beta", beta),
        Argument::output("out", &out),
    ];
    let case = Case::new(Op::Norm, &[("width", width), ("rows", rows)], arguments);
    case.scalar(eps)
}

pub(super) fn softmax() -> Vec<Case> {
    let mut series = Series::new(7);
    let mut cases = Vec::new();
    for width in WIDTHS {
        for rows in [0, 1, 3] {
            for values in KINDS {
                let x = series.floats(values, rows * width);
                cases.push(softmax_case(&x, [width, rows]).values(values));
            }
        }
    }
    let infinite = [f32::NEG_INFINITY; 17];
    cases.push(softmax_case(&infinite, [17, 1]).values("all -inf"));
    let mut lone = infinite;
    lone[16] = -3.0;
    cases.push(softmax_case(&lone, [17, 1]).values("all but one -inf"));
    lone[3] = f32::NAN;
    cases.push(softmax_case(&lone, [17, 1]).values("one NaN"));
    let edges = series.rows(17);
    cases.push(softmax_case(&edges, [17, Series::ROWS]).values(Values::Edges));
    cases
}

fn softmax_case(x: &[f32], [width, rows]: [usize; 2]) -> Case {
    // As attention and the router have it, and none.
    let eps = if rows == 3 { 0.0 } else { 1e-10 };
    let mut out = blank(x.len());
    reference::softmax(x, width, eps, &mut out);
    let arguments = vec![Argument::input("x", x), Argument::output("out", &out)];
    let dims = [("width", width), ("rows", rows)];
    Case::new(Op::Softmax, &dims, arguments).scalar(eps)
}

pub(super) fn argmax() -> Vec<Case> {
    let mut series = Series::new(8);
    let mut cases = Vec::new();
    for n in WIDTHS {
        for values in KINDS {
            let x = series.floats(values, n);
            cases.push(argmax_case(&x).values(values));
        }
        let mut holes = series.floats(Values::Plain, n);
        holes.iter_mut().step_by(3).for_each(|x| *x = f32::NAN);
        cases.push(argmax_case(&holes).values("every third NaN"));
        cases.push(argmax_case(&vec![f32::NAN; n]).values("all NaN"));
        cases.push(argmax_case(&vec![f32::NEG_INFINITY; n]).values("all -inf"));
        // Equal ones in two lanes, the earlier element in the later lane.
        let mut twice = vec![-1.0; n];
        twice.iter_mut().skip(6).step_by(11).for_each(|x| *x = 2.0);
        cases.push(argmax_case(&twice).values("ties"));
        let edges = series.floats(Values::Edges, n);
        cases.push(argmax_case(&edges).values(Values::Edges));
    }
    cases
}

fn argmax_case(x: &[f32]) -> Case {
    let arguments = vec![
        Argument::input("x", x),
        Argument::index_output("out", reference::argmax(x)),
    ];
    Case::new(Op::Argmax, &[("n", x.len())], arguments)
}
