//! `atome train`: what it leaves behind, however it ends, and what wrong input is told.
#![cfg(unix)]

use atome::{Model, Options};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A folder with a text, and trainings over it.
struct Workshop {
    folder: TempDir,
}

impl Workshop {
    fn new() -> Workshop {
        let workshop = Workshop {
            folder: TempDir::new().expect("a folder"),
        };
        let lines = (0..400).map(|i| format!("And {} begat {}.\n", i * i % 97, i * 7 % 31));
        fs::write(workshop.path("text.txt"), lines.collect::<String>()).expect("written");
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atome"));
        command.arg("train").args(args).current_dir(&self.folder);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("started")
    }

    /// The uninterrupted training's model.
    fn expected(&self) -> Vec<u8> {
        let said = self.run(&small("whole.safetensors", &[]));
        assert!(said.status.success(), "{said:?}");
        fs::read(self.path("whole.safetensors")).expect("a model")
    }

    fn loads(&self, name: &str) {
        Model::load(&self.path(name), None, &Options::default()).expect("a whole model");
    }
}

/// Arguments of a training of a moment; those in `more` take the place of its own.
fn small<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = "--text text.txt --d-model 16 --n-layers 1 --d-head 4 --sequence 32 --batch 2 \
                 --steps 90 --warmup 5 --evaluate-every 10 --sample-every 40";
    let fixed: Vec<&str> = fixed.split_whitespace().collect();
    let kept = fixed.chunks(2).filter(|pair| !more.contains(&pair[0]));
    let mut args = kept.collect::<Vec<_>>().concat();
    args.extend(["--out", out]);
    args.extend(more);
    args
}

fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    let done = kill.arg(format!("-{name}")).arg(child.id().to_string());
    assert!(done.status().expect("kill runs").success());
}

/// One line on standard error, nothing on standard output.
fn refused(said: &Output, code: i32, part: &str) {
    let err = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(code), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.starts_with("atome: ") && err.contains(part), "{err}");
    assert!(said.stdout.is_empty());
}

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
    assert!(said.status.success(), "{rest:?}");
    assert!(
        rest.iter().any(|line| line.contains("--resume")),
        "{rest:?}"
    );
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
    // No file may be longer than 1 KiB, and the signal that says so is ignored: writes fail.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
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
        .current_dir(&workshop.folder)
        .output()
        .expect("started");
    refused(&said, 1, "cannot write");
    assert!(files.map(read) == before, "a file was lost or changed");
    let names = fs::read_dir(&workshop.folder).expect("a folder").count();
    assert_eq!(names, 1 + files.len(), "nothing else is left behind");
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
    refused(&train(&["--resume"]), 2, "m.checkpoint");
    assert!(!workshop.path("m.safetensors").exists());
    for out in ["missing/m.safetensors", "."] {
        refused(&workshop.run(&small(out, &[])), 2, "cannot write");
    }
    assert!(train(&["--steps", "10"]).status.success());
    refused(
        &train(&["--resume", "--d-model", "20"]),
        2,
        "d-model is 16 in the checkpoint, but 20",
    );
    write("m.checkpoint", b"not a checkpoint");
    refused(&train(&["--resume"]), 2, "is not a checkpoint");
    assert!(Path::new(&workshop.path("m.safetensors")).exists());
}
