//! Numbers of a GGUF file, read when they are wanted.

use crate::error::{FileError, TensorFault};
use crate::tensor::{Floats, Source, Stored, TritRows};
use atome_gguf::{Layout, Ternary};
use std::ops::Range;
use std::sync::Arc;

/// Where a tensor's blocks are.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    /// The tensor's name in the model.
    pub(super) name: String,
    pub(super) source: Arc<Source>,
    pub(super) offset: u64,
}

impl Blocks {
    /// Reads blocks of `size` bytes.
    pub(super) fn read(&self, blocks: Range<usize>, size: usize) -> Result<Vec<u8>, FileError> {
        let mut bytes = vec![0; blocks.len() * size];
        self.source.read(self.at(blocks.start, size), &mut bytes)?;
        Ok(bytes)
    }

    /// Where a block starts in the file.
    pub(super) fn at(&self, block: usize, size: usize) -> u64 {
        self.offset + block as u64 * size as u64
    }

    fn fault(&self, fault: TensorFault) -> FileError {
        FileError::tensor(&self.name, fault)
    }
}

/// Floats of any type.
#[derive(Debug, Clone)]
pub(super) struct GgufFloats {
    pub(super) blocks: Blocks,
    pub(super) layout: Layout,
    pub(super) elems: usize,
    stored: Option<Stored>,
}

impl GgufFloats {
    pub(super) fn new(blocks: Blocks, layout: Layout, elems: usize) -> Self {
        Self {
            blocks,
            layout,
            elems,
            stored: None,
        }
    }

    /// The same; those of f32 kernels may read where they are.
    pub(super) fn in_place(self) -> Self {
        let Blocks { source, offset, .. } = &self.blocks;
        let stored = Stored::new(source, *offset, 4 * self.elems, None);
        Self {
            stored: (self.layout == Layout::F32).then_some(stored),
            ..self
        }
    }
}

impl Floats for GgufFloats {
    fn name(&self) -> &str {
        &self.blocks.name
    }

    fn elems(&self) -> usize {
        self.elems
    }

    fn read(&self, first: usize, values: &mut [f32]) -> Result<(), FileError> {
        let end = first.checked_add(values.len());
        let end = end
            .filter(|end| *end <= self.elems)
            .expect("within the tensor");
        let (per, size) = (self.layout.weights(), self.layout.bytes());
        let blocks = first / per..end.div_ceil(per);
        let bytes = self.blocks.read(blocks.clone(), size)?;
        if per == 1 {
            self.layout.dequantize_into(&bytes, values);
        } else {
            let mut whole = vec![0.0; blocks.len() * per];
            self.layout.dequantize_into(&bytes, &mut whole);
            values.copy_from_slice(&whole[first - blocks.start * per..][..values.len()]);
        }
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(index) => Err(self.blocks.fault(TensorFault::NotFinite {
                offset: self.blocks.at((first + index) / per, size),
                index: first + index,
                found: values[index],
            })),
        }
    }

    fn let_go(&self) {
        self.blocks.source.let_go();
    }

    fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()
    }

    fn element(&self) -> (&'static str, u64) {
        let bits = 8 * self.layout.bytes() / self.layout.weights();
        // Plain numbers have one name, whatever file they are of.
        let name = match self.layout {
            Layout::F32 => "f32",
            Layout::F16 => "f16",
            Layout::Bf16 => "bf16",
            _ => self.layout.type_id().name().unwrap_or("weights"),
        };
        (name, bits as u64)
    }
}

/// A matrix of trits whose groups have one scale, or 0.
#[derive(Debug)]
pub(super) struct GroupedTrits {
    pub(super) blocks: Blocks,
    pub(super) ternary: Ternary,
    pub(super) shape: (usize, usize),
}

impl GroupedTrits {
    /// The scale of all groups but those that are 0.
    pub(super) fn scale(&self) -> Result<f32, FileError> {
        /// Blocks that are read at once.
        const CHUNK: usize = 1 << 12;
        let size = self.ternary.bytes();
        let all = self.shape.0 * self.shape.1 / self.ternary.group();
        let mut scale = 0.0;
        for first in (0..all).step_by(CHUNK) {
            let bytes = self.blocks.read(first..all.min(first + CHUNK), size)?;
            for (index, block) in bytes.chunks_exact(size).enumerate() {
                let found = self.ternary.scale(block);
                if found == 0.0 || found == scale {
                    continue;
                }
                let offset = self.blocks.at(first + index, size);
                if !found.is_finite() {
                    let expected = "scale of a group";
                    return Err(self.blocks.fault(TensorFault::Scale {
                        expected,
                        offset,
                        found,
                    }));
                }
                if scale != 0.0 {
                    return Err(self.blocks.fault(TensorFault::Scales {
                        expected: scale,
                        offset,
                        found,
                    }));
                }
                scale = found;
            }
        }
        Ok(scale)
    }
}

