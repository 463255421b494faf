//! Every gradient against differences of the loss.

use super::{Block, ClassEntropy, CrossEntropy, Embed, LayerNorm, Linear, Mix, Rows};
use crate::tape::Tape;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

const SHAPES: &[Shape] = &[
    Shape {
        sequence: 7,
        d: 5,
        d_head: 3,
        top_k: 2,
        taps: 3,
    },
    Shape {
        sequence: 3,
        d: 17,
        d_head: 1,
        top_k: 8,
        taps: 5,
    },
    Shape {
        sequence: 1,
        d: 16,
        d_head: 4,
        top_k: 1,
        taps: 1,
    },
];
const SEQUENCES: usize = 2;
const VOCAB: usize = 11;

#[derive(Clone, Copy, Debug)]
struct Shape {
    sequence: usize,
    d: usize,
    d_head: usize,
    top_k: usize,
    taps: usize,
}

/// A model of one block on leaves of random numbers.
struct Probe {
    shape: Shape,
    ids: Vec<u8>,
    targets: Vec<u8>,
    leaves: Vec<Vec<f32>>,
}

impl Probe {
    fn new(shape: Shape, seed: u64) -> Probe {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let Shape {
            d, d_head, taps, ..
        } = shape;
        let sizes = [
            (VOCAB, d),
            (5 + taps, d),
            (2 * d_head + d + 3, d),
            (2, d),
            (VOCAB, d),
        ];
        let leaves = sizes.map(|(rows, cols)| {
            let values = (0..rows * cols).map(|_| 0.7 * rng.sample::<f32, _>(StandardNormal));
            values.collect()
        });
        let positions = SEQUENCES * shape.sequence;
        let mut bytes = || {
            (0..positions)
                .map(|_| rng.random_range(0..VOCAB as u8))
                .collect()
        };
        Probe {
            shape,
            ids: bytes(),
            targets: bytes(),
            leaves: leaves.into(),
        }
    }

    /// The loss of what follows every position, or of the classes of the sequences' second-to-last ones.
    fn loss(&self, of_classes: bool) -> Tape<'_> {
        let Shape {
            sequence,
            d,
            d_head,
            top_k,
            ..
        } = self.shape;
        let mix = Mix {
            sequence,
            d,
            d_head,
            top_k,
        };
        let mut tape = Tape::recording(&self.leaves);
        let ids = self.ids.clone().into();
        tape.apply(Embed { ids, width: d }, 0..1);
        tape.apply(Block::new(mix), 1..3);
        let last: Vec<usize> = (1..=SEQUENCES)
            .map(|i| (i * sequence).saturating_sub(2).max((i - 1) * sequence))
            .collect();
        if of_classes {
            let rows = last.clone().into();
            tape.apply(Rows { rows, width: d }, 0..0);
        }
        tape.apply(LayerNorm, 3..4);
        let unembed = Linear {
            rows: VOCAB,
            cols: d,
        };
        tape.apply(unembed, 4..5);
        if of_classes {
            let targets = last.iter().map(|at| usize::from(self.targets[*at]));
            let loss = ClassEntropy {
                targets: targets.collect(),
                weights: vec![0.5, 2.0],
            };
            tape.apply(loss, 0..0);
            return tape;
        }
        let loss = CrossEntropy {
            targets: self.targets.clone().into(),
            vocab: VOCAB,
            weight: 1.0,
        };
        tape.apply(loss, 0..0);
        tape
    }

    /// The loss with one number moved.
    fn moved(&mut self, of_classes: bool, leaf: usize, at: usize, by: f32) -> f64 {
        let before = self.leaves[leaf][at];
        self.leaves[leaf][at] += by;
        let loss = f64::from(self.loss(of_classes).result()[0]);
        self.leaves[leaf][at] = before;
        loss
    }
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    const STEP: f32 = 1e-2;
    for (seed, &shape) in SHAPES.iter().enumerate() {
        for of_classes in [false, true] {
            let mut probe = Probe::new(shape, seed as u64);
            let gradients = probe.loss(of_classes).backward();
            let (mut checked, mut off) = (0, 0);
            for (leaf, gradient) in gradients.iter().enumerate() {
                for (at, &grad) in gradient.iter().enumerate().step_by(3) {
                    let mut moved = |by| probe.moved(of_classes, leaf, at, by);
                    let slope = (moved(STEP) - moved(-STEP)) / (2.0 * f64::from(STEP));
                    checked += 1;
                    // The loss is f32 and curved; where a move changes which positions attention
                    // keeps, it jumps.
                    let tolerance = 2e-2 + 2e-2 * slope.abs();
                    off += usize::from((slope - f64::from(grad)).abs() > tolerance);
                }
            }
            assert!(checked > 60, "{shape:?}: {checked}");
            assert!(
                off * 50 <= checked,
                "{shape:?}: {off} of {checked} gradients are off"
            );
        }
    }
}
