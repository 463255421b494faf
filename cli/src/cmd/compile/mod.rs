//! Compiled models: an object file and its header, or a crate.

mod name;

use crate::args::{activations, named};
use crate::failure::Failure;
use crate::{config, output, place};
use atome::atomic_file::WriteFileError;
use atome::checkpoint::{self, Checkpoint};
use atome::embed::{MAX_BLOCK, Settings, Weights, embed};
use atome_codegen::emit::rust;
use atome_spec::{Activation, Packing, Target};
use clap::Args;
use name::Name;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Compile a model into an object file and a header, or into a Rust crate, that need nothing else
///
/// An object file has the kernels, made for the model's shapes, two functions that call them, and the weights; the C header
/// has what is around them. The crate is for every other machine: `no_std`, without a heap. Both have the bits of `atome
/// logits`. Files are written whole or not at all.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// Model: a packed safetensors container, ATOME01, ATOME02, ATOMECL01, BIT2, GGUF, or a directory of float weights
    model: PathBuf,

    /// The model's dimensions; if not given, the `.json` file beside the model with the same stem
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The machine to compile for: x86-64-v2, x86-64-v3, x86-64-v4, cortex-a76, aarch64, riscv64gcv, native; or `rust`, a
    /// crate for any machine that Rust compiles for. Those of another architecture than this machine's need a build with
    /// the feature `arm64`, `riscv64` or `x86`
    #[arg(long, value_name = "T")]
    target: Machine,

    /// The folder to write to, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// What files, functions and the crate are called [default: the model's file name]
    #[arg(long, value_name = "NAME")]
    name: Option<Name>,

    /// Write the weights of an object to a file beside it, NAME.weights, which a program loads or maps [default: they are
    /// read-only data of the object]
    #[arg(long)]
    blob: bool,

    /// Tokens of a prompt that a crate reads in at once [default: 1]
    #[arg(long, value_name = "N", value_parser = block, allow_negative_numbers = true)]
    block: Option<usize>,

    /// Matrices of a crate that become code, such as head, blocks.0.* or blocks.*.wv: an addition or subtraction for each
    /// weight that is not 0
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    straight: Vec<String>,

    /// Packing of embedding tables and of matrices that multiply int8 activations
    #[arg(long, value_name = "P", value_parser = named::<Packing>(Packing::STORED_NAMES))]
    packing: Option<Packing>,

    /// What products multiply, of a model that leaves it open: the answer depends on it
    #[arg(long, value_name = "TYPE", value_parser = activations())]
    activations: Option<Activation>,

    /// Positions that attention looks back, of a model that leaves it open [default: what its file says, at most 4096]
    #[arg(long, value_name = "N")]
    context: Option<usize>,

    /// Replace files that are there already
    #[arg(long)]
    force: bool,

    /// Print one JSON object: the files and their bytes, and what the model takes
    #[arg(long)]
    json: bool,

    /// Say nothing on standard error unless something fails
    #[arg(long, short)]
    quiet: bool,
}

fn block(text: &str) -> Result<usize, String> {
    let tokens = text.parse().ok().filter(|n| (1..=MAX_BLOCK).contains(n));
    tokens.ok_or_else(|| format!("expected a whole number from 1 to {MAX_BLOCK}"))
}

/// Makes the folders that there are not.
fn make_folder(path: &Path) -> Result<(), Failure> {
    let file = path.ancestors().find(|above| above.is_file());
    if let Some(file) = file {
        return Err(Failure::NoFolder {
            path: file.to_owned(),
        });
    }
    std::fs::create_dir_all(path).map_err(|cause| {
        let path = path.to_owned();
        WriteFileError { path, cause }.into()
    })
}

/// What is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Machine {
    Object(Target),
    Rust,
}

impl FromStr for Machine {
    type Err = String;

    fn from_str(s: &str) -> Result<Machine, String> {
        match s.parse() {
            _ if s == "rust" => Ok(Machine::Rust),
            Ok(Target::Interp) | Err(_) => {
                let names = Target::NAMES.iter().filter(|name| **name != "interp");
                let names: Vec<&str> = names.copied().chain(["rust"]).collect();
                Err(format!("expected one of {}", names.join(", ")))
            }
            Ok(target) => Ok(Machine::Object(target)),
        }
    }
}

/// What a model became.
struct Compiled {
    /// Each by its path in the folder.
    files: Vec<(PathBuf, Vec<u8>)>,
    weights_bytes: usize,
    memory_bytes: usize,
}

/// What is said of it.
#[derive(Serialize)]
struct Report<'r> {
    name: &'r str,
    target: &'r str,
    files: Vec<Written<'r>>,
    /// Of weights and constants, in whichever file they are.
    weights_bytes: usize,
    /// Of the memory that a model works in.
    memory_bytes: usize,
}

#[derive(Serialize)]
struct Written<'r> {
    path: std::borrow::Cow<'r, str>,
    bytes: usize,
}

