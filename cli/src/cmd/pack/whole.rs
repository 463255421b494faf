//! Models whose trits are in memory: every format, and float weights.

use super::report::{Answer, Row, Verified};
use super::{OutFormat, PackArgs, place, table};
use crate::failure::Failure;
use crate::output;
use crate::units::count;
use ::atome::Packing;
use ::atome::atomic_file;
use ::atome::checkpoint;
use ::atome::checkpoint::{Checkpoint, FloatOptions, Packable};
use ::atome::families::Config;
use ::atome::format;
use ::atome::format::{ContainerOptions, PackSummary, ScaleRule, packed_bytes};
use ::atome::graph::Graph;
use ::atome::tensor::Tensor;
use atome_spec::Activation;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Weights of which more than this share of the length is lost in quantising were hardly trained
/// to be ternary: random numbers of a normal distribution lose 0.51.
const LARGE_ERROR: f64 = 0.5;

pub(super) fn run(args: &PackArgs, out: OutFormat) -> Result<(), Failure> {
    if args.embedding.is_some() && out != OutFormat::Container {
        return Err(Failure::NotFor {
            flag: "--embedding",
            architecture: "a file that is no container",
        });
    }
    if args.graph.is_some() && !out.has_dimensions() {
        let format = out.format();
        return Err(Failure::OnlyContainer { format });
    }
    let mut floats = FloatOptions::default();
    let rule = args.scale.unwrap_or_default();
    (floats.scale, floats.top_k, floats.max_seq) = (rule, args.top_k, args.max_seq);
    floats.graph = match &args.graph {
        Some(path) => Some(Arc::new(Graph::from_file(path)?)),
        None => None,
    };
    let source = Packable::open(&args.input, args.config.as_deref(), &floats)?;
    refuse_unused(args, &source)?;
    if let Some(why) = source.model.tokenizer_refused() {
        output::note(
            args.quiet,
            format_args!("packed without a tokenizer: {why}"),
        );
    }
    let packing = match (&floats.graph, source.model.config().activation()) {
        // As of every container whose products are of int8.
        (Some(_), Activation::I8) => args.packing.unwrap_or(Packing::Int2),
        _ => out.packing(args.packing)?,
    };
    let (bytes, summary) = encode(args, &source, out, packing)?;
    let config = config_beside(&source.model, out, &args.output)?;
    atomic_file::write(&args.output, &bytes)?;
    if let Some((path, json)) = config {
        atomic_file::write(&path, json.as_bytes())?;
    }
    let verified = verify(&source.model, &args.output)?;

    let rows = rows(&source, packing, summary.as_ref())?;
    warn(args.quiet, &source, &rows, rule);
    let answer = Answer {
        source: source.source,
        format: out.format().name(),
        packing: packing.name(),
        source_bytes: place::source_bytes(args),
        bytes: bytes.len() as u64,
        parameters: source.model.parameters(),
        verified,
        tensors: rows,
    };
    answer.print(args)
}

/// What only quantising asks for, where nothing was quantised.
fn refuse_unused(args: &PackArgs, source: &Packable) -> Result<(), Failure> {
    let is_packed = source
        .tensors
        .iter()
        .any(|t| t.dtype.parse::<Packing>().is_ok());
    let flags = [
        ("--top-k", args.top_k.is_some()),
        ("--max-seq", args.max_seq.is_some()),
        ("--scale", args.scale.is_some()),
        ("--graph", args.graph.is_some()),
    ];
    match flags.into_iter().find(|(_, given)| is_packed && *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::NotFor {
            flag,
            architecture: "a packed model, whose dimensions and scales are its own",
        }),
    }
}

/// The bytes of the file to write, and what its tensors take of a format that packs them in several ways.
fn encode(
    args: &PackArgs,
    source: &Packable,
    out: OutFormat,
    packing: Packing,
) -> Result<(Vec<u8>, Option<PackSummary>), Failure> {
    let model = &source.model;
    let no_place = || Failure::NoPlace {
        format: out.format(),
        classes: model.classes(),
    };
    match out {
        OutFormat::Container | OutFormat::Gguf => {
            let mut options = ContainerOptions::packing(packing);
            options.provenance = args.provenance.clone().or_else(|| model.provenance.clone());
            options.written_by = Some(place::WRITTEN_BY.to_owned());
            let (bytes, summary) = match out {
                OutFormat::Gguf => checkpoint::gguf_bytes(model, &options)?,
                _ => {
                    options.table = table::of_trits(args.embedding, model)?;
                    checkpoint::container_bytes(model, &options)?
                }
            };
            Ok((bytes, Some(summary)))
        }
        OutFormat::Atomecl01 if model.classes().is_none() => Err(no_place()),
        OutFormat::Atomecl01 => {
            if model.labels.is_some() {
                let note = "ATOMECL01 has no place for the names of classes, the temperature and the threshold: left away";
                output::note(args.quiet, note);
            }
            Ok((checkpoint::write_atomecl01(model)?, None))
        }
        _ if model.classes().is_some() => Err(no_place()),
        OutFormat::Atome01 => Ok((checkpoint::write_atome01(model)?, None)),
        OutFormat::Atome02 => Ok((checkpoint::write_atome02(model)?, None)),
    }
}

