//! Compiles kernel specifications for ternary models:
//! spec -> schedule -> IR -> verify -> passes -> emit.
//!
//! | module | stage |
//! |---|---|
//! | [`op`] | what there is to compute, each op declared once |
//! | [`expr`] | row-wise expressions, of which kernels are made too |
//! | [`spec`] | what to generate |
//! | [`schedule`] | how it is laid over a machine |
//! | [`lower`] | from both to the IR |
//! | [`ir`] | the IR, its text form and its verifier |
//! | [`passes`] | rewrites |
//! | [`emit`] | Rust source, Cranelift IR and machine code of AVX2 and AVX-512, each behind a feature |
//! | [`interp`] | the meaning of the IR, by running it |
//!
//! ```
//! use atome_codegen::{KernelSpec, compile_for, interp};
//! use atome_spec::{Isa, Op};
//!
//! // `out[i] = tanh(x[i])`, any number of elements, laid out for AVX2.
//! let function = compile_for(&KernelSpec::new(Op::Tanh), Isa::Avx2)?;
//! assert_eq!(function.dims, ["n"]);
//! assert!(function.to_string().starts_with("kernel tanh_f32("));
//!
//! let mut memory: Vec<u8> = [0.0f32, 1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
//! memory.extend([0; 8]);
//! interp::run(&function, &mut memory, &[0..8, 8..16], &[2], &[])?;
//! let y = f32::from_le_bytes(memory[12..].try_into()?);
//! assert!((y - 0.7615942).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod compile;
pub mod emit;
mod error;
pub mod expr;
mod hash;
#[cfg(test)]
mod hostile;
pub mod interp;
pub mod ir;
pub mod lower;
pub mod op;
pub mod passes;
pub mod schedule;
pub mod spec;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use compile::{compile, compile_for, compile_narrow};
pub use error::CodegenError;
pub use schedule::Schedule;
pub use spec::KernelSpec;
