//! `atome compile`: objects with their header in a C program, and crates in a Rust one, have the bits of `atome logits`.
//!
//! | file | concept |
//! |---|---|
//! | `case` | models, their inputs, and what the command answers |
//! | `linked` | objects with their header, in C and C++ |
//! | `crates` | crates on this machine and for one without an operating system |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod case;
mod crates;
mod linked;
#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../support/models.rs"]
mod models;
#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../support/question.rs"]
mod question;
#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::process::{Command, Stdio};
use support::Fixture;

/// Whether programs are there.
fn are_there(programs: &[&str]) -> bool {
    let is_missing = |program: &&&str| {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null());
        command.output().is_err()
    };
    let missing = programs.iter().find(is_missing);
    if let Some(program) = missing {
        println!("skipped: there is no `{program}`");
    }
    missing.is_none()
}

/// What a program that must succeed prints; it says nothing else.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {err}");
    assert_eq!(err, "", "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_cannot_be_compiled_is_said_in_a_line() {
    let fixture = Fixture::new();
    let refused = |model: &str, more: &[&str]| {
        let said = fixture.run(&[&["compile", model, "--out", "out"], more].concat());
        assert_eq!((said.code, &*said.out), (Some(2), ""), "{said:?}");
        said.err
    };
    for (model, more, expected) in [
        (
            "lm.bin",
            ["--target", "thumbv7em", "-q"],
            "expected one of x86-64-v2",
        ),
        ("lm.bin", ["--target", "interp", "-q"], "riscv64gcv, rust"),
        ("none.bin", ["--target", "native", "-q"], "none.bin"),
        ("lm.json", ["--target", "native", "-q"], "lm.json"),
        (
            "lm.bin",
            ["--target", "rust", "--name=1st"],
            "a letter first",
        ),
        (
            "lm.bin",
            ["--target", "rust", "--name=type"],
            "a word of Rust",
        ),
        (
            "lm.bin",
            ["--target", "rust", "--block=0"],
            "from 1 to 4096",
        ),
        (
            "lm.bin",
            ["--target", "rust", "--blob"],
            "--blob is for an object, found --target rust",
        ),
        (
            "lm.bin",
            ["--target", "native", "--block=2"],
            "--block is for --target rust, found --target native",
        ),
        (
            "lm.bin",
            ["--target", "native", "--straight=head"],
            "--straight is for --target rust",
        ),
        (
            "lm.bin",
            ["--target", "rust", "--straight=blocks.0.wx"],
            "found none called `blocks.0.wx`",
        ),
    ] {
        let said = refused(model, &more);
        assert!(said.contains(expected), "{more:?}: {said}");
        assert!(!fixture.path("out").exists(), "{more:?}");
        if !said.contains("--help") {
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
    fixture.write("file", b"somebody's");
    for (target, out) in [("rust", "file"), ("native", "file"), ("native", "file/sub")] {
        let said = fixture.run(&["compile", "lm.bin", "--target", target, "--out", out]);
        assert_eq!(
            (said.code, said.err.lines().count()),
            (Some(2), 1),
            "{said:?}"
        );
        let expected = "expected a folder, found the file `file`";
        assert!(said.err.contains(expected), "{said:?}");
    }
}

#[test]
fn nothing_is_replaced_unless_it_is_said() {
    let fixture = Fixture::new();
    let args = ["compile", "lm.bin", "--target", "rust", "--out", "out"];
    fixture.ok(&args);
    let manifest = fixture.path("out/Cargo.toml");
    let source = fs::read(fixture.path("out/src/lib.rs")).unwrap();
    fs::write(&manifest, "somebody's").unwrap();
    fs::remove_file(fixture.path("out/src/lib.rs")).unwrap();
    fs::remove_file(fixture.path("out/src/weights.bin")).unwrap();
    let said = fixture.run(&args);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err.contains("Cargo.toml` is there already"),
        "{said:?}"
    );
    assert_eq!(fs::read(&manifest).unwrap(), b"somebody's");
    // Not even the others.
    assert!(!fixture.path("out/src/lib.rs").exists());

    let answer = fixture.json(&[&args[..], &["--force", "--json"]].concat());
    assert!(
        answer["name"] == "lm" && answer["target"] == "rust",
        "{answer}"
    );
    for file in answer["files"].as_array().unwrap() {
        let path = fixture.path(file["path"].as_str().unwrap());
        let bytes = fs::metadata(path).unwrap().len();
        assert_eq!(file["bytes"].as_u64(), Some(bytes), "{file}");
    }
    assert_eq!(fs::read(fixture.path("out/src/lib.rs")).unwrap(), source);
    let files = fs::read_dir(fixture.path("out")).unwrap().count();
    assert_eq!(files, 2, "no file of another name is left");

    // None where one cannot be written, and nothing that is read, even so.
    fs::remove_dir_all(fixture.path("out")).unwrap();
    fs::create_dir_all(fixture.path("out/src/weights.bin")).unwrap();
    let forced = [&args[..], &["--force"]].concat();
    let said = fixture.run(&forced);
    assert_eq!(
        (said.code, said.err.lines().count()),
        (Some(2), 1),
        "{said:?}"
    );
    assert!(said.err.contains("found a directory"), "{said:?}");
    assert!(!manifest.exists());
    fs::remove_dir(fixture.path("out/src/weights.bin")).unwrap();
    let model = fs::read(fixture.path("lm.bin")).unwrap();
    fs::hard_link(fixture.path("lm.bin"), fixture.path("out/src/weights.bin")).unwrap();
    let said = fixture.run(&forced);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("would replace what is read"), "{said:?}");
    assert!(!manifest.exists());
    assert_eq!(fs::read(fixture.path("lm.bin")).unwrap(), model);
}
