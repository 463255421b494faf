//! `atome` built for AArch64 gives, under an emulated CPU, what this machine's build gives: the
//! same JSON to the last digit, on every backend, with and without the dot-product extension.
//!
//! `ATOME_AARCH64` names the AArch64 binary; `.ci/aarch64` builds it. Without it the tests are
//! skipped and say so, unless `ATOME_REQUIRE_AARCH64` is set.
//!
//! | file | concept |
//! |---|---|
//! | `emulator` | the AArch64 build on an emulated CPU |
//! | `question` | a command, and its answers here and there |
//! | `models` | random models and the published ones |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod emulator;
#[path = "../support/models.rs"]
mod models;
#[path = "../support/question.rs"]
mod question;

use emulator::{Cpu, Emulator};
use question::Question;
use tempfile::TempDir;

const COMPILED: &[&str] = &["jit", "aot"];
const EVERY_BACKEND: &[&str] = &["jit", "aot", "interp"];

/// Asks a question here and, on some backends, there.
fn agree(emulator: &Emulator, cpu: Cpu, question: &Question, backends: &[&str]) {
    let here = question.answer_here();
    for backend in backends {
        let there = question.answer(emulator.command(cpu), backend);
        assert_eq!(there, here, "{cpu:?}, {backend}: {question:?}");
    }
}

#[test]
fn random_atome_models() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let directory = TempDir::new().unwrap();
    for (i, question) in models::random_atome(directory.path()).iter().enumerate() {
        // The interpreter runs the same code on every machine: a few models are enough.
        let backends = if i % 4 == 3 { EVERY_BACKEND } else { COMPILED };
        agree(&emulator, Cpu::CortexA76, question, backends);
    }
}

#[test]
fn published_models() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let bitmamba2 = models::published_bitmamba2();
    for question in models::published_atome().iter().chain(&bitmamba2) {
        agree(&emulator, Cpu::CortexA76, question, COMPILED);
    }
}

#[test]
fn random_bitmamba2_models() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let random = models::random_bitmamba2(directory.path());
    for question in &random {
        agree(&emulator, Cpu::CortexA76, question, EVERY_BACKEND);
    }
    agree(&emulator, Cpu::CortexA72, &random[0], COMPILED);
    agree(&emulator, Cpu::Max, &random[0], COMPILED);
    let by_lookups = random[0].clone().with("--no-multiply");
    for cpu in [Cpu::CortexA76, Cpu::CortexA72] {
        agree(&emulator, cpu, &by_lookups, COMPILED);
    }
}

/// Kernels ahead of time are named; what is compiled at load is known by its instructions.
#[test]
fn products_are_sdot_where_the_cpu_has_it() {
    let Some(emulator) = Emulator::find() else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let question = &models::random_bitmamba2(directory.path())[0];
    for cpu in [Cpu::CortexA76, Cpu::CortexA72, Cpu::Max] {
        let kernels = question.kernels(emulator.command(cpu), "aot");
        for op in ["gemv", "gemm"] {
            let product = format!("{op}-int2-i8-");
            let products: Vec<&String> =
                kernels.iter().filter(|k| k.starts_with(&product)).collect();
            // Products of many tokens gain nothing from unsigned bytes.
            let isa = match (op, cpu.isa()) {
                ("gemm", "i8mm") => "dotprod",
                (_, isa) => isa,
            };
            let expected = format!("{product}{isa}");
            assert!(!products.is_empty(), "{cpu:?}: no {op} in {kernels:?}");
            assert!(
                products.iter().all(|k| **k == expected),
                "{cpu:?}: {products:?}"
            );
        }
        for backend in COMPILED {
            let (sdot, usdot) = emulator.dots(cpu, question, backend);
            assert_eq!(sdot || usdot, cpu != Cpu::CortexA72, "{cpu:?}, {backend}");
            assert_eq!(usdot, cpu == Cpu::Max, "{cpu:?}, {backend}");
        }
    }
    let by_lookups = question.clone().with("--no-multiply");
    for backend in COMPILED {
        let found = emulator.dots(Cpu::CortexA76, &by_lookups, backend);
        assert_eq!(found, (false, false), "{backend}");
    }
}