/// The config to write beside a file that has no place for dimensions, unless it is there already.
fn config_beside(
    model: &Checkpoint,
    out: OutFormat,
    path: &Path,
) -> Result<Option<(PathBuf, String)>, Failure> {
    if out.has_dimensions() {
        return Ok(None);
    }
    let config = model.config();
    let beside = path.with_extension("json");
    if beside.exists() {
        let found = Config::from_file(model.architecture(), &beside);
        if found.is_ok_and(|found| found == *config) {
            return Ok(None);
        }
        let model = path.to_owned();
        return Err(Failure::ConfigBeside {
            model,
            path: beside,
        });
    }
    let json = serde_json::to_string(config).map_err(|e| Failure::Output(e.into()))?;
    Ok(Some((beside, format!("{json}\n"))))
}

/// Reads back the file that was written and compares it with the source, bit by bit.
fn verify(source: &Checkpoint, path: &Path) -> Result<Verified, Failure> {
    let written = checkpoint::load(path, None)?;
    let mut same = Verified::default();
    let differs = |tensor| Failure::Differs {
        path: path.to_owned(),
        tensor,
    };
    if (written.config(), written.classes()) != (source.config(), source.classes()) {
        return Err(differs("config".to_owned()));
    }
    for ((name, a), (_, b)) in source.tensors().zip(written.tensors()) {
        let equal = match (a, b) {
            (Tensor::Ternary(a), Tensor::Ternary(b)) => {
                let (a, b) = (a.read()?, b.read()?);
                same.trits += a.trits.len();
                same.scales += 1;
                (a.rows, a.cols, a.scale.to_bits(), &a.trits)
                    == (b.rows, b.cols, b.scale.to_bits(), &b.trits)
            }
            (Tensor::Floats(a), Tensor::Floats(b)) => {
                let (a, b) = (a.all()?, b.all()?);
                same.floats += a.len();
                let bits = |v: &f32| v.to_bits();
                a.iter().map(bits).eq(b.iter().map(bits))
            }
            (Tensor::Table(a), Tensor::Table(b)) => {
                let (rows, cols) = a.shape();
                let (mut x, mut y) = (vec![0.0f32; rows * cols], vec![0.0f32; rows * cols]);
                a.read(0..rows, &mut x)?;
                b.read(0..rows, &mut y)?;
                same.floats += x.len();
                let bits = |v: &f32| v.to_bits();
                x.iter().map(bits).eq(y.iter().map(bits))
            }
            _ => false,
        };
        if !equal {
            return Err(differs(name.to_owned()));
        }
    }
    Ok(same)
}

fn rows(
    source: &Packable,
    packing: Packing,
    summary: Option<&PackSummary>,
) -> Result<Vec<Row>, Failure> {
    let written = |name: &str| {
        let tensor = summary?.tensors.iter().find(|tensor| tensor.name == name);
        tensor.map(|tensor| tensor.bytes)
    };

    let row = |(name, tensor): (&str, &Tensor), before: &format::QuantizedTensor| {
        let (rows, cols) = tensor.shape();
        let (shape, bytes, scale, sparsity) = match tensor {
            Tensor::Ternary(w) => {
                let w = w.read()?;
                // The scale is an f32 of its own.
                let bytes = packed_bytes(packing, w.trits.len()) + 4;
                let zeros = w.trits.iter().filter(|&&trit| trit == 0).count();
                let sparsity = zeros as f64 / w.trits.len() as f64;
                let shape = format!("{rows} x {cols}");
                (shape, bytes, Some(w.scale), Some(sparsity))
            }
            Tensor::Table(_) => {
                let shape = format!("{rows} x {cols}");
                (shape, 4 * (rows * cols) as u64, None, None)
            }
            _ => (rows.to_string(), 4 * (rows * cols) as u64, None, None),
        };
        Ok(Row {
            name: name.to_owned(),
            shape,
            source_type: before.dtype.clone(),
            source_bytes: before.bytes,
            bytes: written(name).unwrap_or(bytes),
            scale,
            sparsity,
            error: before.error,
            ternary_source: before.ternary,
        })
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
