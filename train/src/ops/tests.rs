//! Every gradient against differences of the loss.

use super::{Block, CrossEntropy, Embed, LayerNorm, Linear, Mix};
use candle_core::{Device, Result, Tensor, Var};
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
    leaves: Vec<(Vec<f32>, (usize, usize))>,
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
            (values.collect(), (rows, cols))
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

    fn loss(&self, leaves: &[Tensor]) -> Result<Tensor> {
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
        let ids = self.ids.clone().into();
        let x = leaves[0].apply_op1(Embed { ids })?;
        let x = x.apply_op3(&leaves[1], &leaves[2], Block::new(mix))?;
        let logits = x
            .apply_op2(&leaves[3], LayerNorm)?
            .apply_op2(&leaves[4], Linear)?;
        let targets = self.targets.clone().into();
        logits.apply_op1(CrossEntropy {
            targets,
            weight: 1.0,
        })
    }

    fn vars(&self) -> Result<Vec<Var>> {
        let leaves = self.leaves.iter();
        let var =
            |(values, shape): &(Vec<f32>, _)| Var::from_vec(values.clone(), *shape, &Device::Cpu);
        leaves.map(var).collect()
    }

    /// The loss with one number moved.
    fn moved(&mut self, leaf: usize, at: usize, by: f32) -> Result<f64> {
        let before = self.leaves[leaf].0[at];
        self.leaves[leaf].0[at] += by;
        let tensors: Vec<Tensor> = self
            .vars()?
            .iter()
            .map(|v| v.as_detached_tensor())
            .collect();
        self.leaves[leaf].0[at] = before;
        Ok(f64::from(self.loss(&tensors)?.to_scalar::<f32>()?))
    }
}

#[test]
fn gradients_are_the_slopes_of_the_loss() -> Result<()> {
    const STEP: f32 = 1e-2;
    for (seed, &shape) in SHAPES.iter().enumerate() {
        let mut probe = Probe::new(shape, seed as u64);
        let vars = probe.vars()?;
        let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
        let grads = probe.loss(&tensors)?.backward()?;
        let (mut checked, mut off) = (0, 0);
        for (leaf, tensor) in tensors.iter().enumerate() {
            let grad = grads
                .get(tensor)
                .expect("every leaf is used")
                .flatten_all()?
                .to_vec1::<f32>()?;
            for (at, &grad) in grad.iter().enumerate().step_by(3) {
                let (up, down) = (probe.moved(leaf, at, STEP)?, probe.moved(leaf, at, -STEP)?);
                let slope = (up - down) / (2.0 * f64::from(STEP));
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
    Ok(())
}
