//! What is in a GGUF file, whether or not its model is one that runs.

use crate::failure::Failure;
use crate::units::{count, grouped};
use crate::{input, output};
use atome::checkpoint;
use atome_gguf::{Array, Gguf, Metadata, Tensor, Value, ValueType};
use serde::Serialize;
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Values of an array that are shown.
const SHOWN_VALUES: usize = 6;
/// Characters of a text that are shown.
const SHOWN_CHARS: usize = 80;

/// What a file says of text.
#[derive(Serialize)]
struct Tokenizer {
    model: String,
    /// How text is split before it is encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pre: Option<String>,
    tokens: usize,
    /// Whether there is a template of conversations.
    chat_template: bool,
}

/// Tensors of one type.
#[derive(Default, Serialize)]
struct OfType {
    tensors: usize,
    bytes: u64,
}

/// Everything that is said of a model's files.
struct File<'f> {
    files: &'f [Gguf<'f>],
    architecture: &'f str,
    tokenizer: Option<Tokenizer>,
    types: BTreeMap<String, OfType>,
    /// What there would have to be for the model to run.
    needs: Vec<String>,
}

/// Whether a model is a GGUF file whose family is not run, or one that is to be described as a file.
pub(super) fn is_meant(model: Option<&Path>, asked: bool) -> Result<bool, Failure> {
    let Some(model) = model.filter(|model| is_gguf(model)) else {
        return match asked {
            true => Err(Failure::NotFor {
                flag: "--file",
                architecture: "a model that is no GGUF file",
            }),
            false => Ok(false),
        };
    };
    let runs = checkpoint::open_gguf(model, |files| runs(architecture(&files[0])))?;
    Ok(asked || !runs)
}

fn is_gguf(path: &Path) -> bool {
    use std::io::Read;
    let mut start = Vec::new();
    let read = input::open_regular(path).and_then(|file| file.take(4).read_to_end(&mut start));
    read.is_ok() && atome_gguf::is_gguf(&start)
}

fn runs(architecture: &str) -> bool {
    checkpoint::is_known_family(architecture)
}

fn architecture<'f>(file: &Gguf<'f>) -> &'f str {
    let stated = file.metadata().string("general.architecture");
    stated.ok().flatten().unwrap_or_default()
}

/// Prints what is in a model's files.
pub(super) fn describe(path: &Path, as_json: bool) -> Result<(), Failure> {
    checkpoint::open_gguf(path, |files| {
        let file = File::of(files);
        match as_json {
            true => output::print_json(&file.json()),
            false => output::print(&file.text(path)),
        }
    })?
}

