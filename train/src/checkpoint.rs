//! A training saved to a file and resumed from it, bit for bit: a safetensors file with every
//! parameter and moment, and the rest as JSON in its metadata.

use crate::corpus::Corpus;
use crate::optimizer::Moments;
use crate::parameters::Parameters;
use crate::trainer::{Point, Running};
use crate::{Settings, TrainError, Trainer};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const KEY: &str = "atome-training";

/// What is saved beside the tensors.
#[derive(Serialize, Deserialize)]
struct Facts {
    settings: Settings,
    step: u64,
    running: Running,
    history: Vec<Point>,
    text_bytes: usize,
    text_crc32: u32,
}

impl Trainer {
    /// Saves everything that going on depends on, but for the text. The file is there as a
    /// whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let facts = Facts {
            settings: self.settings.clone(),
            step: self.step,
            running: self.running,
            history: self.history.clone(),
            text_bytes: self.corpus.text().len(),
            text_crc32: crc32fast::hash(self.corpus.text()),
        };
        let broken = |what: String| TrainError::Checkpoint {
            path: path.to_owned(),
            what,
        };
        let json = serde_json::to_string(&facts).map_err(|e| broken(e.to_string()))?;
        let tensors = self.named_bytes();
        let views = tensors.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes);
            view.map(|view| (name.as_str(), view))
        });
        let views: Vec<_> = views
            .collect::<Result<_, _>>()
            .map_err(|e| broken(e.to_string()))?;
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        let bytes = safetensors::serialize(views, Some(metadata));
        let bytes = bytes.map_err(|e| broken(e.to_string()))?;
        Ok(atome::atomic_file::write(path, &bytes)?)
    }

    /// Goes on with a saved training.
    ///
    /// # Errors
    /// If the file is no checkpoint, or one of other settings or another text. The number of
    /// steps and of threads may differ.
    pub fn resume(settings: Settings, text: Arc<[u8]>, path: &Path) -> Result<Trainer, TrainError> {
        let mut trainer = Trainer::new(settings, text)?;
        let bytes = fs::read(path).map_err(|cause| TrainError::File {
            path: path.to_owned(),
            cause,
        })?;
        let broken = |what: String| TrainError::Checkpoint {
            path: path.to_owned(),
            what,
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(e.to_string()))?;
        let json = header.metadata().as_ref().and_then(|m| m.get(KEY));
        let json = json.ok_or_else(|| broken(format!("its metadata has no key `{KEY}`")))?;
        let facts: Facts = serde_json::from_str(json).map_err(|e| broken(e.to_string()))?;
        check(&trainer.settings, &trainer.corpus, &facts, path)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| broken(e.to_string()))?;
        trainer.fill(&tensors).map_err(broken)?;
        trainer.step = facts.step;
        trainer.running = facts.running;
        trainer.history = facts.history;
        Ok(trainer)
    }

    fn named_bytes(&self) -> Vec<(String, [usize; 2], Vec<u8>)> {
        let mut all = Vec::new();
        for (i, p) in self.parameters.list.iter().enumerate() {
            let parts = [
                ("latent", &p.values),
                ("first", &self.moments.first[i]),
                ("second", &self.moments.second[i]),
            ];
            for (part, values) in parts {
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                all.push((format!("{}.{part}", p.name), [p.rows, p.cols], bytes));
            }
        }
        all
    }

    fn fill(&mut self, tensors: &SafeTensors<'_>) -> Result<(), String> {
        let Trainer {
            parameters: Parameters { list },
            moments: Moments { first, second },
            ..
        } = self;
        for ((p, first), second) in list.iter_mut().zip(first).zip(second) {
            for (part, values) in [
                ("latent", &mut p.values),
                ("first", first),
                ("second", second),
            ] {
                let name = format!("{}.{part}", p.name);
                read_into(tensors, &name, values)?;
            }
        }
        Ok(())
    }
}

fn check(
    settings: &Settings,
    corpus: &Corpus,
    facts: &Facts,
    path: &Path,
) -> Result<(), TrainError> {
    let differs = |name: &str, expected: String, found: String| TrainError::Resume {
        path: path.to_owned(),
        name: name.to_owned(),
        expected,
        found,
    };
    if let Some((name, expected, found)) = settings.difference(&facts.settings) {
        return Err(differs(&name, expected, found));
    }
    let text = corpus.text();
    if text.len() != facts.text_bytes {
        let (expected, found) = (text.len().to_string(), facts.text_bytes.to_string());
        return Err(differs("the text's length", expected, found));
    }
    let crc32 = crc32fast::hash(text);
    if crc32 != facts.text_crc32 {
        let hex = |n: u32| format!("{n:#010x}");
        return Err(differs(
            "the text's CRC-32",
            hex(crc32),
            hex(facts.text_crc32),
        ));
    }
    Ok(())
}

fn read_into(tensors: &SafeTensors<'_>, name: &str, values: &mut [f32]) -> Result<(), String> {
    let tensor = tensors.tensor(name).map_err(|e| e.to_string())?;
    let (floats, _) = tensor.data().as_chunks::<4>();
    if tensor.dtype() != Dtype::F32 || floats.len() != values.len() {
        return Err(format!(
            "`{name}` is {:?} {:?}, expected {} numbers of F32",
            tensor.dtype(),
            tensor.shape(),
            values.len()
        ));
    }
    for (value, bytes) in values.iter_mut().zip(floats) {
        *value = f32::from_le_bytes(*bytes);
        if !value.is_finite() {
            return Err(format!("`{name}` holds {value}"));
        }
    }
    Ok(())
}
