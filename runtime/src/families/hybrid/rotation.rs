//! Which products have rotated inputs, from the keys `prism.hadamard.*` of a file: a Walsh-Hadamard transform of each block
//! of a row, after signs that depend on the row's width.

use super::{EMBEDDINGS, HEAD};
use crate::error::{FileError, HeaderError};
use atome_gguf::Metadata;
use std::collections::{BTreeMap, BTreeSet};

const VERSION: &str = "prism.hadamard.version";
const TIED: &str = "prism.hadamard.tied_output";
const BLOCK: &str = "prism.hadamard.block_size";
const TRANSFORM: (&str, &str) = (
    "prism.hadamard.transform",
    "normalized-sylvester-walsh-hadamard",
);
const AXIS: (&str, &str) = ("prism.hadamard.axis", "input-last-dimension");
const SIGN_MODE: &str = "prism.hadamard.sign_mode";
const SIGN_WIDTHS: &str = "prism.hadamard.sign_widths";
const SIGN_VALUES: &str = "prism.hadamard.sign_values";
const WEIGHTS: &str = "prism.hadamard.weight_names";
const INVERSE: &str = "prism.hadamard.inverse_weight_names";
const GROUPED: &str = "prism.hadamard.gdn_v_grouped";
/// Keys that are known; another one may change what a model computes.
const KNOWN: [&str; 11] = [
    VERSION,
    TIED,
    BLOCK,
    TRANSFORM.0,
    AXIS.0,
    SIGN_MODE,
    SIGN_WIDTHS,
    SIGN_VALUES,
    WEIGHTS,
    INVERSE,
    GROUPED,
];
/// The greatest block that there is a kernel for.
const MAX_BLOCK: u32 = 1 << 14;

/// The rotations of a model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rotation {
    /// Elements of a block; 0 without rotations.
    block: usize,
    /// Weights whose inputs are rotated.
    weights: BTreeSet<String>,
    turns_embeddings: bool,
    /// By width; none where all are +1.
    signs: BTreeMap<usize, Vec<f32>>,
    /// Whether the weights of outputs of delta nets have the heads of a key together.
    orders_heads: bool,
}

/// The name of the parameter of the signs of rows so wide.
fn signs_name(width: usize) -> String {
    format!("signs.w{width}")
}

impl Rotation {
    /// That of a file; nothing is rotated where it has no such keys.
    ///
    /// # Errors
    /// If a key is not known, or is of a version or a kind that is not.
    pub(super) fn read(keys: &Metadata<'_>, tied: bool) -> Result<Rotation, FileError> {
        let mut own = keys.iter().filter(|entry| entry.key.starts_with("prism."));
        if let Some(entry) = own.find(|entry| !KNOWN.contains(&entry.key)) {
            return Err(fault(
                VERSION,
                "keys that are known, as an unknown one may change the model",
                entry.key,
            ));
        }
        let Some(version) = keys.u32(VERSION)? else {
            return match keys.iter().find(|entry| entry.key.starts_with("prism.")) {
                None => Ok(Rotation::default()),
                Some(entry) => Err(fault(VERSION, "given beside the other keys", entry.key)),
            };
        };
        let states_tied = keys.bool(TIED)?.unwrap_or(false);
        if !matches!((version, states_tied), (1, false) | (2, true)) {
            let found = format!("{version} with `{TIED}` {states_tied}");
            return Err(fault(VERSION, "1, or 2 of a tied output", &found));
        }
        for (key, expected) in [TRANSFORM, AXIS] {
            let found = keys.string(key)?.unwrap_or("nothing");
            if found != expected {
                return Err(fault(key, expected, found));
            }
        }
        let block = keys.u32(BLOCK)?.unwrap_or(0);
        if !(block.is_power_of_two() && (16..=MAX_BLOCK).contains(&block)) {
            let expected = "a power of two from 16 to 16384";
            return Err(fault(BLOCK, expected, &block.to_string()));
        }
        let inverse = names(keys, INVERSE)?;
        if let Some(name) = inverse.iter().find(|name| *name != EMBEDDINGS) {
            return Err(fault(INVERSE, "`token_embd.weight` alone", name));
        }
        let mut weights = names(keys, WEIGHTS)?;
        match (version, tied) {
            (2, false) => return Err(fault(TIED, "false beside an `output.weight`", "true")),
            (2, true) if inverse.is_empty() => {
                return Err(fault(
                    INVERSE,
                    "`token_embd.weight`, which is the output",
                    "nothing",
                ));
            }
            (2, true) => drop(weights.insert(HEAD.to_owned())),
            _ => {}
        }
        Ok(Rotation {
            block: block as usize,
            weights,
            turns_embeddings: !inverse.is_empty(),
            signs: signs(keys)?,
            orders_heads: keys.bool(GROUPED)?.unwrap_or(false),
        })
    }

