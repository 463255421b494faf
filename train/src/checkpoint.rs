//! A training saved to a file and resumed from it, bit for bit: a safetensors file with every
//! parameter and moment, the rest as JSON in its metadata, and at its end, as the last tensor, the
//! CRC-32 of everything before.

use crate::data::{Identity, Source};
use crate::optimizer::Moments;
use crate::parameters::Parameters;
use crate::settings::MAX_STEPS;
use crate::trainer::{Point, Running};
use crate::{Cadence, Settings, TrainError, Trainer};
use safetensors::tensor::View;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

const KEY: &str = "atome-training";
/// The tensor that ends the file. Its type is the narrowest of all, so it is written last.
const CHECKSUM: &str = "crc32";
const CHECKSUM_BYTES: usize = 4;
/// The version that is written, and the only one that is read.
const VERSION: u32 = 3;
/// Longest header that is looked at to tell a checkpoint from another file.
const MAX_HEADER_BYTES: u64 = 100 << 20;

/// What is saved beside the tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    version: u32,
    settings: Settings,
    cadence: Cadence,
    step: u64,
    running: Running,
    history: Vec<Point>,
    data: Identity,
}

/// A saved training that was read and found whole.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    facts: Facts,
    bytes: Vec<u8>,
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// If the file is none, if it is not whole, or if what it says of the training cannot be.
    pub fn read(path: &Path) -> Result<Checkpoint, TrainError> {
        let bytes = fs::read(path).map_err(|cause| TrainError::File {
            path: path.to_owned(),
            cause,
        })?;
        match parse(&bytes) {
            Ok(facts) => Ok(Checkpoint {
                path: path.to_owned(),
                facts,
                bytes,
            }),
            Err(what) => Err(broken(path, what)),
        }
    }

    /// What is trained, and how.
    pub fn settings(&self) -> &Settings {
        &self.facts.settings
    }

    /// When the training evaluated, saved and wrote samples.
    pub fn cadence(&self) -> &Cadence {
        &self.facts.cadence
    }

    /// Makes sure that a training of these settings over this is this one's.
    fn check_same(&self, settings: &Settings, data: &Identity) -> Result<(), TrainError> {
        let differs = |name: &str, expected: String, found: String| TrainError::Resume {
            path: self.path.clone(),
            name: name.to_owned(),
            expected,
            found,
        };
        let facts = &self.facts;
        if let Some((name, expected, found)) = settings.difference(&facts.settings) {
            return Err(differs(&name, expected, found));
        }
        if settings.steps < facts.step {
            return Err(TrainError::setting(
                "steps",
                settings.steps,
                facts.step,
                MAX_STEPS,
            ));
        }
        let stored = &facts.data;
        if data.kind != stored.kind {
            let (expected, found) = (data.kind.to_string(), stored.kind.to_string());
            return Err(differs("what is learned from", expected, found));
        }
        let kind = &data.kind;
        if data.bytes != stored.bytes {
            let (expected, found) = (data.bytes.to_string(), stored.bytes.to_string());
            return Err(differs(
                &format!("the length of the {kind}"),
                expected,
                found,
            ));
        }
        if data.crc32 != stored.crc32 {
            let hex = |n: u32| format!("{n:#010x}");
            let (expected, found) = (hex(data.crc32), hex(stored.crc32));
            return Err(differs(
                &format!("the CRC-32 of the {kind}"),
                expected,
                found,
            ));
        }
        Ok(())
    }
}

/// Whether a file begins as a checkpoint does, of whatever version.
pub(crate) fn is_one(path: &Path) -> bool {
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__")]
        metadata: HashMap<String, String>,
    }
    let header = || -> Option<Header> {
        let mut file = File::open(path).ok()?;
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES {
            return None;
        }
        let mut json = Vec::new();
        file.take(length).read_to_end(&mut json).ok()?;
        serde_json::from_slice(&json).ok()
    };
    header().is_some_and(|header| header.metadata.contains_key(KEY))
}

