//! Seeded random tensors, for tests and benchmarks that need no file.

use super::{EmbeddingTable, Kind, Param, Role, Tensor, Tensors, Ternary, Values};
use crate::rng::SplitMix64;
use std::sync::Arc;

/// Random tensors for `params`, the same on every machine; each number is drawn from `splitmix64` in their order.
///
/// - trits are -1, 0 or 1 alike; one row in 16 is all 0, one all +1, one all -1;
/// - a product's scale is near `(2/3 cols)^-1/2`, an embedding's near 1, so that activations stay near 1;
/// - floats are in the interval that their parameter names.
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
            Kind::Ternary { rows, cols, role } => self.ternary(name, (rows, cols), role).into(),
            Kind::Table { rows, cols } => {
                let values = self.values(param);
                Tensor::Table(EmbeddingTable::f32((rows, cols), Arc::new(values)))
            }
            Kind::Floats(_) => self.values(param).into(),
        }
    }

    fn ternary(&mut self, name: String, (rows, cols): (usize, usize), role: Role) -> Ternary {
        let norm = match role {
            Role::Embedding => 1.0,
            _ => (cols as f32 * 2.0 / 3.0).sqrt(),
        };
        let scale = self.between((0.75, 1.25)) / norm;
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
            param("embed", Kind::Ternary { rows, cols, role }),
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
