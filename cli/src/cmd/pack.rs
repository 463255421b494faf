use crate::args::decimal;
use crate::failure::Failure;
use crate::output;
use crate::units::{count, grouped};
use atome::atomic_file;
use atome::format::{
    self, AtomeConfig, AtomeModel, ContainerOptions, FloatOptions, Format, Packable, ScaleRule,
    TensorRef, packed_bytes,
};
use atome::{LoadError, Packing};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Weights of which more than this share of the length is lost in quantising were hardly trained
/// to be ternary: random numbers of a normal distribution lose 0.51.
const LARGE_ERROR: f64 = 0.5;

/// Pack a model: quantise float weights, or repack ternary ones
///
/// Reads a safetensors file of float weights (f32, f16 or bf16), ATOME01, ATOME02, ATOMECL01, or
/// a packed container; writes a container or one of the older formats, whole or not at all, then
/// reopens it and proves that every trit and float is the source's.
#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// Model file, or a safetensors file of float weights
    input: PathBuf,

    /// File to write
    output: PathBuf,

    /// Bits of a trit: `int2` 2.0, `base3` 1.6 [default: base3, or what the format has]
    #[arg(long, value_name = "PACKING", value_parser = crate::args::named::<Packing>(Packing::NAMES))]
    packing: Option<Packing>,

    /// Scale of float weights: `absmean`, the mean of the absolute values of each tensor; `exact`
    /// for tensors that are ternary already; or a number for all of them
    #[arg(long, value_name = "SCALE", default_value = "absmean", value_parser = scale_rule)]
    #[arg(allow_negative_numbers = true)]
    scale: ScaleRule,

    /// Format to write [default: by the output's extension: .safetensors, .bin or .atome01,
    /// .atome02, .atomecl]
    #[arg(long, value_name = "FORMAT")]
    format: Option<OutFormat>,

    /// The model's dimensions; if not given, the `.json` file beside the model with the same stem
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Positions that attention keeps, of float weights without a config
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,

    /// Positions of the key/value cache, of float weights without a config
    #[arg(long, value_name = "N")]
    max_seq: Option<usize>,

    /// Where the weights come from, to be kept in a container
    #[arg(long, value_name = "TEXT")]
    provenance: Option<String>,

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
            "bin" | "atome01" => OutFormat::Atome01,
            "atome02" => OutFormat::Atome02,
            "atomecl" | "atomecl01" => OutFormat::Atomecl01,
            _ => return None,
        })
    }

    fn format(self) -> Format {
        match self {
            OutFormat::Container => Format::Container,
            OutFormat::Atome01 => Format::Atome01,
            OutFormat::Atome02 => Format::Atome02,
            OutFormat::Atomecl01 => Format::AtomeCl01,
        }
    }

    /// The packing asked for, if the format has it.
    fn packing(self, asked: Option<Packing>) -> Result<Packing, Failure> {
        let only = match self {
            OutFormat::Container => return Ok(asked.unwrap_or(Packing::Base3)),
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

#[derive(Serialize)]
struct Answer {
    source: &'static str,
    format: &'static str,
    packing: &'static str,
    source_bytes: u64,
    bytes: usize,
    parameters: usize,
    verified: Verified,
    tensors: Vec<Row>,
}

/// What was found equal to the source in the file that was written.
#[derive(Clone, Copy, Default, Serialize)]
struct Verified {
    trits: usize,
    scales: usize,
    floats: usize,
}

/// A tensor's line of the report.
#[derive(Serialize)]
struct Row {
    name: String,
    shape: String,
    source_type: String,
    source_bytes: u64,
    bytes: u64,
    scale: Option<f32>,
    /// Share of zeros.
    sparsity: Option<f64>,
    /// Length of what quantising lost as a share of the weights' length.
    error: Option<f64>,
    #[serde(skip)]
    ternary_source: bool,
}

pub(crate) fn run(args: &PackArgs) -> Result<(), Failure> {
    let by_extension = || OutFormat::of_extension(&args.output);
    let out = args.format.or_else(by_extension);
    let out = out.ok_or_else(|| Failure::OutFormat(args.output.clone()))?;
    let packing = out.packing(args.packing)?;
    let mut floats = FloatOptions::default();
    (floats.scale, floats.top_k, floats.max_seq) = (args.scale, args.top_k, args.max_seq);
    let source = Packable::open(&args.input, args.config.as_deref(), &floats)?;
    let bytes = encode(args, &source, out, packing)?;
    let config = config_beside(&source.model.config, out, &args.output)?;
    atomic_file::write(&args.output, &bytes)?;
    if let Some((path, json)) = config {
        atomic_file::write(&path, json.as_bytes())?;
    }
    let verified = verify(&source.model, &args.output)?;

    let rows = rows(&source, packing, out);
    warn(args.quiet, &source, &rows, args.scale);
    let answer = Answer {
        source: source.source,
        format: out.format().name(),
        packing: packing.name(),
        source_bytes: source.tensors.iter().map(|t| t.bytes).sum(),
        bytes: bytes.len(),
        parameters: source.model.parameters(),
        verified,
        tensors: rows,
    };
    if args.json {
        return output::print_json(&answer);
    }
    output::print(&report(&answer, &args.output))
}

/// The bytes of the file to write.
fn encode(
    args: &PackArgs,
    source: &Packable,
    out: OutFormat,
    packing: Packing,
) -> Result<Vec<u8>, Failure> {
    let model = &source.model;
    let no_place = || Failure::NoPlace {
        format: out.format(),
        classes: model.classes(),
    };
    match out {
        OutFormat::Container => {
            let mut options = ContainerOptions::packing(packing);
            options.provenance = args
                .provenance
                .clone()
                .or_else(|| source.provenance.clone());
            Ok(format::write_container(model, &options)?)
        }
        OutFormat::Atomecl01 => format::write_atomecl01(model).ok_or_else(no_place),
        _ if model.classes().is_some() => Err(no_place()),
        OutFormat::Atome01 => Ok(format::write_atome01(model)),
        OutFormat::Atome02 => Ok(format::write_atome02(model)),
    }
}

/// The config to write beside a file that has no place for dimensions, unless it is there already.
fn config_beside(
    config: &AtomeConfig,
    out: OutFormat,
    path: &Path,
) -> Result<Option<(PathBuf, String)>, Failure> {
    if out == OutFormat::Container {
        return Ok(None);
    }
    let beside = path.with_extension("json");
    if beside.exists() {
        let found = AtomeConfig::from_file(&beside)?;
        if found == *config {
            return Ok(None);
        }
        return Err(Failure::ConfigBeside { path: beside });
    }
    let json = serde_json::to_string(config).map_err(|e| Failure::Output(e.into()))?;
    Ok(Some((beside, format!("{json}\n"))))
}

/// Reads back the file that was written and compares it with the source, bit by bit.
fn verify(source: &AtomeModel, path: &Path) -> Result<Verified, Failure> {
    let foreign = || Failure::Differs {
        path: path.to_owned(),
        tensor: "config".to_owned(),
    };
    let written = format::load(path, None)?.into_atome().ok_or_else(foreign)?;
    let mut same = Verified::default();
    let differs = |tensor| Failure::Differs {
        path: path.to_owned(),
        tensor,
    };
    if written.config != source.config || written.tensors().count() != source.tensors().count() {
        return Err(differs("config".to_owned()));
    }
    for ((name, a), (_, b)) in source.tensors().zip(written.tensors()) {
        let equal = match (a, b) {
            (TensorRef::Ternary(a), TensorRef::Ternary(b)) => {
                same.trits += a.trits.len();
                same.scales += 1;
                (a.rows, a.cols, a.scale.to_bits(), &a.trits)
                    == (b.rows, b.cols, b.scale.to_bits(), &b.trits)
            }
            (TensorRef::Floats(a), TensorRef::Floats(b)) => {
                same.floats += a.len();
                let bits = |v: &f32| v.to_bits();
                a.iter().map(bits).eq(b.iter().map(bits))
            }
            _ => false,
        };
        if !equal {
            return Err(differs(name));
        }
    }
    Ok(same)
}

fn rows(source: &Packable, packing: Packing, out: OutFormat) -> Vec<Row> {
    let row = |(name, tensor), before: &format::QuantizedTensor| {
        let (shape, bytes, scale, sparsity) = match tensor {
            TensorRef::Ternary(w) => {
                let w: &format::Ternary = w;
                // Only a container keeps the scales elsewhere.
                let scale_bytes = if out == OutFormat::Container { 0 } else { 4 };
                let bytes = packed_bytes(packing, w.trits.len()) + scale_bytes;
                let zeros = w.trits.iter().filter(|&&trit| trit == 0).count();
                let sparsity = zeros as f64 / w.trits.len() as f64;
                let shape = format!("{} x {}", w.rows, w.cols);
                (shape, bytes, Some(w.scale), Some(sparsity))
            }
            TensorRef::Floats(values) => {
                let values: &[f32] = values;
                (
                    values.len().to_string(),
                    4 * values.len() as u64,
                    None,
                    None,
                )
            }
        };
        Row {
            name,
            shape,
            source_type: before.dtype.clone(),
            source_bytes: before.bytes,
            bytes,
            scale,
            sparsity,
            error: before.error,
            ternary_source: before.ternary,
        }
    };
    let tensors = source.model.tensors();
    tensors
        .zip(&source.tensors)
        .map(|(t, before)| row(t, before))
        .collect()
}

/// Says what was lost where weights were hardly trained to be ternary.
fn warn(quiet: bool, source: &Packable, rows: &[Row], rule: ScaleRule) {
    let lossy = |row: &&Row| row.error.is_some_and(|error| error > LARGE_ERROR);
    let ternary = rows.iter().filter(|row| row.ternary_source);
    let rescaled = ternary
        .filter(|row| row.error.is_some_and(|error| error > 1e-3))
        .count();
    if rescaled > 0 && rule != ScaleRule::Exact {
        let tensors = count(rescaled, "tensor is", "tensors are");
        output::note(
            quiet,
            format_args!(
                "warning: {tensors} ternary already and got another scale: use --scale exact"
            ),
        );
    }
    let worst = rows
        .iter()
        .filter(lossy)
        .filter(|row| !row.ternary_source)
        .max_by(|a, b| {
            a.error
                .unwrap_or_default()
                .total_cmp(&b.error.unwrap_or_default())
        });
    if let Some(worst) = worst {
        let lossy = rows.iter().filter(lossy).count();
        let all = rows.iter().filter(|row| row.scale.is_some()).count();
        let line = format!(
            "warning: quantising lost over half the length of {lossy} of {all} ternary tensors ({:.2} of `{}`): \
             was this model trained with ternary weights? ({})",
            worst.error.unwrap_or_default(),
            worst.name,
            source.source,
        );
        output::note(quiet, line);
    }
}

/// A line a tensor, and the sums.
fn report(answer: &Answer, path: &Path) -> String {
    let mut text = format!(
        "{:<22} {:>12} {:>7} {:>12} {:>12} {:>12} {:>7} {:>7}\n",
        "tensor", "shape", "from", "bytes", "packed", "scale", "zeros", "error"
    );
    for row in &answer.tensors {
        let dash = || "-".to_owned();
        let _ = writeln!(
            text,
            "{:<22} {:>12} {:>7} {:>12} {:>12} {:>12} {:>7} {:>7}",
            row.name,
            row.shape,
            row.source_type,
            grouped(row.source_bytes as usize),
            grouped(row.bytes as usize),
            row.scale.map_or_else(dash, |scale| format!("{scale:.6}")),
            row.sparsity
                .map_or_else(dash, |zeros| format!("{:.1}%", 100.0 * zeros)),
            row.error.map_or_else(dash, |error| format!("{error:.3}")),
        );
    }
    let Verified {
        trits,
        scales,
        floats,
    } = answer.verified;
    let _ = writeln!(
        text,
        "{}: {}, {}, {} bytes for {} parameters\nreopened and compared with the source: {} trits, {} scales and {} floats are equal",
        path.display(),
        answer.format,
        answer.packing,
        grouped(answer.bytes),
        grouped(answer.parameters),
        grouped(trits),
        grouped(scales),
        grouped(floats)
    );
    text
}

impl From<format::WriteError> for Failure {
    fn from(error: format::WriteError) -> Failure {
        match error {
            format::WriteError::Config(error) => LoadError::into(error),
            error => Failure::Unwritable(error),
        }
    }
}
