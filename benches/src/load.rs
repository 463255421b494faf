//! From a checkpoint to a model that is ready to run.

use crate::error::BenchError;
use crate::limit::{Reading, read};
use crate::time::time;
use crate::timing::Timing;
use atome::checkpoint::{Checkpoint, write_atome01, write_atomecl01, write_packed};
use atome::format::{ContainerOptions, Format};
use atome::tensor::Tensor;
use atome::{Model, Options, Packing};
use atome_spec::Isa;
use std::fs;
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// From a file, which was just written and so is in memory already: of the format that fits the model, but for `BIT2`, in
/// whose place is the container that is mapped.
pub(crate) fn load(source: &Checkpoint, isa: Isa, options: &Options) -> Result<Timing, BenchError> {
    let files = Files::write(source)?;
    let limit = read(Reading::by_one(isa, files.bytes));
    let ns = time(|| {
        black_box(Model::load(&files.model, files.config.as_deref(), options)?);
        Ok::<_, BenchError>(())
    })?;
    Ok(Timing {
        ns,
        bytes: files.bytes,
        limit,
        tokens: 0,
        heads: 0,
    })
}

/// A model's files, while they are needed.
struct Files {
    model: PathBuf,
    config: Option<PathBuf>,
    /// Bytes that loading reads.
    bytes: usize,
    _directory: TempDir,
}

impl Files {
    fn write(source: &Checkpoint) -> Result<Files, BenchError> {
        let directory = TempDir::new().map_err(failed(&std::env::temp_dir()))?;
        let model = directory.path().join("model.safetensors");
        let (config, bytes) = match source.format {
            Format::Atome01 | Format::Atome02 | Format::AtomeCl01 => {
                let config = directory.path().join("model.json");
                let bytes = write_atome(source, &model, &config)?;
                (Some(config), bytes)
            }
            _ => {
                let options = ContainerOptions::packing(Packing::Int2);
                let summary = write_packed(source, &model, &options, &mut |_, _| {})?;
                (None, summary.bytes as usize - looked_up(source))
            }
        };
        Ok(Files {
            model,
            config,
            bytes,
            _directory: directory,
        })
    }
}

/// Bytes of tables, of which loading a mapped container reads nothing.
fn looked_up(source: &Checkpoint) -> usize {
    let tables = source.tensors.values().filter_map(Tensor::as_table);
    tables
        .map(|table| table.shape())
        .map(|(rows, cols)| 4 * rows * cols)
        .sum()
}

/// Writes a model and its config; gives the bytes of the model.
fn write_atome(source: &Checkpoint, model: &Path, config: &Path) -> Result<usize, BenchError> {
    let bytes = match source.classes() {
        Some(_) => write_atomecl01(source)?,
        None => write_atome01(source)?,
    };
    fs::write(model, &bytes).map_err(failed(model))?;
    let json = serde_json::to_vec(source.config()).map_err(|e| failed(config)(e.into()))?;
    fs::write(config, json).map_err(failed(config))?;
    Ok(bytes.len())
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> BenchError {
    let path = path.to_owned();
    move |cause| BenchError::Write { path, cause }
}
