//! The bytes that the code reads: weights and constants, in the order in which they are asked for first.

use super::{ALIGN, Weights, is_shared};
use crate::LoadError;
use crate::arena::bytes_of_words;
use crate::fill::fill;
use crate::plan::{Base, Content, Plan, Tensor};
use crate::tensor::Tables;
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use std::collections::BTreeMap;

/// Weights and constants, one after the other.
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    /// Where each tensor begins.
    offsets: BTreeMap<Tensor, usize>,
}

/// Bytes that are read and written as words.
fn room(bytes: usize) -> Vec<u32> {
    vec![0; bytes.div_ceil(4)]
}

fn as_bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

impl Image {
    /// The tensors that are `asked` for, each at a multiple of `align`.
    ///
    /// # Errors
    /// If their source cannot be read, or is not what it should be.
    pub(super) fn new(
        plan: &Plan,
        contents: &[(Tensor, Content<'_>)],
        asked: impl Iterator<Item = Tensor>,
        align: usize,
    ) -> Result<Image, LoadError> {
        let (mut weights, mut constants) = (room(plan.sizes.weights), room(plan.sizes.constants));
        let parts = (bytes_of_words(&mut weights), bytes_of_words(&mut constants));
        fill(plan, contents, parts, Tables::Now, &mut |_, _| {})?;
        let (weights, constants) = (as_bytes(&weights), as_bytes(&constants));
        let mut image = Image {
            bytes: Vec::new(),
            offsets: BTreeMap::new(),
        };
        for tensor in asked {
            let place = plan.tensor(tensor);
            if !is_shared(place.section) || image.offsets.contains_key(&tensor) {
                continue;
            }
            let part = match place.section.base() {
                Base::Weights => &weights,
                _ => &constants,
            };
            image.offsets.insert(tensor, image.bytes.len());
            let bytes = &part[place.offset..place.offset + place.bytes];
            image.bytes.extend_from_slice(bytes);
            let end = image.bytes.len().next_multiple_of(align);
            image.bytes.resize(end, 0);
        }
        Ok(image)
    }

    /// Where a tensor begins.
    pub(super) fn offset(&self, tensor: Tensor) -> usize {
        self.offsets.get(&tensor).copied().unwrap_or(0)
    }
}

/// The static that holds the weights.
pub(super) fn statics(bytes: &[u8], from: Weights<'_>) -> TokenStream {
    let len = Literal::usize_unsuffixed(bytes.len());
    let align = Literal::usize_unsuffixed(ALIGN);
    let bytes = match from {
        Weights::Literal => {
            let literal = Literal::byte_string(bytes);
            quote!(*#literal)
        }
        Weights::File(path) => quote!(*::core::include_bytes!(#path)),
    };
    quote! {
        #[cfg(not(target_endian = "little"))]
        ::core::compile_error!("the weights of a model are little-endian, and so must its machine be");

        /// The weights, as kernels read them.
        #[repr(C, align(#align))]
        struct Weights([u8; #len]);

        static WEIGHTS: Weights = Weights(#bytes);
    }
}
