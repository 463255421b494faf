//! Float weights to a ternary model: a safetensors file of f32, f16 or bf16 tensors, quantised tensor by tensor.
//!
//! The tensors have the names and shapes of the Atome family. Their shapes tell five of the dimensions; `top_k` and
//! `max_seq` show in no shape.

use std::collections::BTreeMap;
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::tensor::Dtype;

use super::container::header::{Entry, Header};
use super::quantize::{quantize, quantize_absmean};
use super::{AtomeConfig, Checkpoint, MAX_CLASSES};
use crate::error::{ConfigError, EntryFault, FileError, TensorFault};
use crate::tensor::{EmbeddingTable, Kind, Param, Tensor, Tensors, Ternary, Values};

/// How the scale of a tensor is found.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum ScaleRule {
    /// The mean of the absolute values.
    #[default]
    AbsMean,
    /// The tensor is ternary already, `-s`, 0 and `s`: the scale is `s`, nothing is lost, anything else is refused.
    Exact,
    /// The same for every tensor; finite and above 0.
    Given(f32),
}

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
}

/// What became of a tensor.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QuantizedTensor {
    /// Its name.
    pub name: String,
    /// Its element type in the file: `F32`, `F16` or `BF16`.
    pub dtype: String,
    /// Its bytes in the file.
    pub bytes: u64,
    /// For a ternary tensor, the length of `w - scale * trit` as a share of the length of `w`.
    pub error: Option<f64>,
    /// Whether a ternary tensor was `-s`, 0 and `s` already.
    pub ternary: bool,
}

/// Quantises the float weights of a safetensors file.
///
/// Returns the model, and what became of each tensor in the order of a file.
///
/// # Errors
/// The first fault found: a given scale that is not finite and above 0; a broken file; a tensor that is missing, unknown, or not of the shape or type it needs; a number that
/// is not finite; a dimension that nobody told.
pub fn quantize_file(
    bytes: &[u8],
    options: &FloatOptions,
) -> Result<(Checkpoint, Vec<QuantizedTensor>), FileError> {
    if let ScaleRule::Given(found) = options.scale
        && !(found.is_finite() && found > 0.0)
    {
        return Err(ConfigError::Scale { found }.into());
    }
    let header = Header::parse(bytes, bytes.len() as u64)?;
    let entries: BTreeMap<&str, &Entry> = header
        .tensors
        .iter()
        .map(|entry| (entry.name.as_str(), entry))
        .collect();
    let (config, classes) = dimensions(&entries, options)?;
    let mut model = Checkpoint::new(config, classes, Tensors::new())?;
    refuse_extra(&entries, model.params())?;
    let mut source = FloatSource {
        bytes,
        data_start: header.data_start,
        entries,
        rule: options.scale,
        done: Vec::new(),
    };
    let tensors = model.params().iter().map(|param| {
        let tensor = source.tensor(param)?;
        Ok((param.name.clone(), tensor))
    });
    model.tensors = tensors.collect::<Result<Tensors, FileError>>()?;
    Ok((model, source.done))
}

type Entries<'h> = BTreeMap<&'h str, &'h Entry>;

/// The dimensions, from the shapes and the options; and the classes of a classifier.
fn dimensions(
    entries: &Entries<'_>,
    options: &FloatOptions,
) -> Result<(AtomeConfig, Option<usize>), FileError> {
    let told = |key, value: Option<usize>, of_config: fn(&AtomeConfig) -> usize| {
        value
            .or_else(|| options.config.as_ref().map(of_config))
            .ok_or(ConfigError::Untold { key })
    };
    let [vocab_size, d_model] = matrix(entries, "embed")?;
    let [d_head, _] = matrix(entries, "blocks.0.wq")?;
    let [_, kernel_size] = matrix(entries, "blocks.0.conv")?;
    let is_layer = |i: &usize| entries.contains_key(format!("blocks.{i}.wq").as_str());
    let config = AtomeConfig {
        vocab_size,
        d_model,
        n_layers: (0..).take_while(is_layer).count(),
        d_head,
        top_k: told("top_k", options.top_k, |c| c.top_k)?,
        kernel_size,
        max_seq: told("max_seq", options.max_seq, |c| c.max_seq)?,
    };
    config.validate()?;
    if let Some(given) = &options.config {
        let given = AtomeConfig {
            top_k: config.top_k,
            max_seq: config.max_seq,
            ..given.clone()
        };
        config.must_equal(&given)?;
    }
    let classes = match entries.contains_key("head") {
        true => Some(matrix(entries, "head")?[0]),
        false => None,
    };
    match classes {
        Some(0 | MAX_CLASSES..) if classes != Some(MAX_CLASSES) => Err(FileError::entry(
            "head",
            EntryFault::Kind {
                expected: format!("1 to {MAX_CLASSES} rows"),
                found: format!("{}", classes.unwrap_or_default()),
            },
        )),
        classes => Ok((config, classes)),
    }
}

/// Rows and columns of a tensor that the dimensions are read from.
fn matrix(entries: &Entries<'_>, name: &str) -> Result<[usize; 2], FileError> {
    let missing = || FileError::entry(name.to_owned(), EntryFault::Missing);
    let entry = entries.get(name).ok_or_else(missing)?;
    match *entry.info.shape {
        [rows, cols] => Ok([rows, cols]),
        _ => Err(kind(entry, "a matrix")),
    }
}

