//! `atome-kernels` under another name.
#![no_std]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, clippy::pedantic, clippy::nursery)]
#![allow(unused_extern_crates, reason = "of the edition 2015")]

extern crate kernels;

use kernels::{KernelError, ternary_kernel};

/// The name as a string.
#[ternary_kernel(op = "gemv", rows = 3, cols = 8, packing = "int2", crate = "kernels")]
pub fn by_string(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

/// The name as a path.
#[ternary_kernel(op = "gemv", rows = 3, cols = 8, packing = "int2", crate = ::kernels)]
pub fn by_path(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;

/// Deep inside, where the name is not in scope.
pub mod inner {
    /// The kernel.
    #[kernels::ternary_kernel(op = "scan", channels = 2, crate = "::kernels")]
    pub fn scan(
        decay: &[f32],
        b: &[f32],
        c: &[f32],
        x: &[f32],
        state: &mut [f32],
        out: &mut [f32],
    ) -> Result<(), crate::KernelError>;
}

#[cfg(test)]
mod tests {
    use super::kernels::packing::gemv;
    use super::{by_path, by_string, inner};

    #[test]
    fn both_multiply() {
        let mut w = [0; gemv::words(3, 8)];
        gemv::pack_into(&[1; 24], 3, 8, &mut w).unwrap();
        let mut out = [[0.0; 3]; 2];
        by_string(&w, &[1.0; 8], 0.5, &mut out[0]).unwrap();
        by_path(&w, &[1.0; 8], 0.5, &mut out[1]).unwrap();
        assert!(out.iter().flatten().all(|sum| sum.to_bits() == 4.0f32.to_bits()));
    }

    #[test]
    fn lengths_are_checked() {
        let refused = inner::scan(&[], &[], &[], &[], &mut [], &mut []);
        assert!(refused.is_err());
    }
}