impl<'f> File<'f> {
    fn of(files: &'f [Gguf<'f>]) -> Self {
        let mut types = BTreeMap::<String, OfType>::new();
        for tensor in tensors(files) {
            let of_type = types.entry(type_name(tensor)).or_default();
            of_type.tensors += 1;
            of_type.bytes += tensor.bytes().len() as u64;
        }
        let mut file = Self {
            files,
            architecture: architecture(&files[0]),
            tokenizer: tokenizer(files[0].metadata()),
            types,
            needs: Vec::new(),
        };
        file.needs = file.needs();
        file
    }

    fn needs(&self) -> Vec<String> {
        let mut needs = Vec::new();
        if !runs(self.architecture) {
            needs.push(match self.architecture {
                "" => "a family: `general.architecture` does not name one".to_owned(),
                name => format!("the family `{}`", printable(name)),
            });
        }
        let mut unread = BTreeMap::<String, usize>::new();
        for tensor in tensors(self.files) {
            if tensor.layout().is_err() {
                *unread.entry(type_name(tensor)).or_default() += 1;
            }
        }
        for (name, tensors) in unread {
            needs.push(format!(
                "the type {name}, of {}",
                count(tensors, "tensor", "tensors")
            ));
        }
        if tensors(self.files).next().is_none() {
            needs.push("weights: the file has none".to_owned());
        }
        needs
    }

    fn bytes(&self) -> u64 {
        self.types.values().map(|of_type| of_type.bytes).sum()
    }

    fn text(&self, path: &Path) -> String {
        let first = &self.files[0];
        let of_types = self.types.iter().map(|(name, of_type)| {
            format!(
                "{} {name} ({} bytes)",
                of_type.tensors,
                grouped_u64(of_type.bytes)
            )
        });
        let tensors_line = format!(
            "{}, {} bytes: {}",
            tensors(self.files).count(),
            grouped_u64(self.bytes()),
            of_types.collect::<Vec<_>>().join(", ")
        );
        let tokenizer = match &self.tokenizer {
            None => "none".to_owned(),
            Some(tokenizer) => format!(
                "{}{}, {}{}",
                tokenizer.model,
                tokenizer
                    .pre
                    .iter()
                    .map(|pre| format!(" ({pre})"))
                    .collect::<String>(),
                count(tokenizer.tokens, "token", "tokens"),
                if tokenizer.chat_template {
                    ", with a chat template"
                } else {
                    ""
                }
            ),
        };
        let mut text = String::new();
        let files = count(self.files.len(), "file", "files");
        let version = first.version();
        let needs = match self.needs.is_empty() {
            true => "nothing more".to_owned(),
            false => self.needs.join("; "),
        };
        for (name, value) in [
            (
                "file",
                format!("{}, GGUF version {version}, {files}", path.display()),
            ),
            ("architecture", printable(self.architecture)),
            ("tokenizer", tokenizer),
            ("tensors", tensors_line),
            ("to run it", needs),
        ] {
            let _ = writeln!(text, "{name:<13} {value}");
        }
        text.push('\n');
        keys(&mut text, first.metadata());
        table(&mut text, self.files);
        text
    }

    fn json(&self) -> serde_json::Value {
        let keys = self.files[0].metadata().iter();
        let keys: Map<String, serde_json::Value> = keys
            .map(|entry| (entry.key.to_owned(), json_of(entry.value)))
            .collect();
        let tensors: Vec<_> = self
            .files
            .iter()
            .enumerate()
            .flat_map(|(index, file)| {
                file.tensors().iter().map(move |tensor| {
                    json!({
                        "name": tensor.name(),
                        "type": type_name(tensor),
                        "dims": tensor.dims(),
                        "bytes": tensor.bytes().len(),
                        "file": index,
                        "offset": tensor.offset(),
                    })
                })
            })
            .collect();
        json!({
            "format": "GGUF",
            "version": self.files[0].version(),
            "files": self.files.len(),
            "architecture": self.architecture,
            "tokenizer": self.tokenizer,
            "types": self.types,
            "bytes": self.bytes(),
            "needs": self.needs,
            "keys": keys,
            "tensors": tensors,
        })
    }
}

fn tensors<'f>(files: &'f [Gguf<'f>]) -> impl Iterator<Item = &'f Tensor<'f>> {
    files.iter().flat_map(|file| file.tensors())
}

/// The layout where it is known, else the type.
fn type_name(tensor: &Tensor<'_>) -> String {
    match tensor.layout() {
        Ok(layout) => layout.to_string(),
        Err(_) => tensor.type_id().to_string(),
    }
}

fn tokenizer(keys: &Metadata<'_>) -> Option<Tokenizer> {
    let string = |key: &str| keys.string(key).ok().flatten();
    let tokens = keys.array("tokenizer.ggml.tokens").ok().flatten();
    Some(Tokenizer {
        model: printable(string("tokenizer.ggml.model")?),
        pre: string("tokenizer.ggml.pre").map(printable),
        tokens: tokens.map_or(0, |tokens| tokens.len()),
        chat_template: keys.get("tokenizer.chat_template").is_some(),
    })
}

