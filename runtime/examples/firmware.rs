//! Writes a classifier as a crate for firmware, and what it answers: `firmware OUT [MODEL] [--config FILE] [--golden FILE]
//! [--block N] [--straight NAME,..]`. Without MODEL it has random weights, and the shape of those that Atome LM publishes.
//!
//! `OUT/model` is the crate, as `atome compile --target rust` writes it. `OUT/answers.rs` has inputs with the class and the
//! logits of each, by the interpreter; those of `--golden`, a list of `{"tokens": [..], "class": k}`, have to be of the
//! classes that it says.

use atome::checkpoint::{self, Checkpoint};
use atome::embed::{Settings, Weights, embed};
use atome::families::AtomeConfig;
use atome::{BackendKind, Model, Options};
use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// An input and the class that somebody says it is of.
type Input = (Vec<u32>, Option<u64>);

#[derive(Default)]
struct Args {
    places: Vec<PathBuf>,
    config: Option<PathBuf>,
    golden: Option<PathBuf>,
    settings: Settings,
}

fn main() {
    if let Err(error) = args().and_then(|args| write(&args)) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn args() -> Result<Args, Box<dyn Error>> {
    let mut args = Args::default();
    let mut given = env::args().skip(1);
    while let Some(arg) = given.next() {
        let mut value = || given.next().ok_or(format!("expected a value after {arg}"));
        match &*arg {
            "--config" => args.config = Some(value()?.into()),
            "--golden" => args.golden = Some(value()?.into()),
            "--block" => args.settings.block = value()?.parse()?,
            "--straight" => {
                args.settings.straight = value()?.split(',').map(str::to_owned).collect()
            }
            _ => args.places.push(arg.into()),
        }
    }
    Ok(args)
}

fn write(args: &Args) -> Result<(), Box<dyn Error>> {
    let out = args.places.first().ok_or("expected a folder to write to")?;
    let model = match args.places.get(1) {
        Some(path) => checkpoint::load(path, args.config.as_deref())?,
        None => Checkpoint::random(shape(), Some(5), 1),
    };
    let embedded = embed(&model, &args.settings)?;
    let source = embedded.source(Weights::File("weights.bin"));
    fs::create_dir_all(out.join("model/src"))?;
    let manifest =
        "[package]\nname = \"model\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(out.join("model/Cargo.toml"), manifest)?;
    fs::write(
        out.join("model/src/lib.rs"),
        format!("#![no_std]\n{source}\n"),
    )?;
    fs::write(out.join("model/src/weights.bin"), &embedded.weights)?;
    fs::write(
        out.join("answers.rs"),
        answers(&model, inputs(args.golden.as_deref())?)?,
    )?;
    Ok(())
}

fn shape() -> AtomeConfig {
    AtomeConfig {
        vocab_size: 256,
        d_model: 32,
        n_layers: 2,
        d_head: 8,
        top_k: 4,
        kernel_size: 5,
        max_seq: 32,
    }
}

/// Inputs, the longest first; without a file, of 1 to 32 bytes that look random.
fn inputs(golden: Option<&Path>) -> Result<Vec<Input>, Box<dyn Error>> {
    let mut inputs: Vec<Input> = Vec::new();
    match golden {
        None => {
            let mut random = 1u32;
            for length in [32, 31, 17, 16, 8, 5, 4, 2, 1] {
                let byte = |_| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    random >> 24
                };
                inputs.push(((0..length).map(byte).collect(), None));
            }
        }
        Some(path) => {
            let golden: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(path)?)?;
            for answer in &golden {
                let tokens = answer["tokens"].as_array().ok_or("expected `tokens`")?;
                let ids = tokens
                    .iter()
                    .filter_map(|id| u32::try_from(id.as_u64()?).ok());
                inputs.push((ids.collect(), answer["class"].as_u64()));
            }
        }
    }
    inputs.sort_by_key(|(input, _)| std::cmp::Reverse(input.len()));
    Ok(inputs)
}

fn answers(model: &Checkpoint, inputs: Vec<Input>) -> Result<String, Box<dyn Error>> {
    let options = Options {
        backend: BackendKind::Interp,
        ..Options::default()
    };
    let model = Model::from_checkpoint(model, &options)?;
    let mut session = model.session()?;
    let mut source = "/// Inputs, with the class and the bits of the logits of each.\n\
        pub static ANSWERS: &[(&[u32], u32, &[u32])] = &[\n"
        .to_owned();
    for (tokens, said) in inputs {
        session.reset();
        session.prefill(&tokens)?;
        let class = session.argmax();
        if said.is_some_and(|said| said != u64::from(class)) {
            return Err(format!("expected {said:?} for {tokens:?}, found {class}").into());
        }
        let bits: Vec<u32> = session
            .logits()
            .iter()
            .map(|logit| logit.to_bits())
            .collect();
        writeln!(source, "    (&{tokens:?}, {class}, &{bits:?}),")?;
    }
    source.push_str("];\n");
    Ok(source)
}
