//! Tensors that stay in a mapped file, because it holds them as kernels read them.

use super::{Content, Source, Tensor};
use crate::mapped::MappedFile;
use crate::tensor::Stored;
use atome_spec::TENSOR_ALIGN_BYTES;
use std::sync::Arc;

/// A mapped file.
pub(crate) type Image = Arc<MappedFile>;

/// The file that holds `contents` as kernels read them, and the offset in it of each that may stay there; `None` if there
/// is no such file.
///
/// Tables may: of them a row is read now and then. Matrices and their like, which are read as a whole for each token, stay
/// if they begin at a multiple of the tensor alignment.
pub(super) fn image<'c, 'm: 'c>(
    contents: impl Iterator<Item = &'c (Tensor, Content<'m>)>,
) -> Option<(Image, Vec<(Tensor, usize)>)> {
    // Words of a file are little-endian.
    if cfg!(target_endian = "big") {
        return None;
    }
    let in_file = contents.filter_map(|(tensor, content)| {
        let stored = content.stored?;
        let file = stored.file()?;
        let align = match content.source {
            Source::Rows(..) => align_of::<f32>(),
            _ => TENSOR_ALIGN_BYTES,
        };
        let aligned = stored.offset().is_multiple_of(align as u64);
        aligned.then_some((file, *tensor, stored))
    });
    let found: Vec<(&Arc<MappedFile>, Tensor, &Stored)> = in_file.collect();
    let (image, ..) = found.first()?;
    let same = found.iter().filter(|(file, ..)| Arc::ptr_eq(file, image));
    let offsets = same.map(|(_, tensor, stored)| (*tensor, stored.offset() as usize));
    Some((Arc::clone(image), offsets.collect()))
}
