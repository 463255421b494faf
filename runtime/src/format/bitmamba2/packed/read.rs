//! A file to a model. The header and the layout are checked first, then the bytes of all tensors; afterwards they are
//! as sound as what was written.

use super::check::Bytes;
use super::layout::{self, Encoding, Kind, Piece};
use super::metadata::Facts;
use crate::error::LoadError;
use crate::fill::Progress;
use crate::format::Format;
use crate::format::bitmamba2::assemble::{TensorSource, assemble};
use crate::format::bitmamba2::floats::FileFloats;
use crate::format::bitmamba2::schema::TensorSpec;
use crate::format::bitmamba2::table::words;
use crate::format::bitmamba2::{
    BitMamba2Model, EmbeddingTable, EmbeddingType, FloatTensor, TernaryTensor,
};
use crate::format::container::header::Header;
use crate::format::container::order;
use crate::format::source::{Source, Stored, TritRows};
use crate::mapped::MappedFile;
use atome_kernels::packing;
use atome_spec::Packing;
use atome_spec::layout::{BLOCK_ROWS, gemv_words};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// Maps a file and reads the model in it; `progress` is told how many bytes, of how many, are checked.
pub(in crate::format) fn open_file(
    file: &File,
    progress: Progress<'_>,
) -> Result<BitMamba2Model, LoadError> {
    let file = MappedFile::new(file).map_err(|cause| LoadError::Io { cause })?;
    open(Source::Mapped(Arc::new(file)), progress)
}

/// Reads a model from the bytes of a file.
pub(in crate::format) fn parse(bytes: Vec<u8>) -> Result<BitMamba2Model, LoadError> {
    open(Source::Memory(bytes), &mut |_, _| {})
}

fn open(source: Source, progress: Progress<'_>) -> Result<BitMamba2Model, LoadError> {
    let bytes = source.in_memory().unwrap_or_default();
    let header = Header::parse(bytes, source.len())?;
    let facts = Facts::parse(&header.metadata)?;
    let pieces = layout::pieces(&facts.config, facts.encoding);
    let entries: Vec<_> = pieces.iter().map(|piece| piece.entry.clone()).collect();
    order::check(&header, &entries, facts.checksums.len())?;
    let contents = Bytes {
        data: &bytes[header.data_start as usize..],
        start: header.data_start,
        pieces: &pieces,
        encoding: facts.encoding,
        checksums: &facts.checksums,
    };
    contents.check(progress)?;
    let named = pieces.into_iter().zip(facts.checksums);
    let named = named.map(|(piece, crc)| (piece.entry.name.clone(), (piece, crc)));
    let mut tensors = Tensors {
        source: Arc::new(source),
        start: header.data_start,
        pieces: named.collect(),
        encoding: facts.encoding,
        scales: facts.scales.into_iter(),
    };
    let model = assemble(facts.config, Format::Container, &mut tensors)?;
    Ok(BitMamba2Model {
        tokenizer: facts.tokenizer,
        provenance: facts.provenance,
        ..model
    })
}

/// The tensors of a file that has been checked.
struct Tensors {
    source: Arc<Source>,
    start: u64,
    /// By name, with their checksums.
    pieces: BTreeMap<String, (Piece, u32)>,
    encoding: Encoding,
    scales: std::vec::IntoIter<f32>,
}

impl Tensors {
    /// Where a tensor lies in the file, padding included.
    fn stored(&self, name: &str) -> Stored {
        let (Piece { entry, .. }, crc32) = &self.pieces[name];
        let bytes = (entry.end - entry.begin) as usize;
        Stored::new(&self.source, self.start + entry.begin, bytes, *crc32)
    }

    fn vector(&self, name: String) -> FileFloats {
        let (piece, _) = &self.pieces[&name];
        let (elems, _) = match piece.kind {
            Kind::Table { rows, cols } => (rows * cols, 0),
            _ => piece.rows(),
        };
        FileFloats::new(name, elems, &self.source, self.start + piece.entry.begin)
    }
}

impl TensorSource for Tensors {
    fn table(&mut self, spec: TensorSpec) -> Result<EmbeddingTable, LoadError> {
        let (name, shape) = (spec.name.to_string(), spec.shape.matrix());
        Ok(match self.encoding.embedding {
            EmbeddingType::F32 => {
                let (_, crc32) = self.pieces[&name];
                let rows = self.vector(name).stored(crc32);
                EmbeddingTable::f32(shape, Arc::new(rows))
            }
            EmbeddingType::F16 => EmbeddingTable::f16(shape, self.stored(&name)),
            EmbeddingType::Int8 => {
                let scales = self.vector(format!("{name}.scales"));
                EmbeddingTable::int8(shape, self.stored(&name), Arc::new(scales))
            }
        })
    }

    fn floats(&mut self, spec: TensorSpec) -> Result<FloatTensor, LoadError> {
        Ok(Arc::new(self.vector(spec.name.to_string())))
    }

    fn ternary(&mut self, spec: TensorSpec) -> Result<TernaryTensor, LoadError> {
        let (name, shape) = (spec.name.to_string(), spec.shape.matrix());
        let (rows, cols) = shape;
        let packing = self.encoding.packing;
        let bytes = 4 * gemv_words(packing, rows, cols);
        let (piece, crc32) = &self.pieces[&name];
        let offset = self.start + piece.entry.begin;
        let stored = Stored::new(&self.source, offset, bytes, *crc32);
        let rows = Arc::new(Matrix {
            name,
            shape,
            packing,
            stored,
        });
        Ok(TernaryTensor {
            rows,
            // As many scales as ternary tensors were read from the metadata.
            scale: self.scales.next().unwrap_or_default(),
        })
    }
}

/// A matrix of a file, in blocks of rows as kernels read it.
#[derive(Debug)]
struct Matrix {
    name: String,
    shape: (usize, usize),
    packing: Packing,
    stored: Stored,
}

impl TritRows for Matrix {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), LoadError> {
        let (all_rows, cols) = self.shape;
        assert!(rows.end <= all_rows, "within the matrix");
        assert_eq!(trits.len(), rows.len() * cols, "room for the rows");
        if rows.is_empty() {
            return Ok(());
        }
        // Whole blocks are matrices of their own.
        let first = rows.start / BLOCK_ROWS * BLOCK_ROWS;
        let end = all_rows.min(rows.end.next_multiple_of(BLOCK_ROWS));
        let bytes_before = |row| 4 * gemv_words(self.packing, row, cols);
        let mut bytes = vec![0; bytes_before(end) - bytes_before(first)];
        self.stored.read(bytes_before(first), &mut bytes)?;
        let words: Vec<u32> = words(&bytes).collect();
        let unpack = |rows, trits: &mut [i8]| {
            let unpacked = packing::matrix::unpack_into(self.packing, &words, rows, cols, trits);
            unpacked.map_err(|cause| LoadError::Stored {
                tensor: self.name.clone(),
                offset: self.stored.offset() + bytes_before(first) as u64,
                cause,
            })
        };
        if (first, end) == (rows.start, rows.end) {
            return unpack(end - first, trits);
        }
        let mut blocks = vec![0; (end - first) * cols];
        unpack(end - first, &mut blocks)?;
        let skipped = (rows.start - first) * cols;
        trits.copy_from_slice(&blocks[skipped..skipped + trits.len()]);
        Ok(())
    }

    fn stored(&self, packing: Packing) -> Option<&Stored> {
        (packing == self.packing).then_some(&self.stored)
    }
}
