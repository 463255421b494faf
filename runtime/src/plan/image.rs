//! Weights that stay in a mapped file, because it holds them as kernels read them.

use super::{Content, Tensor};
use crate::mapped::MappedFile;
use crate::tensor::Stored;
use atome_spec::TENSOR_ALIGN_BYTES;
use std::sync::Arc;

/// A mapped file, and where in it the weights start.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub file: Arc<MappedFile>,
    pub start: usize,
}

impl Image {
    /// The file that holds all of `weights`, each at a multiple of the tensor alignment, and the offset of each from the
    /// first; `None` if there is no such file.
    pub(super) fn of<'c, 'm: 'c>(
        weights: impl Iterator<Item = &'c (Tensor, Content<'m>)>,
    ) -> Option<(Image, Vec<(Tensor, usize)>)> {
        // Words of a file are little-endian.
        if cfg!(target_endian = "big") {
            return None;
        }
        let stored = weights.map(|(tensor, content)| Some((*tensor, content.stored?)));
        let stored: Vec<(Tensor, &Stored)> = stored.collect::<Option<_>>()?;
        let file = stored.first()?.1.file()?;
        let same = |s: &Stored| s.file().is_some_and(|other| Arc::ptr_eq(file, other));
        let aligned = |s: &Stored| s.offset().is_multiple_of(TENSOR_ALIGN_BYTES as u64);
        if !stored.iter().all(|(_, s)| same(s) && aligned(s)) {
            return None;
        }
        let start = stored.iter().map(|(_, s)| s.offset()).min()?;
        let offset = |(tensor, s): &(Tensor, &Stored)| (*tensor, (s.offset() - start) as usize);
        let offsets = stored.iter().map(offset).collect();
        let image = Image {
            file: Arc::clone(file),
            start: start as usize,
        };
        Some((image, offsets))
    }
}
