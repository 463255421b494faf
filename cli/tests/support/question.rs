//! A command of `atome`, asked of this machine's build and of an emulated machine.

use std::path::PathBuf;
use std::process::Command;

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

    pub(crate) fn answer(&self, atome: Command, backend: &str) -> String {
        run(&mut self.asked(atome, backend))
    }

    /// The command that asks.
    pub(crate) fn asked(&self, mut atome: Command, backend: &str) -> Command {
        atome.arg(self.command);
        self.load(&mut atome, backend);
        atome.args(["--tokens", &self.tokens]);
        atome
    }

    /// What `inspect` says of the model.
    pub(crate) fn facts(&self, mut atome: Command, backend: &str) -> serde_json::Value {
        atome.args(["inspect", "--json"]);
        self.load(&mut atome, backend);
        serde_json::from_str(&run(&mut atome)).unwrap()
    }

    /// The kernels that `inspect` lists.
    pub(crate) fn kernels(&self, atome: Command, backend: &str) -> Vec<String> {
        let facts = self.facts(atome, backend);
        let kernels = facts["kernels"].as_array().unwrap();
        kernels
            .iter()
            .map(|k| k["kernel"].as_str().unwrap().to_owned())
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
