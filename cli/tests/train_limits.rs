//! `atome train` under the limits of a system: it says in one line what it lacks, and leaves
//! nothing behind.
#![cfg(unix)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::workshop::{Workshop, refused, small};

/// Runs a training under what a line of bash limits.
fn limited(workshop: &Workshop, limit: &str, args: &[&str]) -> Output {
    let script = format!("{limit}; exec \"$@\"");
    let mut bash = Command::new("bash");
    bash.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_atome"), "train"]);
    bash.args(args).current_dir(workshop.path(""));
    bash.output().expect("started")
}

#[test]
fn a_file_that_may_not_grow() {
    let workshop = Workshop::new();
    // The second inherits the system's signal as one that is ignored.
    for limit in ["ulimit -f 1", "trap '' XFSZ; ulimit -f 1"] {
        let said = limited(&workshop, limit, &small("m.safetensors", &["--quiet"]));
        refused(&said, 1, "cannot write");
        assert_eq!(workshop.names(), ["text.txt"], "{limit}");
    }
}

#[test]
fn few_descriptors() {
    let workshop = Workshop::new();
    let mut refusals = 0;
    // With fewer the system does not start it.
    for n in 4..12 {
        let limit = format!("ulimit -n {n}");
        let args = small("m.safetensors", &["--quiet", "--steps", "20", "--restart"]);
        let said = limited(&workshop, &limit, &args);
        if !said.status.success() {
            refused(&said, 1, "open files");
            refusals += 1;
        }
        assert!(!workshop.names().iter().any(|name| name.starts_with('.')));
    }
    assert!(refusals > 0);
}

/// Whatever there is of address space: it trains, or says that it cannot.
#[test]
fn little_address_space() {
    let workshop = Workshop::new();
    let (mut trained, mut refusals) = (0, 0);
    for megabytes in (40..400).step_by(20) {
        let limit = format!("ulimit -v {}", megabytes * 1024);
        let args = small("m.safetensors", &["--quiet", "--steps", "20", "--restart"]);
        let said = limited(&workshop, &limit, &args);
        match said.status.success() {
            true => trained += 1,
            false => {
                refused(&said, 1, "of memory, more than the system gives");
                refusals += 1;
            }
        }
        assert!(!workshop.names().iter().any(|name| name.starts_with('.')));
    }
    println!("{trained} trained, {refusals} were refused");
    assert!(trained > 0 && refusals > 0);
}

#[test]
fn a_model_that_fits_no_memory() {
    let workshop = Workshop::new();
    let wide = "--d-model 65536 --d-head 65536 --n-layers 64 --batch 1";
    let wide: Vec<&str> = wide.split(' ').collect();
    let start = Instant::now();
    let said = workshop.run(&small("m.safetensors", &wide));
    refused(&said, 1, "GB of memory");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(workshop.names(), ["text.txt"]);
}
