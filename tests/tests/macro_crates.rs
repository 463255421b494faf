//! `#[ternary_kernel]` in crates unlike this workspace's: built, tested, and checked by clippy, in
//! one target folder of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[test]
fn every_edition_and_lint() {
    cargo(&["test", "--workspace"]);
    let clippy = Command::new("cargo").args(["clippy", "--version"]).output();
    if clippy.is_ok_and(|clippy| clippy.status.success()) {
        cargo(&["clippy", "--workspace", "--all-targets"]);
    } else {
        println!("skipped what clippy says: it is not installed");
    }
}

/// Runs cargo on the crates, with the versions that this workspace is locked to.
fn cargo(arguments: &[&str]) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = here.join("macro-crates");
    let lock = fs::read(here.join("../Cargo.lock")).expect("the workspace is locked");
    fs::write(crates.join("Cargo.lock"), lock).expect("the lock file is copied");
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--manifest-path"])
        .arg(crates.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target())
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}:\n{text}");
}

fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"));
    target.join("macro-crates")
}
