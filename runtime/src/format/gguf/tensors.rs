//! What a parameter is made of.

use super::read::{Blocks, ExactTrits, GgufFloats, GroupScales, GroupedTrits};
use super::{GgufFiles, Located, scale_name};
use crate::error::{EntryFault, FileError, TensorFault};
use crate::tensor::{
    EmbeddingTable, Floats, Kind, Param, Stored, Tensor, TernaryGroups, TernaryTensor, read_all,
};
use atome_gguf::Layout;
use std::sync::Arc;

/// Makes parameters of the tensors of files.
pub(super) struct Maker<'f> {
    pub(super) files: &'f GgufFiles,
}

impl Maker<'_> {
    /// The tensor that a parameter asks for: all floats checked to be finite, but for a table that may stay where it is, and
    /// the scales of trits.
    pub(super) fn tensor(&self, param: &Param) -> Result<Tensor, FileError> {
        param.elems()?;
        let located = self.located(&param.name, &param.kind)?;
        match param.kind {
            Kind::Ternary {
                rows, cols, group, ..
            } => self.ternary(&param.name, located, (rows, cols), group),
            Kind::Table { rows, cols } => {
                let floats = self.floats(&param.name, located)?.in_place();
                // What stays in a mapped file is checked by whoever looks it up.
                if floats.stored().and_then(Stored::file).is_none() {
                    read_all(&floats)?;
                }
                let (shape, is_f16) = ((rows, cols), floats.layout == Layout::F16);
                let floats = Arc::new(floats);
                Ok(Tensor::Table(match is_f16 {
                    true => EmbeddingTable::halves(shape, floats),
                    false => EmbeddingTable::f32(shape, floats),
                }))
            }
            Kind::Floats(_) => {
                let floats = self.floats(&param.name, located)?;
                read_all(&floats)?;
                Ok(Tensor::Floats(Arc::new(floats)))
            }
        }
    }

    /// The tensor of this name and shape.
    fn located(&self, name: &str, kind: &Kind) -> Result<&Located, FileError> {
        let missing = || FileError::entry(name, EntryFault::Missing);
        let located = self.files.tensors.get(name).ok_or_else(missing)?;
        let shape = match kind {
            Kind::Ternary { rows, cols, .. } | Kind::Table { rows, cols } => vec![*rows, *cols],
            Kind::Floats(shape) => shape.clone(),
        };
        // Neighbours first, and no dimensions of 1 behind them.
        let without_ones = |dims: &[u64]| {
            let used = dims
                .iter()
                .rposition(|dim| *dim != 1)
                .map_or(0, |last| last + 1);
            dims[..used].to_vec()
        };
        let dims: Vec<u64> = shape.iter().rev().map(|dim| *dim as u64).collect();
        if without_ones(&dims) == without_ones(&located.dims) {
            return Ok(located);
        }
        let expected = kind.described();
        let found = located.dims.iter().rev().map(u64::to_string);
        let found = format!("{} numbers", found.collect::<Vec<_>>().join(" x "));
        Err(FileError::entry(name, EntryFault::Kind { expected, found }))
    }

    fn blocks(&self, name: &str, located: &Located) -> Blocks {
        Blocks {
            name: name.to_owned(),
            source: Arc::clone(&self.files.files[located.shard].source),
            offset: located.offset,
        }
    }

    fn floats(&self, name: &str, located: &Located) -> Result<GgufFloats, FileError> {
        let elems = located.dims.iter().product::<u64>() as usize;
        let blocks = self.blocks(name, located);
        Ok(GgufFloats::new(blocks, located.layout.clone()?, elems))
    }

    fn ternary(
        &self,
        name: &str,
        located: &Located,
        shape: (usize, usize),
        group: Option<usize>,
    ) -> Result<Tensor, FileError> {
        let whole = self.whole_scale(name)?;
        if let Some(group) = group {
            return self.grouped(name, located, (shape, whole.unwrap_or(1.0)), group);
        }
        let (rows, scale): (Arc<dyn crate::tensor::TritRows>, f32) = match located.layout.clone()? {
            Layout::Ternary(ternary) => {
                let trits = GroupedTrits {
                    blocks: self.blocks(name, located),
                    ternary,
                    shape,
                };
                let scale = trits.scale()?;
                (Arc::new(trits), scale)
            }
            _ => {
                let trits = ExactTrits::new(self.floats(name, located)?, shape)?;
                let scale = trits.scale;
                (Arc::new(trits), scale)
            }
        };
        // A matrix of zeros has whatever scale it is given.
        let scale = match (whole, scale) {
            (Some(whole), 0.0) => whole,
            (Some(whole), scale) => whole * scale,
            (None, scale) => scale,
        };
        Ok(Tensor::Ternary(TernaryTensor {
            rows,
            scale,
            groups: None,
        }))
    }

    /// A matrix whose groups of columns, which are blocks of the file, keep their scales.
    fn grouped(
        &self,
        name: &str,
        located: &Located,
        (shape, scale): ((usize, usize), f32),
        group: usize,
    ) -> Result<Tensor, FileError> {
        let layout = located.layout.clone()?;
        let ternary = match layout {
            Layout::Ternary(ternary) if ternary.group() == group => ternary,
            _ => {
                let expected = format!("trits with a scale for {group} columns");
                let found = layout.name().to_owned();
                return Err(FileError::entry(name, EntryFault::Kind { expected, found }));
            }
        };
        let blocks = self.blocks(name, located);
        let scales = GroupScales {
            blocks: blocks.clone(),
            ternary,
            groups: shape.0 * (shape.1 / group),
        };
        read_all(&scales)?;
        let rows = GroupedTrits {
            blocks,
            ternary,
            shape,
        };
        Ok(Tensor::Ternary(TernaryTensor {
            rows: Arc::new(rows),
            scale,
            groups: Some(TernaryGroups {
                cols: group,
                scales: Arc::new(scales),
            }),
        }))
    }

    /// The number beside a matrix that its blocks' scales are to be multiplied by.
    fn whole_scale(&self, name: &str) -> Result<Option<f32>, FileError> {
        let name = scale_name(name);
        if !self.files.tensors.contains_key(&name) {
            return Ok(None);
        }
        let located = self.located(&name, &Kind::Floats(vec![1]))?;
        let mut value = [0.0];
        self.floats(&name, located)?.read(0, &mut value)?;
        match value[0] {
            found if found.is_sign_positive() => Ok(Some(found)),
            found => Err(FileError::tensor(
                name,
                TensorFault::Scale {
                    expected: "scale of 0 or more",
                    offset: located.offset,
                    found,
                },
            )),
        }
    }
}
