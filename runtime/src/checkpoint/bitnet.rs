//! A BitNet b1.58 model from a directory of model hubs: ternary matrices four rows a byte, or the floats that they were
//! trained as.

use super::Checkpoint;
use crate::error::{EntryFault, FileError, TensorFault};
use crate::families::hybrid::{HubWeights, Hybrid, hub_name};
use crate::format::Format;
use crate::format::folder::FloatFolder;
use crate::parallel::{self, Counter};
use crate::progress::Progress;
use crate::tensor::{
    EmbeddingTable, Floats, Kind, Latent, Param, Source, Tensor, TernaryGroups, TernaryTensor,
    TritRows, Values, read_all,
};
use safetensors::Dtype;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Rows whose trits are in a byte.
const ROWS: usize = 4;

/// Reads the model of a `config.json` and of the tensors beside it. All numbers are read once, trits and tables again when they are
/// wanted.
///
/// # Errors
/// The first fault, with the path of the file it is in if it is one of a tensor.
pub(super) fn load(
    (model, stored): (Hybrid, HubWeights),
    weights: &FloatFolder,
    progress: Progress<'_>,
) -> Result<Checkpoint, FileError> {
    let mut checkpoint = Checkpoint::empty(model.graph()?, None, Format::Folder)?;
    let reader = Reader { weights, stored };
    reader.refuse_extra(checkpoint.params())?;
    let read = Counter::new(checkpoint.parameters(), progress);
    let params: Vec<&Param> = checkpoint.params().iter().collect();
    let tensors = parallel::map(&params, |param| {
        let tensor = reader.tensor(param)?;
        read.add(param.kind.elems());
        Ok((param.name.clone(), tensor))
    });
    checkpoint.tensors = tensors.into_iter().collect::<Result<_, FileError>>()?;
    Ok(checkpoint)
}

/// Makes parameters of the tensors of a directory.
struct Reader<'w> {
    weights: &'w FloatFolder,
    stored: HubWeights,
}

impl Reader<'_> {
    /// The tensor of a packed matrix's scale.
    fn scale_of(name: &str) -> String {
        format!("{name}_scale")
    }

    fn is_packed(&self) -> bool {
        self.stored != HubWeights::Latent
    }

    /// Refuses what no parameter is made of.
    fn refuse_extra(&self, params: &[Param]) -> Result<(), FileError> {
        let mut used = BTreeSet::new();
        for param in params {
            let name = hub_name(&param.name);
            if self.is_packed() && matches!(param.kind, Kind::Ternary { .. }) {
                used.insert(Self::scale_of(&name));
            }
            used.insert(name);
        }
        match self.weights.names().find(|name| !used.contains(*name)) {
            None => Ok(()),
            Some(name) => {
                let fault = FileError::entry(name, EntryFault::Unknown);
                Err(self.weights.in_its_file(name, fault))
            }
        }
    }

    fn tensor(&self, param: &Param) -> Result<Tensor, FileError> {
        let name = hub_name(&param.name);
        let in_its_file = |fault| self.weights.in_its_file(&name, fault);
        let floats = |shape: &[usize]| self.weights.floats(&name, shape, &param.name);
        match &param.kind {
            Kind::Ternary {
                rows, cols, group, ..
            } => {
                let (rows, scale) = self.trits(&name, param, (*rows, *cols))?;
                let groups = group.map(|group| one_scale_for_all(&*rows, group));
                Ok(Tensor::Ternary(TernaryTensor {
                    rows,
                    scale,
                    groups,
                }))
            }
            Kind::Table { rows, cols } => {
                let values = floats(&[*rows, *cols])?;
                read_all(&values).map_err(in_its_file)?;
                let table = EmbeddingTable::f32((*rows, *cols), Arc::new(values));
                Ok(Tensor::Table(table))
            }
            Kind::Floats(shape) => {
                let values = floats(shape)?;
                read_all(&values).map_err(in_its_file)?;
                Ok(Tensor::Floats(Arc::new(values)))
            }
        }
    }

    /// A matrix and its scale.
    fn trits(
        &self,
        name: &str,
        param: &Param,
        shape: (usize, usize),
    ) -> Result<(Arc<dyn TritRows>, f32), FileError> {
        let in_its_file = |fault| self.weights.in_its_file(name, fault);
        if !self.is_packed() {
            let floats = self
                .weights
                .floats(name, &[shape.0, shape.1], &param.name)?;
            let latent = Latent::new(floats, shape).map_err(in_its_file)?;
            let scale = latent.scale();
            return Ok((Arc::new(latent), scale));
        }
        let bytes = [shape.0.div_ceil(ROWS), shape.1];
        let (source, offset) = self.weights.bytes(name, (Dtype::U8, &bytes))?;
        let trits = RowsOfBytes {
            name: param.name.clone(),
            source,
            offset,
            shape,
        };
        trits.check().map_err(in_its_file)?;
        Ok((Arc::new(trits), self.scale(name)?))
    }

    /// What a packed matrix is multiplied by.
    fn scale(&self, name: &str) -> Result<f32, FileError> {
        let name = Self::scale_of(name);
        let is_number = self.weights.shape(&name).is_some_and(<[usize]>::is_empty);
        let shape: &[usize] = if is_number { &[] } else { &[1] };
        let mut value = [0.0];
        let read = self
            .weights
            .floats(&name, shape, &name)?
            .read(0, &mut value);
        read.map_err(|fault| self.weights.in_its_file(&name, fault))?;
        let scale = match self.stored {
            HubWeights::PackedOver => 1.0 / value[0],
            HubWeights::PackedTimes | HubWeights::Latent => value[0],
        };
        match scale.is_finite() && scale.is_sign_positive() {
            true => Ok(scale),
            false => {
                let expected = match self.stored {
                    HubWeights::PackedOver => "a number above 0, which products are divided by",
                    _ => "a number of 0 or more, which products are multiplied by",
                };
                let fault = EntryFault::Kind {
                    expected: expected.to_owned(),
                    found: value[0].to_string(),
                };
                let fault = FileError::entry(&name, fault);
                Err(self.weights.in_its_file(&name, fault))
            }
        }
    }
}

