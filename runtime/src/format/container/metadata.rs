//! The entries of a container's `__metadata__`: everything that is not a tensor's bytes.

use super::header::Header;
use super::layout::{Encoding, Layout};
use crate::error::{FileError, HeaderError};
use crate::tensor::EmbeddingType;
use atome_spec::Packing;
use std::collections::BTreeMap;

/// The value of `format`.
const FORMAT: &str = "atome";
/// The value of `format_version` that is written, and the only one that is read.
const VERSION: &str = "1";
/// The key of the tensors' checksums: eight hexadecimal digits each, in the order of their bytes.
const CRC32: &str = "crc32";
/// The key of the checksums of blocks of tables: eight hexadecimal digits each, in the order of their bytes.
const BLOCKS_CRC32: &str = "blocks_crc32";
/// The key of the checksum of all other entries.
const METADATA_CRC32: &str = "metadata_crc32";
/// The key of how tensors are laid out.
const LAYOUT: &str = "layout";
/// The key of how an embedding table is kept.
const EMBEDDING: &str = "embedding";
/// The key of the scales of ternary tensors.
const SCALES: &str = "scales";
/// The key of the program that wrote the file.
const WRITTEN_BY: &str = "written_by";

/// What a container says about itself, beside its tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerInfo {
    /// How the trits are packed.
    pub packing: Packing,
    /// How text becomes tokens: `bytes`, `gpt2`, `own`, or `none` where nobody said.
    pub tokenizer: String,
    /// Where the weights come from, in the words of whoever packed them.
    pub provenance: Option<String>,
    /// The program that wrote the file, where it said so.
    pub written_by: Option<String>,
}

