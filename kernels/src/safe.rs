//! Kernels as safe functions over slices, for any shape: the best one that this machine runs is
//! called.
//!
//! Lengths, ids and ranges are checked before anything is written. What a length tells is no
//! argument; the other dimensions come first, then inputs, scalars and outputs.
//!
//! ```
//! use atome_kernels::{KernelError, Packing, packing, safe};
//!
//! // Two rows of 20 trits, all 1, times one row of activations as int8.
//! let mut w = [0; packing::matrix::words(Packing::Int2, 2, 20)];
//! packing::matrix::pack_into(Packing::Int2, &[1; 40], 2, 20, &mut w)?;
//! let (mut q, mut q_scale, mut q_sum) = ([0; packing::int8::words(1, 20)], [0.0], [0]);
//! safe::quantize(&[0.5; 20], &mut q, &mut q_scale, &mut q_sum)?;
//! let mut out = [0.0; 2];
//! safe::gemv_int2_i8(20, &w, &q, &q_scale, &q_sum, 1.0, &mut out)?;
//! assert!((out[0] - 10.0).abs() < 1e-3);
//!
//! let refused = safe::gemv_int2_i8(40, &w, &q, &q_scale, &q_sum, 1.0, &mut out);
//! let length = KernelError::Length { argument: "w", expected: 48, found: 32 };
//! assert_eq!(refused, Err(length));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::KernelError;

atome_macros::safe_functions!();
