use super::argument::blank;
use super::data::{Series, Values};
use super::{Argument, Case};
use atome_codegen::op;
use atome_kernels::reference;
use atome_spec::Op;

const WIDTHS: [usize; 9] = [0, 1, 15, 16, 17, 31, 33, 48, 100];
const NAMES: [&str; 4] = ["x", "y", "u", "v"];

macro_rules! elementwise {
    ($($name:ident: $op:ident),+ $(,)?) => {
        $(pub(super) fn $name() -> Vec<Case> { cases(Op::$op) })+
    };
}

elementwise! {
    exp: Exp, tanh: Tanh, softplus: Softplus, silu: Silu, sigmoid: Sigmoid, neg: Neg, abs: Abs,
    sqrt: Sqrt, squared_relu: SquaredRelu, add: Add, sub: Sub, mul: Mul, div: Div, min: Min,
    max: Max, select_lt: SelectLt, select_le: SelectLe, select_eq: SelectEq,
}

fn cases(op: Op) -> Vec<Case> {
    let mut series = Series::new(9);
    let arity = op::arity(op).expect("an elementwise op");
    let mut cases = Vec::new();
    for n in WIDTHS {
        for values in [Values::Plain, Values::Extreme, Values::Edges] {
            let inputs: Vec<_> = (0..arity).map(|_| series.floats(values, n)).collect();
            cases.push(case(op, &inputs).values(values));
        }
    }
    // Each edge with the ones beside it, so that operands are equal, near, and far apart.
    let edges = edges();
    let shifted = |by: usize| (0..edges.len()).map(move |i| (i * (1 + by / 3) + by) % 96);
    let of_edges = |k: usize| shifted(k).map(|i| edges[i]).collect();
    let inputs: Vec<Vec<f32>> = (0..arity).map(of_edges).collect();
    cases.push(case(op, &inputs).values("edges"));
    let mut any = || (0..1003).map(|_| f32::from_bits(series.bits())).collect();
    let inputs: Vec<Vec<f32>> = (0..arity).map(|_| any()).collect();
    cases.push(case(op, &inputs).values("any bits"));
    let wide = |k: usize| {
        (0..1003)
            .map(|i| ((i * (k + 1)) % 1003) as f32 * 0.25 - 125.0)
            .collect()
    };
    let inputs: Vec<Vec<f32>> = (0..arity).map(wide).collect();
    cases.push(case(op, &inputs).values("-125 to 125"));
    cases
}

/// Where the functions overflow, underflow, saturate or are not numbers, with neighbours: 96.
fn edges() -> Vec<f32> {
    let edges = [
        0.0,
        f32::MIN_POSITIVE,
        1e-40,
        f32::from_bits(1),
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        f32::from_bits(0x7f80_0001),
        1.0,
        0.346_573_6,
        9.01,
        16.6,
        87.336_55,
        88.722_84,
        103.972_08,
        104.0,
    ];
    let near = |x: f32| {
        [
            x,
            f32::from_bits(x.to_bits() + 1),
            f32::from_bits(x.to_bits().saturating_sub(1)),
        ]
    };
    edges
        .into_iter()
        .flat_map(near)
        .flat_map(|x| [x, -x])
        .collect()
}

fn case(op: Op, inputs: &[Vec<f32>]) -> Case {
    let n = inputs[0].len();
    let mut out = blank(n);
    let slices: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    reference::elementwise(op, &slices, &mut out);
    let named = NAMES.iter().zip(inputs);
    let arguments = named.map(|(name, x)| Argument::input(name, x));
    let arguments = arguments.chain([Argument::output("out", &out)]);
    let mut case = Case::new(op, &[("n", n)], arguments.collect());
    case.exact_nan = true;
    case
}
