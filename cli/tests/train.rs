//! `atome train`: what it leaves behind, however it ends, and what wrong input is told.
#![cfg(unix)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime};
use support::workshop::{Workshop, refused, signal, small};

#[test]
fn killed_at_any_moment_it_resumes_to_the_same_model() {
    let workshop = Workshop::new();
    let expected = workshop.expected();
    let seed = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(1, |t| t.as_nanos() as u64);
    println!("seed {seed}");
    let mut random = seed | 1;
    let mut kills = 0;
    for attempt in 0.. {
        let resume: &[&str] = match workshop.path("m.checkpoint").exists() {
            true => &["--resume"],
            false => &[],
        };
        let mut child = workshop
            .command(&small("m.safetensors", resume))
            .spawn()
            .expect("started");
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // At first sooner than anything is saved, later anywhere; in the end it is left alone.
        if attempt < 8 {
            sleep(Duration::from_millis(random % (20 + 60 * attempt)));
            kills += u32::from(child.try_wait().expect("a child").is_none());
            child.kill().expect("killed");
        }
        let said = child.wait_with_output().expect("ended");
        if workshop.path("m.safetensors").exists() {
            workshop.loads("m.safetensors");
        }
        if said.status.success() {
            break;
        }
        assert!(attempt < 8, "{}", String::from_utf8_lossy(&said.stderr));
    }
    assert!(kills > 0, "it was never killed while it ran");
    assert!(fs::read(workshop.path("m.safetensors")).expect("a model") == expected);
    let hidden = |name: &String| name.starts_with('.');
    assert!(
        !workshop.names().iter().any(hidden),
        "killed writers left something"
    );
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    let workshop = Workshop::new();
    let expected = workshop.expected();
    let long = small("m.safetensors", &["--steps", "1000000"]);
    let mut child = workshop.command(&long).spawn().expect("started");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let evaluated = |line: &String| line.starts_with("step ");
    lines
        .by_ref()
        .map_while(Result::ok)
        .find(evaluated)
        .expect("an evaluation");
    signal(&child, "INT");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let said = child.wait_with_output().expect("ended");
    assert_eq!(said.status.code(), Some(130), "{rest:?}");
    let told = rest.iter().any(|line| line == STOPPING);
    assert!(told, "{rest:?}");
    let last = rest.last().expect("a line");
    assert!(last.contains("all is saved: go on with --resume"), "{last}");
    assert!(!said.stdout.is_empty(), "what it has is told");
    workshop.loads("m.safetensors");
    assert!(workshop.path("m.svg").exists());

    let refusal = workshop.run(&small("m.safetensors", &[]));
    refused(&refusal, 2, "there is a checkpoint");
    let restarted = workshop.run(&small("m.safetensors", &["--restart", "--json"]));
    assert!(restarted.status.success());
    let answer: serde_json::Value = serde_json::from_slice(&restarted.stdout).expect("JSON");
    assert_eq!(answer["steps"], 90);
    assert!(answer["held_out_bits_per_byte"].as_f64().expect("a number") < 8.0);
    assert!(fs::read(workshop.path("m.safetensors")).expect("a model") == expected);
}

/// What Ctrl-C is answered at once.
const STOPPING: &str = "stopping after this step; press Ctrl-C again to stop without saving";

#[test]
fn a_second_ctrl_c_ends_without_saving() {
    let workshop = Workshop::new();
    // Steps of a second, so that it is in the middle of one.
    let long = [
        "--batch",
        "8192",
        "--steps",
        "1000",
        "--evaluate-every",
        "1",
    ];
    let long = small("m.safetensors", &long);
    let mut child = workshop.command(&long).spawn().expect("started");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    for sign in ["step 1:", STOPPING] {
        let mut told = lines.by_ref().map_while(Result::ok);
        let told = told.any(|line| line.starts_with(sign));
        assert!(told, "it never said `{sign}`");
        signal(&child, "INT");
    }
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let said = child.wait_with_output().expect("ended");
    assert_eq!(said.status.code(), Some(130), "{rest:?}");
    assert!(rest.is_empty() && said.stdout.is_empty(), "{rest:?}");
    let is_lock = |name: &String| name.ends_with(".lock");
    assert!(!workshop.names().iter().any(is_lock), "locks stay");
}

/// What is not given is as it was; what is given is obeyed, or refused where it cannot be.
#[test]
fn resuming_needs_no_setting_again() {
    let workshop = Workshop::new();
    let expected = workshop.expected();
    // The steps of the whole are a setting of the schedule, so an earlier checkpoint of it is
    // made by stopping.
    let mut child = workshop
        .command(&small("m.safetensors", &[]))
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let evaluated = |line: &String| line.starts_with("step ");
    lines
        .by_ref()
        .map_while(Result::ok)
        .find(evaluated)
        .expect("an evaluation");
    signal(&child, "INT");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let stopped = child.wait().expect("ended").code();
    println!("ended with {stopped:?}: {rest:?}");
    let bare = ["--text", "text.txt", "--out", "m.safetensors", "--resume"];
    let refusal = workshop.run(&[&bare[..], &["--d-model", "128"]].concat());
    refused(&refusal, 2, "d-model is 16 in the checkpoint, but 128");
    let refusal = workshop.run(&[&bare[..], &["--steps", "5"]].concat());
    refused(&refusal, 2, "steps: expected");
    let same = workshop.run(&[&bare[..], &["--d-model", "16", "--threads", "3"]].concat());
    assert!(same.status.success(), "{same:?}");
    let read = |name: &str| fs::read(workshop.path(name)).expect("there");
    assert!(read("m.safetensors") == expected);
    assert!(read("m.checkpoint") == read("whole.checkpoint"));
    let more = ["--steps", "100", "--evaluate-every", "3", "--json"];
    let more = workshop.run(&[&bare[..], &more].concat());
    assert!(more.status.success(), "{more:?}");
    let answer: serde_json::Value = serde_json::from_slice(&more.stdout).expect("JSON");
    assert_eq!(answer["steps"], 100);
    let said = String::from_utf8_lossy(&more.stderr);
    assert!(
        said.contains("step 93:") && said.contains("step 100:"),
        "{said}"
    );
}

