//! Muon: a matrix moves by the orthogonal matrix nearest to its gradient's running mean, so that
//! no few directions take the whole step (K. Jordan and others, 2024,
//! <https://kellerjordan.github.io/posts/muon>).

use crate::ops::{Matrix, product};

/// Iterations, and the polynomial `a x + b x^3 + c x^5` of the singular values that each
/// applies: from anywhere in (0, 1] five of them lead to about 0.7 .. 1.2.
const ITERATIONS: usize = 5;
const POLYNOMIAL: [f32; 3] = [3.4445, -4.7750, 2.0315];

/// What one step's updates have in common.
#[derive(Clone, Copy)]
pub(super) struct Muon {
    /// What the running mean keeps of itself.
    pub momentum: f32,
    /// The root mean square of an update's elements, about.
    pub rate: f32,
    /// What the values are first multiplied by.
    pub keep: f32,
}

impl Muon {
    /// The running mean of a matrix's gradients, brought up to date with `gradients`, and what
    /// to subtract from the values, both `[rows, cols]`.
    pub(super) fn update(
        self,
        mean: &[f32],
        gradients: &[f32],
        (rows, cols): (usize, usize),
    ) -> (Vec<f32>, Vec<f32>) {
        let blend = |mean: &f32, g: &f32| self.momentum * mean + (1.0 - self.momentum) * g;
        let mean = mean.iter().zip(gradients).map(|(m, g)| blend(m, g));
        let mean: Vec<f32> = mean.collect();
        // Nesterov's look ahead.
        let ahead = mean.iter().zip(gradients).map(|(m, g)| blend(m, g));
        let mut update = orthogonal(ahead.collect(), rows, cols);
        // An orthogonal matrix has elements of 1 / sqrt(max(rows, cols)).
        let rate = self.rate * (rows.max(cols) as f32).sqrt();
        update.iter_mut().for_each(|x| *x *= rate);
        (mean, update)
    }
}

/// Newton and Schulz's iteration to the orthogonal matrix nearest to `x`, `[rows, cols]`.
fn orthogonal(mut x: Vec<f32>, rows: usize, cols: usize) -> Vec<f32> {
    let norm = x.iter().map(|v| v * v).sum::<f32>().sqrt();
    x.iter_mut().for_each(|v| *v /= norm + f32::MIN_POSITIVE);
    let (n, wide) = (rows.min(cols), rows <= cols);
    let [a, b, c] = POLYNOMIAL;
    for _ in 0..ITERATIONS {
        let matrix = Matrix::new(&x, rows, cols);
        let square = match wide {
            true => product(matrix, matrix.transposed()),
            false => product(matrix.transposed(), matrix),
        };
        let squared = Matrix::new(&square, n, n);
        let mut factor = product(squared, squared);
        for (fourth, second) in factor.iter_mut().zip(&square) {
            *fourth = c * *fourth + b * second;
        }
        for i in 0..n {
            factor[i * n + i] += a;
        }
        let factor = Matrix::new(&factor, n, n);
        x = match wide {
            true => product(factor, matrix),
            false => product(matrix, factor),
        };
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    fn random(rows: usize, cols: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        (0..rows * cols)
            .map(|_| rng.random_range(-1.0..1.0))
            .collect()
    }

    fn muon(rate: f32) -> Muon {
        Muon {
            momentum: 0.9,
            rate,
            keep: 1.0,
        }
    }

    /// Sums of the products of the shorter side's vectors.
    fn gram(x: &[f32], rows: usize, cols: usize) -> Vec<f32> {
        let x = Matrix::new(x, rows, cols);
        match rows <= cols {
            true => product(x, x.transposed()),
            false => product(x.transposed(), x),
        }
    }

    #[test]
    fn the_short_sides_vectors_become_nearly_orthonormal() {
        for (rows, cols) in [(1, 1), (1, 9), (9, 1), (24, 96), (96, 24)] {
            let n = rows.min(cols);
            let gram = gram(&orthogonal(random(rows, cols), rows, cols), rows, cols);
            for (i, value) in gram.iter().enumerate() {
                if i % (n + 1) == 0 {
                    assert!((0.4..1.5).contains(value), "{rows} x {cols}: {value}");
                } else {
                    assert!(value.abs() < 0.35, "{rows} x {cols}: {value}");
                }
            }
        }
    }

    #[test]
    fn the_update_has_the_rates_size_and_points_along_the_gradient() {
        let (rows, cols, rate) = (48, 48, 0.01);
        let g = random(rows, cols);
        let (mean, update) = muon(rate).update(&vec![0.0; g.len()], &g, (rows, cols));
        assert!(mean.iter().zip(&g).all(|(m, g)| (m - 0.1 * g).abs() < 1e-6));
        let squares: f32 = update.iter().map(|x| x * x).sum();
        let rms = (squares / update.len() as f32).sqrt();
        assert!((0.7 * rate..1.2 * rate).contains(&rms), "{rms}");
        assert!(update.iter().zip(&g).map(|(u, g)| u * g).sum::<f32>() > 0.0);
    }

    #[test]
    fn no_gradient_moves_nothing() {
        let zeros = vec![0.0; 12];
        let (mean, update) = muon(1.0).update(&zeros, &zeros, (3, 4));
        assert_eq!((mean, update), (zeros.clone(), zeros));
    }
}
