//! A model to a file.

use super::layout::{self, Encoding, Kind, Piece};
use super::metadata::Facts;
use super::pack::{Packed, Part, Seen, Tensors, parts};
use crate::atomic_file::AtomicFile;
use crate::fill::Progress;
use crate::format::bitmamba2::{BitMamba2Model, EmbeddingType, TensorRef};
use crate::format::container::header::{Entry, Header};
use crate::format::{WriteError, parallel};
use atome_spec::{Packing, TENSOR_ALIGN_BYTES};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Parts that are in memory at once.
const PARTS_AT_ONCE: usize = 64;

/// How a model is packed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackOptions {
    /// How trits are packed.
    pub packing: Packing,
    /// What the elements of the embedding table become.
    pub embedding: EmbeddingType,
    /// Where the weights come from; `None` for what the model says.
    pub provenance: Option<String>,
    /// The program that writes the file: its mark, by which it knows its own files again.
    pub written_by: Option<String>,
}

impl Default for PackOptions {
    fn default() -> Self {
        Self {
            packing: Packing::Int2,
            embedding: EmbeddingType::F32,
            provenance: None,
            written_by: None,
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

/// Writes a model as a container that loads without repacking; a whole file or none.
///
/// Matrices are read, packed and written a part at a time, by all threads of the machine. `progress` is told how many
/// bytes of the file, of how many, are written.
///
/// # Errors
/// If the model is not one that a file could hold ([`BitMamba2Model::check`]) or its source cannot be read, if an element
/// of the embedding table is too large for f16, or if the file cannot be written.
pub fn write_packed(
    model: &BitMamba2Model,
    path: &Path,
    options: &PackOptions,
    progress: Progress<'_>,
) -> Result<PackSummary, WriteError> {
    model.check()?;
    let encoding = Encoding {
        packing: options.packing,
        embedding: options.embedding,
    };
    let pieces = layout::pieces(&model.config, encoding);
    let mut facts = facts(model, options, encoding, pieces.len());
    let mut file = AtomicFile::create(path)?;
    let failed = |cause| WriteError::file(path, cause);

    // Checksums have a fixed length, so the header has its place before they are known.
    let header = header_bytes(&facts, &pieces)?;
    file.write_all(&header).map_err(failed)?;
    let tensors = Tensors::new(model, encoding);
    let parts: Vec<Part<'_>> = parts(&pieces, encoding).collect();
    let total = header.len() + pieces.last().map_or(0, |piece| piece.entry.end as usize);
    let mut done = header.len();
    let mut sums = vec![(crc32fast::Hasher::new(), Seen::default()); pieces.len()];
    for batch in parts.chunks(PARTS_AT_ONCE) {
        let packed = parallel::map(batch, |part| tensors.pack(part));
        for (part, packed) in batch.iter().zip(packed) {
            let Packed { bytes, seen } = packed?;
            let (crc, all) = &mut sums[part.number];
            crc.update(&bytes);
            all.add(seen);
            file.write_all(&bytes).map_err(failed)?;
            done += bytes.len();
        }
        progress(done, total);
    }
    let (checksums, seen): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
    facts.checksums = checksums.into_iter().map(|crc| crc.finalize()).collect();
    rewrite_start(&mut file, &header_bytes(&facts, &pieces)?).map_err(failed)?;
    file.commit()?;
    Ok(PackSummary {
        bytes: total as u64,
        tensors: summary(&facts, &pieces, &seen),
    })
}

/// What the metadata says; the checksums are still to come.
fn facts(
    model: &BitMamba2Model,
    options: &PackOptions,
    encoding: Encoding,
    tensors: usize,
) -> Facts {
    let scales = model.tensors().filter_map(|(_, tensor)| match tensor {
        TensorRef::Ternary(w) => Some(w.scale),
        _ => None,
    });
    let provenance = options.provenance.clone();
    Facts {
        config: model.config.clone(),
        encoding,
        tokenizer: model.tokenizer.clone(),
        provenance: provenance.or_else(|| model.provenance.clone()),
        written_by: options.written_by.clone(),
        scales: scales.collect(),
        checksums: vec![0; tensors],
    }
}

fn header_bytes(facts: &Facts, pieces: &[Piece]) -> Result<Vec<u8>, WriteError> {
    let header = Header {
        metadata: facts.to_metadata(),
        tensors: pieces.iter().map(|piece| piece.entry.clone()).collect(),
        data_start: 0,
    };
    header.to_bytes(TENSOR_ALIGN_BYTES)
}

fn rewrite_start(file: &mut AtomicFile, header: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header)
}

fn summary(facts: &Facts, pieces: &[Piece], seen: &[Seen]) -> Vec<PackedTensor> {
    let mut scales = facts.scales.iter().copied();
    let describe = |(piece, seen): (&Piece, &Seen)| {
        let Entry {
            name, begin, end, ..
        } = &piece.entry;
        let (shape, scale, zeros, error) = match piece.kind {
            Kind::Trits { rows, cols } => {
                let zeros = seen.zeros as f64 / (rows * cols) as f64;
                ((rows, cols), scales.next(), Some(zeros), None)
            }
            Kind::Table { rows, cols } => {
                let error = (seen.length > 0.0).then(|| (seen.lost / seen.length).sqrt());
                ((rows, cols), None, None, error)
            }
            Kind::Scales { rows } => ((rows, 1), None, None, None),
            Kind::Floats { elems } => ((elems, 1), None, None, None),
        };
        PackedTensor {
            name: name.clone(),
            shape,
            bytes: end - begin,
            scale,
            zeros,
            error,
        }
    };
    pieces.iter().zip(seen).map(describe).collect()
}
