use super::vector::add;
use crate::tape::Operation;
use std::sync::Arc;

/// Rows `ids` of a table `[vocab, width]`, the only operand.
pub(crate) struct Embed {
    pub ids: Arc<[u8]>,
    pub width: usize,
}

impl Operation for Embed {
    fn forward(&mut self, _x: &[f32], leaves: &[Vec<f32>]) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.ids.len() * self.width);
        for &id in self.ids.iter() {
            out.extend_from_slice(&leaves[0][usize::from(id) * self.width..][..self.width]);
        }
        out
    }

    fn backward(
        &mut self,
        _x: &[f32],
        leaves: &[Vec<f32>],
        grad: Vec<f32>,
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let mut sums = vec![0.0; leaves[0].len()];
        for (&id, row) in self.ids.iter().zip(grad.chunks_exact(self.width)) {
            add(&mut sums[usize::from(id) * self.width..][..self.width], row);
        }
        (Vec::new(), vec![sums])
    }
}
