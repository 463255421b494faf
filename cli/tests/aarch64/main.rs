//! `atome` built for AArch64 gives, under an emulated Cortex-A76, what this machine's build
//! gives: the same JSON to the last digit, on every backend.
//!
//! `ATOME_AARCH64` names the AArch64 binary; `.ci/aarch64` builds it. Without it the test is
//! skipped and says so, unless `ATOME_REQUIRE_AARCH64` is set.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use atome::format::{AtomeConfig, AtomeModel, write_atome01, write_atomecl01};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const BACKENDS: [&str; 3] = ["jit", "aot", "interp"];
const MODELS: usize = 16;

/// One question: a command, a model with its config, and tokens.
struct Question {
    command: &'static str,
    model: PathBuf,
    config: PathBuf,
    tokens: String,
}

impl Question {
    fn args(&self, backend: &str) -> Vec<String> {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let (model, config) = (path(&self.model), path(&self.config));
        let words = [
            self.command,
            &model,
            "--config",
            &config,
            "--tokens",
            &self.tokens,
        ];
        let flags = ["--backend", backend, "--quiet"];
        words
            .iter()
            .chain(&flags)
            .map(|word| (*word).to_owned())
            .collect()
    }
}

#[test]
fn aarch64_answers_bit_for_bit_like_this_machine() {
    let Some(binary) = std::env::var_os("ATOME_AARCH64") else {
        assert!(
            std::env::var_os("ATOME_REQUIRE_AARCH64").is_none(),
            "ATOME_AARCH64 is not set"
        );
        eprintln!("skipped: ATOME_AARCH64 names no binary; `.ci/aarch64` builds one");
        return;
    };
    let directory = TempDir::new().unwrap();
    let mut questions = random_models(directory.path());
    questions.extend(published_models());
    for question in &questions {
        let here = answer(Command::new(env!("CARGO_BIN_EXE_atome")).args(question.args("jit")));
        for backend in BACKENDS {
            let mut emulator = Command::new("qemu-aarch64");
            emulator
                .args(["-cpu", "cortex-a76", "-L", "/usr/aarch64-linux-gnu"])
                .arg(&binary);
            let there = answer(emulator.args(question.args(backend)));
            assert_eq!(there, here, "{backend}: {:?}", question.args(backend));
        }
    }
    eprintln!(
        "{} questions, {} backends: equal",
        questions.len(),
        BACKENDS.len()
    );
}

fn answer(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Models of awkward shapes, every third one a classifier.
fn random_models(directory: &Path) -> Vec<Question> {
    (0..MODELS)
        .map(|i| {
            let config = AtomeConfig {
                vocab_size: 1 + 19 * i,
                d_model: [1, 15, 16, 17, 33, 64, 65, 100][i % 8],
                n_layers: 1 + i % 3,
                d_head: 1 + 5 * i % 37,
                top_k: 1 + i % 6,
                kernel_size: 1 + i % 7,
                max_seq: 5 + 7 * i,
            };
            let classes = (i % 3 == 2).then_some(1 + i);
            let model = AtomeModel::random(config.clone(), classes, i as u64);
            let bytes = write_atomecl01(&model).unwrap_or_else(|| write_atome01(&model));
            let [file, config_file] =
                ["bin", "json"].map(|end| directory.join(format!("{i}.{end}")));
            fs::write(&file, bytes).unwrap();
            fs::write(&config_file, serde_json::to_vec(&config).unwrap()).unwrap();
            let ids = (0..1 + 4 * i).map(|t| t * 31 % config.vocab_size);
            Question {
                command: if classes.is_some() {
                    "classify"
                } else {
                    "logits"
                },
                model: file,
                config: config_file,
                tokens: listed(ids),
            }
        })
        .collect()
}

/// The published models, where a checkout has them.
fn published_models() -> Vec<Question> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/atome");
    if !root.is_dir() {
        eprintln!(
            "skipped: the published models are not at {}",
            root.display()
        );
        return Vec::new();
    }
    let text = b"Once upon a time there was a little dog.";
    let question = |command, model, config, len: usize| Question {
        command,
        model: root.join(model),
        config: root.join(config),
        tokens: listed(text[..len].iter().map(|b| usize::from(*b))),
    };
    vec![
        question("logits", "atome_944k.bin", "atome_944k.json", text.len()),
        question("classify", "water.atomecl", "atomecl.json", 32),
        question("classify", "motion.atomecl", "atomecl.json", 7),
    ]
}

fn listed(ids: impl Iterator<Item = usize>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}
