//! Seeded random models, for tests and benchmarks that need no file.

use std::convert::Infallible;

use super::model::{AtomeModel, Ternary};
use super::schema::{self, TensorName, TensorSource};
use super::{AtomeConfig, Format, MAX_CLASSES};
use crate::rng::SplitMix64;

impl AtomeModel {
    /// Makes a model of random weights: a classifier if `classes` is given, else a language model.
    ///
    /// The same arguments give the same model on every machine; each number is drawn from `splitmix64` in the order of
    /// the file. Values are such that activations stay near 1 at any width and depth:
    /// - trits are -1, 0 or 1 alike; one row in 16 is all 0, one all +1, one all -1;
    /// - a product's scale is near `(2/3 cols)^-1/2`, the embedding's near 1;
    /// - gains are in `[0.5, 1.5)`, offsets in `[-0.5, 0.5)`, the state's `a` in `[-2, 2)`, `b` and `c` in `[-1, 1)`.
    ///
    /// # Panics
    /// If the config does not [validate](AtomeConfig::validate), or `classes` is not 1 to [`MAX_CLASSES`].
    #[must_use]
    pub fn random(config: AtomeConfig, classes: Option<usize>, seed: u64) -> Self {
        if let Err(fault) = config.validate() {
            panic!("a random model of impossible dimensions: {fault}");
        }
        assert!(
            classes.is_none_or(|n| (1..=MAX_CLASSES).contains(&n)),
            "a random model of {classes:?} classes"
        );
        let format = if classes.is_some() {
            Format::AtomeCl01
        } else {
            Format::Atome01
        };
        let mut source = Random(SplitMix64::new(seed));
        match schema::assemble(&config, format, classes, &mut source) {
            Ok(model) => model,
            Err(impossible) => match impossible {},
        }
    }
}

struct Random(SplitMix64);

impl Random {
    /// Returns a number in `[low, high)`.
    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.next_f32()
    }

    fn push_row(&mut self, cols: usize, trits: &mut Vec<i8>) {
        match self.0.next_u64() >> 60 {
            0 => trits.extend(std::iter::repeat_n(0, cols)),
            1 => trits.extend(std::iter::repeat_n(1, cols)),
            2 => trits.extend(std::iter::repeat_n(-1, cols)),
            _ => trits.extend((0..cols).map(|_| (((self.0.next_u64() >> 32) * 3) >> 32) as i8 - 1)),
        }
    }
}

impl TensorSource for Random {
    type Error = Infallible;

    fn ternary(
        &mut self,
        name: TensorName,
        rows: usize,
        cols: usize,
    ) -> Result<Ternary, Infallible> {
        let name = name.to_string();
        let norm = if name == "embed" {
            1.0
        } else {
            (cols as f32 * 2.0 / 3.0).sqrt()
        };
        let scale = self.between(0.75, 1.25) / norm;
        let mut trits = Vec::with_capacity(rows * cols);
        for _ in 0..rows {
            self.push_row(cols, &mut trits);
        }
        Ok(Ternary {
            name,
            rows,
            cols,
            scale,
            trits,
        })
    }

    fn floats(&mut self, name: TensorName, len: usize) -> Result<Vec<f32>, Infallible> {
        let (low, high) = match name.part() {
            "norm.gamma" => (0.5, 1.5),
            "norm.beta" => (-0.5, 0.5),
            "a" => (-2.0, 2.0),
            _ => (-1.0, 1.0),
        };
        Ok((0..len).map(|_| self.between(low, high)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: AtomeConfig = AtomeConfig {
        vocab_size: 64,
        d_model: 7,
        n_layers: 2,
        d_head: 3,
        top_k: 2,
        kernel_size: 3,
        max_seq: 8,
    };

    #[test]
    fn the_seed_decides() {
        let model = AtomeModel::random(SMALL, Some(3), 1);
        assert_eq!(model, AtomeModel::random(SMALL, Some(3), 1));
        assert_ne!(model, AtomeModel::random(SMALL, Some(3), 2));
        assert_eq!(
            (model.format, model.classes()),
            (Format::AtomeCl01, Some(3))
        );
        assert_eq!(AtomeModel::random(SMALL, None, 1).head, None);
    }

    #[test]
    fn shapes_and_names_are_those_of_the_config() {
        let model = AtomeModel::random(SMALL, None, 1);
        let shape = |t: &Ternary| (t.name.clone(), t.rows, t.cols, t.trits.len());
        assert_eq!(shape(&model.embed), ("embed".into(), 64, 7, 448));
        assert_eq!(
            shape(&model.blocks[1].conv),
            ("blocks.1.conv".into(), 7, 3, 21)
        );
        assert_eq!(shape(&model.blocks[1].wk), ("blocks.1.wk".into(), 3, 7, 21));
        assert_eq!(shape(&model.blocks[0].wv), ("blocks.0.wv".into(), 7, 7, 49));
        assert_eq!(
            shape(&model.blocks[0].router),
            ("blocks.0.router".into(), 3, 7, 21)
        );
        assert_eq!(shape(&model.unembed), ("unembed".into(), 64, 7, 448));
        assert_eq!(model.blocks.len(), 2);
        assert_eq!(
            model.parameters(),
            2 * 448 + 2 * (5 * 7 + 21 + 2 * 21 + 49 + 21) + 2 * 7
        );
    }

    #[test]
    fn some_rows_are_all_alike() {
        let model = AtomeModel::random(SMALL, None, 1);
        for trit in -1..=1 {
            assert!(
                (0..64).any(|r| model.embed.row(r).iter().all(|&t| t == trit)),
                "no row of {trit}"
            );
        }
    }
}
