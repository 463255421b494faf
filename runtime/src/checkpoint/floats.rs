//! A model from float weights: a safetensors file that has the names and shapes of the Atome family, or of a graph.

use super::Checkpoint;
use crate::error::{ConfigError, FileError};
use crate::families::{AtomeConfig, Config};
use crate::format::{FloatFile, QuantizedTensor, ScaleRule};
use crate::graph::Graph;
use crate::tensor::Tensors;
use std::path::Path;
use std::sync::Arc;

/// What a file of float weights does not say.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FloatOptions {
    /// How scales are found.
    pub scale: ScaleRule,
    /// Positions that attention keeps.
    pub top_k: Option<usize>,
    /// Positions of the key/value cache.
    pub max_seq: Option<usize>,
    /// A config; it must agree with the shapes. `top_k` and `max_seq` above go before it.
    pub config: Option<AtomeConfig>,
    /// The graph of a model of no family, whose parameters the tensors are.
    pub graph: Option<Arc<Graph>>,
}

impl FloatOptions {
    /// The same for the file at `path`: with the config that was given, or the one beside it where there is something to
    /// tell.
    pub(super) fn for_file(&self, path: &Path, given: Option<&Path>) -> Result<Self, FileError> {
        let beside = path.with_extension("json");
        if self.graph.is_some() {
            return match given {
                None => Ok(self.clone()),
                Some(given) => Err(FileError::from(ConfigError::Graph).in_file(given)),
            };
        }
        let is_told = self.top_k.is_some() && self.max_seq.is_some();
        let config = match given {
            None if is_told || !beside.exists() => None,
            given => Some(AtomeConfig::from_file(given.unwrap_or(&beside))?),
        };
        Ok(Self {
            config,
            ..self.clone()
        })
    }
}

/// Quantises the float weights of a safetensors file.
///
/// Returns the model, and what became of each tensor in the order of a file.
///
/// # Errors
/// The first fault found: a given scale that is not finite and above 0; a broken file; a tensor that is missing, unknown, or
/// not of the shape or type it needs; a number that is not finite; a dimension that nobody told.
pub fn quantize_file(
    bytes: &[u8],
    options: &FloatOptions,
) -> Result<(Checkpoint, Vec<QuantizedTensor>), FileError> {
    if let ScaleRule::Given(found) = options.scale
        && !(found.is_finite() && found > 0.0)
    {
        return Err(ConfigError::Scale { found }.into());
    }
    let file = FloatFile::parse(bytes)?;
    let (config, classes) = match &options.graph {
        Some(graph) => (Config::Graph(Arc::clone(graph)), None),
        None => {
            let told = [options.top_k, options.max_seq];
            let found = AtomeConfig::from_shapes(&file, told, options.config.as_ref())?;
            (found.0.into(), found.1)
        }
    };
    let mut model = Checkpoint::new(config, classes, Tensors::new())?;
    let (tensors, done) = file.tensors(model.params(), options.scale)?;
    model.tensors = tensors;
    model.provenance = file.provenance;
    Ok((model, done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_scale_is_a_finite_number_above_0() {
        let message = |scale| {
            let options = FloatOptions {
                scale: ScaleRule::Given(scale),
                ..FloatOptions::default()
            };
            let error = quantize_file(&[], &options).expect_err("no file");
            error.to_string()
        };
        for scale in [f32::NAN, f32::INFINITY, -f32::INFINITY, 0.0, -0.0, -1.0] {
            let expected = format!("scale: expected a finite number above 0, found {scale}");
            assert_eq!(message(scale), expected);
        }
        assert!(message(f32::MIN_POSITIVE).contains("header"));
    }
}
