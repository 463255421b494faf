//! From a checkpoint to a model that is ready to run.

use crate::ceiling;
use crate::error::BenchError;
use crate::models::Timing;
use crate::time::time;
use atome::format::{AtomeModel, Checkpoint, write_atome01, write_atomecl01};
use atome::{Model, Options};
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// From a file for a model whose format is written here, else from memory.
pub(crate) fn load(source: &Checkpoint, options: &Options) -> Result<Timing, BenchError> {
    let Checkpoint::Atome(source) = source else {
        let bytes = Model::from_checkpoint(source, options)?.info().model_bytes;
        let limit = ceiling::read(bytes);
        let ns = time(|| {
            black_box(Model::from_checkpoint(source, options)?);
            Ok::<_, BenchError>(())
        })?;
        return Ok(Timing {
            ns,
            bytes,
            limit,
            tokens: 0,
            heads: 0,
        });
    };
    let files = Files::write(source)?;
    let limit = ceiling::read(files.bytes);
    let ns = time(|| {
        black_box(Model::load(&files.model, Some(&files.config), options)?);
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
    config: PathBuf,
    bytes: usize,
    _directory: TempDir,
}

impl Files {
    fn write(source: &AtomeModel) -> Result<Files, BenchError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| BenchError::Write { path, cause }
        };
        let directory = TempDir::new().map_err(failed(&std::env::temp_dir()))?;
        let [model, config] = ["model.bin", "model.json"].map(|name| directory.path().join(name));
        let bytes = write_atomecl01(source).unwrap_or_else(|| write_atome01(source));
        fs::write(&model, &bytes).map_err(failed(&model))?;
        let json = serde_json::to_vec(&source.config).map_err(|e| failed(&config)(e.into()))?;
        fs::write(&config, json).map_err(failed(&config))?;
        Ok(Files {
            model,
            config,
            bytes: bytes.len(),
            _directory: directory,
        })
    }
}
