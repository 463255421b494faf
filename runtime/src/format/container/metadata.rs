//! Our entries of a container's `__metadata__`: everything that is not a tensor's bytes.

use std::collections::BTreeMap;

use atome_spec::Packing;

use super::ContainerError;
use crate::error::LoadError;
use crate::format::schema::{self, Shape};
use crate::format::{AtomeConfig, MAX_CLASSES};

/// The value of `format`.
const FORMAT: &str = "atome";
/// The value of `format_version` that is written, and the only one that is read.
const VERSION: &str = "1";
/// The value of `architecture`.
const ARCHITECTURE: &str = "atome";
/// The value of `layout`: trits row after row, without gaps.
const DENSE: &str = "dense";

/// The key of the tensors' checksums: eight hexadecimal digits each, in the order of their bytes.
pub(super) const CRC32: &str = "crc32";
/// The key of the checksum of all other entries.
const METADATA_CRC32: &str = "metadata_crc32";

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
        let names = ternary_names(&self.config, self.classes);
        let scales: Vec<String> = names
            .zip(&self.scales)
            .map(|(name, scale)| format!("{name}={scale:?}"))
            .collect();
        let checksums = self.checksums.iter().map(|crc| format!("{crc:08x}"));
        // Numbers always have a form in JSON.
        let config = serde_json::to_string(&self.config).unwrap_or_default();
        let mut entries: BTreeMap<String, String> = [
            ("format", FORMAT.to_owned()),
            ("format_version", VERSION.to_owned()),
            ("architecture", ARCHITECTURE.to_owned()),
            ("config", config),
            ("packing", self.info.packing.name().to_owned()),
            ("layout", DENSE.to_owned()),
            ("tokenizer", self.info.tokenizer.clone()),
            ("scales", scales.join(" ")),
            (CRC32, checksums.collect()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if let Some(classes) = self.classes {
            entries.insert("classes".into(), classes.to_string());
        }
        if let Some(provenance) = &self.info.provenance {
            entries.insert("provenance".into(), provenance.clone());
        }
        let crc = metadata_crc(&entries);
        entries.insert(METADATA_CRC32.into(), format!("{crc:08x}"));
        entries
    }

    /// Understands the entries of a metadata.
    pub(super) fn parse(entries: &BTreeMap<String, String>) -> Result<Self, LoadError> {
        if entries.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(ContainerError::Foreign.into());
        }
        let entries = Entries(entries);
        entries.fixed("format_version", VERSION)?;
        entries.check_crc()?;
        entries.fixed("architecture", ARCHITECTURE)?;
        entries.fixed("layout", DENSE)?;
        let packing = entries.get("packing")?;
        let packing = packing
            .parse()
            .map_err(|_| entries.wrong("packing", "int2 or base3"))?;
        let config = AtomeConfig::from_json(entries.get("config")?.as_bytes())?;
        let classes = entries.classes()?;
        let info = ContainerInfo {
            packing,
            tokenizer: entries.get("tokenizer")?.to_owned(),
            provenance: entries.0.get("provenance").cloned(),
        };
        Ok(Self {
            info,
            scales: entries.scales(&config, classes)?,
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

/// The checksum of all entries but the one that states it: each key and each value, followed by a zero byte.
fn metadata_crc(entries: &BTreeMap<String, String>) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for (key, value) in entries {
        if key != METADATA_CRC32 {
            for text in [key, value] {
                crc.update(text.as_bytes());
                crc.update(&[0]);
            }
        }
    }
    crc.finalize()
}

struct Entries<'m>(&'m BTreeMap<String, String>);

impl<'m> Entries<'m> {
    fn get(&self, key: &'static str) -> Result<&'m str, ContainerError> {
        let value = self.0.get(key).map(String::as_str);
        value.ok_or(ContainerError::MissingKey { key })
    }

    /// The error that a key's value is not what it should be.
    fn wrong(&self, key: &'static str, expected: impl Into<String>) -> ContainerError {
        let value = self.0.get(key).map_or("", String::as_str);
        value_error(key, expected, value)
    }

    fn fixed(&self, key: &'static str, expected: &str) -> Result<(), ContainerError> {
        if self.get(key)? == expected {
            Ok(())
        } else {
            Err(self.wrong(key, expected))
        }
    }

    fn check_crc(&self) -> Result<(), ContainerError> {
        let stated = self.get(METADATA_CRC32)?;
        let expected = hexadecimal(stated)
            .ok_or_else(|| self.wrong(METADATA_CRC32, "8 hexadecimal digits"))?;
        let found = metadata_crc(self.0);
        if found == expected {
            Ok(())
        } else {
            Err(ContainerError::MetadataChecksum { expected, found })
        }
    }

    fn classes(&self) -> Result<Option<usize>, ContainerError> {
        let Some(classes) = self.0.get("classes") else {
            return Ok(None);
        };
        let classes = classes.parse().ok();
        let classes = classes.filter(|n| (1..=MAX_CLASSES).contains(n));
        let wrong = || self.wrong("classes", format!("1 to {MAX_CLASSES}"));
        classes.map(Some).ok_or_else(wrong)
    }

    fn scales(
        &self,
        config: &AtomeConfig,
        classes: Option<usize>,
    ) -> Result<Vec<f32>, ContainerError> {
        const KEY: &str = "scales";
        let mut found = self.get(KEY)?.split(' ');
        let scales = ternary_names(config, classes)
            .map(|name| {
                let item = found.next().unwrap_or_default();
                let scale = item.split_once('=').filter(|(tensor, _)| *tensor == name);
                scale
                    .and_then(|(_, scale)| scale.parse().ok())
                    .filter(|scale: &f32| scale.is_finite() && scale.is_sign_positive())
                    .ok_or_else(|| {
                        value_error(
                            KEY,
                            format!("`{name}=` a finite number of 0 or more next"),
                            item,
                        )
                    })
            })
            .collect::<Result<_, _>>()?;
        match found.next() {
            None => Ok(scales),
            Some(more) => Err(value_error(
                KEY,
                "at its end after the last tensor's scale",
                more,
            )),
        }
    }

    fn checksums(&self) -> Result<Vec<u32>, ContainerError> {
        let (items, rest) = self.get(CRC32)?.as_bytes().as_chunks::<8>();
        let number = |item: &[u8; 8]| std::str::from_utf8(item).ok().and_then(hexadecimal);
        let checksums: Option<Vec<u32>> = items.iter().map(number).collect();
        checksums
            .filter(|_| rest.is_empty())
            .ok_or_else(|| self.wrong(CRC32, "8 hexadecimal digits a tensor"))
    }
}

fn value_error(key: &'static str, expected: impl Into<String>, found: &str) -> ContainerError {
    const MOST: usize = 40;
    let found = match found.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}..", &found[..end]),
        None => found.to_owned(),
    };
    ContainerError::Value {
        key,
        expected: expected.into(),
        found,
    }
}

/// Exactly eight lower-case hexadecimal digits.
fn hexadecimal(text: &str) -> Option<u32> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 8 && text.bytes().all(digit) {
        u32::from_str_radix(text, 16).ok()
    } else {
        None
    }
}
