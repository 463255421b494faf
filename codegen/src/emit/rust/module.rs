use super::function::{Emitted, emitted, used_helpers};
use super::lanes::Facts;
use super::{EmitError, tier};
use crate::ir::{Function, verify};
use atome_spec::Tier;
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeMap;

/// What a vector of the IR becomes on the portable tier; elsewhere it is registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vectors {
    /// An array, which a compiler may make vectors of again.
    #[default]
    Arrays,
    /// A loop over its lanes, for machines that have no vectors: less code, and less of it waits for memory.
    /// A lane whose trit is 0 is not added.
    Lanes,
}

/// Functions as [`emit`](super::emit) gives them, for a scope of their own: what several of them call is there once.
///
/// # Errors
/// As [`emit`](super::emit).
pub fn emit_all(
    functions: &[Function],
    isa: impl Into<atome_spec::Isa>,
    vectors: Vectors,
) -> Result<TokenStream, EmitError> {
    let set = isa.into();
    let by_lanes = vectors == Vectors::Lanes && set.tier() == Tier::Portable;
    let isa = tier(set);
    let (mut items, mut bodies) = (TokenStream::new(), TokenStream::new());
    for function in functions {
        verify(function).map_err(EmitError::Invalid)?;
        let facts = by_lanes.then(|| Facts::of(function));
        let Emitted { head, body } = emitted(function, isa, facts.as_ref())?;
        items.extend(quote!(#head { #body }));
        bodies.extend(body);
    }
    let helpers = used_helpers(isa, &bodies).into_iter();
    // Each name once, whatever order they come in.
    let helpers: BTreeMap<&str, TokenStream> = helpers.map(|h| (h.name, h.item)).collect();
    let (imports, helpers) = (isa.imports(), helpers.values());
    Ok(quote!(#imports #(#helpers)* #items))
}
