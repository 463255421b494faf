//! Float weights and files to model files.

use super::error::Failure;
use super::numbers;
use super::options::{count, packing, unknown};
use atome::Packing;
use atome::atomic_file::same_file;
use atome::checkpoint::{self, Checkpoint, FloatOptions, Packable};
use atome::families::AtomeConfig;
use atome::format::{self, ContainerOptions, QuantizedTensor, ScaleRule};
use atome::graph::Graph;
use atome::tensor::EmbeddingType;
use atome_spec::Activation;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file says of the program that wrote it: that it may be written over by who writes such files.
const WRITTEN_BY: &str = "atome pack";

/// The names of the keywords.
const NAMES: [&str; 9] = [
    "config",
    "embedding",
    "force",
    "graph",
    "max_seq",
    "packing",
    "provenance",
    "scale",
    "top_k",
];

/// What is packed.
pub(super) enum Weights<'py> {
    /// A safetensors file in memory.
    Bytes(Bound<'py, PyBytes>),
    Path(PathBuf),
}

impl<'py> FromPyObject<'_, 'py> for Weights<'py> {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = given.cast::<PyBytes>() {
            return Ok(Weights::Bytes(bytes.to_owned()));
        }
        given.extract().map(Weights::Path).map_err(|_| {
            let found = given.get_type();
            PyTypeError::new_err(format!(
                "`weights`: expected arrays by name, a path, or the bytes of a safetensors file, found {found}"
            ))
        })
    }
}

/// How it is packed.
#[derive(Default)]
struct Asked {
    floats: FloatOptions,
    config: Option<PathBuf>,
    packing: Option<Packing>,
    floats_as: Option<EmbeddingType>,
    trits_as: Option<Packing>,
    provenance: Option<String>,
    force: bool,
}

/// A kind of file that is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Out {
    Container,
    Gguf,
}

/// What was written.
struct Written {
    bytes: u64,
    packing: Packing,
    parameters: usize,
    /// What became of each tensor of a file of floats.
    tensors: Vec<QuantizedTensor>,
}

/// Packs weights into a file, whole or not at all, and proves that every number of it is the source's.
#[pyfunction]
#[pyo3(signature = (weights, out, **options))]
pub(super) fn pack<'py>(
    py: Python<'py>,
    weights: Weights<'py>,
    out: PathBuf,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    let asked = Asked::of(options)?;
    let written = match &weights {
        Weights::Bytes(bytes) => {
            let bytes = bytes.as_bytes();
            py.detach(|| write(&floats(bytes, &asked)?, &out, &asked))?
        }
        Weights::Path(path) => py.detach(|| {
            if same_file(path, &out) {
                let path = path.display();
                return Err(Failure::file(format_args!(
                    "the output would replace what is read, `{path}` is the same file"
                )));
            }
            write(&file(path, &asked)?, &out, &asked)
        })?,
    };
    let report = PyDict::new(py);
    report.set_item("bytes", written.bytes)?;
    report.set_item("packing", written.packing.name())?;
    report.set_item("parameters", written.parameters)?;
    let tensors = PyDict::new(py);
    for tensor in written.tensors {
        let entry = PyDict::new(py);
        entry.set_item("dtype", tensor.dtype)?;
        entry.set_item("error", tensor.error)?;
        tensors.set_item(tensor.name, entry)?;
    }
    report.set_item("tensors", tensors)?;
    Ok(report)
}

/// The trits and the scale of a matrix of f32 numbers, which are given as bytes.
#[pyfunction]
#[pyo3(signature = (bytes, rows, cols, scale=None))]
pub(super) fn quantize<'py>(
    py: Python<'py>,
    bytes: &Bound<'py, PyBytes>,
    rows: usize,
    cols: usize,
    scale: Option<f32>,
) -> PyResult<(Bound<'py, PyAny>, f32)> {
    let words = bytes.as_bytes().as_chunks().0;
    let found = py.detach(|| {
        let weights: Vec<f32> = words.iter().map(|word| f32::from_ne_bytes(*word)).collect();
        if rows.checked_mul(cols) != Some(weights.len()) {
            return Err(Failure::argument(
                "expected a number for each row and column",
            ));
        }
        if let Some(at) = weights.iter().position(|w| !w.is_finite()) {
            let found = weights[at];
            return Err(Failure::argument(format_args!(
                "expected finite numbers, found {found} at {at}"
            )));
        }
        match scale {
            None => Ok(format::quantize_absmean(&weights)),
            Some(scale) if scale.is_finite() && scale > 0.0 => {
                Ok((scale, format::quantize(&weights, scale)))
            }
            Some(found) => Err(Failure::argument(format_args!(
                "`scale` is {found}, expected a finite number above 0"
            ))),
        }
    });
    let (scale, trits) = found?;
    Ok((numbers::trits(py, &trits, [rows, cols])?, scale))
}

