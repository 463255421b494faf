//! A safetensors file of f32, f16 or bf16 tensors, quantised tensor by tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use safetensors::tensor::Dtype;

use super::container::header::{Entry, Header};
use super::quantize::{quantize, quantize_absmean};
use crate::error::{EntryFault, FileError, TensorFault};
use crate::tensor::{
    EmbeddingTable, FloatType, Kind, Param, Shapes, Tensor, Tensors, Ternary, Values,
};

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

/// A safetensors file of floats.
pub(crate) struct FloatFile<'b> {
    bytes: &'b [u8],
    data_start: u64,
    entries: BTreeMap<String, Entry>,
    /// Where the weights come from, in the words of whoever wrote them.
    pub(crate) provenance: Option<String>,
}

impl<'b> FloatFile<'b> {
    /// Checks the header.
    pub(crate) fn parse(bytes: &'b [u8]) -> Result<Self, FileError> {
        let Header {
            mut metadata,
            tensors,
            data_start,
        } = Header::parse(bytes, bytes.len() as u64)?;
        let named = tensors.into_iter().map(|entry| (entry.name.clone(), entry));
        Ok(Self {
            bytes,
            data_start,
            entries: named.collect(),
            provenance: metadata.remove("provenance"),
        })
    }

    /// The tensors that a model asks for, ternary ones quantised, and what became of each.
    ///
    /// # Errors
    /// For the first that is missing, or not of the shape or type it needs; for one that is not asked for; for a number
    /// that is not finite.
    pub(crate) fn tensors(
        &self,
        params: &[Param],
        rule: ScaleRule,
    ) -> Result<(Tensors, Vec<QuantizedTensor>), FileError> {
        self.refuse_extra(params)?;
        let mut reader = Reader {
            file: self,
            rule,
            done: Vec::new(),
        };
        let tensors = params.iter().map(|param| {
            let tensor = reader.tensor(param)?;
            Ok((param.name.clone(), tensor))
        });
        let tensors = tensors.collect::<Result<Tensors, FileError>>()?;
        Ok((tensors, reader.done))
    }

    fn refuse_extra(&self, params: &[Param]) -> Result<(), FileError> {
        let asked: BTreeSet<&str> = params.iter().map(|param| param.name.as_str()).collect();
        let mut names = self.entries.keys();
        match names.find(|name| !asked.contains(name.as_str())) {
            None => Ok(()),
            Some(tensor) => Err(FileError::entry(tensor, EntryFault::Unknown)),
        }
    }

    fn entry(&self, name: &str) -> Result<&Entry, FileError> {
        let missing = || FileError::entry(name, EntryFault::Missing);
        self.entries.get(name).ok_or_else(missing)
    }
}

impl Shapes for FloatFile<'_> {
    fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    fn matrix(&self, name: &str) -> Result<[usize; 2], FileError> {
        let entry = self.entry(name)?;
        match *entry.info.shape {
            [rows, cols] => Ok([rows, cols]),
            _ => Err(kind(entry, "a matrix")),
        }
    }
}

pub(super) fn kind(entry: &Entry, expected: &str) -> FileError {
    FileError::entry(
        &entry.name,
        EntryFault::Kind {
            expected: format!("{expected} of F32, F16 or BF16"),
            found: entry.kind(),
        },
    )
}

/// Reads tensors of a file.
struct Reader<'f> {
    file: &'f FloatFile<'f>,
    rule: ScaleRule,
    done: Vec<QuantizedTensor>,
}

impl Reader<'_> {
    /// The numbers of a tensor, all finite.
    fn values(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, FileError> {
        let tensor = name.to_owned();
        let entry = self.file.entry(name)?;
        let fits = shape == entry.info.shape;
        let start = self.file.data_start + entry.begin();
        // The header was checked against the file's length.
        let bytes = &self.file.bytes[start as usize..][..entry.bytes() as usize];
        let of = float_type(entry.info.dtype).filter(|_| fits);
        let of = of.ok_or_else(|| kind(entry, &format!("{shape:?}")))?;
        let mut values = vec![0.0; bytes.len() / of.bytes()];
        of.decode(bytes, &mut values);
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

/// The type of floats, or `None` for another one.
pub(super) fn float_type(dtype: Dtype) -> Option<FloatType> {
    match dtype {
        Dtype::F32 => Some(FloatType::F32),
        Dtype::F16 => Some(FloatType::F16),
        Dtype::BF16 => Some(FloatType::Bf16),
        _ => None,
    }
}

impl Reader<'_> {
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
