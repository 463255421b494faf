//! Trainings of a moment, in a directory of their own.

use atome::{Model, Options};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A folder with a text, and trainings over it.
pub(crate) struct Workshop {
    folder: TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Workshop {
        let workshop = Workshop {
            folder: TempDir::new().expect("a folder"),
        };
        let lines = (0..400).map(|i| format!("And {} begat {}.\n", i * i % 97, i * 7 % 31));
        fs::write(workshop.path("text.txt"), lines.collect::<String>()).expect("written");
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atome"));
        command.arg("train").args(args).current_dir(&self.folder);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("started")
    }

    /// The uninterrupted training's model.
    pub(crate) fn expected(&self) -> Vec<u8> {
        let said = self.run(&small("whole.safetensors", &[]));
        assert!(said.status.success(), "{said:?}");
        fs::read(self.path("whole.safetensors")).expect("a model")
    }

    /// Names of all that is in the folder, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).expect("a folder");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let names = entries.map(|entry| name(entry).into_string().expect("UTF-8"));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    pub(crate) fn loads(&self, name: &str) {
        Model::load(&self.path(name), None, &Options::default()).expect("a whole model");
    }
}

/// Arguments of a training of a moment; those in `more` take the place of its own.
pub(crate) fn small<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = "--text text.txt --d-model 16 --n-layers 1 --d-head 4 --sequence 32 --batch 2 \
                 --steps 90 --warmup 5 --evaluate-every 10 --sample-every 40";
    let fixed: Vec<&str> = fixed.split_whitespace().collect();
    let kept = fixed.chunks(2).filter(|pair| !more.contains(&pair[0]));
    let mut args = kept.collect::<Vec<_>>().concat();
    args.extend(["--out", out]);
    args.extend(more);
    args
}

pub(crate) fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    let done = kill.arg(format!("-{name}")).arg(child.id().to_string());
    assert!(done.status().expect("kill runs").success());
}

/// One line on standard error, nothing on standard output.
pub(crate) fn refused(said: &Output, code: i32, part: &str) {
    let err = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(code), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.starts_with("error: ") && err.contains(part), "{err}");
    assert!(said.stdout.is_empty());
}
