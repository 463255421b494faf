//! What tests of programs share: where files are, how they are compiled, what they should say.

use atome::sampler::{Sampler, Sampling};
use atome::{Model, Options};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a static library needs of the system.
pub(crate) const SYSTEM: [&str; 6] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];
pub(crate) const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
pub(crate) const MODEL: &str = "../runtime/default.safetensors";

/// What `examples/rows.c` says.
pub(crate) const ROWS: &str = concat!(
    "-0.25  0.25  0.00  0.00  0.25\n",
    " 0.25  0.00 -0.25  0.25 -0.25\n",
    " 0.00  0.00  0.25  0.25  0.00\n",
    "-0.25  0.25  0.00  0.00  0.25\n",
    "id 3 at position 1 is not a row of the table, expected 0 to 2\n",
);

/// A file of this package.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Says what a command said, which has to be well.
pub(crate) fn said(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{command:?}: {out}{err}");
    assert_eq!(err, "", "{command:?}");
    out.into_owned()
}

/// What a session of this machine's library tells after a prompt.
pub(crate) fn told(prompt: &str, seed: u64, tokens: usize) -> String {
    let options = Options::default();
    let model = Model::load(&here(MODEL), None, &options).expect("a model");
    let tokenizer = model.tokenizer().expect("a tokenizer");
    let settings = Sampling {
        seed,
        ..Sampling::default()
    };
    let mut sampler = Sampler::new(settings, model.vocab()).expect("settings");
    let mut session = model.session().expect("a session");
    let prompt = tokenizer.encode(prompt.as_bytes());
    session.prefill(&prompt).expect("taken in");
    let tokens: Result<Vec<u32>, _> = session.generate(&mut sampler).take(tokens).collect();
    tokenizer.decode(&tokens.expect("tokens"))
}
