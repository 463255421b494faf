//! A container to tensors. The header and the layout are checked first, then the bytes of all tensors, but for tables that
//! whoever asked checks row by row; afterwards they are as sound as what was written.

use super::check::Bytes;
use super::header::Header;
use super::layout::{Encoding, Kind, Layout, Piece, VOCABULARY};
use super::matrix::{TiledMatrix, TiledScales, TritTable};
use super::metadata::Metadata;
use super::order;
use crate::error::FileError;
use crate::progress::Progress;
use crate::tensor::{
    BlockSums, EmbeddingTable, EmbeddingType, FileFloats, Kind as ParamKind, Param, Source, Stored,
    Tables, Tensor, Tensors, Ternary, TernaryGroups, TernaryTensor, trits,
};
use crate::tokenizer::TokenizerKind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A container whose header has been checked against the file's length.
pub(crate) struct Container {
    source: Source,
    header: Header,
    pub(crate) metadata: Metadata,
}

impl Container {
    /// Checks the header and the metadata of a file in memory.
    pub(crate) fn open(source: Source) -> Result<Self, FileError> {
        let bytes = source.bytes();
        let mut header = Header::parse(bytes, source.len())?;
        let metadata = Metadata::of_container(std::mem::take(&mut header.metadata))?;
        Ok(Self {
            source,
            header,
            metadata,
        })
    }

    /// Checks that the file has exactly these tensors, in the one order that is written, and that their bytes are what was
    /// written; gives them, and the bytes of the vocabulary if it says that there is one. `progress` is told how many of
    /// them, of how many, are checked. Tables may be left if blocks of them have checksums.
    pub(crate) fn tensors(
        self,
        params: &[Param],
        encoding: Encoding,
        tables: Tables,
        progress: Progress<'_>,
    ) -> Result<(Tensors, Option<Stored>), FileError> {
        let ternary = |param: &&Param| matches!(param.kind, ParamKind::Ternary { .. });
        let ternary = params
            .iter()
            .filter(ternary)
            .map(|param| param.name.as_str());
        let ternary: Vec<&str> = ternary.collect();
        let scales = self
            .metadata
            .scales(encoding.layout, ternary.iter().copied())?;
        let pieces = encoding.pieces(params, self.vocabulary_bytes());
        order::check(&self.header, &pieces)?;
        let checksums = self.metadata.checksums(pieces.len())?;
        let blocks = self.blocks(&pieces, encoding)?;
        let start = self.header.data_start;
        let contents = Bytes {
            data: &self.source.bytes()[start as usize..],
            start,
            pieces: &pieces,
            encoding,
            checksums: &checksums,
            blocks: &blocks,
            tables,
        };
        contents.check(progress)?;
        let found = pieces.into_iter().zip(checksums).zip(blocks);
        let found = found.map(|((piece, crc32), blocks)| Found {
            piece,
            crc32,
            left: blocks.filter(|_| tables == Tables::WhenAsked),
        });
        let contents = Contents {
            source: Arc::new(self.source),
            start,
            encoding,
            scales: ternary.into_iter().zip(scales).collect(),
            pieces: found
                .map(|found| (found.piece.entry.name.clone(), found))
                .collect(),
        };
        let tensor = |param: &Param| Ok((param.name.clone(), contents.tensor(param)?));
        let tensors = params
            .iter()
            .map(tensor)
            .collect::<Result<_, FileError>>()?;
        let vocabulary = contents.pieces.get(VOCABULARY);
        let vocabulary =
            vocabulary.filter(|found| matches!(found.piece.kind, Kind::Vocabulary { .. }));
        let stored = |found: &Found| contents.stored(VOCABULARY, found.piece.kind.rows());
        Ok((tensors, vocabulary.map(stored)))
    }

    /// The checksums of the blocks of each tensor, of those that have them.
    fn blocks(
        &self,
        pieces: &[Piece],
        encoding: Encoding,
    ) -> Result<Vec<Option<Vec<u32>>>, FileError> {
        let counts = pieces.iter().map(|piece| encoding.blocks(piece.kind));
        let counts: Vec<Option<usize>> = counts.map(|blocks| Some(blocks?.1)).collect();
        let sums = self.metadata.blocks(counts.iter().flatten().sum())?;
        let mut rest = sums.as_deref();
        let mut take = |count: usize| {
            let (first, others) = rest?.split_at(count);
            rest = Some(others);
            Some(first.to_vec())
        };
        Ok(counts.into_iter().map(|count| take(count?)).collect())
    }

    /// The length of the vocabulary, if the file says that it has one; 0 if it has not.
    fn vocabulary_bytes(&self) -> Option<usize> {
        let is_own = self.metadata.option("tokenizer") == Some(TokenizerKind::Own.name());
        let entries = || self.header.tensors.iter();
        let entry = || entries().find(|entry| entry.name == VOCABULARY);
        is_own.then(|| entry().map_or(0, |entry| entry.bytes() as usize))
    }
}

