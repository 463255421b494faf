//! Rust source with `core::arch` intrinsics, one function a kernel and tier.
//!
//! The walk over the IR knows no instruction set; a tier is an `isa::Isa`: an expression
//! for each operation on one of its registers. A logical vector of sixteen lanes is one
//! AVX-512 register, two of AVX2, four of SSE4.1 or NEON, and an array in portable Rust.
//! Every tier computes the same bits: no operation is fused, reordered or approximated.
//!
//! | file | concept |
//! |---|---|
//! | `function` | signature, statements, loops |
//! | `caller` | a function's arguments from a slice of words |
//! | `forward` | a kernel that is a special case of another one |
//! | `expr` | instructions |
//! | `memory` | loads and stores, whole and partial |
//! | `size` | shape arithmetic and addresses |
//! | `names` | identifiers |
//! | `scalar` | scalar operations in plain Rust |
//! | `lanes` | vectors lane by lane, for machines without any |
//! | `module` | functions that share what they call |
//! | `base3` | base-3 codes by arithmetic |
//! | `isa` | what a tier provides |
//! | `avx512`, `avx2`, `sse41`, `neon`, `wasm`, `portable` | the tiers |
//! | `x86` | what the x86 tiers share |

mod avx2;
mod avx512;
mod base3;
mod caller;
mod expr;
mod forward;
mod frame;
mod function;
mod isa;
mod lanes;
mod memory;
mod module;
mod names;
mod neon;
mod neon_base3;
mod packed;
mod portable;
mod scalar;
mod size;
mod sse41;
mod wasm;
mod wasm_helpers;
mod x86;

pub use caller::caller;
pub use forward::{Bound, forward};
pub use module::{Vectors, emit_all};

use crate::ir::{Function, Value, verify};
use isa::Isa;
use proc_macro2::TokenStream;

/// Why a function has no Rust form. None of these happens to valid IR whose names are identifiers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// A function or parameter name that cannot be one in Rust.
    #[error("`{name}` is not a Rust identifier")]
    Name {
        /// The name.
        name: String,
    },
    /// A function that breaks the IR's invariants.
    #[error("{0}")]
    Invalid(crate::ir::Violations),
    /// An instruction whose operands or result have types it does not work on.
    #[error("v{}: the instruction does not work on its operands' types", value.0)]
    IllTyped {
        /// The value it defines.
        value: Value,
    },
    /// Tokens that are no items.
    #[error("the generated code is no Rust: {cause}")]
    Text {
        /// What the parser said.
        cause: String,
    },
    /// A forwarded call for a dimension that nothing gives.
    #[error("nothing gives the dimension `{dim}` of the kernel that is called")]
    Unbound {
        /// The dimension.
        dim: String,
    },
}

/// A `pub unsafe extern "C" fn` that computes `function` on a CPU with an instruction set.
///
/// The item carries its `#[target_feature]`, needs nothing in scope, not even a prelude, and is
/// meant for one architecture: guard it with `#[cfg(target_arch = ..)]`. Lints do not look into
/// what a macro of another crate wrote; [`emit_file`] says what they may overlook.
///
/// # Errors
/// If a name is not an identifier, or the verifier rejects the function: its code would go
/// wherever it was told to.
pub fn emit(
    function: &Function,
    isa: impl Into<atome_spec::Isa>,
) -> Result<TokenStream, EmitError> {
    verify(function).map_err(EmitError::Invalid)?;
    function::item(function, tier(isa.into()))
}

/// [`emit`] as formatted source text, with an `allow` of what linters say to generated code.
///
/// # Errors
/// As [`emit`].
#[cfg(feature = "rust-text")]
pub fn emit_file(
    function: &Function,
    isa: impl Into<atome_spec::Isa>,
) -> Result<String, EmitError> {
    let item = emit(function, isa)?;
    let allowed = quote::quote! {
        #[allow(
            unused,
            clippy::all,
            clippy::pedantic,
            clippy::undocumented_unsafe_blocks,
            reason = "generated code: loads and stores are bounded by the lengths above"
        )]
        #item
    };
    let file = syn::parse2(allowed).map_err(|_| EmitError::Name {
        name: function.name.clone(),
    })?;
    Ok(prettyplease::unparse(&file))
}

/// Items, such as [`emit_all`] gives, as formatted source text.
///
/// # Errors
/// If they are no items.
#[cfg(feature = "rust-text")]
pub fn format_items(items: TokenStream) -> Result<String, EmitError> {
    let file = syn::parse2(items).map_err(|cause| EmitError::Text {
        cause: cause.to_string(),
    })?;
    Ok(prettyplease::unparse(&file))
}

/// The value of `target_arch` that a tier's functions compile for; `None` if any will do.
pub const fn target_arch(tier: atome_spec::Tier) -> Option<&'static str> {
    use atome_spec::Tier;
    match tier {
        Tier::X86_64V2 | Tier::X86_64V3 | Tier::X86_64V4 => Some("x86_64"),
        Tier::Neon => Some("aarch64"),
        Tier::Wasm => Some("wasm32"),
        Tier::Portable => None,
    }
}

/// The predicate of a `#[cfg]` under which functions for an instruction set compile; `None` if they always do.
///
/// A module of WebAssembly is refused whole by an engine without an instruction of it, so that its features are those
/// that it is compiled for; a CPU is asked for its own. Where it has vectors, no engine runs the portable tier's functions.
pub fn condition(isa: impl Into<atome_spec::Isa>) -> Option<TokenStream> {
    use atome_spec::Tier;
    let isa = isa.into();
    if isa.tier() == Tier::Portable {
        let vectors = condition(Tier::Wasm);
        return Some(quote::quote!(not(#vectors)));
    }
    let arch = target_arch(isa.tier())?;
    let features = match isa.tier() {
        Tier::Wasm => isa.enables(),
        _ => &[],
    };
    let features = features.iter().map(|feature| feature.name());
    Some(quote::quote!(all(target_arch = #arch #(, target_feature = #features)*)))
}

/// What provides an instruction set: its tier, which knows its extensions.
fn tier(isa: atome_spec::Isa) -> &'static dyn Isa {
    use atome_spec::Tier;
    match isa.tier() {
        Tier::Portable => &portable::Portable,
        Tier::Neon => neon::of(isa),
        Tier::Wasm => wasm::of(isa),
        Tier::X86_64V2 => &sse41::Sse41,
        Tier::X86_64V3 => avx2::of(isa),
        Tier::X86_64V4 => avx512::of(isa),
    }
}
