//! The published models and their golden outputs, where a checkout has them.

use atome::{Model, Options};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The classifiers' names.
pub const CLASSIFIERS: [&str; 6] = [
    "agri",
    "anomaly",
    "motion",
    "os_telem",
    "sound_scene",
    "water",
];

/// The folder of the published Atome models; `None`, with a note, where there is none.
pub fn folder() -> Option<PathBuf> {
    data("atome")
}

/// The folder of the BitMamba-2 models and their golden outputs; `None`, with a note, where there
/// is none.
pub fn bitmamba2_folder() -> Option<PathBuf> {
    data("bitmamba2")
}

/// The folder of the MatMul-free LMs and their golden outputs; `None`, with a note, where there is none.
pub fn hgrn_bit_folder() -> Option<PathBuf> {
    data("hgrn_bit")
}

/// A folder of hybrids of gated delta nets and attention, `qwen35`, or of their relatives, `dense`; `None`, with a note, where
/// there is none.
pub fn hybrids_folder(name: &str) -> Option<PathBuf> {
    data(name)
}

fn data(family: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.parent()?;
    let folder = root.join("shared/data").join(family);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "skipped: the published models are not at {}",
        folder.display()
    );
    None
}

/// Loads `file` of the folder with the dimensions of `config`.
///
/// # Panics
/// If it does not load.
pub fn load(folder: &Path, file: &str, config: &str, options: &Options) -> Model {
    match Model::load(&folder.join(file), Some(&folder.join(config)), options) {
        Ok(model) => model,
        Err(error) => panic!("{file}: {error}"),
    }
}

/// The records of a golden file.
///
/// # Panics
/// If it is not a JSON list.
pub fn golden(folder: &Path, file: &str) -> Vec<Value> {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).expect("a golden file");
    match serde_json::from_str(&text) {
        Ok(Value::Array(records)) => records,
        other => panic!("{}: expected a list, found {other:?}", path.display()),
    }
}

/// A list of token ids.
///
/// # Panics
/// If it is not one.
pub fn tokens(value: &Value) -> Vec<u32> {
    let ids = value.as_array().expect("a list of tokens");
    ids.iter()
        .map(|id| id.as_u64().expect("a token id") as u32)
        .collect()
}

/// A list of numbers.
///
/// # Panics
/// If it is not one.
pub fn floats(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list of numbers");
    list.iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// The greatest distance between two lists of numbers of one length.
///
/// # Panics
/// If the lengths differ.
pub fn distance(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let apart = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (f64::from(*a) - b).abs());
    apart.fold(0.0, f64::max)
}
