//! Seeded random tensors, for tests and benchmarks that need no file.

use super::{
    EmbeddingTable, Floats, Kind, Param, Role, Tensor, Tensors, Ternary, TernaryGroups,
    TernaryTensor, TritRows, Values,
};
use crate::error::FileError;
use crate::rng::SplitMix64;
use std::ops::Range;
use std::sync::Arc;

/// Random tensors for `params`, the same on every machine; each number is drawn from `splitmix64` in their order.
///
/// - trits are -1, 0 or 1 alike; one row in 16 is all 0, one all +1, one all -1;
/// - a product's scale is near `(2/3 cols)^-1/2`, an embedding's near 1, so that activations stay near 1;
/// - floats are in the interval that their parameter names;
/// - matrices for int8 activations and tables, which may be large, are made when they are read, of other numbers.
pub(crate) fn random_tensors(params: &[Param], seed: u64) -> Tensors {
    let mut random = Random(SplitMix64::new(seed));
    let named = params.iter().map(|p| (p.name.clone(), random.tensor(p)));
    named.collect()
}

struct Random(SplitMix64);

impl Random {
    fn tensor(&mut self, param: &Param) -> Tensor {
        let name = param.name.clone();
        match param.kind {
            Kind::Ternary {
                rows,
                cols,
                role,
                group,
            } if role == Role::MatrixI8 || group.is_some() => Tensor::Ternary(TernaryTensor {
                groups: group.map(|group| self.groups(&name, (rows, cols), role, group)),
                scale: match group {
                    Some(_) => 1.0,
                    None => self.scale(cols),
                },
                rows: Arc::new(RandomRows::new(param, (rows, cols), &mut self.0)),
            }),
            Kind::Ternary {
                rows, cols, role, ..
            } => self.ternary(name, (rows, cols), role).into(),
            Kind::Table { rows, cols } => {
                let rows_of = RandomRows::new(param, (rows, cols), &mut self.0);
                Tensor::Table(EmbeddingTable::f32((rows, cols), Arc::new(rows_of)))
            }
            Kind::Floats(_) => self.values(param).into(),
        }
    }

    fn ternary(&mut self, name: String, (rows, cols): (usize, usize), role: Role) -> Ternary {
        let scale = match role {
            Role::Embedding => self.between((0.75, 1.25)),
            _ => self.scale(cols),
        };
        let mut trits = Vec::with_capacity(rows * cols);
        for _ in 0..rows {
            self.push_row(cols, &mut trits);
        }
        Ternary {
            name,
            rows,
            cols,
            scale,
            trits,
        }
    }

    /// Scales of groups of columns, near what the scale of the whole would be.
    fn groups(
        &mut self,
        name: &str,
        (rows, cols): (usize, usize),
        role: Role,
        group: usize,
    ) -> TernaryGroups {
        let near = match role {
            Role::Embedding => 1.0,
            _ => 1.0 / (cols as f32 * 2.0 / 3.0).sqrt(),
        };
        let typical = (0.75 * near, 1.25 * near);
        let scales = RandomRows {
            name: name.to_owned(),
            shape: (rows, cols / group),
            typical,
            seed: self.0.next_u64(),
        };
        TernaryGroups {
            cols: group,
            scales: Arc::new(scales),
        }
    }

    /// The scale of a product.
    fn scale(&mut self, cols: usize) -> f32 {
        self.between((0.75, 1.25)) / (cols as f32 * 2.0 / 3.0).sqrt()
    }

    fn push_row(&mut self, cols: usize, trits: &mut Vec<i8>) {
        match self.0.next_u64() >> 60 {
            0 => trits.extend(std::iter::repeat_n(0, cols)),
            1 => trits.extend(std::iter::repeat_n(1, cols)),
            2 => trits.extend(std::iter::repeat_n(-1, cols)),
            _ => trits.extend((0..cols).map(|_| (((self.0.next_u64() >> 32) * 3) >> 32) as i8 - 1)),
        }
    }

    fn values(&mut self, param: &Param) -> Values {
        let values = (0..param.kind.elems()).map(|_| self.between(param.typical));
        Values {
            name: param.name.clone(),
            values: values.collect(),
        }
    }

