//! BitMamba-2 models in the project's container: matrices, and the embedding table, as kernels read them, each at a
//! multiple of 256 bytes, so that a mapped file needs no repacking.

use super::assemble::{TensorSource, assemble};
use super::schema::{self, TensorSpec};
use super::{
    BitMamba2Config, BitMamba2Model, EmbeddingTable, FloatTensor, TensorRef, TernaryTensor,
};
use crate::atomic_file::AtomicFile;
use crate::error::LoadError;
use crate::fill::Progress;
use crate::format::container::{
    Container, Contents, Encoding, Layout, Metadata, Shape, Spec, Tensors, Writer,
};
use crate::format::source::Source;
use crate::format::{Architecture, ContainerOptions, Format, PackSummary, WriteError};
use std::path::Path;

/// Writes a model as a container that loads without repacking; a whole file or none.
///
/// Matrices are read, packed and written a part at a time, by all threads of the machine. `progress` is told how many
/// bytes of the file, of how many, are written.
///
/// # Errors
/// If the model is not one that a file could hold ([`BitMamba2Model::check`]) or its source cannot be read, if an element
/// of the embedding table is too large for f16, or if the file cannot be written.
pub fn write_packed(
    model: &BitMamba2Model,
    path: &Path,
    options: &ContainerOptions,
    progress: Progress<'_>,
) -> Result<PackSummary, WriteError> {
    model.check()?;
    let encoding = Encoding {
        layout: Layout::Tiled,
        packing: options.packing,
        embedding: options.embedding,
    };
    let info = options.info(&model.tokenizer, model.provenance.as_deref());
    let architecture = Architecture::BitMamba2.name();
    let writer = Writer {
        metadata: Metadata::new(architecture, &model.config, encoding, info),
        encoding,
        specs: specs(&model.config),
        contents: model
            .tensors()
            .map(|(_, tensor)| contents(tensor))
            .collect(),
    };
    let mut file = AtomicFile::create(path)?;
    let failed = |cause| WriteError::file(path, cause);
    let summary = writer.write(&mut file, failed, progress)?;
    file.commit()?;
    Ok(summary)
}

fn contents(tensor: TensorRef<'_>) -> Contents<'_> {
    match tensor {
        TensorRef::Table(table) => Contents::Table(table),
        TensorRef::Ternary(w) => Contents::Ternary(&*w.rows, w.scale),
        TensorRef::Floats(values) => Contents::Floats(&**values),
    }
}

/// The tensors of a model as a container knows them.
fn specs(config: &BitMamba2Config) -> Vec<Spec> {
    let spec = |TensorSpec { name, shape }: TensorSpec| Spec {
        name: name.to_string(),
        shape: match shape {
            schema::Shape::Trits { rows, cols } => Shape::Trits { rows, cols },
            schema::Shape::Matrix { rows, cols } => Shape::Table { rows, cols },
            schema::Shape::Vector(len) => Shape::Floats(vec![len]),
            schema::Shape::Taps { channels, taps } => Shape::Floats(vec![channels, 1, taps]),
        },
    };
    schema::tensors(config).map(spec).collect()
}

/// Reads the model in a container; `progress` is told how many bytes, of how many, are checked.
pub(in crate::format) fn read(
    source: Source,
    progress: Progress<'_>,
) -> Result<BitMamba2Model, LoadError> {
    let container = Container::open(source)?;
    let metadata = &container.metadata;
    metadata.must_be("architecture", Architecture::BitMamba2.name())?;
    let encoding = metadata.encoding(Layout::Tiled)?;
    let config = BitMamba2Config::from_json(metadata.get("config")?)?;
    let info = metadata.info(encoding.packing)?;
    let mut tensors = container.tensors(&specs(&config), encoding, progress)?;
    let model = assemble(config, Format::Container, &mut tensors)?;
    Ok(BitMamba2Model {
        tokenizer: info.tokenizer,
        provenance: info.provenance,
        ..model
    })
}

impl TensorSource for Tensors {
    fn table(&mut self, spec: TensorSpec) -> Result<EmbeddingTable, LoadError> {
        Ok(Tensors::table(
            self,
            &spec.name.to_string(),
            spec.shape.matrix(),
        ))
    }

    fn floats(&mut self, spec: TensorSpec) -> Result<FloatTensor, LoadError> {
        Ok(Tensors::floats(self, &spec.name.to_string()))
    }

    fn ternary(&mut self, spec: TensorSpec) -> Result<TernaryTensor, LoadError> {
        Ok(Tensors::ternary(
            self,
            &spec.name.to_string(),
            spec.shape.matrix(),
        ))
    }
}
