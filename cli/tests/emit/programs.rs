//! Generated code in programs of others: as Rust in a crate of each edition, and linked with C.

use super::{code, kinds, shows_ahead_of_time};
use crate::support::Fixture;
use atome_kernels::{Tier, available};
use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::thread;

/// Targets whose Rust this machine's compiler checks, and the edition that each is tried in. The crate of the kernels compiles
/// those of all targets.
fn targets() -> &'static [(&'static str, &'static str)] {
    if cfg!(target_arch = "x86_64") {
        &[("interp", "2024"), ("x86-64-v4", "2021")]
    } else {
        &[("interp", "2021"), ("cortex-a76", "2024")]
    }
}

#[test]
fn rust_compiles_without_a_warning() {
    thread::scope(|scope| {
        for (target, edition) in targets() {
            scope.spawn(|| rust_of_all_kernels_compiles(target, edition));
        }
    });
}

fn rust_of_all_kernels_compiles(target: &str, edition: &str) {
    let fixture = Fixture::new();
    let mut modules = String::new();
    for (i, kind) in kinds().iter().enumerate() {
        let text = code(&fixture, kind, target, &["--as", "rust"]);
        assert_eq!(text.matches("#[unsafe(no_mangle)]").count(), 1, "{text}");
        writeln!(modules, "pub mod kernel{i} {{\n{text}\n}}").unwrap();
    }
    fs::write(fixture.path("lib.rs"), modules).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--crate-type", "lib", "--emit", "metadata"]);
    rustc.args(["-D", "warnings", "--edition", edition, "lib.rs"]);
    let output = rustc.current_dir(fixture.path("")).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    let is_clean = output.status.success();
    assert!(is_clean, "{target}, edition {edition}: {err}");
}

/// Prints the bits of what a kernel makes of fixed inputs. `KERNEL` is its symbol.
const GEMV: &str = r#"
#define gemv_int2_f32 KERNEL
#include "kernel.h"
#include <stdio.h>
#include <string.h>

enum { ROWS = 37, COLS = 50 };
static _Alignas(64) int32_t w[48 * 4];
static _Alignas(64) float x[COLS], out[ROWS];

int main(void) {
    uint32_t seed = 1;
    for (int i = 0; i < 48 * 4; i++) {
        uint32_t word = 0;
        for (int j = 0; j < 16; j++) {
            seed = seed * 1664525 + 1013904223;
            word = word << 2 | (seed >> 16) % 3;
        }
        memcpy(&w[i], &word, 4);
    }
    for (int i = 0; i < COLS; i++) x[i] = 0.1f * i - 2.3f;
    gemv_int2_f32(w, x, out, ROWS, COLS, 0.7f);
    for (int i = 0; i < ROWS; i++) {
        uint32_t bits;
        memcpy(&bits, &out[i], 4);
        printf("%08x\n", bits);
    }
}
"#;

const SILU: &str = r#"
#define silu_f32 KERNEL
#include "kernel.h"
#include <stdio.h>
#include <string.h>

enum { N = 45 };
static _Alignas(64) float x[N], y[N];

int main(void) {
    for (int i = 0; i < N; i++) x[i] = 0.7f * i - 14.0f;
    silu_f32(x, y, N);
    for (int i = 0; i < N; i++) {
        uint32_t bits;
        memcpy(&bits, &y[i], 4);
        printf("%08x\n", bits);
    }
}
"#;

/// What the program prints with a kernel from an object, an assembly file or Rust.
fn printed(fixture: &Fixture, main: &str, symbol: &str, kernel: &str) -> String {
    fs::write(fixture.path("main.c"), main).unwrap();
    let mut cc = Command::new("cc");
    cc.arg(format!("-DKERNEL={symbol}"));
    cc.args([
        "-Wall", "-Wextra", "-Werror", "-o", "main", "main.c", kernel,
    ]);
    let output = cc.current_dir(fixture.path("")).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && err.is_empty(),
        "{symbol} from {kernel}: {err}"
    );
    let output = Command::new(fixture.path("main")).output().unwrap();
    assert!(
        output.status.success(),
        "{symbol} from {kernel}: {output:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn one_kernel_from_every_source_gives_the_same_bits() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        println!("skipped: the code is for another machine");
        return;
    }
    if Command::new("cc").arg("--version").output().is_err() {
        println!("skipped: there is no C compiler");
        return;
    }
    let fixture = Fixture::new();
    for (op, symbol, main) in [("gemv", "gemv_int2_f32", GEMV), ("silu", "silu_f32", SILU)] {
        let emit = |target: &str, more: &[&str]| {
            let args = [
                &[
                    "emit", "-q", "--force", "--op", op, "--target", target, "--as",
                ],
                more,
            ]
            .concat();
            fixture.ok(&args);
        };
        emit("x86-64-v2", &["header", "-o", "kernel.h"]);
        emit("x86-64-v2", &["object", "-o", "kernel.o"]);
        let expected = printed(&fixture, main, symbol, "kernel.o");
        assert!(expected.lines().count() > 30 && !expected.starts_with("00000000\n00000000"));
        for (tier, isa) in [
            (Tier::X86_64V2, "sse41"),
            (Tier::X86_64V3, "avx2"),
            (Tier::X86_64V4, "avx512f"),
        ] {
            if !available(tier) {
                println!("skipped: this CPU does not run {tier}");
                continue;
            }
            emit(tier.name(), &["asm", "--backend", "jit", "-o", "jit.s"]);
            let found = printed(&fixture, main, symbol, "jit.s");
            assert_eq!(found, expected, "{op} for {tier} by jit");
            emit(tier.name(), &["rust", "-o", "kernel.rs"]);
            let mut rustc = Command::new("rustc");
            rustc.args([
                "-O",
                "--edition=2021",
                "--crate-type=lib",
                "--emit=obj=rust.o",
                "kernel.rs",
            ]);
            assert!(
                rustc
                    .current_dir(fixture.path(""))
                    .status()
                    .unwrap()
                    .success()
            );
            let found = printed(&fixture, main, symbol, "rust.o");
            assert_eq!(found, expected, "{op} for {tier} in Rust");
            if tier > Tier::X86_64V2 && shows_ahead_of_time() {
                emit(tier.name(), &["asm", "--backend", "aot", "-o", "aot.s"]);
                let found = printed(&fixture, main, &format!("{symbol}_{isa}"), "aot.s");
                assert_eq!(found, expected, "{op} for {tier} ahead of time");
            }
        }
    }
}
