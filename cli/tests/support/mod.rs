//! Small random models in a directory of their own, and the `atome` command run over them.

#[cfg(unix)]
pub(crate) mod workshop;

use atome::checkpoint::{Checkpoint, write_atome01, write_atome02, write_atomecl01};
use atome::families::AtomeConfig;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A language model of bytes.
pub(crate) const CONFIG: AtomeConfig = AtomeConfig {
    vocab_size: 256,
    d_model: 20,
    n_layers: 2,
    d_head: 6,
    top_k: 3,
    kernel_size: 4,
    max_seq: 24,
};

/// Classes of the classifier.
pub(crate) const CLASSES: usize = 5;

/// A directory with `lm.bin`, `lm2.bin` (the same as `ATOME02`), `cl.bin`, a model of 300
/// tokens `wide.bin`, and their configs.
pub(crate) struct Fixture {
    directory: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let fixture = Fixture {
            directory: TempDir::new().unwrap(),
        };
        let lm = language_model();
        let cl = Checkpoint::random(CONFIG, Some(CLASSES), 2);
        let wide_config = AtomeConfig {
            vocab_size: 300,
            d_model: 9,
            n_layers: 1,
            ..CONFIG
        };
        let wide = Checkpoint::random(wide_config.clone(), None, 3);
        fixture.write("lm.bin", &write_atome01(&lm).unwrap());
        fixture.write("lm2.bin", &write_atome02(&lm).unwrap());
        fixture.write("cl.bin", &write_atomecl01(&cl).unwrap());
        fixture.write("wide.bin", &write_atome01(&wide).unwrap());
        for name in ["lm.json", "lm2.json", "cl.json"] {
            fixture.write(name, &serde_json::to_vec(&CONFIG).unwrap());
        }
        fixture.write("wide.json", &serde_json::to_vec(&wide_config).unwrap());
        fixture
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `atome` with the directory as its working directory.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = atome(args);
        command.current_dir(&self.directory);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        said(&mut self.command(args))
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        said.out
    }

    /// The answer of a command that must succeed and print JSON.
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    pub(crate) fn run_with_stdin(&self, args: &[&str], stdin: &[u8]) -> Said {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        decoded(child.wait_with_output().unwrap())
    }

    /// Each command, its exit code and all it said, one after the other, for a snapshot.
    pub(crate) fn transcript(&self, commands: &[&[&str]]) -> String {
        commands.iter().fold(String::new(), |mut text, args| {
            let said = self.run(args);
            let shown: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
            writeln!(text, "$ atome {}", shown.join(" ")).unwrap();
            writeln!(
                text,
                "{}{}exit {}\n",
                said.out,
                said.err,
                said.code.unwrap()
            )
            .unwrap();
            text
        })
    }
}

/// The language model of `lm.bin`.
pub(crate) fn language_model() -> Checkpoint {
    Checkpoint::random(CONFIG, None, 1)
}

/// The command, reading nothing, and running models by the defaults whatever somebody tuned here.
pub(crate) fn atome(args: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atome"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env("ATOME_TUNE", "");
    command
}

pub(crate) fn said(command: &mut Command) -> Said {
    decoded(command.output().unwrap())
}

fn decoded(output: std::process::Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// All that a command prints on a terminal where `typed` is typed; `None` where no terminal can be
/// made.
pub(crate) fn on_terminal(fixture: &Fixture, args: &[&str], typed: &[u8]) -> Option<String> {
    shell_on_terminal(fixture, &shell_line(args), typed)
}

/// `atome` and its arguments for a shell.
pub(crate) fn shell_line(args: &[&str]) -> String {
    let args = args.iter().map(|arg| quoted(arg));
    let program = quoted(env!("CARGO_BIN_EXE_atome"));
    std::iter::once(program)
        .chain(args)
        .collect::<Vec<_>>()
        .join(" ")
}

/// As [`on_terminal`], of a line for the shell.
pub(crate) fn shell_on_terminal(fixture: &Fixture, line: &str, typed: &[u8]) -> Option<String> {
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", line, "/dev/null"]);
    script.current_dir(&fixture.directory).env("TERM", "xterm");
    script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let Ok(mut child) = script.spawn() else {
        println!("skipped: there is no `script`, which makes a terminal");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,=@/".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{arg}'")
    }
}

/// The directory of published models, if it is there.
pub(crate) fn published() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/atome");
    let found = path.is_dir().then_some(path);
    if found.is_none() {
        println!("skipped: no ../shared/data/atome beside the workspace");
    }
    found
}
