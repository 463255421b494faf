use super::Rng;
use crate::interp::{self, Trap};
use crate::ir::{Elem, Function};
use std::ops::Range;

/// The greatest dimension that [`random_inputs`] gives.
pub(super) const GREATEST_DIM: u64 = 20;

/// Arguments of a call.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The memory that the buffers lie in, with gaps before, between and after them that no
    /// kernel may touch.
    pub memory: Vec<u8>,
    /// Each buffer's bytes, as long as the parameter says; starts are multiples of 4.
    pub buffers: Vec<Range<usize>>,
    /// The open dimensions.
    pub dims: Vec<u64>,
    /// The f32 parameters.
    pub scalars: Vec<f32>,
}

impl Inputs {
    /// Memory after the interpreter has run `function` on a copy of these inputs.
    ///
    /// # Errors
    /// If the interpreter traps.
    pub fn interpret(&self, function: &Function) -> Result<Vec<u8>, Trap> {
        let mut memory = self.memory.clone();
        let Inputs {
            buffers,
            dims,
            scalars,
            ..
        } = self;
        interp::run(function, &mut memory, buffers, dims, scalars)?;
        Ok(memory)
    }
}

/// Arguments for a function that [`super::random_function`] made.
///
/// Dimensions are at most 20 and prefer 0, 1 and the numbers around 16; numbers are tame, so
/// that the function computes neither NaN nor infinity.
///
/// # Panics
/// If the length of a buffer overflows.
pub fn random_inputs(function: &Function, seed: u64) -> Inputs {
    let mut rng = Rng::new(seed ^ 0x1a2b_3c4d);
    let dims: Vec<u64> = function.dims.iter().map(|_| random_dim(&mut rng)).collect();
    let mut memory = Vec::new();
    let mut buffers = Vec::new();
    for buffer in &function.buffers {
        gap(&mut rng, &mut memory);
        let start = memory.len();
        let len = buffer.len.eval(&dims).expect("buffers are small");
        for _ in 0..len {
            let bits = match buffer.elem {
                Elem::F32 => rng.tame_f32().to_bits(),
                Elem::I32 => rng.bits() as u32,
            };
            memory.extend(bits.to_le_bytes());
        }
        buffers.push(start..memory.len());
    }
    gap(&mut rng, &mut memory);
    Inputs {
        memory,
        buffers,
        dims,
        scalars: function.scalars.iter().map(|_| rng.tame_f32()).collect(),
    }
}

/// A dimension, more often than not one at an edge.
pub(super) fn random_dim(rng: &mut Rng) -> u64 {
    match rng.below(3) {
        0 => rng.below(GREATEST_DIM + 1),
        _ => rng.pick(&[0, 1, 2, 15, 16, 17]),
    }
}

fn gap(rng: &mut Rng, memory: &mut Vec<u8>) {
    let words = 1 + rng.below(20) as usize;
    memory.resize(memory.len() + 4 * words, 0xa5);
}