    /// Rotations of the embeddings and of the inputs of these weights, without signs.
    pub(super) fn of_all(block: usize, weights: impl Iterator<Item = String>) -> Rotation {
        Rotation {
            block,
            weights: weights.collect(),
            turns_embeddings: true,
            signs: BTreeMap::new(),
            orders_heads: false,
        }
    }

    /// Checks that there is a product for each weight, that all products of one input are alike, and that blocks and signs
    /// fit the inputs.
    ///
    /// # Errors
    /// The first that is not so.
    pub(super) fn check(&self, shared: &[(Vec<String>, usize)]) -> Result<(), FileError> {
        let products = || shared.iter().flat_map(|(names, _)| names);
        if let Some(name) = self
            .weights
            .iter()
            .find(|name| !products().any(|known| known == *name))
        {
            return Err(fault(WEIGHTS, "weights of products that are rotated", name));
        }
        for (names, width) in shared {
            let turned: Vec<bool> = names.iter().map(|name| self.turns(name)).collect();
            if turned.iter().any(|turns| *turns != turned[0]) {
                return Err(fault(
                    WEIGHTS,
                    "all weights that read one input, or none",
                    &names[0],
                ));
            }
            if !turned[0] {
                continue;
            }
            if !width.is_multiple_of(self.block) {
                let expected = format!("a divisor of {width}, the columns of `{}`", names[0]);
                return Err(fault(BLOCK, &expected, &self.block.to_string()));
            }
            if !self.signs.is_empty() && !self.signs.contains_key(width) {
                let expected = format!("signs for {width} columns, those of `{}`", names[0]);
                return Err(fault(SIGN_WIDTHS, &expected, "none"));
            }
        }
        Ok(())
    }

    /// Whether the input of a weight is rotated.
    pub(super) fn turns(&self, weight: &str) -> bool {
        self.weights.contains(weight)
    }

    pub(super) fn turns_embeddings(&self) -> bool {
        self.turns_embeddings
    }

    pub(super) fn block(&self) -> usize {
        self.block
    }

    /// The signs as parameters, by name.
    pub(crate) fn sign_params(&self) -> impl Iterator<Item = (String, Vec<f32>)> {
        let signs = self.signs.iter();
        signs.map(|(width, values)| (signs_name(*width), values.clone()))
    }

    /// Whether a layer's output has its heads in another order than its weights.
    pub(super) fn orders_heads(&self, layer: usize) -> bool {
        self.orders_heads && self.turns(&format!("blk.{layer}.ssm_out.weight"))
    }
}

fn names(keys: &Metadata<'_>, key: &'static str) -> Result<BTreeSet<String>, FileError> {
    let Some(array) = keys.array(key)? else {
        return Ok(BTreeSet::new());
    };
    Ok(array.strings()?.map(str::to_owned).collect())
}

/// The signs of each width, 1 or -1.
fn signs(keys: &Metadata<'_>) -> Result<BTreeMap<usize, Vec<f32>>, FileError> {
    match keys.string(SIGN_MODE)? {
        Some("identity") => return Ok(BTreeMap::new()),
        Some("explicit") => {}
        found => {
            let expected = "`explicit` or `identity`";
            return Err(fault(SIGN_MODE, expected, found.unwrap_or("nothing")));
        }
    }
    let integers = |key: &'static str| -> Result<Vec<i128>, FileError> {
        match keys.array(key)? {
            Some(array) => Ok(array.integers()?.collect()),
            None => Err(fault(key, "an array of whole numbers", "nothing")),
        }
    };
    let (widths, values) = (integers(SIGN_WIDTHS)?, integers(SIGN_VALUES)?);
    let mut rest = values.as_slice();
    let mut signs = BTreeMap::new();
    for width in widths {
        let of = usize::try_from(width)
            .ok()
            .and_then(|n| rest.split_at_checked(n));
        let Some((of, others)) = of else {
            let found = format!("{} values", values.len());
            return Err(fault(
                SIGN_VALUES,
                "one for each column of `sign_widths`",
                &found,
            ));
        };
        if let Some(other) = of.iter().find(|sign| !matches!(sign, 1 | -1)) {
            return Err(fault(SIGN_VALUES, "1 or -1", &other.to_string()));
        }
        signs.insert(of.len(), of.iter().map(|sign| *sign as f32).collect());
        rest = others;
    }
    match rest {
        [] => Ok(signs),
        more => {
            let found = format!("{} more", more.len());
            Err(fault(
                SIGN_VALUES,
                "one for each column of `sign_widths`",
                &found,
            ))
        }
    }
}

fn fault(key: &'static str, expected: &str, found: &str) -> FileError {
    let (expected, found) = (expected.to_owned(), found.chars().take(60).collect());
    HeaderError::Value {
        key,
        expected,
        found,
    }
    .into()
}
