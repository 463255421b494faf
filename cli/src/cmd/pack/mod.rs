mod parts;
mod place;
mod report;
mod table;
mod whole;

use crate::args::{decimal, whole};
use crate::failure::Failure;
use ::atome::checkpoint;
use ::atome::format;
use ::atome::format::{Format, ScaleRule};
use ::atome::{FileError, Packing};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use table::Table;

/// Pack a model: quantise float weights, or repack ternary ones
///
/// Reads a safetensors file of float weights (f32, f16 or bf16), a directory of such files with a
/// config.json, ATOME01, ATOME02, ATOMECL01, BIT2, GGUF or a packed container; writes a container, a
/// GGUF file or, of an Atome model, one of the older formats, whole or not at all, then reopens it and proves that every trit and float is the source's.
#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// Model file, a safetensors file of float weights, or a directory of them
    input: PathBuf,

    /// File to write; one that is there already is replaced if `atome pack` wrote it and it says so,
    /// as containers do, and otherwise only with --force. Beside an ATOME file, which has no place for
    /// the dimensions, goes a `.json` with the same stem that has them
    output: PathBuf,

    /// Bits of a trit: `int2` 2.0, `base3` 1.6 [default: what the format has; of a container, base3
    /// for an Atome model and int2, which is faster, for others]
    #[arg(long, value_name = "PACKING", value_parser = crate::args::named::<Packing>(Packing::STORED_NAMES))]
    packing: Option<Packing>,

    /// What an embedding table becomes: of floats `f32` as it is, the nearest `f16`, or `int8` with a
    /// scale a row [default: f32, or what a container has]; of trits `int2` or `base3` as kernels read
    /// them, so that it is mapped and kept so in memory [default: like other trits in the file and int2 in
    /// memory, or what a container has]
    #[arg(long, value_name = "TYPE", value_parser = crate::args::named::<Table>(Table::NAMES))]
    embedding: Option<Table>,

    /// Scale of float weights: `absmean`, the mean of the absolute values of each tensor; `exact`
    /// for tensors that are ternary already; or a number for all of them [default: absmean]
    #[arg(long, value_name = "SCALE", value_parser = scale_rule)]
    #[arg(allow_negative_numbers = true)]
    scale: Option<ScaleRule>,

    /// Format to write [default: by the output's extension: .safetensors, .gguf, .bin or .atome01,
    /// .atome02, .atomecl]
    #[arg(long, value_name = "FORMAT")]
    format: Option<OutFormat>,

    /// The model's dimensions; if not given, the `.json` file beside the model with the same stem
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The graph that float weights are the parameters of, as text
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "top_k", "max_seq"])]
    graph: Option<PathBuf>,

    /// Positions that attention keeps, of float weights without a config
    #[arg(long, value_name = "K", value_parser = whole::<usize>, allow_negative_numbers = true)]
    top_k: Option<usize>,

    /// Positions of the key/value cache, of float weights without a config
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    max_seq: Option<usize>,

    /// Where the weights come from, to be kept in a container
    #[arg(long, value_name = "TEXT")]
    provenance: Option<String>,

    /// Replace a file that `atome pack` did not write
    #[arg(long)]
    force: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Say nothing on standard error unless something fails
    #[arg(long, short)]
    quiet: bool,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutFormat {
    /// Safetensors with packed tensors
    Container,
    /// GGUF of this project's families, trits as TQ2_0 or TQ1_0 where rows allow
    Gguf,
    /// Language model, int2
    Atome01,
    /// Language model, base3
    Atome02,
    /// Classifier, int2
    Atomecl01,
}

impl OutFormat {
    fn of_extension(path: &Path) -> Option<OutFormat> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match extension.as_str() {
            "safetensors" => OutFormat::Container,
            "gguf" => OutFormat::Gguf,
            "bin" | "atome01" => OutFormat::Atome01,
            "atome02" => OutFormat::Atome02,
            "atomecl" | "atomecl01" => OutFormat::Atomecl01,
            _ => return None,
        })
    }

    fn format(self) -> Format {
        match self {
            OutFormat::Container => Format::Container,
            OutFormat::Gguf => Format::Gguf,
            OutFormat::Atome01 => Format::Atome01,
            OutFormat::Atome02 => Format::Atome02,
            OutFormat::Atomecl01 => Format::AtomeCl01,
        }
    }

    /// Whether a file says its model's dimensions itself.
    fn has_dimensions(self) -> bool {
        matches!(self, OutFormat::Container | OutFormat::Gguf)
    }

    /// The packing asked for, if the format has it.
    fn packing(self, asked: Option<Packing>) -> Result<Packing, Failure> {
        let only = match self {
            OutFormat::Container => return Ok(asked.unwrap_or(Packing::Base3)),
            OutFormat::Gguf => return Ok(asked.unwrap_or(Packing::Int2)),
            OutFormat::Atome01 | OutFormat::Atomecl01 => Packing::Int2,
            OutFormat::Atome02 => Packing::Base3,
        };
        match asked {
            Some(asked) if asked != only => Err(Failure::FormatPacking {
                format: self.format(),
                only,
                asked,
            }),
            _ => Ok(only),
        }
    }
}

fn scale_rule(text: &str) -> Result<ScaleRule, &'static str> {
    const EXPECTED: &str = "expected absmean, exact, or a number above 0, such as 0.05";
    match text {
        "absmean" => Ok(ScaleRule::AbsMean),
        "exact" => Ok(ScaleRule::Exact),
        number => match decimal(number) {
            Ok(scale) if scale.is_finite() && scale > 0.0 => Ok(ScaleRule::Given(scale)),
            _ => Err(EXPECTED),
        },
    }
}

pub(crate) fn run(args: &PackArgs) -> Result<(), Failure> {
    let by_extension = || OutFormat::of_extension(&args.output);
    let out = args.format.or_else(by_extension);
    let out = out.ok_or_else(|| Failure::OutFormat(args.output.clone()))?;
    let _claim = place::claim(args, out)?;
    match checkpoint::is_read_in_parts(&args.input) {
        Ok(true) if args.graph.is_none() => parts::run(args, out),
        // What is wrong with the file is said where it is read.
        _ => whole::run(args, out),
    }
}

impl From<format::WriteError> for Failure {
    fn from(error: format::WriteError) -> Failure {
        match error {
            format::WriteError::Source(error) => FileError::into(error),
            format::WriteError::File(error) => Failure::WriteFile(error),
            error => Failure::Unwritable(error),
        }
    }
}
