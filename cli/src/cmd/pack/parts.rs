//! Models that are read, packed and written a part at a time, because they may be large.

use super::report::{Answer, Row, Verified};
use super::{OutFormat, PackArgs, place, table};
use crate::failure::Failure;
use crate::{output, progress};
use ::atome::checkpoint;
use ::atome::checkpoint::Checkpoint;
use ::atome::format::{ContainerOptions, PackSummary, PackedTensor};
use ::atome::tensor::EmbeddingType;
use ::atome::{Packing, Progress};
use std::path::Path;

pub(super) fn run(args: &PackArgs, out: OutFormat) -> Result<(), Failure> {
    refuse_other_flags(args, out)?;
    let source = with_bar(args, ["check", "bytes"], |p| open(&args.input, p))?;
    let asked = table::of_floats(args.embedding, &source)?;
    if let Some(why) = source.tokenizer_refused() {
        output::note(
            args.quiet,
            format_args!("packed without a tokenizer: {why}"),
        );
    }
    let mut options = ContainerOptions::packing(args.packing.unwrap_or(Packing::Int2));
    options.embedding = match out {
        OutFormat::Gguf => Some(EmbeddingType::F32),
        _ => asked,
    };
    options.provenance.clone_from(&args.provenance);
    options.written_by = Some(place::WRITTEN_BY.to_owned());
    let summary = with_bar(
        args,
        [
            "pack",
            if out == OutFormat::Gguf {
                "numbers"
            } else {
                "bytes"
            },
        ],
        |progress| {
            let written = match out {
                OutFormat::Gguf => {
                    checkpoint::write_gguf(&source, &args.output, &options, progress)
                }
                _ => checkpoint::write_packed(&source, &args.output, &options, progress),
            };
            written.map_err(Failure::from)
        },
    )?;
    let written = with_bar(args, ["check", "bytes"], |p| open(&args.output, p))?;
    let differs = with_bar(args, ["compare", "numbers"], |progress| {
        checkpoint::compare(&source, &written, progress).map_err(Failure::from)
    })?;
    if let Some(tensor) = differs {
        let path = args.output.clone();
        return Err(Failure::Differs { path, tensor });
    }
    answer(args, out, &source, &options, &summary).print(args)
}

/// What the files of this family say themselves, or have no place for.
fn refuse_other_flags(args: &PackArgs, out: OutFormat) -> Result<(), Failure> {
    if !out.has_dimensions() {
        let format = out.format();
        return Err(Failure::OnlyContainer { format });
    }
    let f32_or_nothing = [None, Some(table::Table::Floats(EmbeddingType::F32))];
    if out == OutFormat::Gguf && !f32_or_nothing.contains(&args.embedding) {
        return Err(Failure::NotFor {
            flag: "--embedding",
            architecture: "a GGUF file, whose tables are f32",
        });
    }
    let given = [
        ("--config", args.config.is_some()),
        ("--top-k", args.top_k.is_some()),
        ("--max-seq", args.max_seq.is_some()),
        ("--scale", args.scale.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::NotFor {
            flag,
            architecture: "a model whose file says it all",
        }),
    }
}

fn open(path: &Path, progress: Progress<'_>) -> Result<Checkpoint, Failure> {
    Ok(checkpoint::load_with(path, None, progress)?)
}

/// Does what takes long, with a bar that counts the unit.
fn with_bar<R>(
    args: &PackArgs,
    [what, unit]: [&'static str; 2],
    work: impl FnOnce(Progress<'_>) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let mut bar = None;
    let quiet = args.quiet || args.json;
    work(&mut |done, of| {
        let new = || progress::bar(quiet, of as u64, what, unit);
        bar.get_or_insert_with(new).set(done);
    })
}

fn answer(
    args: &PackArgs,
    out: OutFormat,
    source: &Checkpoint,
    options: &ContainerOptions,
    summary: &PackSummary,
) -> Answer {
    let tensors: Vec<Row> = summary.tensors.iter().map(|t| row(source, t)).collect();
    let mut verified = Verified::default();
    for tensor in &summary.tensors {
        let elems = tensor.shape.0 * tensor.shape.1;
        if tensor.scale.is_some() {
            verified.trits += elems;
            verified.scales += 1;
        } else if source.tensors.contains_key(&tensor.name) {
            verified.floats += elems;
        }
    }
    Answer {
        source: source.format.name(),
        format: out.format().name(),
        packing: options.packing.name(),
        source_bytes: place::source_bytes(args),
        bytes: summary.bytes,
        parameters: source.parameters(),
        verified,
        tensors,
    }
}

fn row(source: &Checkpoint, tensor: &PackedTensor) -> Row {
    let (rows, cols) = tensor.shape;
    let shape = match cols {
        1 => rows.to_string(),
        _ => format!("{rows} x {cols}"),
    };
    let ternary = tensor.scale.is_some();
    let (source_type, source_bytes) = match source.tensors.get(&tensor.name) {
        Some(of) => (of.source_type(), of.source_bytes()),
        // The scales of a table's rows, which only a packed file has.
        None if source.table_type() != EmbeddingType::Int8 => ("-", 0),
        None => ("f32", 4 * (rows * cols) as u64),
    };
    Row {
        name: tensor.name.clone(),
        shape,
        source_type: source_type.to_owned(),
        source_bytes,
        bytes: tensor.bytes,
        scale: tensor.scale,
        sparsity: tensor.zeros,
        error: tensor.error,
        ternary_source: ternary,
    }
}