/// Groups of columns of a matrix that has one scale.
fn one_scale_for_all(rows: &dyn TritRows, cols: usize) -> TernaryGroups {
    let (count, width) = rows.shape();
    TernaryGroups {
        cols,
        scales: Arc::new(Values {
            name: rows.name().to_owned(),
            values: vec![1.0; count * (width / cols)],
        }),
    }
}

/// Trits of four rows a byte: the codes `trit + 1` of a row of the first quarter are in the lowest bits.
#[derive(Debug)]
struct RowsOfBytes {
    name: String,
    source: Arc<Source>,
    offset: u64,
    shape: (usize, usize),
}

impl RowsOfBytes {
    /// Reads all codes that stand for trits of rows.
    fn check(&self) -> Result<(), FileError> {
        let (rows, cols) = self.shape;
        let mut trits = vec![0; cols];
        (0..rows).try_for_each(|row| self.read(row..row + 1, &mut trits))
    }
}

impl TritRows for RowsOfBytes {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        let (all, cols) = self.shape;
        assert_eq!(trits.len(), rows.len() * cols, "room for the rows");
        let quarter = all.div_ceil(ROWS);
        let mut bytes = vec![0; cols];
        for (row, trits) in rows.zip(trits.chunks_exact_mut(cols.max(1))) {
            let (shift, first) = (2 * (row / quarter), row % quarter * cols);
            let offset = self.offset + first as u64;
            self.source.read(offset, &mut bytes)?;
            for (trit, byte) in trits.iter_mut().zip(&bytes) {
                *trit = (byte >> shift & 3) as i8 - 1;
            }
            if let Some(col) = trits.iter().position(|trit| *trit > 1) {
                let fault = TensorFault::Code {
                    offset: offset + col as u64,
                    index: row * cols + col,
                };
                return Err(FileError::tensor(&self.name, fault));
            }
        }
        Ok(())
    }

    fn let_go(&self) {
        self.source.let_go();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: Vec<u8>, shape: (usize, usize)) -> RowsOfBytes {
        RowsOfBytes {
            name: "w".into(),
            source: Arc::new(Source::Memory(bytes)),
            offset: 0,
            shape,
        }
    }

    #[test]
    fn quarters_of_rows_are_in_two_bits_each() {
        // Six rows in bytes of two: 0, 2 and 4 are in the first, 1, 3 and 5 in the second.
        let matrix = rows(vec![0b10_00_01_00, 0b01_10_00], (6, 1));
        let mut trits = vec![0; 6];
        matrix.read(0..6, &mut trits).expect("trits");
        assert_eq!(trits, [-1, -1, 0, 1, -1, 0]);
        matrix.read(3..5, &mut trits[..2]).expect("trits");
        assert_eq!(trits[..2], [1, -1]);
    }

    #[test]
    fn a_code_of_three_is_no_trit_but_in_padding() {
        let matrix = rows(vec![0, 0b11_00], (8, 1));
        let fault = matrix.check().expect_err("a code of 3");
        let text = fault.to_string();
        assert!(text.contains("byte 1") && text.contains('3'), "{text}");
        assert!(rows(vec![0, 0b1100_0000], (7, 1)).check().is_ok());
    }
}