fn kind(entry: &Entry, expected: &str) -> FileError {
    FileError::entry(
        &entry.name,
        EntryFault::Kind {
            expected: format!("{expected} of F32, F16 or BF16"),
            found: entry.kind(),
        },
    )
}

fn refuse_extra(entries: &Entries<'_>, params: &[Param]) -> Result<(), FileError> {
    let mut extra = entries.clone();
    for param in params {
        extra.remove(param.name.as_str());
    }
    match extra.into_keys().next() {
        None => Ok(()),
        Some(tensor) => Err(FileError::entry(tensor.to_owned(), EntryFault::Unknown)),
    }
}

struct FloatSource<'b> {
    bytes: &'b [u8],
    data_start: u64,
    entries: Entries<'b>,
    rule: ScaleRule,
    done: Vec<QuantizedTensor>,
}

impl FloatSource<'_> {
    /// The numbers of a tensor, all finite.
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, FileError> {
        let tensor = name.to_owned();
        let entry = self.entries.get(tensor.as_str()).copied();
        let entry = entry.ok_or_else(|| FileError::entry(&tensor, EntryFault::Missing))?;
        let fits = shape == entry.info.shape;
        let start = self.data_start + entry.begin();
        // The header was checked against the file's length.
        let bytes = &self.bytes[start as usize..][..entry.bytes() as usize];
        let values = Some(entry)
            .filter(|_| fits)
            .and_then(|entry| decode(entry.info.dtype, bytes));
        let values = values.ok_or_else(|| kind(entry, &format!("{shape:?}")))?;
        self.done.push(QuantizedTensor {
            name: tensor.clone(),
            dtype: entry.info.dtype.to_string(),
            bytes: bytes.len() as u64,
            error: None,
            ternary: false,
        });
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(index) => Err(FileError::tensor(
                tensor,
                TensorFault::NotFinite {
                    offset: start + (index * bytes.len() / values.len()) as u64,
                    index,
                    found: values[index],
                },
            )),
        }
    }
}

/// Numbers of a type, or `None` if it is none of the three.
fn decode(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let halves = || bytes.as_chunks().0.iter();
    Some(match dtype {
        Dtype::F32 => {
            let words = bytes.as_chunks().0.iter();
            words.map(|&word| f32::from_le_bytes(word)).collect()
        }
        Dtype::F16 => halves()
            .map(|&half| f16::from_le_bytes(half).to_f32())
            .collect(),
        Dtype::BF16 => halves()
            .map(|&half| bf16::from_le_bytes(half).to_f32())
            .collect(),
        _ => return None,
    })
}

impl FloatSource<'_> {
    fn tensor(&mut self, param: &Param) -> Result<Tensor, FileError> {
        let name = param.name.clone();
        match &param.kind {
            Kind::Ternary { rows, cols, .. } => Ok(self.ternary(name, *rows, *cols)?.into()),
            Kind::Floats(shape) => {
                let values = self.values(&name, shape)?;
                Ok(Values { name, values }.into())
            }
            Kind::Table { rows, cols } => {
                let values = self.values(&name, &[*rows, *cols])?;
                let values = Arc::new(Values { name, values });
                Ok(Tensor::Table(EmbeddingTable::f32((*rows, *cols), values)))
            }
        }
    }

    fn ternary(&mut self, name: String, rows: usize, cols: usize) -> Result<Ternary, FileError> {
        let values = self.values(&name, &[rows, cols])?;
        let exact = exact_scale(&values);
        let (scale, trits) = match self.rule {
            ScaleRule::AbsMean => quantize_absmean(&values),
            ScaleRule::Given(scale) => (scale, quantize(&values, scale)),
            ScaleRule::Exact => {
                let scale = exact.map_err(|index| {
                    FileError::tensor(
                        &name,
                        TensorFault::NotTernary {
                            index,
                            found: values[index],
                        },
                    )
                })?;
                (scale, quantize(&values, scale))
            }
        };
        if let Some(report) = self.done.last_mut() {
            report.error = Some(relative_error(&values, scale, &trits));
            report.ternary = exact.is_ok();
        }
        Ok(Ternary {
            name,
            rows,
            cols,
            scale,
            trits,
        })
    }
}

/// The one absolute value that the weights have beside 0, or the index of the first weight with another.
fn exact_scale(weights: &[f32]) -> Result<f32, usize> {
    let scale = weights.iter().map(|w| w.abs()).find(|&w| w != 0.0);
    let scale = scale.unwrap_or_default();
    match weights.iter().position(|w| *w != 0.0 && w.abs() != scale) {
        None => Ok(scale),
        Some(index) => Err(index),
    }
}

/// The length of what quantising lost as a share of the weights' length; 0 if there was nothing to lose.
fn relative_error(weights: &[f32], scale: f32, trits: &[i8]) -> f64 {
    let square = |x: f64| x * x;
    let (mut lost, mut all) = (0.0, 0.0);
    for (&w, &trit) in weights.iter().zip(trits) {
        lost += square(f64::from(w) - f64::from(scale) * f64::from(trit));
        all += square(f64::from(w));
    }
    if lost == 0.0 {
        0.0
    } else {
        (lost / all).sqrt()
    }
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
