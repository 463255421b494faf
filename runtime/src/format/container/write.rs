//! Tensors to a container, a part at a time, packed by all threads of the machine.

use super::ContainerInfo;
use super::header::Header;
use super::layout::{Encoding, Kind, Piece};
use super::metadata::Metadata;
use super::pack::{Packed, Seen, Tensors};
use crate::format::WriteError;
use crate::parallel;
use crate::progress::Progress;
use crate::tensor::{self, EmbeddingType, Param, Tensor};
use atome_spec::Packing;
use std::io::{self, Seek, SeekFrom, Write};

/// Parts that are in memory at once.
const PARTS_AT_ONCE: usize = 64;

/// What the writer of a container may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerOptions {
    /// How trits are packed.
    pub packing: Packing,
    /// What the elements of an embedding table of floats become; `None` for what they are.
    pub embedding: Option<EmbeddingType>,
    /// How an embedding table of trits is packed as kernels read it, so that it is mapped; `None` leaves it like other trits,
    /// row after row without gaps.
    pub table: Option<Packing>,
    /// How text becomes tokens; `None` for what the model says. Another than `own` leaves a vocabulary away.
    pub tokenizer: Option<String>,
    /// Where the weights come from: free text; `None` for what the model says.
    pub provenance: Option<String>,
    /// The program that writes the file: its mark, by which it knows its own files again.
    pub written_by: Option<String>,
}

impl ContainerOptions {
    /// Options with this packing.
    #[must_use]
    pub fn packing(packing: Packing) -> Self {
        Self {
            packing,
            embedding: None,
            table: None,
            tokenizer: None,
            provenance: None,
            written_by: None,
        }
    }

    /// The same, with a provenance.
    #[must_use]
    pub fn provenance(self, provenance: impl Into<String>) -> Self {
        Self {
            provenance: Some(provenance.into()),
            ..self
        }
    }

    /// What the container says, of a model that says so much itself.
    pub(crate) fn info(&self, tokenizer: &str, provenance: Option<&str>) -> ContainerInfo {
        let or = |text: &Option<String>, stated: Option<&str>| {
            text.clone().or_else(|| stated.map(str::to_owned))
        };
        ContainerInfo {
            packing: self.packing.stored(),
            tokenizer: or(&self.tokenizer, Some(tokenizer)).unwrap_or_default(),
            provenance: or(&self.provenance, provenance),
            written_by: self.written_by.clone(),
        }
    }
}

/// What a packed file holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PackSummary {
    /// Bytes of the file.
    pub bytes: u64,
    /// Its tensors, in the order of their bytes.
    pub tensors: Vec<PackedTensor>,
}

/// A tensor of a packed file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PackedTensor {
    /// The tensor's name.
    pub name: String,
    /// Rows and columns; a vector has one column.
    pub shape: (usize, usize),
    /// Bytes it takes in the file.
    pub bytes: u64,
    /// Scale of a ternary matrix.
    pub scale: Option<f32>,
    /// Share of zeros of a ternary matrix.
    pub zeros: Option<f64>,
    /// Length of what rounding took from an embedding table, as a share of its length.
    pub error: Option<f64>,
}

/// A model to be written: its tensors, in its own order, and what it says of itself.
pub(crate) struct Writer<'m> {
    pub(crate) metadata: Metadata,
    pub(crate) encoding: Encoding,
    pub(crate) params: &'m [Param],
    /// What there is for `params`.
    pub(crate) tensors: &'m tensor::Tensors,
    /// The bytes of the vocabulary that goes with it.
    pub(crate) vocabulary: Option<&'m [u8]>,
}

