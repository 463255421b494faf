//! Models in the project's container.

use super::{ChatTemplate, Checkpoint, GenerationConfig};
use crate::atomic_file::AtomicFile;
use crate::classify::Labels;
use crate::error::FileError;
use crate::families::{Architecture, Config};
use crate::format::container::{Container, Encoding, Layout, Metadata, Writer, has_groups};
use crate::format::{ContainerInfo, ContainerOptions, Format, PackSummary, WriteError};
use crate::graph::Graph;
use crate::progress::Progress;
use crate::tensor::{EmbeddingType, Source, Tables};
use crate::tokenizer::{TokenizerError, TokenizerKind, read_stored};
use atome_spec::Packing;
use std::io::{Cursor, Seek, Write};
use std::path::Path;
use std::sync::Arc;

/// The key of the family.
const ARCHITECTURE: &str = "architecture";
/// The key of the dimensions.
const CONFIG: &str = "config";
/// The key of the text of a graph of its own.
const GRAPH: &str = "graph";
/// The key of the number of classes of a classifier.
const CLASSES: &str = "classes";
/// The key of how whoever published the model has it choose tokens.
const GENERATION: &str = "generation";
/// The key of the names of a classifier's classes, and what makes its answers sure.
const LABELS: &str = "labels";
/// The key of how conversations become text.
const CHAT: &str = "chat_template";
/// The key of how tables lie whose groups of columns have scales, and its only value.
const TABLES: &str = "tables";
const AS_MATRICES: &str = "matrix";

/// The bytes of the vocabulary that a model is to carry, if its tokenizer is one of its own.
pub(super) fn vocabulary_bytes(
    model: &Checkpoint,
    tokenizer: &str,
) -> Result<Option<Vec<u8>>, FileError> {
    if tokenizer != TokenizerKind::Own.name() {
        return Ok(None);
    }
    let fault = |fault: TokenizerError| FileError::from(fault);
    let vocabulary = model.vocabulary.as_ref();
    let vocabulary = vocabulary.ok_or_else(|| fault(TokenizerError::NoVocabulary))?;
    let bytes = vocabulary.to_bytes().map_err(|cause| fault(cause.into()))?;
    Ok(Some(bytes))
}

/// Returns a model as a container: a safetensors file with packed trits and everything else in its metadata.
///
/// # Errors
/// As [`write_packed`], but for the file.
pub fn write_container(
    model: &Checkpoint,
    options: &ContainerOptions,
) -> Result<Vec<u8>, WriteError> {
    Ok(container_bytes(model, options)?.0)
}

/// The bytes of a container, and what its tensors take of them.
///
/// # Errors
/// As [`write_container`].
pub fn container_bytes(
    model: &Checkpoint,
    options: &ContainerOptions,
) -> Result<(Vec<u8>, PackSummary), WriteError> {
    model.check()?;
    let mut file = Cursor::new(Vec::new());
    let memory = Path::new("memory");
    let summary = write(model, options, &mut file, memory, &mut |_, _| {})?;
    Ok((file.into_inner(), summary))
}

/// Writes a model as a container; a whole file or none.
///
/// Matrices are read, packed and written a part at a time, by all threads of the machine. `progress` is told how many
/// bytes of the file, of how many, are written.
///
/// # Errors
/// If the model is not one that a file could hold ([`Checkpoint::check`]), holds an element that is no trit or a number that
/// is not finite, or cannot be read; if an element of an embedding table is too large for f16; if the file cannot be
/// written.
pub fn write_packed(
    model: &Checkpoint,
    path: &Path,
    options: &ContainerOptions,
    progress: Progress<'_>,
) -> Result<PackSummary, WriteError> {
    model.check()?;
    let mut file = AtomicFile::create(path)?;
    let summary = write(model, options, &mut file, path, progress)?;
    file.commit()?;
    Ok(summary)
}

