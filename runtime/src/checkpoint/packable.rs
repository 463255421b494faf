//! Any file that can be packed: a model of ours in any format, or float weights.

use super::load::{atome, config_for};
use super::{Checkpoint, FloatOptions, parse_container, quantize_file};
use crate::error::{FileError, HeaderError};
use crate::families::Config;
use crate::format::atome::FileHeader;
use crate::format::files::read_file;
use crate::format::{Format, QuantizedTensor, detect, packed_bytes};
use crate::tensor::Tensor;
use atome_spec::Packing;
use std::path::Path;

/// A model to be packed, and where it comes from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Packable {
    /// The model.
    pub model: Checkpoint,
    /// What the file is: the name of a [`Format`], or `float safetensors`.
    pub source: &'static str,
    /// Its tensors as they are in the file, in the order of [`Checkpoint::tensors`].
    pub tensors: Vec<QuantizedTensor>,
}

impl Packable {
    /// Reads a file; float weights are quantised as `floats` says.
    ///
    /// An `ATOME` file's dimensions come from `config`, or from the `.json` beside it. So do those of float weights, as far
    /// as their shapes do not tell them.
    ///
    /// # Errors
    /// The first fault found, with the path of the file it is in.
    pub fn open(
        path: &Path,
        config: Option<&Path>,
        floats: &FloatOptions,
    ) -> Result<Packable, FileError> {
        let in_model = |fault: FileError| fault.in_file(path);
        let bytes = read_file(path).map_err(in_model)?;
        if detect(&bytes) != Some(Format::Container) {
            let header = FileHeader::parse(&bytes).map_err(in_model)?;
            let config = config_for(path, header.format, config)?;
            return packed(&bytes, config).map_err(in_model);
        }
        match parse_container(&bytes) {
            Ok((model, info)) => {
                if let Some(given) = config {
                    let given = Config::from_file(model.architecture(), given)?;
                    let same = model.config().must_equal(&given);
                    same.map_err(|e| in_model(e.into()))?;
                }
                let tensors = packed_tensors(&model, info.packing);
                Ok(Packable {
                    model,
                    source: Format::Container.name(),
                    tensors,
                })
            }
            Err(FileError::Header(HeaderError::Foreign)) => {
                let options = floats.for_file(path, config)?;
                let (model, tensors) = quantize_file(&bytes, &options).map_err(in_model)?;
                Ok(Packable {
                    model,
                    source: "float safetensors",
                    tensors,
                })
            }
            Err(error) => Err(in_model(error)),
        }
    }
}

/// A model from an `ATOME` file.
fn packed(bytes: &[u8], config: Config) -> Result<Packable, FileError> {
    let model = atome(bytes, config)?;
    let packing = match model.format {
        Format::Atome02 => Packing::Base3,
        _ => Packing::Int2,
    };
    let mut tensors = packed_tensors(&model, packing);
    for tensor in &mut tensors {
        // The scale stands before the trits.
        tensor.bytes += if tensor.ternary { 4 } else { 0 };
    }
    Ok(Packable {
        source: model.format.name(),
        model,
        tensors,
    })
}

fn packed_tensors(model: &Checkpoint, packing: Packing) -> Vec<QuantizedTensor> {
    let describe = |(name, tensor): (&str, &Tensor)| {
        let (rows, cols) = tensor.shape();
        let (dtype, bytes, ternary) = match tensor {
            Tensor::Ternary(_) => (packing.name(), packed_bytes(packing, rows * cols), true),
            Tensor::Table(_) | Tensor::Floats(_) => ("F32", 4 * (rows * cols) as u64, false),
        };
        QuantizedTensor {
            name: name.to_owned(),
            dtype: dtype.to_owned(),
            bytes,
            error: ternary.then_some(0.0),
            ternary,
        }
    };
    model.tensors().map(describe).collect()
}
