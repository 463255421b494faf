//! The tokenizer in a file of any kind: a model's, a `tokenizer.json`, a GGUF file, which may hold nothing else.

use super::{Tokenizer, TokenizerError, Vocabulary};
use crate::checkpoint;
use crate::error::FileError;
use crate::format::files::start_of;
use crate::json;
use crate::regular_file;
use crate::tensor::Stored;
use atome_gguf::is_gguf;
use std::path::Path;
use std::sync::Arc;

/// The vocabulary of a directory of float weights.
const FILE: &str = "tokenizer.json";
/// What may say more of it.
const CONFIG: &str = "tokenizer_config.json";
/// The longest such file that is read, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// Loads the tokenizer in a file: a `tokenizer.json`, a directory that has one, a GGUF file, or a model of any format, whose
/// dimensions are in `config` where its format stores none. No weights are packed.
///
/// # Errors
/// The first fault, with the path of the file it is in.
pub fn open(path: &Path, config: Option<&Path>) -> Result<Tokenizer, FileError> {
    let in_file = |fault: FileError| match fault {
        fault @ FileError::InFile { .. } => fault,
        fault => fault.in_file(path),
    };
    if path.is_dir() {
        let none = || {
            in_file(FileError::Kind {
                expected: "a directory with `tokenizer.json`",
                found: "one without it",
            })
        };
        return load(&beside(path)?.ok_or_else(none)?).map_err(in_file);
    }
    let (mut file, _) = regular_file::open(path).map_err(in_file)?;
    let start = start_of(&mut file).map_err(in_file)?;
    if is_gguf(&start)
        && let Some(vocabulary) = checkpoint::usual_vocabulary(path).map_err(in_file)?
    {
        return load(&vocabulary).map_err(in_file);
    }
    if start.trim_ascii_start().starts_with(b"{") {
        let json = json::read(path, MAX_BYTES).map_err(in_file)?;
        let vocabulary = Vocabulary::from_json(&json, None);
        return vocabulary
            .map_err(fault)
            .and_then(|v| load(&v))
            .map_err(in_file);
    }
    let model = checkpoint::load(path, config)?;
    model
        .load_tokenizer()
        .map_err(|fault| in_file(fault.into()))
}

/// The vocabulary of a directory of float weights, if it has one that this crate can read.
///
/// # Errors
/// If it has one and that is damaged or not supported, with its path.
pub(crate) fn beside(folder: &Path) -> Result<Option<Vocabulary>, FileError> {
    let [path, config] = [FILE, CONFIG].map(|name| folder.join(name));
    if !path.exists() {
        return Ok(None);
    }
    let read = |path: &Path| json::read(path, MAX_BYTES).map_err(|fault| fault.in_file(path));
    let json = read(&path)?;
    let config = config.exists().then(|| read(&config)).transpose()?;
    let vocabulary = Vocabulary::from_json(&json, config.as_deref());
    Ok(Some(
        vocabulary.map_err(|cause| fault(cause).in_file(&path))?,
    ))
}

/// The vocabulary in a part of a file, as [`Vocabulary::to_bytes`] wrote it.
pub(crate) fn read_stored(stored: &Stored) -> Result<Arc<Vocabulary>, FileError> {
    let mut bytes = vec![0; stored.len()];
    stored.read(0, &mut bytes)?;
    Ok(Arc::new(Vocabulary::from_bytes(&bytes).map_err(fault)?))
}

fn load(vocabulary: &Vocabulary) -> Result<Tokenizer, FileError> {
    vocabulary.clone().tokenizer().map_err(fault)
}

fn fault(cause: super::TextError) -> FileError {
    TokenizerError::from(cause).into()
}
