//! Any file that can be packed: a model of ours in any format, or float weights.

use std::path::Path;

use super::atome::check_magic;
use super::container::header::Header;
use super::files::{config_beside, read_file};
use super::floats::{FloatOptions, QuantizedTensor, quantize_file};
use super::{AtomeConfig, Checkpoint, Config, Format, detect, parse, parse_container};
use crate::error::{ConfigError, FileError, HeaderError};
use crate::tensor::{Tensor, trits};
use atome_spec::Packing;

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
    /// What a container says about where its weights come from.
    pub provenance: Option<String>,
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
        let given = config.map(AtomeConfig::from_file).transpose()?;
        let bytes = read_file(path).map_err(in_model)?;
        if detect(&bytes) != Some(Format::Container) {
            let config = match given {
                Some(config) => config,
                None => {
                    check_magic(&bytes).map_err(in_model)?;
                    config_beside(path)?
                }
            };
            return packed(&bytes, &config).map_err(in_model);
        }
        match parse_container(&bytes) {
            Ok((model, info)) => {
                if let (Some(given), Config::Atome(config)) = (&given, model.config()) {
                    config.must_equal(given).map_err(|e| in_model(e.into()))?;
                }
                let tensors = packed_tensors(&model, info.packing);
                Ok(Packable {
                    model,
                    source: Format::Container.name(),
                    tensors,
                    provenance: info.provenance,
                })
            }
            Err(FileError::Header(HeaderError::Foreign)) => {
                let config = match given {
                    Some(config) => Some(config),
                    None if floats.top_k.is_some() && floats.max_seq.is_some() => None,
                    None => match config_beside(path) {
                        Err(none)
                            if matches!(
                                none.fault(),
                                FileError::Config(ConfigError::Missing { .. })
                            ) =>
                        {
                            None
                        }
                        beside => Some(beside?),
                    },
                };
                let options = FloatOptions {
                    config,
                    ..floats.clone()
                };
                let quantized = quantize_file(&bytes, &options).map_err(in_model)?;
                Ok(Packable {
                    model: quantized.0,
                    source: "float safetensors",
                    tensors: quantized.1,
                    provenance: Header::parse(&bytes, bytes.len() as u64)
                        .ok()
                        .and_then(|mut header| header.metadata.remove("provenance")),
                })
            }
            Err(error) => Err(in_model(error)),
        }
    }
}

/// A model from an `ATOME` file.
fn packed(bytes: &[u8], config: &AtomeConfig) -> Result<Packable, FileError> {
    let model = parse(bytes, config)?;
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
        provenance: None,
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

/// Bytes that the trits of a tensor take in a file, without the scale.
#[must_use]
pub fn packed_bytes(packing: Packing, trits: usize) -> u64 {
    trits::Packing::from(packing).bytes(trits as u64)
}