pub(crate) fn run(args: &CompileArgs) -> Result<(), Failure> {
    args.check()?;
    let config = config::needed(args.config.as_deref(), Some(&args.model), args.quiet)?;
    let model = checkpoint::load(&args.model, config)?;
    let name = args.name.clone().unwrap_or_else(|| Name::of(&args.model)).0;
    let mut compiled = match args.target {
        Machine::Rust => as_crate(args, &model, &name)?,
        Machine::Object(target) => as_object(args, &model, &name, target)?,
    };
    for (path, _) in &mut compiled.files {
        *path = args.out.join(&*path);
    }
    args.write(&compiled)?;
    args.report(&name, &compiled)
}

impl CompileArgs {
    /// Whether what was asked for goes together.
    fn check(&self) -> Result<(), Failure> {
        let target = self.target.name();
        let only = |flag, of| Err(Failure::OnlyFor { flag, of, target });
        match self.target {
            Machine::Rust if self.blob => only("--blob", "an object"),
            Machine::Object(_) if self.block.is_some() => only("--block", "--target rust"),
            Machine::Object(_) if !self.straight.is_empty() => only("--straight", "--target rust"),
            _ => Ok(()),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            block: self.block.unwrap_or(1),
            packing: self.packing,
            activations: self.activations,
            context: self.context,
            straight: self.straight.clone(),
            ..Settings::default()
        }
    }

    /// Writes every file, or none if one may not be.
    fn write(&self, compiled: &Compiled) -> Result<(), Failure> {
        for (path, _) in &compiled.files {
            place::keep_inputs(path, &self.model, self.config.as_deref())?;
            if let Some(folder) = path.parent() {
                make_folder(folder)?;
            }
        }
        let taken = |path| Failure::TakenIn { path };
        place::write(&compiled.files, self.force, taken)
    }

    fn report(&self, name: &str, compiled: &Compiled) -> Result<(), Failure> {
        let &Compiled {
            weights_bytes,
            memory_bytes,
            ..
        } = compiled;
        let target = self.target.name();
        if self.json {
            let files = compiled.files.iter().map(|(path, bytes)| Written {
                path: path.to_string_lossy(),
                bytes: bytes.len(),
            });
            return output::print_json(&Report {
                name,
                target,
                files: files.collect(),
                weights_bytes,
                memory_bytes,
            });
        }
        let paths = compiled.files.iter().map(|(path, _)| path.display());
        let paths: Vec<String> = paths.map(|path| path.to_string()).collect();
        let note = format_args!(
            "{} for {target}: {weights_bytes} bytes of weights, {memory_bytes} bytes of memory a model",
            paths.join(", "),
        );
        output::note(self.quiet, note);
        Ok(())
    }
}

impl Machine {
    fn name(self) -> &'static str {
        match self {
            Machine::Object(target) => target.name(),
            Machine::Rust => "rust",
        }
    }
}

/// A crate of one module, and its weights.
fn as_crate(args: &CompileArgs, model: &Checkpoint, name: &str) -> Result<Compiled, Failure> {
    let embedded = embed(model, &args.settings())?;
    let source = rust::format_items(embedded.source(Weights::File("weights.bin")))?;
    let docs = DOCS.replace("NAME", name);
    let manifest = MANIFEST.replace("NAME", name);
    Ok(Compiled {
        weights_bytes: embedded.weights.len(),
        memory_bytes: embedded.memory_bytes,
        files: vec![
            ("src/weights.bin".into(), embedded.weights),
            ("src/lib.rs".into(), format!("{docs}{source}").into_bytes()),
            ("Cargo.toml".into(), manifest.into_bytes()),
        ],
    })
}

const MANIFEST: &str = r#"[package]
name = "NAME"
version = "0.1.0"
edition = "2024"
publish = false

[lib]

[workspace]
"#;

const DOCS: &str = "\
//! A model without heap, `std` or loader, written by `atome compile`:
//!
//! ```no_run
//! static mut MEMORY: NAME::Memory = NAME::Memory::new();
//!
//! // SAFETY: nobody else takes it.
//! let mut model = NAME::Model::new(unsafe { &mut *(&raw mut MEMORY) });
//! let logits = model.prefill(&[0u32, 1])?;
//! # let _ = logits;
//! # Ok::<(), NAME::Error>(())
//! ```
#![no_std]

";

/// An object file, its header, and the weights where they are asked for beside it.
#[cfg(feature = "asm")]
fn as_object(
    args: &CompileArgs,
    model: &Checkpoint,
    name: &str,
    target: Target,
) -> Result<Compiled, Failure> {
    let made = atome::embed::object(model, &args.settings(), target, (name, !args.blob))?;
    let weights_bytes = made.weights.len();
    let mut files = vec![
        (format!("{name}.o").into(), made.bytes),
        (format!("{name}.h").into(), made.header.into_bytes()),
    ];
    if args.blob {
        files.insert(0, (format!("{name}.weights").into(), made.weights));
    }
    Ok(Compiled {
        files,
        weights_bytes,
        memory_bytes: made.memory_bytes,
    })
}

#[cfg(not(feature = "asm"))]
fn as_object(
    _args: &CompileArgs,
    _model: &Checkpoint,
    _name: &str,
    _target: Target,
) -> Result<Compiled, Failure> {
    Err(Failure::NoObjects)
}
