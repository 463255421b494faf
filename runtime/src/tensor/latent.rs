//! Ternary matrices from the floats that they were trained as.

use super::{FileFloats, Floats, TritRows};
use crate::error::FileError;
use std::ops::Range;

/// Elements that are read at once.
const CHUNK: usize = 1 << 16;

/// The mean of absolute values is at least this, so that a matrix of zeros has a scale.
const LEAST_SCALE: f64 = 1e-5;

/// The trits of latent weights: `round(clip(w / scale, -1, 1))`, a half to even, made when they are read.
#[derive(Debug)]
pub(crate) struct Latent {
    weights: FileFloats,
    shape: (usize, usize),
    scale: f32,
}

impl Latent {
    /// Reads all weights for their scale: the mean of their absolute values, summed in f64 in index order, at least 1e-5.
    pub(crate) fn new(weights: FileFloats, shape: (usize, usize)) -> Result<Self, FileError> {
        let mut values = vec![0.0; CHUNK.min(weights.elems())];
        let mut sum = 0.0;
        for first in (0..weights.elems()).step_by(CHUNK) {
            let count = CHUNK.min(weights.elems() - first);
            weights.read(first, &mut values[..count])?;
            sum = values[..count]
                .iter()
                .fold(sum, |sum, w| sum + f64::from(w.abs()));
        }
        let mean = sum / weights.elems().max(1) as f64;
        Ok(Self {
            weights,
            shape,
            scale: mean.max(LEAST_SCALE) as f32,
        })
    }

    pub(crate) fn scale(&self) -> f32 {
        self.scale
    }
}

impl TritRows for Latent {
    fn name(&self) -> &str {
        self.weights.name()
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn element(&self) -> (&'static str, u64) {
        self.weights.element()
    }

    fn let_go(&self) {
        self.weights.let_go();
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        let (_, cols) = self.shape;
        assert_eq!(trits.len(), rows.len() * cols, "room for the rows");
        let mut values = vec![0.0; trits.len()];
        self.weights.read(rows.start * cols, &mut values)?;
        quantize_into(&values, self.scale, trits);
        Ok(())
    }
}

/// `round(clip(w / scale, -1, 1))` for each weight, the quotient an f32 and a half to even; 0 where the scale is.
pub(crate) fn quantize_into(weights: &[f32], scale: f32, trits: &mut [i8]) {
    if scale == 0.0 {
        return trits.fill(0);
    }
    // Clipped and rounded by two comparisons, which compilers make vectors of.
    for (trit, w) in trits.iter_mut().zip(weights) {
        let x = w / scale;
        *trit = i8::from(x > 0.5) - i8::from(x < -0.5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Source;
    use std::sync::Arc;

    fn latent(weights: &[f32]) -> (f32, Vec<i8>) {
        let bytes = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        let source = Arc::new(Source::Memory(bytes));
        let floats = FileFloats::new("w".into(), weights.len(), &source, 0);
        let latent = Latent::new(floats, (1, weights.len())).unwrap();
        let mut trits = vec![7; weights.len()];
        latent.read(0..1, &mut trits).unwrap();
        (latent.scale(), trits)
    }

    #[test]
    fn the_mean_is_the_scale_and_halves_are_zeros() {
        assert_eq!(latent(&[3.0, -1.0, 3.0, -1.0]), (2.0, vec![1, 0, 1, 0]));
        assert_eq!(latent(&[-2.0, 1.0, 0.25, -0.75]), (1.0, vec![-1, 1, 0, -1]));
        let many: Vec<f32> = (0..CHUNK + 3).map(|i| (i % 3) as f32 - 1.0).collect();
        let (scale, trits) = latent(&many);
        assert!((scale - 2.0 / 3.0).abs() < 1e-5, "{scale}");
        assert!(many.iter().zip(&trits).all(|(w, t)| *w == f32::from(*t)));
    }

    #[test]
    fn a_scale_is_at_least_a_hundred_thousandth() {
        assert_eq!(latent(&[0.0; 4]), (1e-5, vec![0; 4]));
        assert_eq!(latent(&[1e-6, -4e-6, 6e-6, 0.0]), (1e-5, vec![0, 0, 1, 0]));
        assert_eq!(latent(&[]), (1e-5, vec![]));
    }
}