#[test]
fn text_from_standard_input() {
    let workshop = Workshop::new();
    workshop.expected();
    let mut piped = workshop.command(&small("m.safetensors", &["--text", "-"]));
    piped.stdin(File::open(workshop.path("text.txt")).expect("a text"));
    let said = piped.output().expect("started");
    assert!(said.status.success(), "{said:?}");
    // A model says what it was trained on, a checkpoint does not.
    let read = |name: &str| fs::read(workshop.path(name)).expect("there");
    assert!(read("m.checkpoint") == read("whole.checkpoint"));
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let workshop = Workshop::new();
    assert!(
        workshop
            .run(&small("m.safetensors", &["--steps", "20"]))
            .status
            .success()
    );
    let files = ["m.safetensors", "m.checkpoint", "m.svg"];
    let read = |name| fs::read(workshop.path(name)).expect("there");
    let before = files.map(read);
    // No file may be longer than 1 KiB: writes fail.
    let script = "ulimit -f 1; exec \"$@\"";
    let mut limited = Command::new("bash");
    limited.args([
        "-c",
        script,
        "bash",
        env!("CARGO_BIN_EXE_atome"),
        "train",
        "--quiet",
    ]);
    limited.args(small("m.safetensors", &["--steps", "40", "--resume"]));
    let said = limited
        .current_dir(workshop.path(""))
        .output()
        .expect("started");
    refused(&said, 1, "cannot write");
    assert!(files.map(read) == before, "a file was lost or changed");
    assert_eq!(
        workshop.names().len(),
        1 + files.len(),
        "nothing else is left behind"
    );
    let resumed = workshop.run(&small("m.safetensors", &["--steps", "40", "--resume"]));
    assert!(resumed.status.success(), "{resumed:?}");
}

#[test]
fn wrong_input_is_told_in_one_line() {
    let workshop = Workshop::new();
    let write = |name: &str, bytes: &[u8]| fs::write(workshop.path(name), bytes).expect("written");
    write("empty.txt", b"");
    write("short.txt", b"too short");
    write("binary.txt", &[&[b'x'; 500][..], &[0, 1, 2]].concat());
    let train = |more: &[&str]| workshop.run(&small("m.safetensors", more));
    for (text, part) in [
        ("empty.txt", "at least 66 bytes"),
        ("short.txt", "found 9"),
        ("binary.txt", "zero byte at offset 500"),
        ("missing.txt", "missing.txt"),
        (".", "expected a regular file"),
    ] {
        refused(&train(&["--text", text]), 2, part);
    }
    refused(&train(&["--d-model", "0"]), 2, "d_model");
    refused(
        &train(&["--learning-rate", "7"]),
        2,
        "learning-rate: expected 0 to 1, found 7",
    );
    refused(&train(&["--prompt", ""]), 2, "prompt is empty");
    for (flag, value, part) in [
        (
            "--steps",
            "0",
            "expected a whole number from 1 to 1099511627776",
        ),
        (
            "--steps",
            "-1",
            "expected a whole number from 1 to 1099511627776",
        ),
        ("--evaluate-every", "0", "expected a whole number from 1 to"),
        (
            "--seed",
            "-1",
            "expected a whole number from 0 to 18446744073709551615",
        ),
        ("--batch", "-1", "expected a whole number from 0 to"),
    ] {
        let said = train(&[flag, value]);
        let err = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{err}");
        assert!(
            err.contains(&format!("'{value}' for '{flag} <")) && err.contains(part),
            "{err}"
        );
    }
    refused(&train(&["--resume"]), 2, "m.checkpoint");
    assert!(!workshop.path("m.safetensors").exists());
    for out in ["missing/m.safetensors", "."] {
        refused(&workshop.run(&small(out, &[])), 2, "cannot write");
    }
    // A text of which the part that is held out is shorter than a sequence.
    let little = train(&["--steps", "10", "--held-out", "0.001"]);
    let err = String::from_utf8_lossy(&little.stderr);
    assert!(little.status.success(), "{err}");
    assert!(err.contains("held out (not fewer: one sequence"), "{err}");
    fs::remove_file(workshop.path("m.checkpoint")).expect("removed");
    assert!(train(&["--steps", "10"]).status.success());
    refused(
        &train(&["--resume", "--d-model", "20"]),
        2,
        "d-model is 16 in the checkpoint, but 20",
    );
    let mut damaged = fs::read(workshop.path("m.checkpoint")).expect("there");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    write("m.checkpoint", &damaged);
    refused(&train(&["--resume"]), 2, "its checksum is wrong");
    write("m.checkpoint", b"not a checkpoint");
    refused(&train(&["--resume"]), 2, "is not a checkpoint");
    assert!(Path::new(&workshop.path("m.safetensors")).exists());
}
