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
    quantize(Rule::Even, (x, gamma, eps), q, q_scale, q_sum);
}

/// [`rms_quantize`] by another rule: `q = round(127 x gamma / max(m, 1e-5 root))`, halves away from zero, and
/// `q_scale = max(m / root, 1e-5) / 127`. What is within 2^-25 of a half counts as one.
///
/// # Panics
/// If a length is wrong.
pub fn rms_quantize_away(
    x: &[f32],
    gamma: &[f32],
    eps: f32,
    q: &mut [i8],
    q_scale: &mut [f32],
    q_sum: &mut [i32],
) {
    quantize(Rule::Away, (x, gamma, eps), q, q_scale, q_sum);
}

/// How a row becomes bytes.
#[derive(Clone, Copy)]
enum Rule {
    /// 1e-5 is added to the greatest magnitude, halves go to even.
    Even,
    /// The greatest magnitude is at least 1e-5, halves go away from zero.
    Away,
}

fn quantize(
    rule: Rule,
    (x, gamma, eps): (&[f32], &[f32], f32),
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
        let factor = factor(rule, (m, m_lower), root);
        let numbers = x
            .iter()
            .zip(gamma)
            .map(|(x, gamma)| rounded(rule, two_product(*x, *gamma), factor));
        q_sum[r] = 0;
        for (q, number) in q.iter_mut().zip(numbers) {
            *q = number.clamp(-128, 127) as i8;
            q_sum[r] = q_sum[r].wrapping_add(number);
        }
        let normal = m * (1.0 / root);
        let range = match rule {
            Rule::Even => normal + QUANTIZE_EPS,
            Rule::Away => greater(QUANTIZE_EPS, normal),
        };
        q_scale[r] = range / 127.0;
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

/// The greater of two; the second where either is NaN.
fn greater(x: f32, y: f32) -> f32 {
    if x > y { x } else { y }
}

/// `127 / (m + 1e-5 root)`, or with the greater of the two, as a sum of two.
fn factor(rule: Rule, (m, m_lower): (f32, f32), root: f32) -> (f32, f32) {
    let small = QUANTIZE_EPS * root;
    let (range, range_lower) = match rule {
        Rule::Even => {
            let range = limited(m + small);
            let added = range - m;
            let lost = (m - (range - added)) + (small - added);
            (range, lost + m_lower)
        }
        Rule::Away => (greater(m, small), if m < small { 0.0 } else { m_lower }),
    };
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
fn rounded(rule: Rule, (x, x_lower): (f32, f32), (upper, lower): (f32, f32)) -> i32 {
    let (product, rest) = two_product(x, upper);
    let rest = rest + (x * lower + x_lower * upper);
    let nearest = libm::rintf(product.clamp(-128.0, 127.0));
    let left = (product - nearest) + rest;
    if left.is_nan() {
        return 0;
    }
    let more = match rule {
        Rule::Even => libm::rintf(left.clamp(-1.0, 1.0)) as i32,
        Rule::Away => {
            let sign = if product < 0.0 { -1 } else { 1 };
            let outwards = left * sign as f32;
            sign * (i32::from(outwards >= 0.5) - i32::from(outwards < -0.5))
        }
    };
    nearest as i32 + more
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where f64 puts an element.
    fn exact(x: &[f32], gamma: &[f32], eps: f64, added: f64) -> Vec<f64> {
        let square = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
        let root = (square + eps).sqrt();
        let products = x
            .iter()
            .zip(gamma)
            .map(|(x, g)| f64::from(*x) * f64::from(*g));
        let m = products.clone().fold(0.0, |m: f64, p| m.max(p.abs()));
        products.map(|p| 127.0 * p / (m + added * root)).collect()
    }

    #[test]
    fn numbers_near_a_half_go_where_exact_arithmetic_puts_them() {
        near_a_half(Rule::Even, 1e-5, f64::round_ties_even);
        near_a_half(Rule::Away, 0.0, f64::round);
    }

    /// Rows of which no greatest magnitude is small, with `added` to it.
    fn near_a_half(rule: Rule, added: f64, round: fn(f64) -> f64) {
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
            quantize(rule, (&x, &gamma, 1e-6), &mut q, &mut scale, &mut sum);
            for (q, exact) in q.iter().zip(exact(&x, &gamma, 1e-6, added)) {
                assert_eq!(f64::from(*q), round(exact), "{exact}");
                let from_half = ((exact - exact.floor()) - 0.5).abs();
                // An f32 of this size has steps of 4e-6 to 8e-6.
                near += usize::from(from_half < 4e-6);
                total += 1;
            }
            assert_eq!(sum[0], q.iter().map(|q| i32::from(*q)).sum::<i32>());
        }
        assert!(near > 3, "{near} of {total} were near");
    }

    #[test]
    fn halves_go_away_from_zero() {
        let x = [
            127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 63.5, -126.5, 0.0, -0.0, 42.5,
        ];
        let bytes = |rule| {
            let (mut q, mut scale, mut sum) = ([0; 12], [0.0], [0]);
            quantize(rule, (&x, &[1.0; 12], 1e-6), &mut q, &mut scale, &mut sum);
            (q, scale[0])
        };
        let (away, scale) = bytes(Rule::Away);
        assert_eq!(away, [127, 1, 2, 3, -1, -2, -3, 64, -127, 0, 0, 43]);
        let root = (x.iter().map(|x| x * x).sum::<f32>() / 12.0 + 1e-6).sqrt();
        assert!((scale * root - 1.0).abs() < 1e-6, "{scale}");
        // By the other rule the range is a little more, so that each is a little below its half.
        assert_eq!(bytes(Rule::Even).0[..4], [127, 0, 1, 2]);
    }

    #[test]
    fn a_row_is_measured_by_at_least_a_hundred_thousandth() {
        let mut scale = [0.0];
        let (mut q, mut sum) = ([7; 4], [0]);
        rms_quantize_away(&[0.0; 4], &[1.0; 4], 1e-6, &mut q, &mut scale, &mut sum);
        assert_eq!((q, scale[0], sum[0]), ([0; 4], 1e-5 / 127.0, 0));
        // A gain that makes the row small: 127 * 1e-6 / 1e-5 = 12.7.
        let gamma = [1e-6, 5e-7, -1e-6, 0.0];
        rms_quantize_away(&[1.0; 4], &gamma, 0.0, &mut q, &mut scale, &mut sum);
        assert_eq!((q, scale[0]), ([13, 6, -13, 0], 1e-5 / 127.0));
    }
}
