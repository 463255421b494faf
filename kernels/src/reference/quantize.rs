use super::reduce::{fault, sum};
use atome_spec::numerics::QUANTIZE_EPS;

/// Rounds rows of f32 to int8 with one scale a row, by the row's greatest magnitude m:
/// `q = round(x * (127 / (m + 1e-5)))` and `x` is about `q * q_scale`, with
/// `q_scale = (m + 1e-5) / 127`.
///
/// - `x`: `[rows, width]`; `q`: as many, overwritten.
/// - `q_scale`, `q_sum`: a number a row, overwritten; the sum is that of the row's `q`.
///
/// Rounds half to even and limits to -128 ..= 127. A row with an element that is no finite number has NaN for its
/// scale and 0 for its elements, so what is made of them is NaN.
///
/// # Panics
/// If a length is wrong.
pub fn quantize(x: &[f32], width: usize, q: &mut [i8], q_scale: &mut [f32], q_sum: &mut [i32]) {
    let rows = q_scale.len();
    assert_eq!(x.len(), rows * width, "length of x");
    assert_eq!(q.len(), rows * width, "length of q");
    assert_eq!(q_sum.len(), rows, "length of q_sum");
    for r in 0..rows {
        let (x, q) = (&x[r * width..][..width], &mut q[r * width..][..width]);
        let greatest = x.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        let fault = sum(x.iter().map(|x| fault(*x)));
        let range = (greatest + QUANTIZE_EPS) + fault;
        let factor = 127.0 / range;
        for (q, x) in q.iter_mut().zip(x) {
            // A conversion limits, and gives 0 for NaN.
            *q = libm::rintf(x * factor) as i8;
        }
        q_scale[r] = range / 127.0;
        q_sum[r] = q.iter().map(|q| i32::from(*q)).sum();
    }
}