/// A tensor that is there.
struct Found {
    piece: Piece,
    crc32: u32,
    /// The checksums of its blocks, where it is left to whoever looks up its rows.
    left: Option<Vec<u32>>,
}

/// The tensors of a container that has been checked. There are those that were asked for.
struct Contents<'p> {
    source: Arc<Source>,
    start: u64,
    encoding: Encoding,
    scales: BTreeMap<&'p str, f32>,
    /// By name.
    pieces: BTreeMap<String, Found>,
}

impl Contents<'_> {
    fn tensor(&self, param: &Param) -> Result<Tensor, FileError> {
        let name = param.name.as_str();
        Ok(match param.kind {
            ParamKind::Ternary {
                rows, cols, group, ..
            } => self.ternary(name, (rows, cols), group)?,
            ParamKind::Table { rows, cols } => Tensor::Table(self.table(name, (rows, cols))),
            ParamKind::Floats(_) => Tensor::Floats(Arc::new(self.vector(name))),
        })
    }

    /// Part of the file: the first bytes of a tensor.
    fn stored(&self, name: &str, bytes: usize) -> Stored {
        let found = &self.pieces[name];
        let offset = self.start + found.piece.entry.begin();
        let stored = Stored::new(&self.source, offset, bytes, Some(found.crc32));
        match (&found.left, self.encoding.blocks(found.piece.kind)) {
            (Some(sums), Some((block_bytes, _))) => {
                stored.unchecked(Arc::new(BlockSums::new(block_bytes, sums.clone())))
            }
            _ => stored,
        }
    }

    fn vector(&self, name: &str) -> FileFloats {
        let Piece { kind, entry } = &self.pieces[name].piece;
        let elems = match *kind {
            Kind::Table { rows, cols } => rows * cols,
            kind => kind.rows(),
        };
        let offset = self.start + entry.begin();
        FileFloats::new(name.to_owned(), elems, &self.source, offset)
    }

    fn table(&self, name: &str, shape: (usize, usize)) -> EmbeddingTable {
        let stored = self.stored(name, self.pieces[name].piece.entry.bytes() as usize);
        match self.encoding.embedding {
            EmbeddingType::F32 => {
                EmbeddingTable::f32(shape, Arc::new(self.vector(name).stored(stored)))
            }
            EmbeddingType::F16 => EmbeddingTable::f16(shape, stored),
            EmbeddingType::Int8 => {
                let scales = self.vector(&format!("{name}.scales"));
                EmbeddingTable::int8(shape, stored, Arc::new(scales))
            }
        }
    }

    /// The scales of groups of a matrix's columns, which stay where they are.
    fn group_scales(&self, name: String) -> TiledScales {
        let kind = self.pieces[&name].piece.kind;
        let Kind::GroupScales { rows, groups } = kind else {
            unreachable!("{name} are scales of groups");
        };
        let stored = self.stored(&name, self.encoding.bytes_of(kind, rows));
        TiledScales {
            name,
            shape: (rows, groups),
            stored,
        }
    }

    /// A matrix row after row is unpacked at once, which checks it; one as kernels read it stays where it is.
    fn ternary(
        &self,
        name: &str,
        shape: (usize, usize),
        group: Option<usize>,
    ) -> Result<Tensor, FileError> {
        let kind = self.pieces[name].piece.kind;
        let bytes = self.encoding.bytes_of(kind, shape.0);
        let (stored, packing) = (self.stored(name, bytes), self.encoding.packing);
        let scale = self.scales[name];
        let groups = group.map(|cols| TernaryGroups {
            cols,
            scales: Arc::new(self.group_scales(format!("{name}.scales"))),
        });
        let name = name.to_owned();
        if let Kind::TritTable { packing, .. } = kind {
            let rows = Arc::new(TritTable {
                name,
                shape,
                packing,
                stored,
            });
            return Ok(Tensor::Ternary(TernaryTensor {
                rows,
                scale,
                groups,
            }));
        }
        Ok(match self.encoding.layout {
            Layout::Dense => {
                let (rows, cols) = shape;
                let trits = unpack(&name, packing.into(), &stored, rows * cols)?;
                let matrix = Ternary {
                    name,
                    rows,
                    cols,
                    scale,
                    trits,
                };
                matrix.into()
            }
            Layout::Tiled => {
                let rows = Arc::new(TiledMatrix {
                    name,
                    shape,
                    packing,
                    group,
                    stored,
                });
                Tensor::Ternary(TernaryTensor {
                    rows,
                    scale,
                    groups,
                })
            }
        })
    }
}

/// The trits of a matrix without gaps.
fn unpack(
    name: &str,
    packing: trits::TritBytes,
    stored: &Stored,
    count: usize,
) -> Result<Vec<i8>, FileError> {
    let mut bytes = vec![0; stored.len()];
    stored.read(0, &mut bytes)?;
    packing.unpack_at(name, &bytes, stored.offset(), count)
}