    /// Returns a number in `[low, high)`.
    fn between(&mut self, (low, high): (f32, f32)) -> f32 {
        low + (high - low) * self.0.next_f32()
    }
}

/// Rows that are made when they are read, each from a seed of its own.
#[derive(Debug)]
struct RandomRows {
    name: String,
    shape: (usize, usize),
    typical: (f32, f32),
    seed: u64,
}

impl RandomRows {
    fn new(param: &Param, shape: (usize, usize), random: &mut SplitMix64) -> RandomRows {
        RandomRows {
            name: param.name.clone(),
            shape,
            typical: param.typical,
            seed: random.next_u64(),
        }
    }

    fn row(&self, row: usize) -> SplitMix64 {
        SplitMix64::new(self.seed ^ SplitMix64::new(row as u64).next_u64())
    }
}

impl TritRows for RandomRows {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn read(&self, rows: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        let (_, cols) = self.shape;
        assert_eq!(trits.len(), rows.len() * cols, "room for the rows");
        for (row, trits) in rows.zip(trits.chunks_exact_mut(cols.max(1))) {
            let mut random = self.row(row);
            for trits in trits.chunks_mut(8) {
                let bytes = random.next_u64().to_le_bytes();
                for (trit, byte) in trits.iter_mut().zip(bytes) {
                    *trit = ((u16::from(byte) * 3) >> 8) as i8 - 1;
                }
            }
        }
        Ok(())
    }
}

impl Floats for RandomRows {
    fn name(&self) -> &str {
        &self.name
    }

    fn elems(&self) -> usize {
        self.shape.0 * self.shape.1
    }

    fn read(&self, first: usize, values: &mut [f32]) -> Result<(), FileError> {
        let (_, cols) = self.shape;
        assert!(first + values.len() <= self.elems(), "within the tensor");
        let (low, high) = self.typical;
        let mut at = first;
        let mut rest = values;
        while !rest.is_empty() {
            let (row, skip) = (at / cols, at % cols);
            let (part, more) = rest.split_at_mut(rest.len().min(cols - skip));
            let mut random = self.row(row);
            for _ in 0..skip {
                random.next_u64();
            }
            for value in &mut *part {
                *value = low + (high - low) * random.next_f32();
            }
            at += part.len();
            rest = more;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Vec<Param> {
        let param = |name: &str, kind| Param {
            name: name.to_owned(),
            kind,
            prepare: Default::default(),
            typical: (-2.0, 3.0),
        };
        let (rows, cols, role) = (64, 7, Role::Embedding);
        vec![
            param(
                "embed",
                Kind::Ternary {
                    rows,
                    cols,
                    role,
                    group: None,
                },
            ),
            param("a", Kind::Floats(vec![500])),
            param("table", Kind::Table { rows: 3, cols: 4 }),
        ]
    }

    #[test]
    fn the_seed_decides() {
        let trits = |seed| {
            let tensors = random_tensors(&params(), seed);
            let embed = tensors["embed"].as_ternary().map(|w| w.read());
            embed.expect("it is ternary").expect("it is in memory")
        };
        assert_eq!(trits(1), trits(1));
        assert_ne!(trits(1), trits(2));
    }

    #[test]
    fn some_rows_are_all_alike_and_floats_are_in_their_interval() {
        let tensors = random_tensors(&params(), 1);
        let embed = tensors["embed"].as_ternary().expect("it is ternary");
        let embed = embed.read().expect("it is in memory");
        for trit in -1..=1 {
            let alike = |r: usize| embed.row(r).iter().all(|&t| t == trit);
            assert!((0..64).any(alike), "no row of {trit}");
        }
        let a = tensors["a"].as_floats().expect("they are floats");
        let a = a.all().expect("they are in memory");
        assert!(a.iter().all(|x| (-2.0..3.0).contains(x)));
        assert!(a.iter().any(|x| *x < -1.9) && a.iter().any(|x| *x > 2.9));
        assert_eq!(tensors["table"].shape(), (3, 4));
    }
}
