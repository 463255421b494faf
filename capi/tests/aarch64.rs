//! The examples in C over the library built for AArch64, on an emulated CPU: what they say is what this machine's library says.
//!
//! `ATOME_AARCH64` names the AArch64 binary, whose folder has the library; `.ci/aarch64` builds both. Without it the test is
//! skipped and says so, unless `ATOME_REQUIRE_AARCH64` is set.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use support::{MODEL, ROWS, SYSTEM, WARNINGS, here, said, told};
use tempfile::TempDir;

fn program(folder: &TempDir, source: &str, library: &Path) -> PathBuf {
    let made = folder.path().join("program");
    let mut compiler = Command::new("aarch64-linux-gnu-gcc");
    compiler.arg("-std=c99").args(WARNINGS).arg("-o").arg(&made);
    compiler.arg(here(source)).arg("-I").arg(here("include"));
    said(compiler.arg(library).args(SYSTEM));
    made
}

#[test]
fn examples_say_the_same() {
    let Some(binary) = env::var_os("ATOME_AARCH64") else {
        let required = env::var_os("ATOME_REQUIRE_AARCH64").is_some();
        assert!(!required, "ATOME_AARCH64 is not set");
        println!("skipped: ATOME_AARCH64 names no binary; `.ci/aarch64` builds one");
        return;
    };
    let library = Path::new(&binary).with_file_name("libatome.a");
    assert!(fs::exists(&library).expect("a folder"), "no {library:?}");
    let folder = TempDir::new().expect("a folder");
    let prompt = "And the king";
    let story = format!("{prompt}{}\n", told(prompt, 7, 100));
    for cpu in ["cortex-a76", "cortex-a72"] {
        let run = |source: &str| {
            let mut qemu = Command::new("qemu-aarch64");
            qemu.args(["-cpu", cpu, "-L", "/usr/aarch64-linux-gnu"]);
            // Of the same release as the loader there: threads do not start with others.
            qemu.args(["-E", "LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib"]);
            qemu.arg(program(&folder, source, &library));
            qemu
        };
        assert_eq!(said(&mut run("examples/rows.c")), ROWS, "{cpu}");
        let mut tell = run("examples/story.c");
        assert_eq!(said(tell.arg(here(MODEL)).arg(prompt)), story, "{cpu}");
    }
}