/// What the metadata say of the training, as text.
fn json(bytes: &[u8]) -> Result<String, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let metadata = header.metadata().as_ref();
    let json = metadata.and_then(|metadata| metadata.get(KEY));
    json.cloned()
        .ok_or_else(|| format!("its metadata has no key `{KEY}`"))
}

/// What a checkpoint says of its training, if that can be and the file is whole.
fn parse(bytes: &[u8]) -> Result<Facts, String> {
    let json = json(bytes)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    if tensors.tensor(CHECKSUM).is_err() {
        return Err("it has no checksum: an older version wrote it, or it is damaged".to_owned());
    }
    let crc32 = |(content, stored): (&[u8], &[u8; CHECKSUM_BYTES])| {
        crc32fast::hash(content) == u32::from_le_bytes(*stored)
    };
    if !bytes.split_last_chunk().is_some_and(crc32) {
        return Err("its checksum is wrong: it is damaged".to_owned());
    }
    let facts: Facts = serde_json::from_str(&json).map_err(|e| e.to_string())?;
    facts.check()?;
    Ok(facts)
}

impl Facts {
    fn check(&self) -> Result<(), String> {
        let wrong = |what: &str, expected: String, found: String| {
            Err(format!("{what}: expected {expected}, found {found}"))
        };
        if self.version != VERSION {
            let found = self.version.to_string();
            return wrong("version", VERSION.to_string(), found);
        }
        self.settings.check().map_err(|e| e.to_string())?;
        if self.cadence.evaluate == 0 {
            return wrong("steps between evaluations", "1 or more".into(), "0".into());
        }
        if !(1..=self.settings.steps).contains(&self.step) {
            let expected = format!("1 to {}", self.settings.steps);
            return wrong("steps done", expected, self.step.to_string());
        }
        let Some(last) = self.history.last() else {
            return wrong("points of the loss curve", "1 or more".into(), "0".into());
        };
        let is_loss = |bits: f64| bits.is_finite() && bits >= 0.0;
        let is_point = |p: &Point| p.step > 0 && is_loss(p.training) && is_loss(p.held_out);
        if !self.history.iter().all(is_point) || !self.history.is_sorted_by(|a, b| a.step < b.step)
        {
            let expected = "rising steps and losses of 0 or more".to_owned();
            return wrong("points of the loss curve", expected, "others".to_owned());
        }
        let sum = last.step.checked_add(self.running.steps);
        if sum != Some(self.step) || !is_loss(self.running.sum) {
            let expected = format!("{} steps since step {}", self.running.steps, last.step);
            return wrong("steps done", expected, self.step.to_string());
        }
        Ok(())
    }
}

fn broken(path: &Path, what: String) -> TrainError {
    TrainError::Checkpoint {
        path: path.to_owned(),
        what,
    }
}

impl Trainer {
    /// Saves everything that going on depends on, but for what is learned from. The file is there as a
    /// whole or not at all.
    ///
    /// # Errors
    /// If nothing has been evaluated yet, or the file cannot be written; an older one is then
    /// untouched.
    pub fn save(&self, path: &Path, cadence: &Cadence) -> Result<(), TrainError> {
        if self.history.is_empty() {
            return Err(TrainError::NotEvaluated);
        }
        let facts = Facts {
            version: VERSION,
            settings: self.settings.clone(),
            cadence: cadence.clone(),
            step: self.step,
            running: self.running,
            history: self.history.clone(),
            data: self.data.identity(),
        };
        let json = serde_json::to_string(&facts).map_err(|e| broken(path, e.to_string()))?;
        let mut bytes = self
            .serialize(json)
            .map_err(|e| broken(path, e.to_string()))?;
        if let Some((content, stored)) = bytes.split_last_chunk_mut::<CHECKSUM_BYTES>() {
            *stored = crc32fast::hash(content).to_le_bytes();
        }
        Ok(atome::atomic_file::write(path, &bytes)?)
    }

