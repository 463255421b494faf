//! Float weights to trits: `trit = round(clip(w / scale, -1, 1))`.

use crate::tensor::quantize_into;

/// Quantises a tensor with the mean of its absolute values as the scale.
///
/// Returns the scale and a trit for each weight. The mean is summed in f64, in index order, and rounded to f32 once; of no
/// weights it is 0.
#[must_use]
pub fn quantize_absmean(weights: &[f32]) -> (f32, Vec<i8>) {
    let sum: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
    let scale = if weights.is_empty() {
        0.0
    } else {
        (sum / weights.len() as f64) as f32
    };
    (scale, quantize(weights, scale))
}

/// Quantises a tensor with a given scale.
///
/// The quotient is an f32 and a half rounds to even, so a weight of exactly half the scale is 0 and everything beyond it is
/// -1 or 1. With a scale of 0 all trits are 0.
#[must_use]
pub fn quantize(weights: &[f32], scale: f32) -> Vec<i8> {
    let mut trits = vec![0; weights.len()];
    quantize_into(weights, scale, &mut trits);
    trits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula() {
        // |w| has the mean (1 + 0.5 + 0 + 0.5) / 4.
        assert_eq!(
            quantize_absmean(&[1.0, -0.5, 0.0, 0.5]),
            (0.5, vec![1, -1, 0, 1])
        );
        let halves = [0.5, 0.500_001, -0.5, -0.500_001, 0.499_999, 7.0, -7.0];
        assert_eq!(quantize(&halves, 1.0), [0, 1, 0, -1, 0, 1, -1]);
    }

    #[test]
    fn scales_that_are_small_or_none() {
        assert_eq!(quantize_absmean(&[]), (0.0, vec![]));
        assert_eq!(quantize_absmean(&[0.0, -0.0]), (0.0, vec![0, 0]));
        // The quotient overflows and is clipped.
        assert_eq!(quantize(&[f32::MAX, f32::MIN], 1e-40), [1, -1]);
        let (scale, trits) = quantize_absmean(&[f32::MAX; 3]);
        assert_eq!((scale, trits), (f32::MAX, vec![1; 3]));
    }

    /// A tensor that is ternary already gives its trits back, whatever its scale and zeros.
    #[test]
    fn ternary_weights_keep_their_trits() {
        for zeros in 0..8 {
            let mut weights = vec![0.0; zeros];
            weights.extend([0.037f32, -0.037, 0.037]);
            let (_, trits) = quantize_absmean(&weights);
            assert_eq!(trits[zeros..], [1, -1, 1]);
            assert!(trits[..zeros].iter().all(|&t| t == 0));
        }
    }
}
