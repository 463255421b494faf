//! The selection of the best scores, for few positions: as [`top_k`](atome_kernels::ops::top_k), in its simplest form.

use super::kernels::allow;
use proc_macro2::TokenStream;
use quote::quote;

/// The functions that the calls of a step name.
pub(super) fn source() -> TokenStream {
    let allow = allow();
    quote! {
        /// Writes the `min(k, len)` best of the cached positions' scores, the best first and the older before an equal one, with
        /// their slots. NaN ranks below every number.
        ///
        /// # Safety
        /// `scores` is valid for reading `place.len` elements, `chosen` and `picked` for writing as many as are chosen.
        #allow
        unsafe fn top_k(scores: *const f32, place: Place, k: usize, chosen: *mut i32, picked: *mut f32) {
            let (mut count, mut slot) = (0, place.oldest());
            for _ in 0..place.len {
                let score = *scores.add(slot);
                let outranks = |other: f32| score > other || (other.is_nan() && !score.is_nan());
                let mut at = count;
                while at > 0 && outranks(*picked.add(at - 1)) {
                    at -= 1;
                }
                if at < k {
                    let last = if count < k { count } else { k - 1 };
                    let mut move_to = last;
                    while move_to > at {
                        *picked.add(move_to) = *picked.add(move_to - 1);
                        *chosen.add(move_to) = *chosen.add(move_to - 1);
                        move_to -= 1;
                    }
                    *picked.add(at) = score;
                    *chosen.add(at) = slot as i32;
                    count = last + 1;
                }
                slot += 1;
                if slot == place.len {
                    slot = 0;
                }
            }
        }
    }
}
