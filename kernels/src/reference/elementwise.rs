use super::math;
use atome_spec::Op;
use atome_spec::numerics::CANONICAL_NAN;

/// `out[i]` is the [`value`] of `op` for the elements of the inputs at `i`.
///
/// # Panics
/// If `op` is not elementwise, there are not as many inputs as it takes, or the lengths differ.
pub fn elementwise(op: Op, inputs: &[&[f32]], out: &mut [f32]) {
    let mut values = [0.0; 4];
    assert!(inputs.len() <= values.len(), "inputs of {op}");
    for x in inputs {
        assert_eq!(x.len(), out.len(), "length of out");
    }
    for (i, out) in out.iter_mut().enumerate() {
        for (value, x) in values.iter_mut().zip(inputs) {
            *value = x[i];
        }
        *out = value(op, &values[..inputs.len()]);
    }
}

/// What an elementwise op gives for its operands, by [`math`] or by one IEEE operation; 0x7fc00000 for any NaN.
///
/// ```
/// use atome_kernels::{Op, reference};
///
/// assert_eq!(reference::value(Op::Mul, &[3.0, -0.5]), -1.5);
/// assert_eq!(reference::value(Op::SelectLt, &[1.0, 2.0, 5.0, 7.0]), 5.0);
/// assert_eq!(reference::value(Op::Max, &[f32::NAN, 2.0]), 2.0);
/// ```
///
/// # Panics
/// If `op` is not elementwise, or takes another number of operands.
#[must_use]
pub fn value(op: Op, x: &[f32]) -> f32 {
    let choose = |yes, [u, v]: [f32; 2]| if yes { u } else { v };
    let value = match (op, x) {
        (Op::Exp, &[x]) => math::exp(x),
        (Op::Tanh, &[x]) => math::tanh(x),
        (Op::Softplus, &[x]) => math::softplus(x),
        (Op::Silu, &[x]) => math::silu(x),
        (Op::Sigmoid, &[x]) => math::sigmoid(x),
        (Op::Neg, &[x]) => -x,
        (Op::Abs, &[x]) => x.abs(),
        (Op::Sqrt, &[x]) => libm::sqrtf(x),
        (Op::SquaredRelu, &[x]) => {
            let positive = choose(0.0 > x, [0.0, x]);
            positive * positive
        }
        (Op::Add, &[x, y]) => x + y,
        (Op::Sub, &[x, y]) => x - y,
        (Op::Mul, &[x, y]) => x * y,
        (Op::Div, &[x, y]) => x / y,
        (Op::Min, &[x, y]) => choose(x < y, [x, y]),
        (Op::Max, &[x, y]) => choose(x > y, [x, y]),
        (Op::SelectLt, &[x, y, u, v]) => choose(x < y, [u, v]),
        (Op::SelectLe, &[x, y, u, v]) => choose(x <= y, [u, v]),
        (Op::SelectEq, &[x, y, u, v]) => choose(x == y, [u, v]),
        (op, x) => panic!("`{op}` is no function of {} numbers", x.len()),
    };
    match value.is_nan() {
        true => f32::from_bits(CANONICAL_NAN),
        false => value,
    }
}
