//! The entries of a container's `__metadata__`, as far as they are the same in every architecture.

use std::collections::BTreeMap;

use atome_spec::Packing;

use super::ContainerError;
use crate::format::Architecture;

/// The value of `format`.
const FORMAT: &str = "atome";
/// The value of `format_version` that is written, and the only one that is read.
const VERSION: &str = "1";

/// The key of the program that wrote the file.
pub(in crate::format) const WRITTEN_BY: &str = "written_by";
/// The key of the tensors' checksums: eight hexadecimal digits each, in the order of their bytes.
pub(in crate::format) const CRC32: &str = "crc32";
/// The key of the checksum of all other entries.
const METADATA_CRC32: &str = "metadata_crc32";
/// The key of the scales of ternary tensors.
const SCALES: &str = "scales";

/// The architecture that metadata states, if it is a container's and the architecture is known.
pub(in crate::format) fn architecture(
    entries: &BTreeMap<String, String>,
) -> Result<Option<Architecture>, ContainerError> {
    if entries.get("format").map(String::as_str) != Some(FORMAT) {
        return Ok(None);
    }
    let entries = Entries(entries);
    let stated = entries.get("architecture")?;
    let known = Architecture::ALL.into_iter().find(|a| a.name() == stated);
    known
        .map(Some)
        .ok_or_else(|| entries.wrong("architecture", "atome or bitmamba2"))
}

/// Adds what every container states, and the checksum of all entries.
pub(in crate::format) fn seal(
    architecture: Architecture,
    mut entries: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let stated = [
        ("format", FORMAT),
        ("format_version", VERSION),
        ("architecture", architecture.name()),
    ];
    entries.extend(stated.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let crc = metadata_crc(&entries);
    entries.insert(METADATA_CRC32.into(), format!("{crc:08x}"));
    entries
}

/// The value that states scales.
pub(in crate::format) fn scale_list(scales: impl Iterator<Item = (String, f32)>) -> String {
    let scales: Vec<String> = scales
        .map(|(name, scale)| format!("{name}={scale:?}"))
        .collect();
    scales.join(" ")
}

/// The value that states checksums.
pub(in crate::format) fn checksum_list(checksums: &[u32]) -> String {
    checksums.iter().map(|crc| format!("{crc:08x}")).collect()
}

/// Entries of a container of ours; their checksum has been found right.
pub(in crate::format) struct Entries<'m>(&'m BTreeMap<String, String>);

impl<'m> Entries<'m> {
    /// Checks format, version and checksum.
    pub(in crate::format) fn of_container(
        entries: &'m BTreeMap<String, String>,
    ) -> Result<Self, ContainerError> {
        if entries.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(ContainerError::Foreign);
        }
        let entries = Self(entries);
        entries.must_be("format_version", VERSION)?;
        entries.check_crc()?;
        Ok(entries)
    }

    pub(in crate::format) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(in crate::format) fn get(&self, key: &'static str) -> Result<&'m str, ContainerError> {
        let value = self.0.get(key).map(String::as_str);
        value.ok_or(ContainerError::MissingKey { key })
    }

    /// The error that a key's value is not what it should be.
    pub(in crate::format) fn wrong(
        &self,
        key: &'static str,
        expected: impl Into<String>,
    ) -> ContainerError {
        let value = self.0.get(key).map_or("", String::as_str);
        value_error(key, expected, value)
    }

    pub(in crate::format) fn must_be(
        &self,
        key: &'static str,
        expected: &str,
    ) -> Result<(), ContainerError> {
        if self.get(key)? == expected {
            Ok(())
        } else {
            Err(self.wrong(key, expected))
        }
    }

    pub(in crate::format) fn packing(&self) -> Result<Packing, ContainerError> {
        const KEY: &str = "packing";
        let packing = self.get(KEY)?.parse();
        packing.map_err(|_| self.wrong(KEY, "int2 or base3"))
    }

    pub(in crate::format) fn written_by(&self) -> Option<String> {
        self.0.get(WRITTEN_BY).cloned()
    }

    pub(in crate::format) fn provenance(&self) -> Option<String> {
        self.0.get("provenance").cloned()
    }

    /// The scales of ternary tensors of these names, in this order.
    pub(in crate::format) fn scales(
        &self,
        names: impl Iterator<Item = String>,
    ) -> Result<Vec<f32>, ContainerError> {
        let mut found = self.get(SCALES)?.split(' ');
        let scales = names
            .map(|name| {
                let item = found.next().unwrap_or_default();
                let scale = item.split_once('=').filter(|(tensor, _)| *tensor == name);
                let scale = scale
                    .and_then(|(_, scale)| scale.parse().ok())
                    .filter(|scale: &f32| scale.is_finite() && scale.is_sign_positive());
                let expected = || format!("`{name}=` a finite number of 0 or more next");
                scale.ok_or_else(|| value_error(SCALES, expected(), item))
            })
            .collect::<Result<_, _>>()?;
        let expected = "at its end after the last tensor's scale";
        match found.next() {
            None => Ok(scales),
            Some(more) => Err(value_error(SCALES, expected, more)),
        }
    }

    pub(in crate::format) fn checksums(&self) -> Result<Vec<u32>, ContainerError> {
        let (items, rest) = self.get(CRC32)?.as_bytes().as_chunks::<8>();
        let number = |item: &[u8; 8]| std::str::from_utf8(item).ok().and_then(hexadecimal);
        let checksums: Option<Vec<u32>> = items.iter().map(number).collect();
        checksums
            .filter(|_| rest.is_empty())
            .ok_or_else(|| self.wrong(CRC32, "8 hexadecimal digits a tensor"))
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
