use super::root::MeanSquare;

/// Heads within rows: head `h` of token `t` begins at `t * stride + h * head_dim`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadRows {
    /// Heads of a row.
    pub heads: usize,
    /// Elements of a head.
    pub head_dim: usize,
    /// Rows.
    pub tokens: usize,
    /// Elements from a row's start to the next one's.
    pub stride: usize,
}

impl HeadRows {
    /// Runs `body` on each head, with its token.
    fn each(self, x: &mut [f32], mut body: impl FnMut(usize, &mut [f32])) {
        let between = self.tokens.saturating_sub(1) * self.stride;
        assert_eq!(x.len(), between + self.heads * self.head_dim, "length of x");
        for t in 0..self.tokens {
            for h in 0..self.heads {
                let start = t * self.stride + h * self.head_dim;
                body(t, &mut x[start..][..self.head_dim]);
            }
        }
    }
}

/// Divides each head by its length, or by `eps` if that is more: `x = (x * (1 / root)) * (1 / sqrt(head_dim))`, where `root` is that of
/// the mean square, since the length may be beyond f32.
///
/// The sum of squares has 16 partials and the fixed tree. Squares do not overflow: where the sum is above 2^120 it
/// is that of `2^-80 x`. A head that is not finite becomes NaN.
///
/// # Panics
/// If a length is wrong.
pub fn l2_norm(rows: HeadRows, eps: f32, x: &mut [f32]) {
    rows.each(x, |_, x| {
        let side = libm::sqrtf(rows.head_dim as f32);
        let root = MeanSquare::of(x.iter().copied(), rows.head_dim).root(0.0);
        let (divisor, rest) = match root * side < eps {
            true => (eps, 1.0),
            false => (root, 1.0 / side),
        };
        let inverse = 1.0 / divisor;
        x.iter_mut().for_each(|x| *x = (*x * inverse) * rest);
    });
}

/// Divides each head by its root mean square, then scales its elements, as [`rms_norm`](super::rms_norm) does rows.
///
/// - `gamma`: `head_dim` elements; `eps`: added to the mean square.
///
/// # Panics
/// If a length is wrong.
pub fn head_norm(rows: HeadRows, gamma: &[f32], eps: f32, x: &mut [f32]) {
    assert_eq!(gamma.len(), rows.head_dim, "length of gamma");
    rows.each(x, |_, x| {
        let inverse = 1.0 / MeanSquare::of(x.iter().copied(), rows.head_dim).root(eps);
        for (x, gamma) in x.iter_mut().zip(gamma) {
            *x = (*x * inverse) * gamma;
        }
    });
}

/// Turns the first `2 * pairs` elements of each head: pair i is elements i and `pairs + i`.
///
/// - `angles`: `[tokens, 2, pairs]`, the cosines of a token's angles, then their sines.
///
/// # Panics
/// If a length is wrong.
pub fn rope(rows: HeadRows, angles: &[f32], pairs: usize, x: &mut [f32]) {
    assert_eq!(angles.len(), rows.tokens * 2 * pairs, "length of angles");
    rows.each(x, |t, x| {
        let (cosines, sines) = angles[t * 2 * pairs..][..2 * pairs].split_at(pairs);
        for i in 0..pairs {
            let (a, b) = (x[i], x[pairs + i]);
            x[i] = a * cosines[i] - b * sines[i];
            x[pairs + i] = b * cosines[i] + a * sines[i];
        }
    });
}

/// Changes the order of pieces of `width` elements: `out[t, j, i] = x[t, i, j]`.
///
/// - `x`: `[tokens, outer, inner, width]`; `out`: `[tokens, inner, outer, width]`, overwritten.
///
/// # Panics
/// If a length is wrong.
pub fn transpose(x: &[f32], [outer, inner, width]: [usize; 3], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "length of out");
    let all = (outer * inner * width).max(1);
    for (x, out) in x.chunks(all).zip(out.chunks_mut(all)) {
        for i in 0..outer {
            for j in 0..inner {
                let piece = &x[(i * inner + j) * width..][..width];
                out[(j * outer + i) * width..][..width].copy_from_slice(piece);
            }
        }
    }
}
