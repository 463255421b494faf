//! Model files. What a loader takes is run, whatever it says.

use super::answers::agree;
use super::{choice, mend, one_line};
use atome::checkpoint;
use atome::checkpoint::{
    Checkpoint, FloatOptions, parse_bit2, write_atome01, write_atome02, write_atomecl01,
};
use atome::families::{AtomeConfig, Config};
use atome::format::{Format, ScaleRule};
use atome::{FileError, LoadError, Model, Options};
use std::io::Write;

/// Layers of a model that is run.
const MAX_LAYERS: usize = 6;
/// Numbers in the caches of a session that is opened.
const MAX_CACHE: usize = 1 << 22;

/// A config as JSON, a zero byte, and an `ATOME01`, `ATOME02` or `ATOMECL01` file.
pub(super) fn atome(data: &[u8]) -> bool {
    let Some(end) = data.iter().position(|byte| *byte == 0) else {
        return false;
    };
    let (json, file) = (&data[..end], &data[end + 1..]);
    let config = match AtomeConfig::from_json(json) {
        Ok(config) if file.len() <= mend::MAX_FILE_BYTES => config,
        Ok(_) => return false,
        Err(error) => return one_line(&error).is_empty(),
    };
    let read = |bytes: &[u8]| Ok((checkpoint::parse(bytes, &config)?, bytes.to_vec()));
    let Some((model, file)) = mend::read(file.to_vec(), mend::no_checksums, read) else {
        return false;
    };
    let written = match model.format {
        Format::Atome01 => Some(write_atome01(&model)),
        Format::Atome02 => Some(write_atome02(&model)),
        Format::AtomeCl01 => Some(write_atomecl01(&model)),
        _ => None,
    };
    if let Some(written) = written {
        assert!(
            written.expect("a model that was read") == file,
            "a file that is written back"
        );
    }
    runs(&model, choice(data))
}

/// Runs an Atome model on two backends, if it is small.
pub(super) fn runs(model: &Checkpoint, choice: u32) -> bool {
    if !is_small(model) {
        return false;
    }
    if let Err(error) = agree(|options| Model::from_checkpoint(model, options), choice) {
        panic!("a model that was read is refused: {error}");
    }
    true
}

pub(super) fn is_small(model: &Checkpoint) -> bool {
    match model.config() {
        Config::Atome(config) => is_shallow(config),
        Config::BitMamba2(config) => config.n_layers <= MAX_LAYERS,
        Config::Graph(graph) => super::graph::is_small(graph),
        Config::HgrnBit(config) => config.num_hidden_layers <= MAX_LAYERS,
        _ => false,
    }
}

pub(super) fn is_shallow(config: &AtomeConfig) -> bool {
    let cache = config.n_layers * config.max_seq * (config.d_head + config.d_model);
    config.n_layers <= MAX_LAYERS && cache <= MAX_CACHE
}

/// A `BIT2` file.
pub(super) fn bit2(data: &[u8]) -> bool {
    let choice = choice(data);
    let read = |bytes: &[u8]| {
        let model = parse_bit2(bytes.to_vec())?;
        if is_small(&model) {
            agree(|options| Model::from_checkpoint(&model, options), choice)?;
        }
        Ok(is_small(&model))
    };
    data.len() <= mend::MAX_FILE_BYTES
        && mend::read(data.to_vec(), mend::no_checksums, read).unwrap_or(false)
}

/// A container of either family, as it is and with its checksums put right.
pub(super) fn container(data: &[u8]) -> bool {
    if data.len() > mend::MAX_FILE_BYTES {
        return false;
    }
    if let Err(error) = checkpoint::parse_checkpoint(data) {
        one_line(&error);
    }
    let choice = choice(data);
    let mut bytes = data.to_vec();
    mend::seal(&mut bytes);
    mend::read(bytes, mend::seal, |bytes| {
        let checkpoint = checkpoint::parse_checkpoint(bytes)?;
        if !is_small(&checkpoint) {
            return Ok(false);
        }
        // From memory and, sometimes, from a file, which may be mapped.
        if choice.is_multiple_of(4) {
            in_file(bytes, choice)?;
        } else {
            agree(|options| Model::from_bytes(bytes, options), choice)?;
        }
        Ok(true)
    })
    .unwrap_or(false)
}

