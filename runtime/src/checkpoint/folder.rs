//! A model from a directory of model hubs: its dimensions from `config.json`; its ternary matrices, where they are stored as the
//! floats that they were trained as, by the mean of their absolute values.

use super::{ChatTemplate, Checkpoint, GenerationConfig, bitnet};
use crate::error::{ConfigError, EntryFault, FileError};
use crate::families::hybrid::{BITNET, Hybrid};
use crate::families::{Architecture, Config, Family, Origin};
use crate::format::Format;
use crate::format::folder::FloatFolder;
use crate::json;
use crate::parallel::{self, Counter};
use crate::progress::Progress;
use crate::tensor::{
    EmbeddingTable, Floats, Kind, Latent, Param, Tensor, TernaryTensor, Values, read_all,
};
use crate::tokenizer;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// What `model_type` says of the MatMul-free LM family.
const HGRN_BIT: &str = Architecture::HgrnBit.name();

/// Reads the model in a directory; its dimensions from `config` where one was given. All numbers are read once, trits
/// and tables again when they are wanted. Its `tokenizer.json`, if there is one, is the model's vocabulary. `progress` is told how many of them, of how many, are read.
///
/// # Errors
/// The first fault, with the path of the file it is in.
pub(super) fn load(
    folder: &Path,
    config: Option<&Path>,
    progress: Progress<'_>,
) -> Result<Checkpoint, FileError> {
    let beside = folder.join("config.json");
    if config.is_none() && !beside.exists() {
        let none = FileError::Kind {
            expected: "a file, or a directory with `config.json` and weights",
            found: "a directory without `config.json`",
        };
        return Err(none.in_file(folder));
    }
    let file = config.unwrap_or(&beside);
    let in_config = |fault: FileError| fault.in_file(file);
    let hub = HubConfig::read(file).map_err(in_config)?;
    let model = match hub.model_type.as_deref() {
        Some(BITNET) => {
            let read = Hybrid::of_hub(&hub.text).map_err(in_config)?;
            bitnet::load(read, &FloatFolder::open(folder)?, progress)
        }
        None | Some(HGRN_BIT) => latent(&hub, (folder, file), progress),
        Some(found) => {
            let other = ConfigError::Value {
                key: "model_type",
                expected: format!("{HGRN_BIT} or {BITNET}"),
                found: format!("{found:?}"),
            };
            Err(in_config(other.into()))
        }
    };
    let model = model.map_err(|fault| match fault {
        fault @ FileError::InFile { .. } => fault,
        fault => fault.in_file(folder),
    });
    with_text(model?, (folder, file), &hub)
}

/// A model of the MatMul-free LM family.
fn latent(
    hub: &HubConfig,
    (folder, file): (&Path, &Path),
    progress: Progress<'_>,
) -> Result<Checkpoint, FileError> {
    let config = Config::from_json(Architecture::HgrnBit, &hub.text);
    let config = config.map_err(|fault| fault.in_file(file))?;
    let weights = &FloatFolder::open(folder)?;
    let mut model = Checkpoint::empty(config, None, Format::Folder)?;
    let reader = Reader {
        weights,
        tied: hub.tied,
        family: model.config().family(),
    };
    reader.refuse_extra(model.params())?;
    reader.check_tied(model.params(), file)?;
    let read = Counter::new(model.parameters(), progress);
    let params: Vec<&Param> = model.params().iter().collect();
    let tensors = parallel::map(&params, |param| {
        let tensor = reader.tensor(param)?;
        read.add(param.kind.elems());
        Ok((param.name.clone(), tensor))
    });
    model.tensors = tensors.into_iter().collect::<Result<_, FileError>>()?;
    Ok(model)
}

/// The model with its vocabulary, its chat template and how its tokens are chosen.
fn with_text(
    mut model: Checkpoint,
    (folder, file): (&Path, &Path),
    hub: &HubConfig,
) -> Result<Checkpoint, FileError> {
    let vocab = model.config().vocab_size();
    let stated = GenerationConfig::of_config(&hub.text, vocab);
    let stated = stated.map_err(|fault| fault.in_file(file))?;
    let generation = ends_of(stated, GenerationConfig::beside(folder, vocab)?);
    let ends = generation.iter().flat_map(|config| config.ends.clone());
    let ends: Vec<u32> = ends.collect();
    let found = tokenizer::beside(folder);
    let found = found.map(|found| found.map(|vocabulary| vocabulary.with_ends(&ends)));
    model = model.with_found(found)?;
    model.generation = generation.map(Arc::new);
    model.chat = ChatTemplate::of_folder(folder)?.map(Arc::new);
    Ok(model)
}

/// What is said of choosing tokens where `generation_config.json` says `given` and `config.json` says `stated`.
fn ends_of(stated: GenerationConfig, given: Option<GenerationConfig>) -> Option<GenerationConfig> {
    match given {
        Some(given) if given.ends.is_empty() => Some(GenerationConfig {
            ends: stated.ends,
            ..given
        }),
        None if !stated.ends.is_empty() => Some(stated),
        given => given,
    }
}

/// What `config.json` says beside a family's dimensions.
struct HubConfig {
    text: Vec<u8>,
    /// The kind of model, if it says so.
    model_type: Option<String>,
    /// Whether the head's matrix is that of the embeddings, if it says so.
    tied: Option<bool>,
}

