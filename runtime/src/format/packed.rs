//! Atome models in the project's container.

use super::container::{
    Container, ContainerInfo, ContainerOptions, Contents, Encoding, Layout, Metadata, Shape, Spec,
    Tensors, Writer,
};
use super::model::{AtomeModel, TensorRef, Ternary};
use super::schema::{self, TensorName, TensorSource};
use super::source::Source;
use super::{Architecture, AtomeConfig, EmbeddingType, Format, MAX_CLASSES, WriteError};
use crate::error::LoadError;
use std::io::Cursor;
use std::path::Path;

/// The key of the number of classes of a classifier.
const CLASSES: &str = "classes";

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
    let encoding = Encoding {
        layout: Layout::Dense,
        packing: options.packing,
        embedding: EmbeddingType::F32,
    };
    let (architecture, info) = (
        Architecture::Atome.name(),
        options.info(&model.tokenizer, None),
    );
    let mut metadata = Metadata::new(architecture, &model.config, encoding, info);
    if let Some(classes) = model.classes() {
        metadata.set(CLASSES, &classes.to_string());
    }
    let writer = Writer {
        metadata,
        encoding,
        specs: specs(&model.config, model.classes()),
        contents: model
            .tensors()
            .map(|(_, tensor)| contents(tensor))
            .collect(),
    };
    let mut file = Cursor::new(Vec::new());
    let failed = |cause| WriteError::file(Path::new("memory"), cause);
    writer.write(&mut file, failed, &mut |_, _| {})?;
    Ok(file.into_inner())
}

fn contents(tensor: TensorRef<'_>) -> Contents<'_> {
    match tensor {
        TensorRef::Ternary(w) => Contents::Ternary(w, w.scale),
        TensorRef::Floats(values) => Contents::Values(values),
    }
}

/// The tensors of a model as a container knows them.
fn specs(config: &AtomeConfig, classes: Option<usize>) -> Vec<Spec> {
    let spec = |spec: schema::TensorSpec| Spec {
        name: spec.name.to_string(),
        shape: match spec.shape {
            schema::Shape::Trits { rows, cols } => Shape::Trits { rows, cols },
            schema::Shape::Floats { len } => Shape::Floats(vec![len]),
        },
    };
    schema::tensors(config, classes).map(spec).collect()
}

/// Reads a model, and what is said about it, from the bytes of a container.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse_container(bytes: &[u8]) -> Result<(AtomeModel, ContainerInfo), LoadError> {
    read(Source::Memory(bytes.to_vec()), None)
}

/// Reads the model in a container; a config that somebody gave must say the same as it does.
pub(super) fn read(
    source: Source,
    given: Option<&AtomeConfig>,
) -> Result<(AtomeModel, ContainerInfo), LoadError> {
    let container = Container::open(source)?;
    let metadata = &container.metadata;
    metadata.must_be("architecture", Architecture::Atome.name())?;
    let encoding = metadata.encoding(Layout::Dense)?;
    let config = AtomeConfig::from_json(metadata.get("config")?.as_bytes())?;
    let classes = classes(metadata)?;
    let info = metadata.info(encoding.packing)?;
    given.map_or(Ok(()), |given| config.must_equal(given))?;
    let specs = specs(&config, classes);
    let mut tensors = container.tensors(&specs, encoding, &mut |_, _| {})?;
    let mut model = schema::assemble(&config, Format::Container, classes, &mut tensors)?;
    model.tokenizer.clone_from(&info.tokenizer);
    Ok((model, info))
}

fn classes(metadata: &Metadata) -> Result<Option<usize>, LoadError> {
    let Some(stated) = metadata.option(CLASSES) else {
        return Ok(None);
    };
    let classes = stated.parse().ok();
    let classes = classes.filter(|n| (1..=MAX_CLASSES).contains(n));
    let wrong = || metadata.wrong(CLASSES, format!("1 to {MAX_CLASSES}"));
    Ok(Some(classes.ok_or_else(wrong)?))
}

impl TensorSource for Tensors {
    type Error = LoadError;

    fn ternary(
        &mut self,
        name: TensorName,
        rows: usize,
        cols: usize,
    ) -> Result<Ternary, LoadError> {
        let name = name.to_string();
        let tensor = Tensors::ternary(self, &name, (rows, cols));
        let mut trits = vec![0; rows * cols];
        tensor.rows.read(0..rows, &mut trits)?;
        Ok(Ternary {
            name,
            rows,
            cols,
            scale: tensor.scale,
            trits,
        })
    }

    fn floats(&mut self, name: TensorName, _: usize) -> Result<Vec<f32>, LoadError> {
        Tensors::floats(self, &name.to_string()).all()
    }
}
