//! The examples in C over the library built for another machine, on an emulated CPU: what they say is what this machine's
//! library says.
//!
//! `ATOME_AARCH64` and `ATOME_RISCV64` name a file beside the library; `.ci/aarch64` and `.ci/riscv64` build it. Without them the
//! tests are skipped and say so, unless `ATOME_REQUIRE_AARCH64` or `ATOME_REQUIRE_RISCV64` is set.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use support::{MODEL, ROWS, SYSTEM, WARNINGS, here, said, told};
use tempfile::TempDir;

/// A machine that is not this one.
struct Machine {
    name: &'static str,
    /// The variable that says where its library is.
    variable: &'static str,
    cpus: &'static [&'static str],
}

impl Machine {
    fn library(&self) -> Option<PathBuf> {
        let Some(beside) = env::var_os(self.variable) else {
            let require = self.variable.replace("ATOME_", "ATOME_REQUIRE_");
            assert!(
                env::var_os(require).is_none(),
                "{} is not set",
                self.variable
            );
            println!("skipped: {} names no file", self.variable);
            return None;
        };
        let library = Path::new(&beside).with_file_name("libatome.a");
        assert!(fs::exists(&library).expect("a folder"), "no {library:?}");
        Some(library)
    }

    fn program(&self, folder: &TempDir, source: &str, library: &Path) -> PathBuf {
        let made = folder.path().join("program");
        let mut compiler = Command::new(format!("{}-linux-gnu-gcc", self.name));
        compiler.arg("-std=c99").args(WARNINGS).arg("-o").arg(&made);
        compiler.arg(here(source)).arg("-I").arg(here("include"));
        said(compiler.arg(library).args(SYSTEM));
        made
    }

    fn examples_say_the_same(&self) {
        let Some(library) = self.library() else {
            return;
        };
        let folder = TempDir::new().expect("a folder");
        let prompt = "And the king";
        let story = format!("{prompt}{}\n", told(prompt, 7, 100));
        for cpu in self.cpus {
            let run = |source: &str| {
                let root = format!("/usr/{}-linux-gnu", self.name);
                let mut qemu = Command::new(format!("qemu-{}", self.name));
                qemu.args(["-cpu", cpu, "-L", &root]);
                // Of the same release as the loader there: threads do not start with others.
                qemu.args(["-E", &format!("LD_LIBRARY_PATH={root}/lib")]);
                qemu.arg(self.program(&folder, source, &library));
                qemu
            };
            assert_eq!(said(&mut run("examples/rows.c")), ROWS, "{cpu}");
            let mut tell = run("examples/story.c");
            assert_eq!(said(tell.arg(here(MODEL)).arg(prompt)), story, "{cpu}");
        }
    }
}

#[test]
fn on_aarch64() {
    let machine = Machine {
        name: "aarch64",
        variable: "ATOME_AARCH64",
        cpus: &["cortex-a76", "cortex-a72"],
    };
    machine.examples_say_the_same();
}

#[test]
fn on_riscv64() {
    let machine = Machine {
        name: "riscv64",
        variable: "ATOME_RISCV64",
        cpus: &["rv64"],
    };
    machine.examples_say_the_same();
}
