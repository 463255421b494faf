//! The gated delta rule of a hybrid: what its states cost a token, and tokens of a block that share them.

use crate::answer::same;
use crate::error::BenchError;
use crate::limit::{Reading, read, widest};
use crate::random::Random;
use crate::record::{Measured, Record};
use crate::time::time_of;
use atome::kernel::{Kernel, KernelSpec, Op};
use atome::{BackendKind, LoadError, Tier};
use atome_kernels::reference::{self, DeltaHeads, DeltaInputs, Strided};
use std::hint::black_box;

/// Those of the published hybrid of 2B.
const HEADS: DeltaHeads = DeltaHeads {
    repeats: 1,
    key_heads: 16,
    head_dim: 128,
};
/// Layers, each with a state of its own.
const LAYERS: usize = 18;

/// `gated_delta-f32-{tier}/{heads}x{elements}/T={tokens}`.
pub(crate) fn name(tier: Tier, tokens: usize) -> String {
    let heads = HEADS.key_heads * HEADS.repeats;
    format!(
        "gated_delta-f32-{tier}/{heads}x{}/T={tokens}",
        HEADS.head_dim
    )
}

/// What a layer reads.
struct Inputs {
    /// Queries, keys and values.
    rows: [Vec<f32>; 3],
    decay: Vec<f32>,
    beta: Vec<f32>,
}

impl Inputs {
    fn new(tokens: usize, random: &mut Random) -> Inputs {
        let width = HEADS.key_heads * HEADS.head_dim;
        let heads = tokens * HEADS.key_heads * HEADS.repeats;
        let rows = [(); 3].map(|()| random.floats(tokens * width));
        // Between 0 and 1, so that states stay what they are however often this is run.
        let mut share = || random.floats(heads).iter().map(|x| x.abs() / 2.0).collect();
        Inputs {
            decay: share(),
            beta: share(),
            rows,
        }
    }

    fn reference(&self, state: &mut [f32], out: &mut [f32]) {
        let stride = HEADS.key_heads * HEADS.head_dim;
        let [q, k, v] = self
            .rows
            .each_ref()
            .map(|values| Strided { values, stride });
        let inputs = DeltaInputs {
            q,
            k,
            v,
            decay: &self.decay,
            beta: &self.beta,
        };
        reference::gated_delta(HEADS, inputs, state, out);
    }
}

/// The benchmark called `name`, so many tokens of all layers.
pub(crate) fn run(
    name: &str,
    tokens: usize,
    (backend, tier): (BackendKind, Tier),
) -> Result<Record, BenchError> {
    let width = HEADS.key_heads * HEADS.head_dim;
    let mut random = Random::new(31);
    let inputs = Inputs::new(tokens, &mut random);
    let mut states = vec![vec![0.0f32; HEADS.repeats * width * HEADS.head_dim]; LAYERS];
    let mut out = vec![f32::NAN; tokens * HEADS.repeats * width];
    let (mut state, mut expected) = (states[0].clone(), out.clone());
    inputs.reference(&mut state, &mut expected);

    let dims = [
        ("repeats", HEADS.repeats),
        ("key_heads", HEADS.key_heads),
        ("head_dim", HEADS.head_dim),
        ("tokens", tokens),
        ("stride", width),
    ];
    let spec = KernelSpec::new(Op::GatedDelta);
    let spec = dims
        .into_iter()
        .fold(spec, |spec, (dim, n)| spec.bind(dim, n as u64));
    let kernel = Kernel::by(&spec, backend, tier).map_err(LoadError::from)?;
    let mut pass = |states: &mut [Vec<f32>]| {
        for state in states {
            let [q, k, v] = inputs.rows.each_ref().map(|rows| rows.into());
            let (decay, beta) = ((&inputs.decay).into(), (&inputs.beta).into());
            let buffers = &mut [q, k, v, decay, beta, state.into(), (&mut out).into()];
            let called = kernel.call(&[], buffers, &[]);
            called.expect("buffers of the lengths that the kernel asks for");
        }
    };
    pass(&mut states);
    let bytes = states.iter().map(|state| 4 * state.len()).sum();
    let limit = read(Reading::by_one(widest(tier), bytes));
    let first = states[0].clone();
    let ns = time_of(|| pass(black_box(&mut states)));
    same(name, &state, &first)?;
    states[0].fill(0.0);
    pass(&mut states[..1]);
    same(name, &expected, &out)?;
    Ok(Measured::of_bytes(ns, bytes, limit).by(name, backend))
}