    /// The file, with zeros for its checksum.
    fn serialize(&self, json: String) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        let mut all = Vec::new();
        for (i, p) in self.parameters.list.iter().enumerate() {
            let parts = [&p.values, &self.moments.first[i], &self.moments.second[i]];
            for (part, values) in PARTS.iter().zip(parts) {
                let shape = [p.rows, p.cols];
                all.push((
                    format!("{}.{part}", p.name),
                    Saved::Floats { shape, values },
                ));
            }
        }
        all.push((CHECKSUM.to_owned(), Saved::NoChecksum));
        safetensors::serialize(all, Some(HashMap::from([(KEY.to_owned(), json)])))
    }

    /// Goes on with a saved training.
    ///
    /// # Errors
    /// If the checkpoint is one of other settings or other data, or a tensor in it is not what
    /// it should be. The number of steps and of threads may differ.
    pub fn resume(
        settings: Settings,
        source: impl Into<Source>,
        checkpoint: Checkpoint,
        progress: atome::Progress<'_>,
    ) -> Result<Trainer, TrainError> {
        settings.check()?;
        let source = source.into();
        checkpoint.check_same(&settings, &Identity::of(&source))?;
        let mut trainer = Trainer::new_with(settings, source, progress)?;
        let Checkpoint { path, facts, bytes } = checkpoint;
        let tensors = SafeTensors::deserialize(&bytes);
        let tensors = tensors.map_err(|e| broken(&path, e.to_string()))?;
        trainer.fill(&tensors).map_err(|what| broken(&path, what))?;
        trainer.step = facts.step;
        trainer.running = facts.running;
        trainer.history = facts.history;
        Ok(trainer)
    }

    fn fill(&mut self, tensors: &SafeTensors<'_>) -> Result<(), String> {
        let Trainer {
            parameters: Parameters { list },
            moments: Moments { first, second },
            ..
        } = self;
        let (expected, found) = (list.len() * PARTS.len() + 1, tensors.len());
        if expected != found {
            return Err(format!("expected {expected} tensors, found {found}"));
        }
        for ((p, first), second) in list.iter_mut().zip(first).zip(second) {
            let shape = [p.rows, p.cols];
            for (part, values) in PARTS.iter().zip([&mut p.values, first, second]) {
                let name = format!("{}.{part}", p.name);
                let least = if *part == SECOND { 0.0 } else { f32::MIN };
                read_into(tensors, &name, shape, least, values)?;
            }
        }
        Ok(())
    }
}

/// The tensors of a parameter: its values, and the running means of its gradient and of the
/// gradient's square.
const PARTS: [&str; 3] = ["latent", "first", SECOND];
const SECOND: &str = "second";

/// A tensor on its way into the file.
enum Saved<'a> {
    Floats {
        shape: [usize; 2],
        values: &'a [f32],
    },
    /// The place of the checksum.
    NoChecksum,
}

impl View for Saved<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Saved::Floats { .. } => Dtype::F32,
            Saved::NoChecksum => Dtype::U8,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Saved::Floats { shape, .. } => shape,
            Saved::NoChecksum => &[CHECKSUM_BYTES],
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Saved::Floats { values, .. } => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Saved::NoChecksum => Cow::Borrowed(&[0; CHECKSUM_BYTES]),
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Saved::Floats { values, .. } => size_of_val(*values),
            Saved::NoChecksum => CHECKSUM_BYTES,
        }
    }
}

fn read_into(
    tensors: &SafeTensors<'_>,
    name: &str,
    shape: [usize; 2],
    least: f32,
    values: &mut [f32],
) -> Result<(), String> {
    let tensor = tensors.tensor(name).map_err(|e| e.to_string())?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        let (dtype, found) = (tensor.dtype(), tensor.shape());
        return Err(format!(
            "`{name}` is {dtype:?} {found:?}, expected F32 {shape:?}"
        ));
    }
    let (floats, _) = tensor.data().as_chunks::<4>();
    for (value, bytes) in values.iter_mut().zip(floats) {
        *value = f32::from_le_bytes(*bytes);
        if !value.is_finite() || *value < least {
            return Err(format!("`{name}` holds {value}"));
        }
    }
    Ok(())
}
