//! Model to container.

use atome_spec::Packing;

use super::header::{Entry, Header};
use super::metadata::{ContainerInfo, Facts};
use super::{ALIGN_BYTES, expected_entries};
use crate::format::model::{AtomeModel, TensorRef};
use crate::format::write::WriteError;

/// What the writer of a container may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerOptions {
    /// How trits are packed.
    pub packing: Packing,
    /// How text becomes tokens; `None` for what the model says.
    pub tokenizer: Option<String>,
    /// Where the weights come from: free text.
    pub provenance: Option<String>,
    /// The program that writes the file: its mark, by which it knows its own files again.
    pub written_by: Option<String>,
}

impl Default for ContainerOptions {
    fn default() -> Self {
        Self {
            packing: Packing::Base3,
            tokenizer: None,
            provenance: None,
            written_by: None,
        }
    }
}

impl ContainerOptions {
    /// Options with this packing.
    #[must_use]
    pub fn packing(packing: Packing) -> Self {
        Self {
            packing,
            ..Self::default()
        }
    }

    /// The same, with a provenance.
    #[must_use]
    pub fn provenance(self, provenance: impl Into<String>) -> Self {
        Self {
            provenance: Some(provenance.into()),
            ..self
        }
    }

    fn info(&self, model: &AtomeModel) -> ContainerInfo {
        ContainerInfo {
            packing: self.packing,
            tokenizer: self
                .tokenizer
                .clone()
                .unwrap_or_else(|| model.tokenizer.clone()),
            provenance: self.provenance.clone(),
            written_by: self.written_by.clone(),
        }
    }
}

/// Returns a model as a container: a safetensors file with packed trits and everything else in its metadata.
///
/// # Errors
/// If the model is not one that a file could hold: dimensions out of range, a tensor that does not fit them, an element
/// that is no trit, a number that is not finite.
pub fn write_container(
    model: &AtomeModel,
    options: &ContainerOptions,
) -> Result<Vec<u8>, WriteError> {
    model.check()?;
    let data = Data::new(model, options.packing);
    let facts = Facts {
        info: options.info(model),
        config: model.config.clone(),
        classes: model.classes(),
        scales: data.scales,
        checksums: data.checksums,
    };
    let entries = expected_entries(&facts.config, facts.classes, options.packing);
    let header = Header {
        metadata: facts.to_metadata(),
        tensors: entries.collect::<Result<Vec<Entry>, _>>()?,
        data_start: 0,
    };
    let mut bytes = header.to_bytes(ALIGN_BYTES)?;
    bytes.extend(data.bytes);
    Ok(bytes)
}

/// The tensors' bytes in order: f32 vectors, then trits.
struct Data {
    bytes: Vec<u8>,
    checksums: Vec<u32>,
    scales: Vec<f32>,
}

impl Data {
    fn new(model: &AtomeModel, packing: Packing) -> Self {
        let packing: crate::format::trits::Packing = packing.into();
        let mut data = Self {
            bytes: Vec::new(),
            checksums: Vec::new(),
            scales: Vec::new(),
        };
        for (_, tensor) in model.tensors() {
            if let TensorRef::Floats(values) = tensor {
                data.add(|out| out.extend(values.iter().flat_map(|v| v.to_le_bytes())));
            }
        }
        for (_, tensor) in model.tensors() {
            if let TensorRef::Ternary(w) = tensor {
                data.scales.push(w.scale);
                data.add(|out| packing.pack_into(&w.trits, out));
            }
        }
        data
    }

    fn add(&mut self, tensor: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        tensor(&mut self.bytes);
        self.checksums.push(crc32fast::hash(&self.bytes[start..]));
    }
}
