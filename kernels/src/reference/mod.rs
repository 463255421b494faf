//! The scalar definition of every operation, against which all kernels are held.
//!
//! Plain loops over plain slices and unpacked trits, in exactly the order and rounding that
//! every kernel keeps: f32, no fused multiply-add, no reassociation, so results are equal bit
//! for bit. They are short enough to be read as the specification, and slow. Lengths are
//! asserted: a wrong one is a mistake of the caller.
//!
//! | module | operations |
//! |---|---|
//! | `ternary` | [`Ternary`], a matrix of trits with its scale |
//! | `embed` | [`embed`], [`group_embed`] |
//! | `gemm` | [`gemv`], [`gemm`], [`gemm_i8`], [`group_gemm`], [`group_gemm_i8`] |
//! | `conv1d` | [`conv1d`] |
//! | `scan` | [`scan`] |
//! | `norm` | [`norm`], [`rms_norm`] |
//! | `root` | mean squares and their roots, for the norms |
//! | `quantize` | [`quantize`] |
//! | `rms_quantize` | [`rms_quantize`], [`rms_quantize_away`] |
//! | `lookup` | [`lookup_f32`], [`lookup_f16`], [`lookup_i8`] |
//! | `conv_silu` | [`conv_silu`] |
//! | `selective_scan` | [`discretize`], [`selective_scan`], [`residual`] |
//! | `softmax` | [`softmax`], [`argmax`] |
//! | `attention` | [`kv_append`], [`attn_scores`], [`attn_mix`], [`router_mix`] |
//! | `attend` | [`attend_append`], [`attend`], and those over f16 |
//! | `half` | f16 as numbers |
//! | `heads` | [`l2_norm`], [`head_norm`], [`rope`], [`transpose`] |
//! | `hadamard` | [`hadamard`] |
//! | `gated_delta` | [`gated_delta`] |
//! | `matmul` | [`matmul`], [`matmul_f16`], [`matmul_i8`] |
//! | `top_k` | [`top_k`] |
//! | `elementwise` | [`value`] of an elementwise op, [`elementwise()`] over slices |
//! | [`math`] | exp, tanh, softplus, silu, sigmoid |
//! | `reduce` | the 16 partial results and their tree |
//!
//! ```
//! use atome_kernels::reference::{Ternary, gemv};
//!
//! let w = Ternary::new(&[1, -1, 0, 0, 1, 1], 2, 3, 0.5);
//! let mut out = [0.0; 2];
//! gemv(w, &[1.0, 2.0, 4.0], &mut out);
//! assert_eq!(out, [-0.5, 3.0]);
//! ```

mod attend;
mod attention;
mod conv1d;
mod conv_silu;
mod elementwise;
mod embed;
mod gated_delta;
mod gemm;
mod hadamard;
mod half;
mod heads;
mod lookup;
pub mod math;
mod matmul;
mod norm;
mod quantize;
mod reduce;
mod rms_quantize;
mod root;
mod scan;
mod selective_scan;
mod softmax;
mod ternary;
mod top_k;

pub use attend::*;
pub use attention::*;
pub use conv_silu::*;
pub use conv1d::*;
pub use elementwise::*;
pub use embed::*;
pub use gated_delta::*;
pub use gemm::*;
pub use hadamard::*;
pub use half::*;
pub use heads::*;
pub use lookup::*;
pub use matmul::*;
pub use norm::*;
pub use quantize::*;
pub use rms_quantize::*;
pub use scan::*;
pub use selective_scan::*;
pub use softmax::*;
pub use ternary::*;
pub use top_k::*;
