//! `atome pack` and the files that are there already.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::fs;
use support::Fixture;

fn refused(fixture: &Fixture, args: &[&str], part: &str) {
    let said = fixture.run(&[&["pack"], args].concat());
    assert_eq!(said.code, Some(2), "{args:?}: {said:?}");
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    assert!(said.err.contains(part), "{args:?}: {said:?}");
}

#[test]
fn what_is_read_is_never_written_over() {
    let fixture = Fixture::new();
    let read = |name: &str| fs::read(fixture.path(name)).unwrap();
    let before = ["lm.bin", "lm.json"].map(read);
    fixture.ok(&["pack", "lm.bin", "lm.safetensors"]);
    fs::hard_link(fixture.path("lm.bin"), fixture.path("hard.atome02")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("lm.bin", fixture.path("soft.atome01")).unwrap();
        refused(
            &fixture,
            &["lm.bin", "soft.atome01", "--force"],
            "is the same file",
        );
        refused(
            &fixture,
            &["soft.atome01", "lm.bin", "--config", "lm.json"],
            "is the same file",
        );
    }
    for args in [
        &["lm.bin", "lm.bin"][..],
        &["lm.bin", "lm.bin", "--force"],
        &["lm.bin", "./lm.bin", "--packing", "int2"],
        &["lm.bin", "hard.atome02", "--force"],
        &["lm.safetensors", "lm.safetensors", "--packing", "int2"],
        // The dimensions are read too.
        &["lm.bin", "lm.json", "--format", "atome02", "--force"],
        &[
            "lm2.bin",
            "lm.json",
            "--format",
            "container",
            "--config",
            "lm.json",
            "--force",
        ],
    ] {
        refused(&fixture, args, "is the same file");
    }
    let args = ["lm.safetensors", "new.json", "--format", "atome01"];
    refused(&fixture, &args, "the model and its dimensions at once");
    assert!(["lm.bin", "lm.json"].map(read) == before);
}

#[test]
fn files_of_strangers_are_replaced_only_if_told_to() {
    let fixture = Fixture::new();
    for name in ["x.safetensors", "x.bin"] {
        fixture.write(name, b"somebody's work");
        refused(&fixture, &["lm.bin", name], "`atome pack` did not write it");
        assert_eq!(fs::read(fixture.path(name)).unwrap(), b"somebody's work");
        fixture.ok(&["pack", "lm.bin", name, "--force"]);
    }
    // A container says who wrote it, the older formats cannot.
    fixture.ok(&["pack", "lm2.bin", "x.safetensors", "--packing", "int2"]);
    refused(
        &fixture,
        &["lm.bin", "x.bin"],
        "`atome pack` did not write it",
    );
    refused(&fixture, &["lm.bin", "gone/x.bin"], "cannot write");
}

#[test]
fn the_source_is_counted_whole() {
    let fixture = Fixture::new();
    for name in ["lm.bin", "lm2.bin", "cl.bin"] {
        let answer = fixture.json(&["pack", name, "x.safetensors", "--json", "-q"]);
        let bytes = fs::metadata(fixture.path(name)).unwrap().len();
        assert_eq!(answer["source_bytes"], bytes, "{name}");
        let bytes = fs::metadata(fixture.path("x.safetensors")).unwrap().len();
        assert_eq!(answer["bytes"], bytes, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow() {
    let fixture = Fixture::new();
    let args = ["pack", "lm.bin", "x.safetensors", "-q"];
    let script = "ulimit -f 1; exec \"$@\"";
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", script, "bash", env!("CARGO_BIN_EXE_atome")]);
    let said = support::said(bash.args(args).current_dir(fixture.path("")));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    assert!(
        said.err.contains("cannot write `x.safetensors`"),
        "{said:?}"
    );
    let entries = fs::read_dir(fixture.path("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = names
        .filter(|name| name.contains("x.safetensors"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
