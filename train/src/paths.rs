//! Where a training leaves its files, and whether it may.

use crate::{TrainError, checkpoint, curve, figures};
use atome::atomic_file::{AtomicFile, Claim, same_file};
use atome::checkpoint::written_by;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a model's file says of the program that wrote it.
pub(crate) const WRITTEN_BY: &str = "atome train";

/// Where a training leaves its files.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The packed model with the lowest held-out loss so far.
    pub model: PathBuf,
    /// Everything needed to go on.
    pub checkpoint: PathBuf,
    /// The loss curve, SVG.
    pub curve: PathBuf,
    /// A classifier's confusion matrix and reliability, SVG.
    pub report: Option<PathBuf>,
}

/// The right to write a training's files, until it is dropped.
#[derive(Debug)]
pub struct Claims(Vec<Claim>);

impl Claims {
    /// Gives them up, for a process that ends without dropping them.
    pub fn release(&self) {
        self.0.iter().for_each(Claim::release);
    }
}

impl Paths {
    /// The model, and beside it the same name ending in `.checkpoint` and `.svg`.
    pub fn beside(model: &Path) -> Paths {
        Paths {
            model: model.to_owned(),
            checkpoint: model.with_extension("checkpoint"),
            curve: model.with_extension("svg"),
            report: None,
        }
    }

    /// The same, and the same name ending in `.report.svg`.
    pub fn beside_classifier(model: &Path) -> Paths {
        Paths {
            report: Some(model.with_extension("report.svg")),
            ..Paths::beside(model)
        }
    }

    fn all(&self) -> Vec<(&'static str, &Path)> {
        let report = self.report.iter().map(|path| ("the report", &**path));
        let mut all: Vec<(&'static str, &Path)> = vec![
            ("the model", &self.model),
            ("the checkpoint", &self.checkpoint),
            ("the loss curve", &self.curve),
        ];
        all.extend(report);
        all
    }

    /// Makes sure, before hours of work, that all can be written, that no two of them are
    /// one file and that none is one of `inputs`, whatever names and links lead there; and claims
    /// them, so that no other command writes them meanwhile.
    ///
    /// # Errors
    /// For the first that cannot, or if another command has claimed them.
    pub fn claim(&self, inputs: &[&Path]) -> Result<Claims, TrainError> {
        let all = self.all();
        for (_, path) in &all {
            drop(AtomicFile::create(path)?);
        }
        for (i, &(role, path)) in all.iter().enumerate() {
            if let Some((other, _)) = all[..i].iter().find(|(_, other)| same_file(path, other)) {
                return Err(TrainError::OneFile {
                    path: path.to_owned(),
                    roles: [other, role],
                });
            }
            if inputs.iter().any(|input| same_file(path, input)) {
                let path = path.to_owned();
                return Err(TrainError::Input { path, role });
            }
        }
        let claims = all.into_iter().map(|(_, path)| match Claim::take(path)? {
            Some(claim) => Ok(claim),
            None => Err(TrainError::Claimed {
                path: path.to_owned(),
            }),
        });
        claims.collect::<Result<_, _>>().map(Claims)
    }

    /// Whether there is a training to go on with.
    pub fn has_checkpoint(&self) -> bool {
        checkpoint::is_one(&self.checkpoint)
    }

    /// Makes sure that nothing is lost which no training wrote: a file that is there already has
    /// the mark of a training's.
    ///
    /// # Errors
    /// For the first that has not.
    pub fn spare_strangers(&self) -> Result<(), TrainError> {
        let is_ours: [fn(&Path) -> bool; 4] = [
            |path| written_by(path).as_deref() == Some(WRITTEN_BY),
            checkpoint::is_one,
            curve::is_one,
            |path| curve::says(path, figures::MARK),
        ];
        for ((role, path), is_ours) in self.all().into_iter().zip(is_ours) {
            let path = path.to_owned();
            match File::open(&path) {
                Ok(_) if is_ours(&path) => {}
                Ok(_) => return Err(TrainError::Stranger { path, role }),
                Err(none) if none.kind() == ErrorKind::NotFound => {}
                Err(cause) => return Err(TrainError::File { path, cause }),
            }
        }
        Ok(())
    }
}