impl TritRows for GroupedTrits {
    fn name(&self) -> &str {
        &self.blocks.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn let_go(&self) {
        self.blocks.source.let_go();
    }

    fn element(&self) -> (&'static str, u64) {
        let id = Layout::Ternary(self.ternary).type_id();
        (id.name().unwrap_or("trits"), 2)
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        let (group, size) = (self.ternary.group(), self.ternary.bytes());
        let in_row = self.shape.1 / group;
        assert_eq!(trits.len(), rows.len() * self.shape.1, "room for the rows");
        let blocks = rows.start * in_row..rows.end * in_row;
        let bytes = self.blocks.read(blocks.clone(), size)?;
        let mut scales = vec![0.0; blocks.len()];
        let read = self.ternary.trits_into(&bytes, trits, &mut scales);
        read.map_err(|fault| {
            let (block, within) = (fault.index / group, fault.index % group);
            self.blocks.fault(TensorFault::Code {
                offset: self.blocks.at(blocks.start + block, size),
                index: (blocks.start + block) * group + within,
            })
        })?;
        for (group, scale) in trits.chunks_exact_mut(group).zip(scales) {
            if scale == 0.0 {
                group.fill(0);
            }
        }
        Ok(())
    }
}

/// The scales of the groups of a matrix of trits.
#[derive(Debug)]
pub(super) struct GroupScales {
    pub(super) blocks: Blocks,
    pub(super) ternary: Ternary,
    pub(super) groups: usize,
}

impl Floats for GroupScales {
    fn name(&self) -> &str {
        &self.blocks.name
    }

    fn elems(&self) -> usize {
        self.groups
    }

    fn read(&self, first: usize, values: &mut [f32]) -> Result<(), FileError> {
        let end = first.checked_add(values.len());
        let end = end.filter(|end| *end <= self.groups);
        let end = end.expect("within the tensor");
        let size = self.ternary.bytes();
        let bytes = self.blocks.read(first..end, size)?;
        for (i, (value, block)) in values.iter_mut().zip(bytes.chunks_exact(size)).enumerate() {
            *value = self.ternary.scale(block);
            if !value.is_finite() {
                return Err(self.blocks.fault(TensorFault::Scale {
                    expected: "scale of a group",
                    offset: self.blocks.at(first + i, size),
                    found: *value,
                }));
            }
        }
        Ok(())
    }

    fn let_go(&self) {
        self.blocks.source.let_go();
    }

    fn element(&self) -> (&'static str, u64) {
        ("f16", 16)
    }
}

/// A matrix of floats that are -s, 0 or s.
#[derive(Debug)]
pub(super) struct ExactTrits {
    pub(super) floats: GgufFloats,
    pub(super) shape: (usize, usize),
    pub(super) scale: f32,
}

impl ExactTrits {
    /// Reads all numbers for their scale: the first magnitude that is not 0.
    pub(super) fn new(floats: GgufFloats, shape: (usize, usize)) -> Result<Self, FileError> {
        let (rows, cols) = shape;
        let mut exact = Self {
            floats,
            shape,
            scale: 0.0,
        };
        let mut values = vec![0.0; cols];
        for row in 0..rows {
            exact.floats.read(row * cols, &mut values)?;
            if let Some(found) = values.iter().find(|v| **v != 0.0) {
                exact.scale = found.abs();
                break;
            }
        }
        let mut trits = vec![0; cols];
        for row in 0..rows {
            exact.read(row..row + 1, &mut trits)?;
        }
        Ok(exact)
    }
}

impl TritRows for ExactTrits {
    fn name(&self) -> &str {
        self.floats.name()
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn let_go(&self) {
        self.floats.let_go();
    }

    fn element(&self) -> (&'static str, u64) {
        self.floats.element()
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        assert_eq!(trits.len(), rows.len() * self.shape.1, "room for the rows");
        let first = rows.start * self.shape.1;
        let mut values = vec![0.0; trits.len()];
        self.floats.read(first, &mut values)?;
        for (index, (trit, &found)) in trits.iter_mut().zip(&values).enumerate() {
            *trit = i8::from(found > 0.0) - i8::from(found < 0.0);
            if found.abs() != self.scale && found != 0.0 {
                let index = first + index;
                let fault = TensorFault::NotTernary { index, found };
                return Err(self.floats.blocks.fault(fault));
            }
        }
        Ok(())
    }
}
