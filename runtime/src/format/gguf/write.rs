//! Tensors to a GGUF file, a part at a time.

use super::scale_name;
use crate::error::FileError;
use crate::format::{PackSummary, PackedTensor, WriteError};
use crate::progress::Progress;
use crate::tensor::{self, Floats, Kind, Param, Tensor, TritRows};
use atome_gguf::write::Writer as Header;
use atome_gguf::{Layout, Ternary, TypeId};
use atome_spec::Packing;
use std::io::{self, Write};

/// Numbers that are in memory at once, about.
const CHUNK: usize = 1 << 20;

/// The longest name of a tensor.
const MAX_NAME_BYTES: usize = 63;

/// A model to be written: its keys, and its tensors in its own order.
pub(crate) struct Writer<'m> {
    pub(crate) header: Header,
    pub(crate) packing: Packing,
    pub(crate) params: &'m [Param],
    pub(crate) tensors: &'m tensor::Tensors,
}

/// The type that trits of rows of so many columns are written as.
fn layout(packing: Packing, cols: usize) -> Layout {
    let fits = |ternary: &&Ternary| cols.is_multiple_of(ternary.group());
    let types: &[Ternary] = match packing {
        Packing::Base3 => &[Ternary::Tq1_0, Ternary::Ptq1_0, Ternary::Q2_0G64],
        _ => &[Ternary::Tq2_0, Ternary::Q2_0G64],
    };
    // f16 holds trits whatever the width of a row is.
    let ternary = types.iter().find(fits).copied();
    ternary.map_or(Layout::F16, Layout::Ternary)
}

impl Writer<'_> {
    /// Writes the file to `out`; `failed` says what could not be written. `progress` is told how many numbers, of how many,
    /// are written.
    ///
    /// # Errors
    /// If a tensor cannot be read, has a name too long for the format, or `out` fails.
    pub(crate) fn write(
        mut self,
        out: &mut impl Write,
        failed: impl Fn(io::Error) -> WriteError,
        progress: Progress<'_>,
    ) -> Result<PackSummary, WriteError> {
        let padding = self.declare()?;
        let header = self.header.header();
        out.write_all(&header).map_err(&failed)?;
        let (mut bytes, mut done) = (header.len() as u64, 0);
        let total = self.params.iter().map(|param| param.kind.elems()).sum();
        let mut tensors = Vec::new();
        for (param, [zeros, scale_zeros]) in self.params.iter().zip(padding) {
            let tensor = &self.tensors[&param.name];
            let mut written = PackedTensor {
                name: param.name.clone(),
                shape: tensor.shape(),
                bytes: 0,
                scale: None,
                zeros: None,
                error: None,
            };
            let mut put = |part: &[u8]| {
                written.bytes += part.len() as u64;
                out.write_all(part).map_err(&failed)
            };
            let mut told = |elems| {
                done += elems;
                progress(done, total);
            };
            match tensor {
                Tensor::Ternary(w) => {
                    written.scale = Some(w.scale);
                    let all = self.trits(&*w.rows, &mut put, &mut told)?;
                    let elems = param.kind.elems().max(1);
                    written.zeros = Some(all as f64 / elems as f64);
                    put(&vec![0; zeros as usize])?;
                    put(&w.scale.to_le_bytes())?;
                    put(&vec![0; scale_zeros as usize])?;
                }
                Tensor::Table(table) => {
                    let (rows, cols) = table.shape();
                    let step = (CHUNK / cols.max(1)).max(1);
                    let mut values = vec![0.0; step * cols];
                    for start in (0..rows).step_by(step) {
                        let end = rows.min(start + step);
                        let values = &mut values[..(end - start) * cols];
                        table.read(start..end, values)?;
                        put(&le_bytes(values))?;
                        told(values.len());
                    }
                    put(&vec![0; zeros as usize])?;
                }
                Tensor::Floats(values) => {
                    floats(&**values, &mut put, &mut told)?;
                    put(&vec![0; zeros as usize])?;
                }
            }
            bytes += written.bytes;
            tensors.push(written);
        }
        Ok(PackSummary { bytes, tensors })
    }

    /// Adds every tensor to the table; gives the zeros behind each, and behind its scale.
    fn declare(&mut self) -> Result<Vec<[u64; 2]>, WriteError> {
        let mut padding = Vec::new();
        for param in self.params {
            let name = match &param.kind {
                Kind::Ternary { .. } => scale_name(&param.name),
                _ => param.name.clone(),
            };
            let (found, max) = (name.len().max(param.name.len()), MAX_NAME_BYTES);
            if found > max {
                let tensor = param.name.clone();
                return Err(WriteError::Name { tensor, max, found });
            }
            let name = param.name.as_str();
            padding.push(match &param.kind {
                Kind::Ternary { rows, cols, .. } => {
                    let layout = layout(self.packing, *cols);
                    let bytes = rows * cols / layout.weights() * layout.bytes();
                    let dims = [*cols as u64, *rows as u64];
                    let zeros = self
                        .header
                        .declare(name, &dims, layout.type_id(), bytes as u64);
                    let scale = scale_name(name);
                    [zeros, self.header.declare(&scale, &[1], TypeId::F32, 4)]
                }
                kind => {
                    let shape = match kind {
                        Kind::Floats(shape) => shape.clone(),
                        kind => <[usize; 2]>::from(kind.matrix()).to_vec(),
                    };
                    let dims: Vec<u64> = shape.iter().rev().map(|dim| *dim as u64).collect();
                    let bytes = 4 * kind.elems() as u64;
                    [self.header.declare(name, &dims, TypeId::F32, bytes), 0]
                }
            });
        }
        Ok(padding)
    }

    /// Writes trits as blocks whose scale is 1; gives the number of zeros.
    fn trits(
        &self,
        w: &dyn TritRows,
        put: &mut dyn FnMut(&[u8]) -> Result<(), WriteError>,
        told: &mut dyn FnMut(usize),
    ) -> Result<usize, WriteError> {
        let (rows, cols) = w.shape();
        let layout = layout(self.packing, cols);
        let step = (CHUNK / cols.max(1)).max(1);
        let mut zeros = 0;
        for start in (0..rows).step_by(step) {
            let part = start..rows.min(start + step);
            let mut trits = vec![0; part.len() * cols];
            w.read(part, &mut trits)?;
            tensor::check_trits(w.name(), start * cols, &trits).map_err(FileError::from)?;
            zeros += trits.iter().filter(|trit| **trit == 0).count();
            match layout {
                Layout::Ternary(ternary) => {
                    let mut bytes = vec![0; trits.len() / ternary.group() * ternary.bytes()];
                    ternary.pack_into(&trits, 1.0, &mut bytes);
                    put(&bytes)?;
                }
                _ => {
                    let halves = trits
                        .iter()
                        .map(|trit| half::f16::from(*trit).to_le_bytes());
                    put(&halves.flatten().collect::<Vec<u8>>())?;
                }
            }
            told(trits.len());
        }
        Ok(zeros)
    }
}

fn floats(
    from: &dyn Floats,
    put: &mut dyn FnMut(&[u8]) -> Result<(), WriteError>,
    told: &mut dyn FnMut(usize),
) -> Result<(), WriteError> {
    let mut values = vec![0.0; CHUNK.min(from.elems())];
    for first in (0..from.elems()).step_by(CHUNK) {
        let count = CHUNK.min(from.elems() - first);
        let values = &mut values[..count];
        from.read(first, values)?;
        tensor::check_finite(from.name(), first, values).map_err(FileError::from)?;
        put(&le_bytes(values))?;
        told(count);
    }
    Ok(())
}

fn le_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