/// The entries of a container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The entries of a container to be written, but for those of its tensors.
    pub(crate) fn new(architecture: &str, encoding: Encoding, info: ContainerInfo) -> Self {
        let mut metadata = Self::default();
        for (key, value) in [
            ("format", FORMAT),
            ("format_version", VERSION),
            ("architecture", architecture),
            ("packing", encoding.packing.name()),
            (LAYOUT, encoding.layout.name()),
            ("tokenizer", &info.tokenizer),
        ] {
            metadata.set(key, value);
        }
        match (encoding.layout, encoding.table) {
            (Layout::Tiled, _) => metadata.set(EMBEDDING, encoding.embedding.name()),
            (Layout::Dense, Some(packing)) => metadata.set(EMBEDDING, packing.name()),
            (Layout::Dense, None) => {}
        }
        let texts = [
            ("provenance", info.provenance),
            (WRITTEN_BY, info.written_by),
        ];
        for (key, text) in texts {
            text.iter().for_each(|text| metadata.set(key, text));
        }
        metadata
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.to_owned());
    }

    /// States the scales of ternary tensors.
    pub(super) fn set_scales<'n>(&mut self, scales: impl Iterator<Item = (&'n str, f32)>) {
        let scales: Vec<String> = scales
            .map(|(name, scale)| format!("{name}={scale:?}"))
            .collect();
        self.set(SCALES, &scales.join(" "));
    }

    /// States the checksums of tensors, those of blocks of tables if there are any, and that of all other entries; gives
    /// the entries.
    pub(super) fn sealed(&mut self, tensors: &[u32], blocks: &[u32]) -> BTreeMap<String, String> {
        let text = |sums: &[u32]| {
            sums.iter()
                .map(|crc| format!("{crc:08x}"))
                .collect::<String>()
        };
        self.set(CRC32, &text(tensors));
        if !blocks.is_empty() {
            self.set(BLOCKS_CRC32, &text(blocks));
        }
        self.set(METADATA_CRC32, &format!("{:08x}", self.crc()));
        self.0.clone()
    }

    /// The entries of a container that was read. Format, version and checksum are checked.
    pub(super) fn of_container(entries: BTreeMap<String, String>) -> Result<Self, HeaderError> {
        let metadata = Self(entries);
        if !metadata.is_container() {
            return Err(HeaderError::Foreign);
        }
        metadata.must_be("format_version", VERSION)?;
        let stated = metadata.get(METADATA_CRC32)?;
        let expected = hexadecimal(stated)
            .ok_or_else(|| metadata.wrong(METADATA_CRC32, "8 hexadecimal digits"))?;
        let found = metadata.crc();
        if found == expected {
            Ok(metadata)
        } else {
            Err(HeaderError::Checksum { expected, found })
        }
    }

    /// The entries of the safetensors file of `file_bytes` that starts with `bytes`, unchecked.
    pub(crate) fn peek(bytes: &[u8], file_bytes: u64) -> Result<Self, FileError> {
        Ok(Self(Header::parse(bytes, file_bytes)?.metadata))
    }

    /// Whether these are entries of a container of ours.
    pub(crate) fn is_container(&self) -> bool {
        self.option("format") == Some(FORMAT)
    }

    /// Whether all its tensors are as kernels read them.
    pub(crate) fn is_tiled(&self) -> bool {
        self.option(LAYOUT) == Some(Layout::Tiled.name())
    }

    /// Whether the file is mapped, because tensors are as kernels read them.
    pub(crate) fn is_mapped(&self) -> bool {
        self.is_tiled() || self.option(EMBEDDING).is_some()
    }

    pub(crate) fn option(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(crate) fn get(&self, key: &'static str) -> Result<&str, HeaderError> {
        self.option(key).ok_or(HeaderError::MissingKey { key })
    }

    pub(crate) fn must_be(&self, key: &'static str, expected: &str) -> Result<(), HeaderError> {
        if self.get(key)? == expected {
            Ok(())
        } else {
            Err(self.wrong(key, expected))
        }
    }

    /// The error that a key's value is not what it should be.
    pub(crate) fn wrong(&self, key: &'static str, expected: impl Into<String>) -> HeaderError {
        value_error(key, expected, self.option(key).unwrap_or_default())
    }

    /// How the tensors are kept, in the layout that the model's tensors have.
    pub(crate) fn encoding(&self, layout: Layout) -> Result<Encoding, HeaderError> {
        self.must_be(LAYOUT, layout.name())?;
        let packing = Packing::stored_as(self.get("packing")?);
        let embedding = match layout {
            Layout::Dense => Ok(EmbeddingType::F32),
            Layout::Tiled => self.get(EMBEDDING)?.parse(),
        };
        let stated = self.option(EMBEDDING).filter(|_| layout == Layout::Dense);
        let table = stated.map(Packing::stored_as).transpose();
        Ok(Encoding {
            layout,
            packing: packing.map_err(|_| self.wrong("packing", "int2 or base3"))?,
            embedding: embedding.map_err(|_| self.wrong(EMBEDDING, "f32, f16 or int8"))?,
            table: table.map_err(|_| self.wrong(EMBEDDING, "int2 or base3"))?,
        })
    }

    pub(crate) fn info(&self, packing: Packing) -> Result<ContainerInfo, HeaderError> {
        let text = |key| self.option(key).map(str::to_owned);
        Ok(ContainerInfo {
            packing,
            tokenizer: self.get("tokenizer")?.to_owned(),
            provenance: text("provenance"),
            written_by: self.written_by(),
        })
    }

    /// The program that says it wrote the file.
    pub(crate) fn written_by(&self) -> Option<String> {
        self.option(WRITTEN_BY).map(str::to_owned)
    }

    /// The scales of ternary tensors of these names, in this order. None is 0 where trits are as kernels read them.
    pub(super) fn scales<'n>(
        &self,
        layout: Layout,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Vec<f32>, HeaderError> {
        let (least, accepted) = match layout {
            Layout::Dense => (0.0, "of 0 or more"),
            Layout::Tiled => (f32::from_bits(1), "above 0"),
        };
        let usable = |scale: &f32| scale.is_finite() && scale.is_sign_positive() && *scale >= least;
        let mut found = self.get(SCALES)?.split(' ');
        let scales = names
            .map(|name| {
                let item = found.next().unwrap_or_default();
                let scale = item.split_once('=').filter(|(tensor, _)| *tensor == name);
                let scale = scale.and_then(|(_, scale)| scale.parse().ok());
                let expected = || format!("`{name}=` a finite number {accepted} next");
                scale
                    .filter(usable)
                    .ok_or_else(|| value_error(SCALES, expected(), item))
            })
            .collect::<Result<_, _>>()?;
        let expected = "at its end after the last tensor's scale";
        match found.next() {
            None => Ok(scales),
            Some(more) => Err(value_error(SCALES, expected, more)),
        }
    }

    /// The checksums of so many tensors, in the order of their bytes.
    pub(super) fn checksums(&self, tensors: usize) -> Result<Vec<u32>, HeaderError> {
        self.sums(CRC32, tensors, "tensor")
    }

    /// The checksums of so many blocks of tables, in the order of their bytes; `None` of a file that has none.
    pub(super) fn blocks(&self, blocks: usize) -> Result<Option<Vec<u32>>, HeaderError> {
        let stated = self.option(BLOCKS_CRC32);
        stated
            .map(|_| self.sums(BLOCKS_CRC32, blocks, "block"))
            .transpose()
    }

    fn sums(&self, key: &'static str, of: usize, what: &str) -> Result<Vec<u32>, HeaderError> {
        let (items, rest) = self.get(key)?.as_bytes().as_chunks::<8>();
        let number = |item: &[u8; 8]| std::str::from_utf8(item).ok().and_then(hexadecimal);
        let sums: Option<Vec<u32>> = items.iter().map(number).collect();
        let sums = sums.filter(|_| rest.is_empty());
        let sums = sums.ok_or_else(|| self.wrong(key, format!("8 hexadecimal digits a {what}")))?;
        if sums.len() == of {
            return Ok(sums);
        }
        Err(HeaderError::Value {
            key,
            expected: format!("8 hexadecimal digits for each of {of} {what}s"),
            found: format!("{} times 8", sums.len()),
        })
    }

    /// The checksum of all entries but the one that states it: each key and each value, followed by a zero byte.
    fn crc(&self) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        for (key, value) in self.0.iter().filter(|(key, _)| *key != METADATA_CRC32) {
            for text in [key, value] {
                crc.update(text.as_bytes());
                crc.update(&[0]);
            }
        }
        crc.finalize()
    }
}

fn value_error(key: &'static str, expected: impl Into<String>, found: &str) -> HeaderError {
    const MOST: usize = 40;
    let found = match found.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}..", &found[..end]),
        None => found.to_owned(),
    };
    HeaderError::Value {
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
