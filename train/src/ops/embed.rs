use super::vector::add;
use super::{contiguous, gradient, output, slice, with_slice};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use std::sync::Arc;

/// Rows `ids` of a table `[vocab, width]`.
pub(crate) struct Embed {
    pub ids: Arc<[u8]>,
}

impl CustomOp1 for Embed {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let table = slice(storage, layout)?;
        let width = layout.dims()[1];
        let mut out = Vec::with_capacity(self.ids.len() * width);
        for &id in self.ids.iter() {
            out.extend_from_slice(&table[usize::from(id) * width..][..width]);
        }
        Ok(output(out, (self.ids.len(), width)))
    }

    fn bwd(&self, table: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let width = table.dims()[1];
        let mut sums = vec![0.0; table.elem_count()];
        with_slice(&contiguous(grad)?, |grad| {
            for (&id, row) in self.ids.iter().zip(grad.chunks_exact(width)) {
                add(&mut sums[usize::from(id) * width..][..width], row);
            }
        })?;
        gradient(sums, table)
    }
}