impl Writer<'_> {
    /// Writes the model to `out`; `failed` says what could not be written. `progress` is told how many bytes, of how many,
    /// are written.
    ///
    /// # Errors
    /// If a tensor cannot be read or packed, or `out` fails.
    pub(crate) fn write(
        mut self,
        out: &mut (impl Write + Seek),
        failed: impl Fn(io::Error) -> WriteError,
        progress: Progress<'_>,
    ) -> Result<PackSummary, WriteError> {
        let scales = self.params.iter().filter_map(|param| {
            let matrix = self.tensors.get(&param.name)?.as_ternary()?;
            Some((param.name.as_str(), matrix.scale))
        });
        self.metadata.set_scales(scales);
        let pieces = self
            .encoding
            .pieces(self.params, self.vocabulary.map(<[u8]>::len));
        // Checksums have a fixed length, so the header has its place before they are known.
        let start = out.stream_position().map_err(&failed)?;
        let blocks = pieces.iter().filter_map(|p| self.encoding.blocks(p.kind));
        let blocks = blocks.map(|(_, count)| count).sum();
        let header = self.header(&pieces, &vec![0; pieces.len()], &vec![0; blocks])?;
        out.write_all(&header).map_err(&failed)?;

        let tensors = Tensors {
            by_name: self.tensors,
            encoding: self.encoding,
            vocabulary: self.vocabulary.unwrap_or_default(),
        };
        let parts = self.encoding.parts(&pieces);
        let data = pieces.last().map_or(0, |p| p.entry.info.data_offsets.1);
        let (mut done, total) = (header.len(), header.len() + data);
        let mut sums = vec![(crc32fast::Hasher::new(), Seen::default()); pieces.len()];
        let mut block_sums = Vec::with_capacity(blocks);
        for batch in parts.chunks(PARTS_AT_ONCE) {
            let packed = parallel::map(batch, |part| tensors.pack(part));
            for (part, packed) in batch.iter().zip(packed) {
                let Packed { bytes, seen } = packed?;
                let (crc, all) = &mut sums[part.number];
                crc.update(&bytes);
                all.add(seen);
                if let Some((block, _)) = self.encoding.blocks(part.piece.kind) {
                    block_sums.extend(bytes.chunks(block).map(crc32fast::hash));
                }
                out.write_all(&bytes).map_err(&failed)?;
                done += bytes.len();
            }
            progress(done, total);
        }
        let sums = sums.into_iter().map(|(crc, seen)| (crc.finalize(), seen));
        let (checksums, seen): (Vec<u32>, Vec<Seen>) = sums.unzip();
        let summary = PackSummary {
            bytes: total as u64,
            tensors: pieces
                .iter()
                .zip(&seen)
                .map(|(p, seen)| described(&tensors, p, seen))
                .collect(),
        };
        let header = self.header(&pieces, &checksums, &block_sums)?;
        out.seek(SeekFrom::Start(start)).map_err(&failed)?;
        out.write_all(&header).map_err(&failed)?;
        Ok(summary)
    }

    fn header(
        &mut self,
        pieces: &[Piece],
        checksums: &[u32],
        blocks: &[u32],
    ) -> Result<Vec<u8>, WriteError> {
        let header = Header {
            metadata: self.metadata.sealed(checksums, blocks),
            tensors: pieces.iter().map(|piece| piece.entry.clone()).collect(),
            data_start: 0,
        };
        header.to_bytes(self.encoding.align_bytes())
    }
}

fn described(tensors: &Tensors<'_>, piece: &Piece, seen: &Seen) -> PackedTensor {
    let Piece { kind, entry } = piece;
    let (shape, zeros, error) = match *kind {
        Kind::Trits { rows, cols, .. } | Kind::TritTable { rows, cols, .. } => {
            let zeros = seen.zeros as f64 / (rows * cols) as f64;
            ((rows, cols), Some(zeros), None)
        }
        Kind::Table { rows, cols } => {
            let error = (seen.length > 0.0).then(|| (seen.lost / seen.length).sqrt());
            ((rows, cols), None, error)
        }
        Kind::Scales { rows } => ((rows, 1), None, None),
        Kind::GroupScales { rows, groups } => ((rows, groups), None, None),
        Kind::Floats { elems } => ((elems, 1), None, None),
        Kind::Vocabulary { bytes } => ((bytes, 1), None, None),
    };
    let scale = match tensors.by_name.get(entry.name.as_str()) {
        Some(Tensor::Ternary(w)) => Some(w.scale),
        _ => None,
    };
    PackedTensor {
        name: entry.name.clone(),
        shape,
        bytes: entry.bytes(),
        scale,
        zeros,
        error,
    }
}
