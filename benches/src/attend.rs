//! Attention of a hybrid's query heads over its cached positions: in the caches, and more of them than these hold.

use crate::answer::same;
use crate::error::BenchError;
use crate::limit::{Reading, read, widest};
use crate::pages::Pages;
use crate::random::Random;
use crate::record::{Measured, Record};
use crate::time::time_of;
use atome::kernel::{Kernel, KernelSpec, Op};
use atome::{BackendKind, LoadError, Tier};
use atome_kernels::reference::{self, AttendHeads};
use std::hint::black_box;

/// Those of the published hybrid of 2B.
const HEADS: AttendHeads = AttendHeads {
    kv_heads: 2,
    queries: 4,
    head_dim: 256,
};
/// Layers, each with caches of its own.
const LAYERS: usize = 6;

/// `attend-f32-{tier}/{query heads}x{elements}/P={positions}`.
pub(crate) fn name(tier: Tier, positions: usize) -> String {
    let queries = HEADS.kv_heads * HEADS.queries;
    format!(
        "attend-f32-{tier}/{queries}x{}/P={positions}",
        HEADS.head_dim
    )
}

/// The benchmark called `name`, a token of all layers.
pub(crate) fn run(
    name: &str,
    positions: usize,
    (backend, tier): (BackendKind, Tier),
) -> Result<Record, BenchError> {
    let row = HEADS.kv_heads * HEADS.head_dim;
    let mut random = Random::new(29);
    let q = random.floats(row * HEADS.queries);
    let [keys, values] = [(); 2].map(|()| random.floats(row * positions));
    let mut expected = vec![0.0; q.len()];
    reference::attend(HEADS, &q, [&keys, &values], positions, &mut expected);
    let layers = vec![(keys, values); LAYERS];

    let dims = [
        ("kv_heads", HEADS.kv_heads),
        ("queries", HEADS.queries),
        ("head_dim", HEADS.head_dim),
        ("capacity", positions),
    ];
    let spec = dims
        .into_iter()
        .fold(KernelSpec::new(Op::Attend), |spec, (dim, n)| {
            spec.bind(dim, n as u64)
        });
    let kernel = Kernel::by(&spec, backend, tier).map_err(LoadError::from)?;
    let mut out = vec![f32::NAN; q.len()];
    let mut token = |q: &Vec<f32>| {
        for (keys, values) in &layers {
            let buffers = &mut [q.into(), keys.into(), values.into(), (&mut out).into()];
            let called = kernel.call(&[("len", positions)], buffers, &[]);
            called.expect("buffers of the lengths that the kernel asks for");
        }
    };
    token(&q);
    let bytes = 2 * 4 * row * positions * LAYERS;
    let limit = read(Reading {
        isa: widest(tier),
        bytes,
        pages: Pages::Small,
        threads: 1,
    });
    let ns = time_of(|| token(black_box(&q)));
    same(name, &expected, &out)?;
    let measured = Measured {
        ns,
        threads: 1,
        macs: None,
        bytes,
        limit,
    };
    Ok(Record {
        backend: backend.name().into(),
        ..measured.record(name)
    })
}
