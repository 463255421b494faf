//! `atome` on emulated x86-64 CPUs, old ones and ones that a virtual machine masks features of,
//! gives what it gives on this machine: the same JSON to the last digit, on every backend.
//!
//! The emulator is `qemu-x86_64`. Without it, or on another architecture, the tests are skipped
//! and say so, unless `ATOME_REQUIRE_QEMU` is set.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "each test uses its part")]
#[path = "support/models.rs"]
mod models;
#[allow(dead_code, reason = "each test uses its part")]
#[path = "support/question.rs"]
mod question;

use question::Question;
use std::process::Command;
use std::sync::Mutex;
use tempfile::TempDir;

/// CPUs, with what is masked of them, and the tier of kernels that they run.
const CPUS: &[(&str, &str)] = &[
    ("qemu64", "portable"),
    ("core2duo", "portable"),
    ("Penryn", "portable"),
    ("Nehalem", "x86-64-v2"),
    ("Nehalem,-popcnt", "portable"),
    ("Nehalem,-ssse3", "portable"),
    ("Nehalem,-sse3", "portable"),
    ("Nehalem,-sse4.2", "portable"),
    ("Nehalem,-cx16", "x86-64-v2"),
    ("Westmere", "x86-64-v2"),
    ("Opteron_G3", "portable"),
    ("SandyBridge", "x86-64-v2"),
    ("SandyBridge,-xsave", "x86-64-v2"),
    ("IvyBridge", "x86-64-v2"),
    ("Haswell", "x86-64-v3"),
    ("Haswell,-bmi1", "x86-64-v2"),
    ("Haswell,-bmi2", "x86-64-v2"),
    ("Haswell,-abm", "x86-64-v2"),
    ("Haswell,-avx2", "x86-64-v2"),
    ("Haswell,-avx", "x86-64-v2"),
    ("Haswell,-xsave", "x86-64-v2"),
    ("Haswell,-fma,-f16c,-movbe", "x86-64-v3"),
    ("Haswell,-popcnt", "portable"),
    ("Broadwell", "x86-64-v3"),
    ("Skylake-Client", "x86-64-v3"),
    ("EPYC", "x86-64-v3"),
    ("EPYC,-popcnt", "portable"),
    ("EPYC,-bmi1,-bmi2", "x86-64-v2"),
    ("max", "x86-64-v3"),
];

/// Whether there is an emulator; says so if not.
fn emulator() -> bool {
    let here = cfg!(target_arch = "x86_64");
    let found = here
        && Command::new("qemu-x86_64")
            .arg("--version")
            .output()
            .is_ok();
    if !found {
        let required = std::env::var_os("ATOME_REQUIRE_QEMU").is_some();
        assert!(!required, "there is no qemu-x86_64");
        eprintln!("skipped: no qemu-x86_64; `.ci/install` installs one");
    }
    found
}

fn emulated(cpu: &str) -> Command {
    let mut command = Command::new("qemu-x86_64");
    command.args(["-cpu", cpu, env!("CARGO_BIN_EXE_atome")]);
    // Some of the C library's functions for AVX2 use BMI without asking for it, and some of those for SSE4.2 use SSSE3.
    let forgo = "glibc.cpu.hwcaps=-AVX2,-SSE4_2";
    command.env("GLIBC_TUNABLES", forgo);
    command
}

/// Runs a check for every CPU, on as many threads as there are cores.
fn each_cpu(check: impl Fn(&str, &str) + Sync) {
    let left = Mutex::new(CPUS.iter());
    let next = || left.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((cpu, tier)) = next() {
                    check(cpu, tier);
                }
            });
        }
    });
}

/// An Atome model and a BitMamba-2 model, whose kernels are all there are.
fn questions(directory: &TempDir) -> Vec<Question> {
    let atome = models::random_atome(directory.path()).swap_remove(3);
    let bitmamba2 = models::random_bitmamba2(directory.path()).swap_remove(0);
    vec![atome, bitmamba2]
}

#[test]
fn every_cpu_gives_the_same_bits() {
    if !emulator() {
        return;
    }
    let directory = TempDir::new().unwrap();
    for question in questions(&directory) {
        let here = question.answer_here();
        each_cpu(|cpu, tier| {
            for backend in ["auto", "aot"] {
                let there = question.answer(emulated(cpu), backend);
                assert_eq!(there, here, "{cpu}, {backend}: {question:?}");
            }
            let jit = question.asked(emulated(cpu), "jit").output().unwrap();
            if jit.status.success() {
                assert_eq!(String::from_utf8_lossy(&jit.stdout), here, "{cpu}, jit");
                return;
            }
            // Cranelift needs more than the oldest CPUs have, and then it is said in a line.
            let said = String::from_utf8_lossy(&jit.stderr);
            assert_eq!(jit.status.code(), Some(1), "{cpu}, jit: {said}");
            assert_eq!(said.lines().count(), 1, "{cpu}, jit: {said}");
            assert_eq!(tier, "portable", "{cpu}, jit: {said}");
        });
    }
}

#[test]
fn a_tier_is_claimed_where_all_it_needs_is_there() {
    if !emulator() {
        return;
    }
    let directory = TempDir::new().unwrap();
    let question = &questions(&directory)[0];
    each_cpu(|cpu, tier| {
        let facts = question.facts(emulated(cpu), "auto");
        assert_eq!(facts["cpu"], tier, "{cpu}");
        assert_eq!(
            facts["backend"] == "jit",
            facts["jit_refused"].is_null(),
            "{cpu}"
        );
        if tier != "portable" {
            assert_eq!(facts["backend"], "jit", "{cpu}: {}", facts["jit_refused"]);
        }
    });
}
