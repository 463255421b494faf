use super::math;

/// `out[i] = e^x[i]`, by [`math::exp`].
///
/// # Panics
/// If the lengths differ.
pub fn exp(x: &[f32], out: &mut [f32]) {
    map(math::exp, x, out);
}

/// `out[i]` is the hyperbolic tangent of `x[i]`, by [`math::tanh`].
///
/// # Panics
/// If the lengths differ.
pub fn tanh(x: &[f32], out: &mut [f32]) {
    map(math::tanh, x, out);
}

/// `out[i] = ln(1 + e^x[i])`, by [`math::softplus`].
///
/// # Panics
/// If the lengths differ.
pub fn softplus(x: &[f32], out: &mut [f32]) {
    map(math::softplus, x, out);
}

/// `out[i] = x[i] / (1 + e^-x[i])`, by [`math::silu`].
///
/// # Panics
/// If the lengths differ.
pub fn silu(x: &[f32], out: &mut [f32]) {
    map(math::silu, x, out);
}

fn map(f: fn(f32) -> f32, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "length of out");
    for (out, &x) in out.iter_mut().zip(x) {
        *out = f(x);
    }
}
