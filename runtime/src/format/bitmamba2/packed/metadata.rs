//! The entries of a packed file's metadata.

use super::layout::Encoding;
use crate::error::LoadError;
use crate::format::bitmamba2::schema::{self, Shape};
use crate::format::bitmamba2::{BitMamba2Config, EmbeddingType};
use crate::format::container::entries::{
    CRC32, Entries, WRITTEN_BY, checksum_list, scale_list, seal,
};
use crate::format::{Architecture, ContainerError};
use std::collections::BTreeMap;

/// The value of `layout`: matrices and tables as kernels read them.
const TILED: &str = "tiled";

/// The metadata, understood.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) config: BitMamba2Config,
    pub(super) encoding: Encoding,
    pub(super) tokenizer: String,
    pub(super) provenance: Option<String>,
    pub(super) written_by: Option<String>,
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
        let scales = ternary_names(&self.config).zip(self.scales.iter().copied());
        let mut entries: BTreeMap<String, String> = [
            ("config", config),
            ("packing", self.encoding.packing.name().to_owned()),
            ("embedding", self.encoding.embedding.name().to_owned()),
            ("layout", TILED.to_owned()),
            ("tokenizer", self.tokenizer.clone()),
            ("scales", scale_list(scales)),
            (CRC32, checksum_list(&self.checksums)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if let Some(provenance) = &self.provenance {
            entries.insert("provenance".into(), provenance.clone());
        }
        if let Some(program) = &self.written_by {
            entries.insert(WRITTEN_BY.into(), program.clone());
        }
        seal(Architecture::BitMamba2, entries)
    }

    /// Understands the entries of a metadata.
    pub(super) fn parse(entries: &BTreeMap<String, String>) -> Result<Self, LoadError> {
        let entries = Entries::of_container(entries)?;
        entries.must_be("architecture", Architecture::BitMamba2.name())?;
        entries.must_be("layout", TILED)?;
        let embedding: Result<EmbeddingType, _> = entries.get("embedding")?.parse();
        let embedding = embedding.map_err(|_| entries.wrong("embedding", "f32, f16 or int8"))?;
        let config = BitMamba2Config::from_json(entries.get("config")?)?;
        let scales = entries.scales(ternary_names(&config))?;
        if scales.contains(&0.0) {
            let zero: ContainerError = entries.wrong("scales", "numbers above 0");
            return Err(zero.into());
        }
        Ok(Self {
            encoding: Encoding {
                packing: entries.packing()?,
                embedding,
            },
            tokenizer: entries.get("tokenizer")?.to_owned(),
            provenance: entries.provenance(),
            written_by: entries.written_by(),
            scales,
            checksums: entries.checksums()?,
            config,
        })
    }
}

/// Names of the ternary tensors, in the order of the schema.
pub(super) fn ternary_names(config: &BitMamba2Config) -> impl Iterator<Item = String> + use<> {
    schema::tensors(config)
        .filter(|spec| matches!(spec.shape, Shape::Trits { .. }))
        .map(|spec| spec.name.to_string())
}
