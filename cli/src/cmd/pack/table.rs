//! What an embedding table becomes.

use crate::failure::Failure;
use ::atome::Packing;
use ::atome::checkpoint::Checkpoint;
use ::atome::tensor::EmbeddingType;
use atome_spec::UnknownName;
use std::str::FromStr;

/// What an embedding table becomes: of floats, or of trits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Floats(EmbeddingType),
    Trits(Packing),
}

impl Table {
    pub(super) const NAMES: &'static [&'static str] = &["f32", "f16", "int8", "int2", "base3"];
}

impl FromStr for Table {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Table, UnknownName> {
        let trits = || Packing::stored_as(s).map(Table::Trits);
        let found = s.parse().map(Table::Floats).or_else(|_| trits());
        found.map_err(|_| UnknownName {
            kind: "embedding",
            known: Table::NAMES,
        })
    }
}

/// The type of a model's table of floats.
pub(super) fn of_floats(
    asked: Option<Table>,
    model: &Checkpoint,
) -> Result<Option<EmbeddingType>, Failure> {
    match asked {
        None => Ok(None),
        Some(_) if !model.has_float_table() => Err(refused(
            "a model whose embedding table is packed as its matrices are",
        )),
        Some(Table::Floats(kind)) => Ok(Some(kind)),
        Some(Table::Trits(_)) => Err(refused("a model whose embedding table is of floats")),
    }
}

/// The packing of a table of trits as kernels read it: the one that was asked for, else that of the file it is from.
pub(super) fn of_trits(
    asked: Option<Table>,
    model: &Checkpoint,
) -> Result<Option<Packing>, Failure> {
    match asked {
        None => Ok(model.table_packing()),
        Some(Table::Trits(packing)) if model.has_trit_table() => Ok(Some(packing)),
        Some(Table::Trits(_)) => Err(refused("a model whose embedding table is of floats")),
        Some(Table::Floats(_)) => Err(refused("a model whose embedding table is ternary")),
    }
}

fn refused(architecture: &'static str) -> Failure {
    let flag = "--embedding";
    Failure::NotFor { flag, architecture }
}
