//! Models of our families in GGUF files.
//!
//! `general.architecture` names the family; its dimensions are the keys that its config has in JSON, each behind the family's
//! name and a dot, and a graph of its own is text.

use super::chat::{BOS, EOS, GGUF_TEMPLATE};
use super::container::{known_family, vocabulary_bytes};
use super::{ChatTemplate, Checkpoint, GenerationConfig};
use crate::atomic_file::AtomicFile;
use crate::classify::Labels;
use crate::error::{ConfigError, FileError, HeaderError};
use crate::families::hybrid::{Form, Hybrid};
use crate::families::{Architecture, Config};
use crate::format::container::has_groups;
use crate::format::gguf::{GgufFiles, Writer};
use crate::format::{ContainerOptions, Format, PackSummary, WriteError};
use crate::graph::Graph;
use crate::parallel::Counter;
use crate::progress::Progress;
use crate::tensor::Source;
use crate::tokenizer::{TextError, TokenizerError, Vocabulary};
use atome_gguf::write::ArrayBytes;
use atome_gguf::{Gguf, Metadata, Value};
use serde_json::{Map, Number};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The key of the family.
const ARCHITECTURE: &str = "general.architecture";
/// The key, behind the family, of the text of a graph.
const GRAPH: &str = "graph";
/// The key, behind the family, of the number of classes of a classifier.
const CLASSES: &str = "classes";
/// The key, behind the family, of how text becomes tokens.
const TOKENIZER: &str = "tokenizer";
/// The key, behind the family, of the vocabulary that a model carries, as a container has it.
const VOCABULARY: &str = "vocabulary";
/// The key that says that a file has a vocabulary by the keys that all GGUF files have for one.
const GGML: &str = "tokenizer.ggml.model";
/// The key, behind the family, of where the weights come from.
const PROVENANCE: &str = "provenance";
/// The key, behind the family, of how whoever published the model has it choose tokens.
const GENERATION: &str = "generation";
/// The key, behind the family, of the names of a classifier's classes, and what makes its answers sure.
const LABELS: &str = "labels";
/// The key of the program that wrote a file.
const WRITTEN_BY: &str = "general.quantized_by";

