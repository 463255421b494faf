//! The commands, one a file.

mod arena_map;
pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod classify;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod emit;
pub(crate) mod eval;
mod generate;
pub(crate) mod inspect;
pub(crate) mod logits;
pub(crate) mod man;
pub(crate) mod pack;
mod prefill;
pub(crate) mod profile;
pub(crate) mod run;
#[cfg(feature = "serve")]
pub(crate) mod serve;
pub(crate) mod tokenize;
#[cfg(feature = "train")]
pub(crate) mod train;
pub(crate) mod tune;

use crate::failure::Failure;
use atome::Model;

/// Checks that the model continues text.
fn continues(model: &Model) -> Result<(), Failure> {
    match model.classes() {
        None => Ok(()),
        Some(classes) => Err(Failure::IsClassifier { classes }),
    }
}
