//! Kernels compiled ahead of time: every op, for every CPU tier of the architecture, with
//! all dimensions open, so they serve any model.
//!
//! [`crate::safe`] has most of them as functions over slices; this is the table itself, for compiled
//! code and for plans that were checked before.
//!
//! A kernel is a C function: buffer addresses, then dimensions as `u64`, then scalars as
//! `f32`; `docs/ir.md` lists them for each op.
//!
//! Without the feature `aot` nothing is compiled, and the tables are empty.
//!
//! ```
//! # #[cfg(feature = "aot")] {
//! use atome_kernels::{detect, find};
//! use atome_spec::Op;
//!
//! let tanh = find(Op::Tanh, detect()).expect("every tier has every op");
//! let (x, mut y) = ([0.0f32, 1.0, -2.0], [0.0f32; 3]);
//! let args = [x.as_ptr().expose_provenance() as u64, y.as_mut_ptr().expose_provenance() as u64, 3];
//! // SAFETY: `tanh` reads and writes `n` elements; both arrays have 3.
//! unsafe { tanh.call(&args) };
//! assert_eq!(y[0], 0.0);
//! assert!((y[1] - 0.7615942).abs() < 1e-6);
//! # }
//! ```

use crate::dispatch;
use atome_spec::{Isa, Kind, Tier};

/// A kernel for one instruction set.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// `{op}-{packing}-{activation}-{isa}`, for example `gemv-int2-f32-avx512f`.
    pub name: &'static str,
    /// What it computes; the method is named if it is not the op's first choice.
    pub kind: Kind,
    /// The instructions it needs.
    pub isa: Isa,
    entry: fn() -> *const (),
    call: unsafe fn(&[u64]),
}

impl Kernel {
    /// The C function, for compiled code to call: buffer addresses, dimensions as `u64`, scalars as
    /// `f32`, all in the order of `docs/ir.md`. What [`Kernel::call`] demands holds for it too.
    pub fn entry(&self) -> *const () {
        (self.entry)()
    }

    /// Calls it: addresses (with exposed provenance), then dimensions, then the bits of the
    /// scalars.
    ///
    /// # Safety
    /// - [`dispatch::has`] the kernel's instruction set: [`find`] and [`kernels`] also give kernels
    ///   of tiers that this machine does not run.
    /// - Each address is a multiple of 4, comes from a pointer whose provenance was exposed, and is
    ///   valid for as many elements of 4 bytes as the op's buffer has with these dimensions, for reads
    ///   (then initialised), writes or both as the op says, until the call returns. A buffer that is
    ///   written overlaps no other.
    /// - Dimensions are at most 2^31, `taps` is not 0, and the lengths they give fit an `isize`;
    ///   `capacity` is a multiple of 16, `slot` below it and `len` not above it; a stride is not less
    ///   than the row it is from.
    /// - Ids and chosen slots are rows of their tables.
    ///
    /// # Panics
    /// If the number of arguments is not the kernel's.
    pub unsafe fn call(&self, args: &[u64]) {
        // SAFETY: the caller's promise, passed on.
        unsafe { (self.call)(args) }
    }
}

/// The best kernel of a kind on a tier: one for an extension of the tier where this machine
/// has it. `None` if there is no such kernel on this architecture. That this machine runs the tier is
/// not asked.
///
/// A kind without a method asks for the op's first choice.
pub fn find(kind: impl Into<Kind>, tier: Tier) -> Option<&'static Kernel> {
    let kind = kind.into();
    kernels(tier)
        .iter()
        .find(|k| k.kind == kind && (!k.isa.is_extension() || dispatch::has(k.isa)))
}

/// All kernels of a tier, those for its extensions first; none if it is not of this
/// architecture.
pub fn kernels(tier: Tier) -> &'static [Kernel] {
    match tier {
        #[cfg(not(feature = "aot"))]
        _ => &[],
        #[cfg(all(
            feature = "aot",
            not(all(target_arch = "wasm32", target_feature = "simd128"))
        ))]
        Tier::Portable => portable::KERNELS,
        #[cfg(all(feature = "aot", target_arch = "wasm32", target_feature = "simd128"))]
        Tier::Portable => &[],
        #[cfg(all(feature = "aot", target_arch = "x86_64"))]
        Tier::X86_64V2 => x86_64_v2::KERNELS,
        #[cfg(all(feature = "aot", target_arch = "x86_64"))]
        Tier::X86_64V3 => x86_64_v3::KERNELS,
        #[cfg(all(feature = "aot", target_arch = "x86_64"))]
        Tier::X86_64V4 => x86_64_v4::KERNELS,
        #[cfg(all(feature = "aot", not(target_arch = "x86_64")))]
        Tier::X86_64V2 | Tier::X86_64V3 | Tier::X86_64V4 => &[],
        #[cfg(all(feature = "aot", target_arch = "aarch64"))]
        Tier::Neon => neon::KERNELS,
        #[cfg(all(feature = "aot", not(target_arch = "aarch64")))]
        Tier::Neon => &[],
        #[cfg(all(feature = "aot", target_arch = "wasm32", target_feature = "simd128"))]
        Tier::Wasm => wasm_simd128::KERNELS,
        #[cfg(all(
            feature = "aot",
            not(all(target_arch = "wasm32", target_feature = "simd128"))
        ))]
        Tier::Wasm => &[],
    }
}

/// All kernels that run on this machine, best tier first.
pub fn runnable() -> impl Iterator<Item = &'static Kernel> {
    let kernels = dispatch::tiers().iter().flat_map(|&tier| kernels(tier));
    kernels.filter(|k| dispatch::has(k.isa))
}

/// A module of the kernels of one tier.
#[cfg(feature = "aot")]
macro_rules! tier {
    ($module:ident, $tier:literal) => {
        #[allow(clippy::all, reason = "generated code")]
        pub(crate) mod $module {
            use super::Kernel;
            #[allow(unused_imports, reason = "a tier may lack some")]
            use atome_spec::{Activation, Isa, Kind, Method, Op, Packing};

            atome_macros::aot_kernels!($tier);
        }
    };
}

#[cfg(all(
    feature = "aot",
    not(all(target_arch = "wasm32", target_feature = "simd128"))
))]
tier!(portable, "portable");
#[cfg(all(feature = "aot", target_arch = "x86_64"))]
tier!(x86_64_v2, "x86-64-v2");
#[cfg(all(feature = "aot", target_arch = "x86_64"))]
tier!(x86_64_v3, "x86-64-v3");
#[cfg(all(feature = "aot", target_arch = "x86_64"))]
tier!(x86_64_v4, "x86-64-v4");
#[cfg(all(feature = "aot", target_arch = "aarch64"))]
tier!(neon, "neon");
#[cfg(all(feature = "aot", target_arch = "wasm32", target_feature = "simd128"))]
tier!(wasm_simd128, "wasm-simd128");