impl Asked {
    fn of(given: Option<&Bound<'_, PyDict>>) -> PyResult<Asked> {
        let mut asked = Asked::default();
        for (key, value) in given.into_iter().flatten() {
            let key: String = key.extract()?;
            if value.is_none() {
                continue;
            }
            match key.as_str() {
                "config" => asked.config = Some(value.extract()?),
                "embedding" => match value.extract::<String>()?.parse() {
                    Ok(kind) => asked.floats_as = Some(kind),
                    Err(_) => asked.trits_as = Some(packing(&key, &value)?),
                },
                "force" => asked.force = value.extract()?,
                "graph" => {
                    let text: String = value.extract()?;
                    let graph: Graph = text
                        .parse()
                        .map_err(|fault| Failure::file(format_args!("`graph`: {fault}")))?;
                    asked.floats.graph = Some(Arc::new(graph));
                }
                "max_seq" => asked.floats.max_seq = Some(count(&key, &value, 1)?),
                "top_k" => asked.floats.top_k = Some(count(&key, &value, 1)?),
                "packing" => asked.packing = Some(packing(&key, &value)?),
                "provenance" => asked.provenance = Some(value.extract()?),
                "scale" => asked.floats.scale = scale_rule(&value)?,
                _ => return Err(unknown(&key, &NAMES)),
            }
        }
        Ok(asked)
    }

    /// How a model is written.
    fn options(&self, model: &Checkpoint, out: Out) -> Result<ContainerOptions, Failure> {
        let has_trits = model.has_trit_table();
        let expected = match (self.floats_as, self.trits_as) {
            (Some(_), _) if has_trits => "int2 or base3, since the embedding table is ternary",
            (_, Some(_)) if !has_trits => {
                "f32, f16 or int8, since the embedding table is of floats"
            }
            (Some(kind), _) if out == Out::Gguf && kind != EmbeddingType::F32 => {
                "f32 for a GGUF file"
            }
            _ => "",
        };
        if !expected.is_empty() {
            return Err(Failure::argument(format_args!(
                "`embedding`: expected {expected}"
            )));
        }
        let is_dense = model.config().activation() == Activation::F32;
        let usual = match out {
            Out::Container if is_dense => Packing::Base3,
            _ => Packing::Int2,
        };
        let mut options = ContainerOptions::packing(self.packing.unwrap_or(usual));
        options.embedding = match out {
            Out::Container => self.floats_as,
            Out::Gguf => Some(EmbeddingType::F32),
        };
        options.table = self.trits_as.or_else(|| model.table_packing());
        options.provenance = self.provenance.clone().or_else(|| model.provenance.clone());
        options.written_by = Some(WRITTEN_BY.to_owned());
        Ok(options)
    }
}

fn scale_rule(value: &Bound<'_, PyAny>) -> PyResult<ScaleRule> {
    if let Ok(scale) = value.extract::<f32>() {
        return Ok(ScaleRule::Given(scale));
    }
    match value.extract::<String>()?.as_str() {
        "absmean" => Ok(ScaleRule::AbsMean),
        "exact" => Ok(ScaleRule::Exact),
        found => Err(Failure::argument(format_args!(
            "`scale`: expected absmean, exact or a number above 0, found `{found}`"
        ))
        .into()),
    }
}

/// A model, and what became of the tensors of a file of floats.
type Source = (Checkpoint, Vec<QuantizedTensor>);

/// A model of float weights in memory.
fn floats(bytes: &[u8], asked: &Asked) -> Result<Source, Failure> {
    let mut options = asked.floats.clone();
    if let Some(config) = &asked.config {
        options.config = Some(AtomeConfig::from_file(config)?);
    }
    Ok(checkpoint::quantize_file(bytes, &options)?)
}

/// A model in a file or a directory.
fn file(path: &Path, asked: &Asked) -> Result<Source, Failure> {
    let config = asked.config.as_deref();
    if asked.floats.graph.is_none() && checkpoint::is_read_in_parts(path)? {
        return Ok((checkpoint::load(path, config)?, Vec::new()));
    }
    let found = Packable::open(path, config, &asked.floats)?;
    Ok((found.model, found.tensors))
}

/// Writes a model and reads it again.
fn write((model, tensors): &Source, out: &Path, asked: &Asked) -> Result<Written, Failure> {
    let kind = match out.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => Out::Container,
        Some("gguf") => Out::Gguf,
        _ => {
            let out = out.display();
            return Err(Failure::argument(format_args!(
                "expected a file to write that ends in .safetensors or .gguf, found `{out}`"
            )));
        }
    };
    let is_ours = || checkpoint::written_by(out).as_deref() == Some(WRITTEN_BY);
    if out.exists() && !asked.force && !is_ours() {
        let out = out.display();
        return Err(Failure::file(format_args!(
            "`{out}` is there already and `{WRITTEN_BY}` did not write it: choose another output, or \
             replace it with force=True"
        )));
    }
    let options = asked.options(model, kind)?;
    let summary = match kind {
        Out::Container => checkpoint::write_packed(model, out, &options, &mut |_, _| {})?,
        Out::Gguf => checkpoint::write_gguf(model, out, &options, &mut |_, _| {})?,
    };
    let written = checkpoint::load(out, None)?;
    if let Some(tensor) = checkpoint::compare(model, &written, &mut |_, _| {})? {
        let out = out.display();
        return Err(Failure::file(format_args!(
            "`{tensor}` of `{out}` does not read back as it was written"
        )));
    }
    Ok(Written {
        bytes: summary.bytes,
        packing: options.packing,
        parameters: model.parameters(),
        tensors: tensors.clone(),
    })
}
