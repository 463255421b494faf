//! A model from a directory of float weights: its dimensions from `config.json`, its ternary matrices by the mean of the
//! absolute values of the floats that they were trained as.

use super::{Checkpoint, GenerationConfig};
use crate::error::{EntryFault, FileError};
use crate::families::{Architecture, Config, Family, Origin};
use crate::format::Format;
use crate::format::folder::FloatFolder;
use crate::parallel::{self, Counter};
use crate::progress::Progress;
use crate::tensor::{
    EmbeddingTable, Floats, Kind, Latent, Param, Tensor, TernaryTensor, Values, read_all,
};
use crate::tokenizer;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

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
    let family = Architecture::of(Format::Folder).unwrap_or(Architecture::HgrnBit);
    let config = Config::from_file(family, config.unwrap_or(&beside))?;
    let weights = FloatFolder::open(folder)?;
    let in_folder = |fault: FileError| fault.in_file(folder);
    let mut model = Checkpoint::empty(config, None, Format::Folder).map_err(in_folder)?;
    let generation = GenerationConfig::beside(folder, model.config().vocab_size())?;
    let ends = generation.iter().flat_map(|config| config.ends.clone());
    let ends: Vec<u32> = ends.collect();
    let found = tokenizer::beside(folder);
    let found = found.map(|found| found.map(|vocabulary| vocabulary.with_ends(&ends)));
    model = model.with_found(found)?;
    model.generation = generation.map(Arc::new);
    let reader = Reader {
        weights: &weights,
        family: model.config().family(),
    };
    reader.refuse_extra(model.params())?;
    let total = model.parameters();
    let read = Counter::new(total, progress);
    let params: Vec<&Param> = model.params().iter().collect();
    let tensors = parallel::map(&params, |param| {
        let tensor = reader.tensor(param).map_err(|fault| match fault {
            fault @ FileError::InFile { .. } => fault,
            fault => fault.in_file(folder),
        });
        read.add(param.kind.elems());
        Ok((param.name.clone(), tensor?))
    });
    model.tensors = tensors.into_iter().collect::<Result<_, FileError>>()?;
    Ok(model)
}

/// Makes parameters of the tensors of a directory.
struct Reader<'w> {
    weights: &'w FloatFolder,
    family: &'w dyn Family,
}

impl Reader<'_> {
    /// The tensor that a parameter is made of.
    fn stored<'n>(&self, name: &'n str) -> &'n str {
        match self.family.origin(name) {
            Origin::Itself => name,
            Origin::Else(_) if self.weights.has(name) => name,
            Origin::Else(other) | Origin::Row { of: other, .. } => other,
        }
    }

    /// Refuses what no parameter is made of.
    fn refuse_extra(&self, params: &[Param]) -> Result<(), FileError> {
        let used: BTreeSet<&str> = params
            .iter()
            .map(|param| self.stored(&param.name))
            .collect();
        match self.weights.names().find(|name| !used.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let fault = FileError::entry(name, EntryFault::Unknown);
                Err(self.weights.in_its_file(name, fault))
            }
        }
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