/// Reads the model in a file or in several; a config that somebody gave for its family must say the same.
pub(super) fn load(
    path: &Path,
    config: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Checkpoint, FileError> {
    let files = GgufFiles::open(path)?;
    read(&files, config, progress).map_err(|fault| match fault {
        fault @ FileError::InFile { .. } => fault,
        fault => fault.in_file(path),
    })
}

/// Opens a GGUF file of any model, or all files of a split one, and hands them to `look`, the one with the keys first.
///
/// # Errors
/// If a file cannot be read, is no GGUF file, or is not of the model that its name says.
pub fn open_gguf<R>(path: &Path, look: impl FnOnce(&[Gguf<'_>]) -> R) -> Result<R, FileError> {
    let files = GgufFiles::open(path)?;
    Ok(look(&files.parsed()?))
}

/// Reads the model in the bytes of a file.
pub(super) fn parse(bytes: Source) -> Result<Checkpoint, FileError> {
    read(&GgufFiles::parse(bytes)?, None, &mut |_, _| {})
}

/// Whether the model in a file is of a family that is run.
#[must_use]
pub fn is_known_family(architecture: &str) -> bool {
    Form::of(architecture).is_some() || known_family(architecture).is_some()
}

/// The program that says it wrote a file.
pub(super) fn written_by(path: &Path) -> Option<String> {
    let files = GgufFiles::open(path).ok()?;
    let by = files.first().ok()?.metadata().string(WRITTEN_BY);
    by.ok()?.map(str::to_owned)
}

fn read(
    files: &GgufFiles,
    given: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Checkpoint, FileError> {
    let file = files.first()?;
    let keys = file.metadata();
    keys.require(ARCHITECTURE, "the family of the model")?;
    let stated = keys.string(ARCHITECTURE)?.unwrap_or_default();
    if let Some(form) = Form::of(stated) {
        return hybrid(form, (files, keys), given, progress);
    }
    let family = known_family(stated).ok_or_else(|| HeaderError::Value {
        key: ARCHITECTURE,
        expected: architectures(),
        found: stated.chars().take(40).collect(),
    })?;
    let of = |key: &str| format!("{}.{key}", family.name());
    let config = match family {
        Architecture::Graph => {
            let key = of(GRAPH);
            keys.require(&key, "the text of a graph")?;
            keys.string(&key)?
                .unwrap_or_default()
                .parse::<Graph>()?
                .into()
        }
        family => Config::from_json(family, &json(&file, &of(""))?)?,
    };
    if let Some(given) = given {
        config.must_equal(&Config::from_file(family, given)?)?;
    }
    let classes = keys.u32(&of(CLASSES))?.map(|classes| classes as usize);
    let mut model = Checkpoint::empty(config, classes, Format::Gguf)?;
    let told = Counter::new(model.parameters(), progress);
    model.tensors = files.tensors(model.params(), &|elems| told.add(elems))?;
    if let Some(tokenizer) = keys.string(&of(TOKENIZER))? {
        tokenizer.clone_into(&mut model.tokenizer);
    }
    model = model.with_found(vocabulary(keys, &of(VOCABULARY)))?;
    model.provenance = keys.string(&of(PROVENANCE))?.map(str::to_owned);
    let vocab = model.config().vocab_size();
    let generation = keys.string(&of(GENERATION))?;
    let generation = generation.map(|text| GenerationConfig::stated(text.as_bytes(), vocab));
    model.generation = generation.transpose()?.map(Arc::new);
    let labels = keys.string(&of(LABELS))?;
    let labels = labels.map(|text| Labels::stated(text, model.classes()));
    model.labels = labels.transpose()?.map(Arc::new);
    model.chat = ChatTemplate::in_gguf(keys, &of(""))?.map(Arc::new);
    Ok(model)
}

/// The names of all architectures, for messages.
fn architectures() -> String {
    let own = Architecture::ALL.map(Architecture::name);
    match [&own[..], &Form::ALL.map(|form| form.name)]
        .concat()
        .as_slice()
    {
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
        [] => String::new(),
    }
}

/// A hybrid of gated delta nets and attention or a relative, which becomes a graph of its own.
fn hybrid(
    form: Form,
    (files, keys): (&GgufFiles, &Metadata<'_>),
    given: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Checkpoint, FileError> {
    if given.is_some() {
        return Err(ConfigError::Graph.into());
    }
    let model = Hybrid::read(form, keys, &|name| files.look(name))?;
    let mut made: BTreeMap<String, Vec<f32>> = model.rotation.sign_params().collect();
    for (layer, channels) in model.convolutions() {
        let name = format!("blk.{layer}.ssm_conv1d.bias");
        made.insert(name, vec![0.0; channels]);
    }
    let mut checkpoint = Checkpoint::empty(model.graph()?, None, Format::Gguf)?;
    let told = Counter::new(checkpoint.parameters(), progress);
    let params = checkpoint.params();
    checkpoint.tensors = files.tensors_with(params, &made, &|elems| told.add(elems))?;
    checkpoint.chat = ChatTemplate::in_gguf(keys, "")?.map(Arc::new);
    checkpoint.with_found(vocabulary(keys, ""))
}

/// The vocabulary in the keys of a file: as the project writes it, or as others do; `None` if there is none.
fn vocabulary(keys: &Metadata<'_>, own: &str) -> Result<Option<Vocabulary>, FileError> {
    let fault = |cause: TextError| FileError::from(TokenizerError::from(cause));
    if let Some(bytes) = keys.array(own)? {
        return Vocabulary::from_bytes(bytes.bytes())
            .map(Some)
            .map_err(fault);
    }
    match keys.string(GGML)? {
        None | Some("none") => Ok(None),
        Some(_) => Vocabulary::from_gguf(keys).map(Some).map_err(fault),
    }
}

/// The vocabulary in a GGUF file of any model, or of a vocabulary alone; `None` if it has none by the usual keys.
pub(crate) fn usual_vocabulary(path: &Path) -> Result<Option<Vocabulary>, FileError> {
    open_gguf(path, |files| vocabulary(files[0].metadata(), ""))?
}

/// The keys behind a prefix, without it, as an object of JSON.
fn json(file: &Gguf<'_>, prefix: &str) -> Result<Vec<u8>, FileError> {
    let mut object = Map::new();
    for entry in file.metadata().iter() {
        let Some(key) = entry.key.strip_prefix(prefix) else {
            continue;
        };
        let number = |x: f64| Number::from_f64(x).map(serde_json::Value::Number);
        let value = match entry.value {
            Value::Bool(value) => Some(value.into()),
            Value::String(value) => Some(value.into()),
            Value::F32(value) => number(value.into()),
            Value::F64(value) => number(value),
            value => {
                let whole = value.integer().and_then(|n| i64::try_from(n).ok());
                whole.map(Into::into)
            }
        };
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    }
    // Texts and numbers always have a form in JSON.
    Ok(serde_json::to_vec(&object).unwrap_or_default())
}

/// Writes a model as a GGUF file; a whole file or none. Matrices are TQ2_0 or TQ1_0 where their rows allow, with a scale of 1
/// in every block and the matrix's own, in f32, beside it: the numbers are the model's, bit for bit.
///
/// # Errors
/// As [`super::write_packed`]; if a tensor's name is longer than the format allows.
pub fn write_gguf(
    model: &Checkpoint,
    path: &Path,
    options: &ContainerOptions,
    progress: Progress<'_>,
) -> Result<PackSummary, WriteError> {
    model.check()?;
    has_place(model)?;
    let mut file = AtomicFile::create(path)?;
    let failed = |cause| WriteError::file(path, cause);
    let summary = writer(model, options)?.write(&mut file, failed, progress)?;
    file.commit()?;
    Ok(summary)
}

/// Returns a model as a GGUF file, as [`write_gguf`] writes it.
///
/// # Errors
/// As [`write_gguf`], but for the file.
pub fn gguf_bytes(
    model: &Checkpoint,
    options: &ContainerOptions,
) -> Result<(Vec<u8>, PackSummary), WriteError> {
    model.check()?;
    has_place(model)?;
    let mut bytes = Vec::new();
    let failed = |cause| WriteError::file(Path::new("memory"), cause);
    let summary = writer(model, options)?.write(&mut bytes, failed, &mut |_, _| {})?;
    Ok((bytes, summary))
}

/// What is written has one scale a matrix: groups of columns are read, not written.
fn has_place(model: &Checkpoint) -> Result<(), WriteError> {
    let (format, what) = (
        Format::Gguf,
        "groups of columns with scales: keep the file that has them",
    );
    match has_groups(model.params()) {
        true => Err(WriteError::NoPlace { format, what }),
        false => Ok(()),
    }
}

fn writer<'m>(model: &'m Checkpoint, options: &ContainerOptions) -> Result<Writer<'m>, FileError> {
    let info = options.info(&model.tokenizer, model.provenance.as_deref());
    let family = model.architecture().name();
    let of = |key: &str| format!("{family}.{key}");
    let mut header = atome_gguf::write::Writer::new();
    header.key(ARCHITECTURE, Value::String(family));
    if let Some(by) = &info.written_by {
        header.key(WRITTEN_BY, Value::String(by));
    }
    match model.config().as_graph() {
        Some(graph) => header.key(&of(GRAPH), Value::String(&graph.to_string())),
        None => dims(&mut header, model.config(), &of("")),
    }
    if let Some(classes) = model.classes() {
        header.key(&of(CLASSES), Value::U32(classes as u32));
    }
    header.key(&of(TOKENIZER), Value::String(&info.tokenizer));
    if let Some(bytes) = vocabulary_bytes(model, &info.tokenizer)? {
        let bytes = ArrayBytes::u8s(&bytes);
        header.key(&of(VOCABULARY), bytes.value());
    }
    if let Some(provenance) = &info.provenance {
        header.key(&of(PROVENANCE), Value::String(provenance));
    }
    if let Some(generation) = &model.generation {
        header.key(&of(GENERATION), Value::String(&generation.to_json()));
    }
    if let Some(labels) = &model.labels {
        header.key(&of(LABELS), Value::String(&labels.to_json()));
    }
    if let Some(chat) = &model.chat {
        if let Some(source) = &chat.source {
            header.key(GGUF_TEMPLATE, Value::String(source));
        }
        header.key(&of(BOS), Value::String(&chat.bos));
        header.key(&of(EOS), Value::String(&chat.eos));
    }
    Ok(Writer {
        header,
        packing: options.packing.stored(),
        params: model.params(),
        tensors: &model.tensors,
    })
}

/// The dimensions as keys of their own.
fn dims(header: &mut atome_gguf::write::Writer, config: &Config, prefix: &str) {
    let Ok(serde_json::Value::Object(object)) = serde_json::to_value(config) else {
        return;
    };
    for (key, value) in &object {
        let value = match value {
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match (number.as_u64(), number.as_f64()) {
                (Some(whole), _) => u32::try_from(whole).map_or(Value::U64(whole), Value::U32),
                (None, value) => Value::F64(value.unwrap_or_default()),
            },
            _ => continue,
        };
        header.key(&format!("{prefix}{key}"), value);
    }
}