/// Writes a model that has been checked.
fn write(
    model: &Checkpoint,
    options: &ContainerOptions,
    out: &mut (impl Write + Seek),
    path: &Path,
    progress: Progress<'_>,
) -> Result<PackSummary, WriteError> {
    let layout = Layout::of(model.params());
    let encoding = Encoding {
        layout,
        packing: options.packing.stored(),
        embedding: match layout {
            Layout::Dense => EmbeddingType::F32,
            Layout::Tiled => options.embedding.unwrap_or(model.table_type()),
        },
        table: options
            .table
            .filter(|_| layout == Layout::Dense)
            .map(Packing::stored),
    };
    let info = options.info(&model.tokenizer, model.provenance.as_deref());
    let vocabulary = vocabulary_bytes(model, &info.tokenizer)?;
    let mut metadata = Metadata::new(model.architecture().name(), encoding, info);
    match model.config().as_graph() {
        Some(graph) => metadata.set(GRAPH, &graph.to_string()),
        None => {
            // Numbers always have a form in JSON.
            let config = serde_json::to_string(model.config()).unwrap_or_default();
            metadata.set(CONFIG, &config);
        }
    }
    if has_groups(model.params()) {
        metadata.set(TABLES, AS_MATRICES);
    }
    if let Some(classes) = model.classes() {
        metadata.set(CLASSES, &classes.to_string());
    }
    if let Some(generation) = &model.generation {
        metadata.set(GENERATION, &generation.to_json());
    }
    if let Some(labels) = &model.labels {
        metadata.set(LABELS, &labels.to_json());
    }
    if let Some(chat) = &model.chat {
        // Texts always have a form in JSON.
        metadata.set(CHAT, &serde_json::to_string(&**chat).unwrap_or_default());
    }
    let writer = Writer {
        metadata,
        encoding,
        params: model.params(),
        tensors: &model.tensors,
        vocabulary: vocabulary.as_deref(),
    };
    writer.write(out, |cause| WriteError::file(path, cause), progress)
}

/// Reads a model, and what is said about it, from the bytes of a container.
///
/// # Errors
/// The first fault found; never with a path.
pub fn parse_container(bytes: &[u8]) -> Result<(Checkpoint, ContainerInfo), FileError> {
    let source = Source::Memory(bytes.to_vec());
    read(source, None, Tables::Now, &mut |_, _| {})
}

/// Reads the model in a container; a config that somebody gave for its family must say the same as it does.
pub(super) fn read(
    source: Source,
    given: Option<&Config>,
    tables: Tables,
    progress: Progress<'_>,
) -> Result<(Checkpoint, ContainerInfo), FileError> {
    let container = Container::open(source)?;
    let metadata = &container.metadata;
    let family = family(metadata)?;
    let config = match family {
        Architecture::Graph => metadata.get(GRAPH)?.parse::<Graph>()?.into(),
        family => Config::from_json(family, metadata.get(CONFIG)?.as_bytes())?,
    };
    let classes = classes(metadata, config.family().max_classes())?;
    if let Some(given) = given.filter(|given| given.architecture() == family) {
        config.must_equal(given)?;
    }
    let mut model = Checkpoint::empty(config, classes, Format::Container)?;
    let encoding = metadata.encoding(Layout::of(model.params()))?;
    if has_groups(model.params()) {
        metadata.must_be(TABLES, AS_MATRICES)?;
    }
    let info = metadata.info(encoding.packing)?;
    let vocab = model.config().vocab_size();
    let generation = metadata.option(GENERATION);
    let generation = generation.map(|text| GenerationConfig::stated(text.as_bytes(), vocab));
    model.generation = generation.transpose()?.map(Arc::new);
    let chat = metadata
        .option(CHAT)
        .map(ChatTemplate::stated)
        .transpose()?;
    model.chat = chat.map(Arc::new);
    let labels = metadata.option(LABELS);
    let labels = labels.map(|text| Labels::stated(text, model.classes()));
    model.labels = labels.transpose()?.map(Arc::new);
    let stored;
    let tables = model.graph().tables(tables);
    (model.tensors, stored) = container.tensors(model.params(), encoding, tables, progress)?;
    model.vocabulary = stored.as_ref().map(read_stored).transpose()?;
    model.tokenizer.clone_from(&info.tokenizer);
    model.provenance.clone_from(&info.provenance);
    Ok((model, info))
}

/// The family that a container states.
pub(super) fn family(metadata: &Metadata) -> Result<Architecture, FileError> {
    let stated = metadata.get(ARCHITECTURE)?;
    let wrong = || metadata.wrong(ARCHITECTURE, family_names());
    Ok(known_family(stated).ok_or_else(wrong)?)
}

/// The family of this name.
pub(super) fn known_family(stated: &str) -> Option<Architecture> {
    Architecture::ALL.into_iter().find(|a| a.name() == stated)
}

/// The names of all families, for messages.
pub(super) fn family_names() -> String {
    match Architecture::ALL.map(Architecture::name) {
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

/// The classes that a file states, of a family that may have so many.
fn classes(metadata: &Metadata, max: usize) -> Result<Option<usize>, FileError> {
    let Some(stated) = metadata.option(CLASSES).filter(|_| max > 0) else {
        return Ok(None);
    };
    let classes = stated.parse().ok().filter(|n| (1..=max).contains(n));
    let wrong = || metadata.wrong(CLASSES, format!("1 to {max}"));
    Ok(Some(classes.ok_or_else(wrong)?))
}