fn in_file(bytes: &[u8], choice: u32) -> Result<(), LoadError> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("written");
    let load = |options: &Options| Model::load(file.path(), None, options);
    agree(load, choice).map_err(|error| match error {
        LoadError::File(FileError::InFile { fault, .. }) => LoadError::File(*fault),
        other => other,
    })
}

/// A GGUF file: of any model it is read whole, one of ours is run.
pub(super) fn gguf(data: &[u8]) -> bool {
    if data.len() > mend::MAX_FILE_BYTES {
        return false;
    }
    let taken = match atome_gguf::Gguf::parse(data) {
        Ok(file) => reads_whole(&file),
        Err(error) => return one_line(&error).is_empty(),
    };
    let choice = choice(data);
    let read = |bytes: &[u8]| {
        let model = checkpoint::parse_checkpoint(bytes)?;
        if is_small(&model) {
            agree(|options| Model::from_checkpoint(&model, options), choice)?;
        }
        Ok(())
    };
    mend::read(data.to_vec(), mend::no_checksums, read);
    taken
}

/// Reads everything that a file has.
fn reads_whole(file: &atome_gguf::Gguf<'_>) -> bool {
    for entry in file.metadata().iter() {
        if let atome_gguf::Value::Array(array) = entry.value {
            let strings = array.strings().map(Iterator::count);
            let numbers = array.integers().map(Iterator::count);
            for count in [strings, numbers] {
                match count {
                    Ok(count) => assert_eq!(count, array.len()),
                    Err(error) => drop(one_line(&error)),
                }
            }
        }
    }
    for tensor in file.tensors() {
        assert_eq!(file.tensor(tensor.name()), Some(tensor));
        match tensor.values() {
            Ok(values) => assert_eq!(values.len() as u64, tensor.elems()),
            Err(error) => drop(one_line(&error)),
        }
        if let Ok(ternary) = tensor.ternary() {
            let elems = tensor.elems() as usize;
            let (mut trits, mut scales) = (vec![0; elems], vec![0.0; elems / ternary.group()]);
            let rows = 0..tensor.shape().0 as usize;
            if let Err(error) = tensor.trits_into(rows, &mut trits, &mut scales) {
                one_line(&error);
            }
        }
    }
    true
}

/// A rule for scales, `top_k`, `max_seq`, a scale, and a safetensors file of float weights.
pub(super) fn floats(data: &[u8]) -> bool {
    let Some((&[rule, top_k, max_seq, ref scale @ ..], file)) = data.split_first_chunk::<7>()
    else {
        return false;
    };
    if file.len() > mend::MAX_FILE_BYTES {
        return false;
    }
    let mut options = FloatOptions::default();
    options.scale = match rule % 3 {
        0 => ScaleRule::AbsMean,
        1 => ScaleRule::Exact,
        _ => ScaleRule::Given(f32::from_le_bytes(*scale)),
    };
    options.top_k = Some(top_k.into());
    options.max_seq = Some(max_seq.into());
    let mut bytes = file.to_vec();
    mend::seal(&mut bytes);
    let read = |bytes: &[u8]| Ok(checkpoint::quantize_file(bytes, &options)?);
    let Some((model, report)) = mend::read(bytes, mend::seal, read) else {
        return false;
    };
    for tensor in report {
        let error = tensor.error.unwrap_or(0.0);
        assert!(error >= 0.0, "`{}`: an error of {error}", tensor.name);
    }
    runs(&model, choice(data))
}