impl HubConfig {
    fn read(file: &Path) -> Result<Self, FileError> {
        #[derive(Deserialize)]
        struct Keys {
            #[serde(default, deserialize_with = "json::given")]
            model_type: Option<String>,
            #[serde(default, deserialize_with = "json::given")]
            tie_word_embeddings: Option<bool>,
        }
        let text = json::read(file, json::MAX_CONFIG_BYTES)?;
        let keys: Keys = json::object(&text)?;
        Ok(Self {
            text,
            model_type: keys.model_type,
            tied: keys.tie_word_embeddings,
        })
    }
}

/// Makes parameters of the tensors of a directory.
struct Reader<'w> {
    weights: &'w FloatFolder,
    /// Whether one matrix is two, if the config says so.
    tied: Option<bool>,
    family: &'w dyn Family,
}

impl Reader<'_> {
    /// The tensor that a parameter is made of.
    fn stored<'n>(&self, name: &'n str) -> &'n str {
        match self.family.origin(name) {
            Origin::Itself => name,
            Origin::Else(_) if self.tied == Some(false) => name,
            Origin::Else(_) if self.tied.is_none() && self.weights.has(name) => name,
            Origin::Else(other) | Origin::Row { of: other, .. } => other,
        }
    }

    /// Refuses what no parameter is made of.
    fn refuse_extra(&self, params: &[Param]) -> Result<(), FileError> {
        let names = params.iter().map(|param| self.stored(&param.name));
        let twice = self.twice(params).map(|(name, _)| name);
        let used: BTreeSet<&str> = names.chain(twice).collect();
        match self.weights.names().find(|name| !used.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let fault = FileError::entry(name, EntryFault::Unknown);
                Err(self.weights.in_its_file(name, fault))
            }
        }
    }

    /// Matrices that are there although another stands for them, and that one.
    fn twice<'p>(&self, params: &'p [Param]) -> impl Iterator<Item = (&'p str, &'static str)> {
        let tied = params.iter().filter(|_| self.tied == Some(true));
        tied.filter_map(|param| match self.family.origin(&param.name) {
            Origin::Else(other) if self.weights.has(&param.name) => Some((&*param.name, other)),
            _ => None,
        })
    }

    /// Checks that such a matrix is the other one: a config that says so is wrong otherwise.
    fn check_tied(&self, params: &[Param], config: &Path) -> Result<(), FileError> {
        for (name, other) in self.twice(params) {
            let param = params.iter().find(|param| param.name == name);
            let (rows, cols) = match param.map(|param| &param.kind) {
                Some(Kind::Ternary { rows, cols, .. } | Kind::Table { rows, cols }) => {
                    (*rows, *cols)
                }
                _ => continue,
            };
            let floats = |stored| self.weights.floats(stored, &[rows, cols], stored);
            let (one, two) = (floats(name)?, floats(other)?);
            let (mut a, mut b) = (vec![0.0; cols], vec![0.0; cols]);
            for row in 0..rows {
                let read = |from: &dyn Floats, to: &mut [f32], stored| {
                    let read = from.read(row * cols, to);
                    read.map_err(|fault| self.weights.in_its_file(stored, fault))
                };
                read(&one, &mut a, name)?;
                read(&two, &mut b, other)?;
                if a != b {
                    let cause = ConfigError::Value {
                        key: "tie_word_embeddings",
                        expected: format!("false, because `{name}` is not `{other}`"),
                        found: "true".to_owned(),
                    };
                    return Err(FileError::from(cause).in_file(config));
                }
            }
        }
        Ok(())
    }

    fn tensor(&self, param: &Param) -> Result<Tensor, FileError> {
        let name = param.name.as_str();
        let stored = self.stored(name);
        let in_its_file = |fault| self.weights.in_its_file(stored, fault);
        if let Origin::Row {
            shape, row, made, ..
        } = self.family.origin(name)
        {
            let values = self.weights.floats(stored, &shape, stored)?;
            let all = made(&values.all().map_err(in_its_file)?, shape);
            let values = all[row * shape[1]..][..shape[1]].to_vec();
            let name = name.to_owned();
            return Ok(Values { name, values }.into());
        }
        match param.kind {
            Kind::Ternary { rows, cols, .. } => {
                let weights = self.weights.floats(stored, &[rows, cols], name)?;
                let latent = Latent::new(weights, (rows, cols)).map_err(in_its_file)?;
                Ok(Tensor::Ternary(TernaryTensor {
                    scale: latent.scale(),
                    groups: None,
                    rows: Arc::new(latent),
                }))
            }
            Kind::Table { rows, cols } => {
                let values = self.weights.floats(stored, &[rows, cols], name)?;
                read_all(&values).map_err(in_its_file)?;
                let table = EmbeddingTable::f32((rows, cols), Arc::new(values));
                Ok(Tensor::Table(table))
            }
            Kind::Floats(ref shape) => {
                let values = self.weights.floats(stored, shape, name)?;
                read_all(&values).map_err(in_its_file)?;
                Ok(Tensor::Floats(Arc::new(values)))
            }
        }
    }
}
