//! What happens where the machine has no more: memory, descriptors, room for output, a reader. One
//! line, exit code 1, and nothing left behind.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};
use support::{CONFIG, Fixture, Said, said};

/// The command under limits that a shell sets.
fn limited(fixture: &Fixture, limits: &str, args: &[&str]) -> Said {
    let run = format!("{limits}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &run, env!("CARGO_BIN_EXE_atome")]);
    said(
        shell
            .args(args)
            .current_dir(fixture.path(""))
            .stdin(Stdio::null()),
    )
}

/// It is done, or there was not enough of something and one line says so.
fn done_or_one_line(said: &Said, what: &str) -> bool {
    if said.code == Some(0) {
        return true;
    }
    assert_eq!(said.code, Some(1), "{what}: {said:?}");
    assert!(said.err.starts_with("error: "), "{what}: {said:?}");
    assert_eq!(said.err.lines().count(), 1, "{what}: {said:?}");
    false
}

/// The names in the directory.
fn names(fixture: &Fixture) -> BTreeSet<String> {
    let entries = fs::read_dir(fixture.path("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

const COMMANDS: &[&[&str]] = &[
    &["run", "lm.bin", "-p", "x", "-n", "3", "-q"],
    &["logits", "lm.bin", "--tokens", "@ids.txt"],
    &[
        "logits",
        "lm.bin",
        "--tokens",
        "1",
        "--config",
        "wide.json",
        "--backend",
        "aot",
    ],
    &["classify", "cl.bin", "-p", "x", "--backend", "aot"],
    &["inspect", "lm.bin", "--threads", "2", "-q"],
    &[
        "eval",
        "lm.bin",
        "--text",
        "ids.txt",
        "--threads",
        "1",
        "-q",
    ],
    &["pack", "lm.bin", "out.safetensors", "-q"],
    &["emit", "--op", "silu", "--force", "-o", "out.ir", "-q"],
    &["emit", "--op", "gemv", "--as", "asm", "-q"],
];

#[test]
fn few_descriptors() {
    let fixture = Fixture::new();
    fixture.write("ids.txt", b"1, 2, 3");
    // The config has other dimensions: with descriptors to read it, that is bad input.
    let wrong = "wrong dimensions?";
    let mut done = 0;
    for args in COMMANDS {
        let before = names(&fixture);
        // With three the system's own loader fails.
        for descriptors in 4..=8 {
            let what = format!("{descriptors} descriptors: {args:?}");
            let said = limited(&fixture, &format!("ulimit -n {descriptors}"), args);
            if said.err.contains(wrong) {
                assert_eq!(said.code, Some(2), "{what}: {said:?}");
                continue;
            }
            if done_or_one_line(&said, &what) {
                done += 1;
                continue;
            }
            assert!(said.err.contains("Too many open files"), "{what}: {said:?}");
            assert_eq!(names(&fixture), before, "{what}");
        }
    }
    assert!(done > COMMANDS.len(), "{done}");
}

#[test]
fn little_address_space() {
    let fixture = Fixture::new();
    fixture.write("ids.txt", b"1, 2, 3");
    for args in COMMANDS.iter().filter(|args| !args.contains(&"wide.json")) {
        let before = names(&fixture);
        for megabytes in [60, 80, 100, 140, 200, 400] {
            let what = format!("{megabytes} MB: {args:?}");
            let said = limited(&fixture, &format!("ulimit -v {megabytes}000"), args);
            if !done_or_one_line(&said, &what) {
                assert_eq!(names(&fixture), before, "{what}");
            }
        }
    }
}

#[test]
fn an_arena_that_does_not_fit() {
    let fixture = Fixture::new();
    let config = serde_json::to_string(&CONFIG).unwrap();
    let config = config.replace("\"max_seq\":24", "\"max_seq\":1048576");
    fixture.write("big.json", config.as_bytes());
    let args = [
        "inspect",
        "lm.bin",
        "--config",
        "big.json",
        "--backend",
        "aot",
    ];
    let said = limited(&fixture, "ulimit -v 150000", &args);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    let expected = "error: no memory for an arena of 22";
    assert!(said.err.starts_with(expected), "{}", said.err);
}

#[test]
fn a_reader_that_goes_away() {
    let fixture = Fixture::new();
    // More than a pipe holds, so the writer is still writing when the reader goes.
    let args = ["run", "lm.bin", "-p", "x", "-n", "300000"];
    let mut command = fixture.command(&args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(first, *b"x");
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(!err.contains("panic") && !err.contains("error:"), "{err}");
}

/// A command of each kind that prints something.
fn printing() -> Vec<Vec<&'static str>> {
    let lines = [
        "--help",
        "--version",
        "run lm.bin -p x -n 3 -q",
        "run lm.bin -p x -n 3 -q --json",
        "run lm.bin -p x -n 3 -q --stop zz",
        "run lm.bin --tokens 1 -n 3 -q",
        "run lm.bin --chat -p x -n 3 -q",
        "run lm.bin --chat -p x -n 3 -q --json",
        "run --help",
        "logits lm.bin --tokens 1",
        "classify cl.bin --tokens 1",
        "inspect lm.bin",
        "inspect lm.bin --plan",
        "inspect lm.bin --graph",
        "inspect lm.bin --json",
        "eval lm.bin --text text.txt -q",
        "eval lm.bin --text text.txt -q --json",
        "pack lm.bin out.safetensors",
        "pack lm.bin out.safetensors --force --json",
        "tokenize lm.bin -p x",
        "tokenize lm.bin --ids 65",
        "tokenize lm.bin -p x --json",
        "emit --op gemv -q",
        "emit --op gemv --as rust -q",
        "emit --op gemv --as asm -q",
        "emit --op gemv --as object -q",
        "bench --list",
        "tune lm.bin -q --seconds 1",
        "train --text long.txt --out t.safetensors --d-model 16 --n-layers 1 --d-head 8 --sequence 16 --batch 1 --steps 1 -q",
    ];
    let words = |line: &'static str| line.split(' ').collect();
    lines.into_iter().map(words).collect()
}

fn texts() -> Fixture {
    let fixture = Fixture::new();
    fixture.write("text.txt", b"Once upon a time");
    fixture.write("long.txt", &b"Once upon a time. ".repeat(20));
    fixture
}

#[test]
fn an_output_that_is_full() {
    let fixture = texts();
    for args in printing() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let said = said(fixture.command(&args).stdout(full));
        let expected =
            "error: cannot write to standard output: No space left on device (os error 28)\n";
        assert_eq!(
            (said.code, said.err.as_str()),
            (Some(1), expected),
            "{args:?}"
        );
    }
}

/// Nothing is begun whose answer would be lost.
#[test]
fn an_output_that_is_closed() {
    let fixture = texts();
    let before = names(&fixture);
    for args in printing() {
        let said = closed(&fixture, &args);
        let expected = "error: cannot write to standard output: it is closed\n";
        assert_eq!(
            (said.code, said.err.as_str()),
            (Some(1), expected),
            "{args:?}"
        );
    }
    assert_eq!(names(&fixture), before);
    // Somebody who wants to hear nothing says so.
    let quiet = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    let said = said(
        fixture
            .command(&["logits", "lm.bin", "--tokens", "1"])
            .stdout(quiet),
    );
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// The command without standard output.
fn closed(fixture: &Fixture, args: &[&str]) -> Said {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" >&-", env!("CARGO_BIN_EXE_atome")]);
    said(
        shell
            .args(args)
            .current_dir(fixture.path(""))
            .stdin(Stdio::null()),
    )
}

/// Nobody ever writes to it, so whoever opens it waits.
#[test]
fn a_pipe_in_place_of_a_file() {
    let fixture = Fixture::new();
    let made = Command::new("mkfifo").arg(fixture.path("pipe")).status();
    assert!(made.unwrap().success());
    for args in [
        &["inspect", "pipe"][..],
        &["inspect", "pipe", "--json"],
        &["logits", "lm.bin", "--tokens", "1", "--config", "pipe"],
        &["bench", "--filter", "limit-l2", "--compare", "pipe"],
        &[
            "run",
            "lm.bin",
            "-p",
            "x",
            "-n",
            "1",
            "--save-state",
            "pipe",
        ],
    ] {
        let said = limited(&fixture, "true", args);
        let last = said.err.lines().last().unwrap_or_default();
        assert!(
            said.code == Some(2) && last.starts_with("error: "),
            "{said:?}"
        );
    }
}

#[test]
fn a_state_that_cannot_be_kept_is_refused_before_any_text() {
    let fixture = Fixture::new();
    let args = [
        "run",
        "lm.bin",
        "-p",
        "x",
        "-n",
        "3",
        "--save-state",
        "no/state",
    ];
    let said = limited(&fixture, "true", &args);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
}
