//! A container to tensors. The header and the layout are checked first, then the bytes of all tensors; afterwards they
//! are as sound as what was written.

use super::check::Bytes;
use super::header::Header;
use super::layout::{Encoding, Kind, Layout, Piece, Shape, Spec};
use super::matrix::{DenseMatrix, TiledMatrix};
use super::metadata::Metadata;
use super::order;
use crate::error::LoadError;
use crate::fill::Progress;
use crate::format::bitmamba2::FileFloats;
use crate::format::source::{Source, Stored, TritRows};
use crate::format::{EmbeddingTable, EmbeddingType, FloatTensor, TernaryTensor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A container whose header has been checked against the file's length.
pub(in crate::format) struct Container {
    source: Source,
    header: Header,
    pub(in crate::format) metadata: Metadata,
}

impl Container {
    /// Checks the header and the metadata of a file in memory.
    pub(in crate::format) fn open(source: Source) -> Result<Self, LoadError> {
        let bytes = source.in_memory().unwrap_or_default();
        let mut header = Header::parse(bytes, source.len())?;
        let metadata = Metadata::of_container(std::mem::take(&mut header.metadata))?;
        Ok(Self {
            source,
            header,
            metadata,
        })
    }

    /// Checks that the file has exactly these tensors, in the one order that is written, and that their bytes are what was
    /// written. `progress` is told how many of them, of how many, are checked.
    pub(in crate::format) fn tensors(
        self,
        specs: &[Spec],
        encoding: Encoding,
        progress: Progress<'_>,
    ) -> Result<Tensors, LoadError> {
        let ternary = specs
            .iter()
            .filter(|s| matches!(s.shape, Shape::Trits { .. }));
        let ternary: Vec<&str> = ternary.map(|spec| spec.name.as_str()).collect();
        let scales = self
            .metadata
            .scales(encoding.layout, ternary.iter().copied())?;
        let pieces = encoding.pieces(specs);
        order::check(&self.header, &pieces)?;
        let checksums = self.metadata.checksums(pieces.len())?;
        let start = self.header.data_start;
        let contents = Bytes {
            data: &self.source.in_memory().unwrap_or_default()[start as usize..],
            start,
            pieces: &pieces,
            encoding,
            checksums: &checksums,
        };
        contents.check(progress)?;
        let names = ternary.into_iter().map(str::to_owned);
        let named = pieces.into_iter().zip(checksums);
        Ok(Tensors {
            source: Arc::new(self.source),
            start,
            encoding,
            scales: names.zip(scales).collect(),
            pieces: named
                .map(|(piece, crc)| (piece.entry.name.clone(), (piece, crc)))
                .collect(),
        })
    }
}

/// The tensors of a container that has been checked. There are those that were asked for.
pub(in crate::format) struct Tensors {
    source: Arc<Source>,
    start: u64,
    encoding: Encoding,
    scales: BTreeMap<String, f32>,
    /// By name, with their checksums.
    pieces: BTreeMap<String, (Piece, u32)>,
}

impl Tensors {
    /// Part of the file: the first bytes of a tensor.
    fn stored(&self, name: &str, bytes: usize) -> Stored {
        let (piece, crc32) = &self.pieces[name];
        Stored::new(
            &self.source,
            self.start + piece.entry.begin(),
            bytes,
            *crc32,
        )
    }

    fn vector(&self, name: &str) -> FileFloats {
        let (Piece { kind, entry }, _) = &self.pieces[name];
        let elems = match *kind {
            Kind::Table { rows, cols } => rows * cols,
            kind => kind.rows(),
        };
        let offset = self.start + entry.begin();
        FileFloats::new(name.to_owned(), elems, &self.source, offset)
    }

    pub(in crate::format) fn floats(&self, name: &str) -> FloatTensor {
        Arc::new(self.vector(name))
    }

    pub(in crate::format) fn table(&self, name: &str, shape: (usize, usize)) -> EmbeddingTable {
        let (piece, crc32) = &self.pieces[name];
        let stored = || self.stored(name, piece.entry.bytes() as usize);
        match self.encoding.embedding {
            EmbeddingType::F32 => {
                EmbeddingTable::f32(shape, Arc::new(self.vector(name).stored(*crc32)))
            }
            EmbeddingType::F16 => EmbeddingTable::f16(shape, stored()),
            EmbeddingType::Int8 => {
                let scales = self.vector(&format!("{name}.scales"));
                EmbeddingTable::int8(shape, stored(), Arc::new(scales))
            }
        }
    }

    pub(in crate::format) fn ternary(&self, name: &str, shape: (usize, usize)) -> TernaryTensor {
        let (piece, _) = &self.pieces[name];
        let bytes = self.encoding.bytes_of(piece.kind, shape.0);
        let (stored, packing) = (self.stored(name, bytes), self.encoding.packing);
        let name = name.to_owned();
        let scale = self.scales[&name];
        let rows: Arc<dyn TritRows> = match self.encoding.layout {
            Layout::Dense => Arc::new(DenseMatrix {
                name,
                shape,
                packing: packing.into(),
                stored,
            }),
            Layout::Tiled => Arc::new(TiledMatrix {
                name,
                shape,
                packing,
                stored,
            }),
        };
        TernaryTensor { rows, scale }
    }
}
