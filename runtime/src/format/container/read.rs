//! Container to model. The header and the whole layout are checked before a tensor is looked at.

use super::header::Header;
use super::metadata::Facts;
use super::{ContainerError, ContainerInfo, expected_entries, order};
use crate::error::LoadError;
use crate::format::model::{AtomeModel, Ternary};
use crate::format::read::{read_floats, read_trits};
use crate::format::schema::{self, TensorName, TensorSource};
use crate::format::trits::Packing;
use crate::format::{AtomeConfig, Format};

/// A container whose header has been checked against the file's length.
pub(in crate::format) struct Outline {
    header: Header,
    facts: Facts,
}

impl Outline {
    /// Checks the header; `bytes` are the start of a file of `file_bytes` bytes, long enough to hold it.
    ///
    /// Afterwards the file has exactly the tensors of the model, each where it belongs.
    pub(in crate::format) fn parse(bytes: &[u8], file_bytes: u64) -> Result<Self, LoadError> {
        let header = Header::parse(bytes, file_bytes)?;
        let facts = Facts::parse(&header.metadata)?;
        let expected = expected_entries(&facts.config, facts.classes, facts.info.packing);
        let expected: Vec<_> = expected.collect::<Result<_, _>>()?;
        order::check(&header, &expected, facts.checksums.len())?;
        Ok(Self { header, facts })
    }

    /// Checks that a config somebody gave says the same as the file.
    pub(in crate::format) fn agree_with(&self, config: &AtomeConfig) -> Result<(), LoadError> {
        Ok(self.facts.config.must_equal(config)?)
    }

    /// Reads the model; `bytes` are the whole file.
    pub(in crate::format) fn read(
        self,
        bytes: &[u8],
    ) -> Result<(AtomeModel, ContainerInfo), LoadError> {
        self.check_checksums(bytes)?;
        let Self { header, facts } = self;
        let trits_start = header
            .tensors
            .iter()
            .find(|entry| entry.dtype == super::TRITS_DTYPE)
            .map_or(0, |entry| entry.begin);
        let mut source = Source {
            bytes,
            floats_at: header.data_start as usize,
            trits_at: (header.data_start + trits_start) as usize,
            packing: facts.info.packing.into(),
            scales: facts.scales.into_iter(),
        };
        let mut model =
            schema::assemble(&facts.config, Format::Container, facts.classes, &mut source)?;
        model.tokenizer.clone_from(&facts.info.tokenizer);
        Ok((model, facts.info))
    }

    fn check_checksums(&self, bytes: &[u8]) -> Result<(), ContainerError> {
        for (entry, &expected) in self.header.tensors.iter().zip(&self.facts.checksums) {
            let offset = self.header.data_start + entry.begin;
            let length = entry.end - entry.begin;
            // The header was checked against the file's length.
            let found = crc32fast::hash(&bytes[offset as usize..][..length as usize]);
            if found != expected {
                return Err(ContainerError::Checksum {
                    tensor: entry.name.clone(),
                    offset,
                    bytes: length,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }
}

/// Walks over the two runs of a container: f32 vectors, then trits, both in the order of the schema.
struct Source<'b> {
    bytes: &'b [u8],
    floats_at: usize,
    trits_at: usize,
    packing: Packing,
    scales: std::vec::IntoIter<f32>,
}

impl TensorSource for Source<'_> {
    type Error = LoadError;

    fn ternary(
        &mut self,
        name: TensorName,
        rows: usize,
        cols: usize,
    ) -> Result<Ternary, LoadError> {
        let (start, count) = (self.trits_at, rows * cols);
        let packed = &self.bytes[start..][..count.div_ceil(self.packing.per_byte())];
        self.trits_at += packed.len();
        Ok(Ternary {
            name: name.to_string(),
            rows,
            cols,
            // As many scales as ternary tensors were read from the metadata.
            scale: self.scales.next().unwrap_or_default(),
            trits: read_trits(self.packing, name, packed, start as u64, count)?,
        })
    }

    fn floats(&mut self, name: TensorName, len: usize) -> Result<Vec<f32>, LoadError> {
        let start = self.floats_at;
        self.floats_at += 4 * len;
        read_floats(name, &self.bytes[start..self.floats_at], start as u64)
    }
}
