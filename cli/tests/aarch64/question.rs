//! A command of `atome`, asked of this machine's build and of the AArch64 one.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Command;

/// `sdot` of sixteen bytes, without its registers, which the mask leaves out. The emulator's own
/// disassembler may not know it.
const SDOT: u32 = 0x4e80_9400;
const SDOT_MASK: u32 = 0xffe0_fc00;

/// An emulated CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cpu {
    /// With dot products.
    CortexA76,
    /// Without.
    CortexA72,
}

impl Cpu {
    fn name(self) -> &'static str {
        match self {
            Cpu::CortexA76 => "cortex-a76",
            Cpu::CortexA72 => "cortex-a72",
        }
    }

    pub(crate) fn has_sdot(self) -> bool {
        self == Cpu::CortexA76
    }
}

/// The AArch64 binary and what runs it.
pub(crate) struct Emulator {
    binary: OsString,
}

impl Emulator {
    /// None, said on stderr, where there is no binary.
    pub(crate) fn find() -> Option<Emulator> {
        let binary = std::env::var_os("ATOME_AARCH64");
        if binary.is_none() {
            let required = std::env::var_os("ATOME_REQUIRE_AARCH64").is_some();
            assert!(!required, "ATOME_AARCH64 is not set");
            eprintln!("skipped: ATOME_AARCH64 names no binary; `.ci/aarch64` builds one");
        }
        Some(Emulator { binary: binary? })
    }

    pub(crate) fn command(&self, cpu: Cpu) -> Command {
        self.logging(cpu, &[])
    }

    fn logging(&self, cpu: Cpu, flags: &[&str]) -> Command {
        let mut command = Command::new("qemu-aarch64");
        command
            .args(["-cpu", cpu.name(), "-L", "/usr/aarch64-linux-gnu"])
            .args(flags)
            .arg(&self.binary);
        command
    }

    /// Whether the answer to a question takes an `sdot`: the emulator lists every block of code
    /// that it runs.
    pub(crate) fn runs_sdot(&self, cpu: Cpu, question: &Question, backend: &str) -> bool {
        let log = tempfile::NamedTempFile::new().unwrap();
        let path = log.path().to_str().unwrap();
        question.answer(self.logging(cpu, &["-d", "in_asm", "-D", path]), backend);
        let lines = BufReader::new(File::open(path).unwrap()).lines();
        let mut words = lines.filter_map(|line| word(&line.unwrap())).peekable();
        assert!(words.peek().is_some(), "the emulator lists nothing");
        words.any(|word| word & SDOT_MASK == SDOT)
    }
}

/// The instruction of a line such as `0x5500000000:  d503201f  nop`.
fn word(line: &str) -> Option<u32> {
    let word = line.strip_prefix("0x")?.split_whitespace().nth(1)?;
    u32::from_str_radix(word, 16).ok()
}

/// A command, a model, with its config if it has none inside, and tokens.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) command: &'static str,
    pub(crate) model: PathBuf,
    pub(crate) config: Option<PathBuf>,
    pub(crate) tokens: String,
    pub(crate) flags: Vec<&'static str>,
}

impl Question {
    pub(crate) fn with(mut self, flag: &'static str) -> Question {
        self.flags.push(flag);
        self
    }

    /// The answer of this machine's build.
    pub(crate) fn answer_here(&self) -> String {
        self.answer(Command::new(env!("CARGO_BIN_EXE_atome")), "jit")
    }

    pub(crate) fn answer(&self, mut atome: Command, backend: &str) -> String {
        atome.arg(self.command);
        self.load(&mut atome, backend);
        run(atome.args(["--tokens", &self.tokens]))
    }

    /// The kernels that `inspect` lists.
    pub(crate) fn kernels(&self, mut atome: Command, backend: &str) -> Vec<String> {
        atome.args(["inspect", "--json"]);
        self.load(&mut atome, backend);
        let facts: serde_json::Value = serde_json::from_str(&run(&mut atome)).unwrap();
        let kernels = facts["kernels"].as_array().unwrap();
        kernels
            .iter()
            .map(|k| k.as_str().unwrap().to_owned())
            .collect()
    }

    fn load(&self, atome: &mut Command, backend: &str) {
        atome.arg(&self.model);
        if let Some(config) = &self.config {
            atome.arg("--config").arg(config);
        }
        // Small models, and one emulated thread at a time.
        atome
            .args(["--backend", backend, "--quiet", "--threads", "1"])
            .args(&self.flags);
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}
