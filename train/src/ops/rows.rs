use crate::tape::Operation;
use std::sync::Arc;

/// Some rows of `x`, `[positions, width]`, each once.
pub(crate) struct Rows {
    pub rows: Arc<[usize]>,
    pub width: usize,
}

impl Operation for Rows {
    fn forward(&mut self, x: &[f32], _leaves: &[Vec<f32>]) -> Vec<f32> {
        let rows = self
            .rows
            .iter()
            .map(|row| &x[row * self.width..][..self.width]);
        rows.flatten().copied().collect()
    }

    fn backward(
        &mut self,
        x: &[f32],
        _leaves: &[Vec<f32>],
        grad: Vec<f32>,
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let mut dx = vec![0.0; x.len()];
        for (row, grad) in self.rows.iter().zip(grad.chunks_exact(self.width)) {
            dx[row * self.width..][..self.width].copy_from_slice(grad);
        }
        (dx, Vec::new())
    }
}
