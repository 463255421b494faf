//! Our entries of a container's `__metadata__`: everything that is not a tensor's bytes.

use std::collections::BTreeMap;

use atome_spec::Packing;

use super::ContainerError;
use super::entries::{CRC32, Entries, WRITTEN_BY, checksum_list, scale_list, seal};
use crate::error::LoadError;
use crate::format::schema::{self, Shape};
use crate::format::{Architecture, AtomeConfig, MAX_CLASSES};

/// The value of `layout`: trits row after row, without gaps.
const DENSE: &str = "dense";

/// What a container says about itself, beside its tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerInfo {
    /// How the trits are packed.
    pub packing: Packing,
    /// How text becomes tokens: `bytes`, or `none` where nobody said.
    pub tokenizer: String,
    /// Where the weights come from, in the words of whoever packed them.
    pub provenance: Option<String>,
    /// The program that wrote the file, where it said so.
    pub written_by: Option<String>,
}

/// The metadata, understood.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) info: ContainerInfo,
    pub(super) config: AtomeConfig,
    pub(super) classes: Option<usize>,
    /// Scales of the ternary tensors, in the order of the schema.
    pub(super) scales: Vec<f32>,
    /// Checksums of all tensors, in the order of their bytes.
    pub(super) checksums: Vec<u32>,
}

impl Facts {
    /// The entries of the metadata.
    pub(super) fn to_metadata(&self) -> BTreeMap<String, String> {
        // Numbers always have a form in JSON.
        let config = serde_json::to_string(&self.config).unwrap_or_default();
        let names = ternary_names(&self.config, self.classes);
        let mut entries: BTreeMap<String, String> = [
            ("config", config),
            ("packing", self.info.packing.name().to_owned()),
            ("layout", DENSE.to_owned()),
            ("tokenizer", self.info.tokenizer.clone()),
            ("scales", scale_list(names.zip(self.scales.iter().copied()))),
            (CRC32, checksum_list(&self.checksums)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if let Some(classes) = self.classes {
            entries.insert("classes".into(), classes.to_string());
        }
        if let Some(provenance) = &self.info.provenance {
            entries.insert("provenance".into(), provenance.clone());
        }
        if let Some(program) = &self.info.written_by {
            entries.insert(WRITTEN_BY.into(), program.clone());
        }
        seal(Architecture::Atome, entries)
    }

    /// Understands the entries of a metadata.
    pub(super) fn parse(entries: &BTreeMap<String, String>) -> Result<Self, LoadError> {
        let entries = Entries::of_container(entries)?;
        entries.must_be("architecture", Architecture::Atome.name())?;
        entries.must_be("layout", DENSE)?;
        let packing = entries.packing()?;
        let config = AtomeConfig::from_json(entries.get("config")?.as_bytes())?;
        let classes = classes(&entries)?;
        let info = ContainerInfo {
            packing,
            tokenizer: entries.get("tokenizer")?.to_owned(),
            provenance: entries.provenance(),
            written_by: entries.written_by(),
        };
        Ok(Self {
            info,
            scales: entries.scales(ternary_names(&config, classes))?,
            checksums: entries.checksums()?,
            config,
            classes,
        })
    }
}

/// Names of the ternary tensors, in the order of the schema.
fn ternary_names(config: &AtomeConfig, classes: Option<usize>) -> impl Iterator<Item = String> {
    schema::tensors(config, classes)
        .filter(|spec| matches!(spec.shape, Shape::Trits { .. }))
        .map(|spec| spec.name.to_string())
}

fn classes(entries: &Entries<'_>) -> Result<Option<usize>, ContainerError> {
    const KEY: &str = "classes";
    if !entries.has(KEY) {
        return Ok(None);
    }
    let classes = entries.get(KEY)?.parse().ok();
    let classes = classes.filter(|n| (1..=MAX_CLASSES).contains(n));
    let wrong = || entries.wrong(KEY, format!("1 to {MAX_CLASSES}"));
    classes.map(Some).ok_or_else(wrong)
}