/// A line for each key.
fn keys(text: &mut String, keys: &Metadata<'_>) {
    let width = keys.iter().map(|entry| entry.key.chars().count()).max();
    let width = width.unwrap_or(0).min(48);
    for entry in keys.iter() {
        let kind = match entry.value {
            Value::Array(array) => format!("{} x {}", array.kind(), array.len()),
            other => other.kind().to_string(),
        };
        let value = shown(entry.value);
        let _ = writeln!(
            text,
            "  {:<width$}  {kind:<14}  {value}",
            printable(entry.key)
        );
    }
    text.push('\n');
}

/// A line for each tensor.
fn table(text: &mut String, files: &[Gguf<'_>]) {
    let width = tensors(files)
        .map(|tensor| tensor.name().chars().count())
        .max();
    let width = width.unwrap_or(0);
    for tensor in tensors(files) {
        let dims = tensor.dims().iter().map(u64::to_string).collect::<Vec<_>>();
        let _ = writeln!(
            text,
            "  {:<width$}  {:<20}  {:<16}  {}",
            printable(tensor.name()),
            type_name(tensor),
            dims.join(" x "),
            grouped(tensor.bytes().len()),
        );
    }
}

/// Text for a terminal.
fn printable(text: &str) -> String {
    text.escape_debug().to_string()
}

/// A value in a few words.
fn shown(value: Value<'_>) -> String {
    match value {
        Value::String(text) => {
            let all = text.chars().count();
            let start: String = text.chars().take(SHOWN_CHARS).collect();
            let more = match all > SHOWN_CHARS {
                true => format!(" ... ({} characters)", grouped(all)),
                false => String::new(),
            };
            format!("{start:?}{more}")
        }
        Value::Array(array) => {
            let first = first(array)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>();
            let more = if array.len() > first.len() {
                ", ..."
            } else {
                ""
            };
            format!("[{}{more}]", first.join(", "))
        }
        other => json_of(other).to_string(),
    }
}

/// The first values of an array.
fn first(array: Array<'_>) -> Vec<serde_json::Value> {
    macro_rules! numbers {
        ($t:ty) => {{
            let values = array.iter::<$t>().into_iter().flatten();
            values
                .take(SHOWN_VALUES)
                .map(|value| json!(value))
                .collect()
        }};
    }
    match array.kind() {
        ValueType::U8 => numbers!(u8),
        ValueType::I8 => numbers!(i8),
        ValueType::U16 => numbers!(u16),
        ValueType::I16 => numbers!(i16),
        ValueType::U32 => numbers!(u32),
        ValueType::I32 => numbers!(i32),
        ValueType::F32 => numbers!(f32),
        ValueType::Bool => numbers!(bool),
        ValueType::U64 => numbers!(u64),
        ValueType::I64 => numbers!(i64),
        ValueType::F64 => numbers!(f64),
        ValueType::String | ValueType::Array => {
            let strings = array.byte_strings().into_iter().flatten();
            let text = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                json!(text.chars().take(SHOWN_CHARS).collect::<String>())
            };
            strings.take(SHOWN_VALUES).map(text).collect()
        }
    }
}

fn json_of(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::U8(x) => json!(x),
        Value::I8(x) => json!(x),
        Value::U16(x) => json!(x),
        Value::I16(x) => json!(x),
        Value::U32(x) => json!(x),
        Value::I32(x) => json!(x),
        Value::F32(x) => json!(x),
        Value::Bool(x) => json!(x),
        Value::String(x) => json!(x),
        Value::U64(x) => json!(x),
        Value::I64(x) => json!(x),
        Value::F64(x) => json!(x),
        Value::Array(array) => json!({
            "of": array.kind().name(),
            "length": array.len(),
            "first": first(array),
        }),
    }
}

fn grouped_u64(bytes: u64) -> String {
    grouped(usize::try_from(bytes).unwrap_or(usize::MAX))
}
