//! Compiles kernel specifications for ternary models:
//! spec -> schedule -> IR -> verify -> passes -> emit.
#![forbid(unsafe_code)]

pub mod ir;
