use super::reduce::{fault, sum};
use super::root::{MeanSquare, limited};
use atome_spec::numerics::QUANTIZE_EPS;

/// Divides each row by its root mean square, scales its elements and rounds them to int8 with
/// one scale a row: [`rms_norm`](super::rms_norm), then [`quantize`](super::quantize), but for
/// what they lose between them.
///
/// - `x`: `[rows, width]`; `gamma`: `width`; `eps`: added to the mean square.
/// - `q`: as many as `x`, overwritten.
/// - `q_scale`, `q_sum`: a number a row, overwritten; the sum is that of the row's `q`.
///
/// With `root = sqrt(sum(x^2) / width + eps)` and `m` the greatest magnitude of `x * gamma`:
/// `q = round(127 x gamma / (m + 1e-5 root))`, half to even, computed in pairs of f32 as `docs/ir.md`
/// says, and `q_scale = (m / root + 1e-5) / 127`. Squares do not overflow, as in
/// [`rms_norm`](super::rms_norm). A row of which a product with its gain is no finite number
/// has NaN for its scale and 0 for its elements.
///
/// # Panics
/// If a length is wrong.
pub fn rms_quantize(
    x: &[f32],
    gamma: &[f32],
    eps: f32,
    q: &mut [i8],
    q_scale: &mut [f32],
    q_sum: &mut [i32],
) {
    let (rows, width) = (q_scale.len(), gamma.len());
    assert_eq!(x.len(), rows * width, "length of x");
    assert_eq!(q.len(), rows * width, "length of q");
    assert_eq!(q_sum.len(), rows, "length of q_sum");
    for r in 0..rows {
        let (x, q) = (&x[r * width..][..width], &mut q[r * width..][..width]);
        let fault = sum(x.iter().zip(gamma).map(|(x, gamma)| fault(x * gamma)));
        let root = MeanSquare::of(x.iter().copied(), width).root(eps) + fault;
        let (m, m_lower) = greatest(x, gamma);
        let factor = factor((m, m_lower), root);
        let numbers = x
            .iter()
            .zip(gamma)
            .map(|(x, gamma)| rounded(two_product(*x, *gamma), factor));
        q_sum[r] = 0;
        for (q, number) in q.iter_mut().zip(numbers) {
            *q = number.clamp(-128, 127) as i8;
            q_sum[r] = q_sum[r].wrapping_add(number);
        }
        q_scale[r] = (m * (1.0 / root) + QUANTIZE_EPS) / 127.0;
    }
}

/// The greatest magnitude of a product, and what it lacks.
fn greatest(x: &[f32], gamma: &[f32]) -> (f32, f32) {
    let products = || {
        x.iter()
            .zip(gamma)
            .map(|(x, gamma)| two_product(x.abs(), gamma.abs()))
    };
    let m = products().fold(0.0, |m, (upper, _)| if upper > m { upper } else { m });
    let m = limited(m);
    let least = m * (-f32::EPSILON / 2.0);
    let lower = products()
        .filter(|(upper, _)| *upper == m)
        .map(|(_, lower)| lower);
    let lower = lower.fold(least, |most, lower| if lower > most { lower } else { most });
    (m, lower)
}

/// `127 / (m + 1e-5 root)` as a sum of two.
fn factor((m, m_lower): (f32, f32), root: f32) -> (f32, f32) {
    let small = QUANTIZE_EPS * root;
    let range = limited(m + small);
    let added = range - m;
    let lost = (m - (range - added)) + (small - added);
    let range_lower = lost + m_lower;
    let upper = 127.0 / range;
    let (product, product_lower) = two_product(upper, range);
    let rest = ((127.0 - product) - product_lower) - upper * range_lower;
    (upper, rest / range)
}

/// `x y` as the sum of two, the first of which is the product as it is rounded.
fn two_product(x: f32, y: f32) -> (f32, f32) {
    let halves = |x: f32| {
        let upper = f32::from_bits(x.to_bits() & 0xffff_f000);
        (upper, x - upper)
    };
    let product = x * y;
    let ((xu, xl), (yu, yl)) = (halves(x), halves(y));
    (
        product,
        (((xu * yu - product) + xu * yl) + xl * yu) + xl * yl,
    )
}

/// A pair times a factor, rounded; 0 for NaN.
fn rounded((x, x_lower): (f32, f32), (upper, lower): (f32, f32)) -> i32 {
    let (product, rest) = two_product(x, upper);
    let rest = rest + (x * lower + x_lower * upper);
    let nearest = libm::rintf(product.clamp(-128.0, 127.0));
    let left = (product - nearest) + rest;
    if left.is_nan() {
        return 0;
    }
    nearest as i32 + libm::rintf(left.clamp(-1.0, 1.0)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where f64 puts an element.
    fn exact(x: &[f32], gamma: &[f32], eps: f64) -> Vec<f64> {
        let square = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
        let root = (square + eps).sqrt();
        let products = x
            .iter()
            .zip(gamma)
            .map(|(x, g)| f64::from(*x) * f64::from(*g));
        let m = products.clone().fold(0.0, |m: f64, p| m.max(p.abs()));
        products.map(|p| 127.0 * p / (m + 1e-5 * root)).collect()
    }

    #[test]
    fn numbers_near_a_half_go_where_exact_arithmetic_puts_them() {
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1u32 << 24) as f32 * 2.0 - 1.0
        };
        let (mut near, mut total) = (0, 0);
        for _ in 0..4000 {
            let x: Vec<f32> = (0..192).map(|_| next()).collect();
            let gamma: Vec<f32> = (0..192).map(|_| 1.0 + 0.2 * next()).collect();
            let (mut q, mut scale, mut sum) = ([0; 192], [0.0], [0]);
            rms_quantize(&x, &gamma, 1e-6, &mut q, &mut scale, &mut sum);
            for (q, exact) in q.iter().zip(exact(&x, &gamma, 1e-6)) {
                assert_eq!(f64::from(*q), exact.round_ties_even(), "{exact}");
                let from_half = ((exact - exact.floor()) - 0.5).abs();
                // An f32 of this size has steps of 4e-6 to 8e-6.
                near += usize::from(from_half < 4e-6);
                total += 1;
            }
            assert_eq!(sum[0], q.iter().map(|q| i32::from(*q)).sum::<i32>());
        }
        assert!(near > 3, "{near} of {total} were near");
    }
}
