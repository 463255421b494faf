//! Attention of a hybrid's query heads over its cached positions: in the caches, and more of them than these hold.

use crate::answer::same;
use crate::error::BenchError;
use crate::limit::{Reading, read, widest};
use crate::random::Random;
use crate::record::{Measured, Record};
use crate::time::time_of;
use atome::kernel::{Buffer, Kernel, KernelSpec, Op};
use atome::{BackendKind, LoadError, Tier};
use atome_kernels::reference::{self, AttendHeads};
use atome_spec::CacheType;
use std::hint::black_box;

/// Those of the published hybrid of 2B.
const HEADS: AttendHeads = AttendHeads {
    kv_heads: 2,
    queries: 4,
    head_dim: 256,
};
/// Layers, each with caches of its own.
const LAYERS: usize = 6;

/// `attend-{cache type}-{tier}/{query heads}x{elements}/P={positions}`.
pub(crate) fn name(held: CacheType, tier: Tier, positions: usize) -> String {
    let queries = HEADS.kv_heads * HEADS.queries;
    format!(
        "attend-{held}-{tier}/{queries}x{}/P={positions}",
        HEADS.head_dim
    )
}

/// Keys and values of a layer.
#[derive(Clone)]
enum Caches {
    F32([Vec<f32>; 2]),
    F16([Vec<u32>; 2]),
}

impl Caches {
    /// Random ones, full.
    fn new(held: CacheType, positions: usize, random: &mut Random) -> Caches {
        let AttendHeads {
            kv_heads, head_dim, ..
        } = HEADS;
        let words = [held.key_words(head_dim), held.value_words(head_dim)];
        let lens = words.map(|words| words * kv_heads * positions);
        match held {
            CacheType::F32 => Caches::F32(lens.map(|len| random.floats(len))),
            CacheType::F16 => {
                let [mut keys, mut values] = lens.map(|len| vec![0; len]);
                for slot in 0..positions {
                    let [k, v] = [(); 2].map(|()| random.floats(kv_heads * head_dim));
                    let caches = [&mut keys[..], &mut values[..]];
                    reference::attend_append_f16(head_dim, [&k, &v], (positions, slot), caches);
                }
                Caches::F16([keys, values])
            }
        }
    }

    fn attend(&self, q: &[f32], positions: usize, out: &mut [f32]) {
        match self {
            Caches::F32([keys, values]) => {
                reference::attend(HEADS, q, [keys, values], positions, out);
            }
            Caches::F16([keys, values]) => {
                reference::attend_f16(HEADS, q, [keys, values], positions, out);
            }
        }
    }

    fn arguments(&self) -> [Buffer<'_>; 2] {
        match self {
            Caches::F32(caches) => caches.each_ref().map(|cache| cache.into()),
            Caches::F16(caches) => caches.each_ref().map(|cache| cache.into()),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Caches::F32(caches) => caches.iter().map(|cache| 4 * cache.len()).sum(),
            Caches::F16(caches) => caches.iter().map(|cache| 4 * cache.len()).sum(),
        }
    }
}

/// The benchmark called `name`, a token of all layers.
pub(crate) fn run(
    name: &str,
    (held, positions): (CacheType, usize),
    (backend, tier): (BackendKind, Tier),
) -> Result<Record, BenchError> {
    let mut random = Random::new(29);
    let q = random.floats(HEADS.kv_heads * HEADS.head_dim * HEADS.queries);
    let layers = vec![Caches::new(held, positions, &mut random); LAYERS];
    let mut expected = vec![0.0; q.len()];
    layers[0].attend(&q, positions, &mut expected);

    let op = match held {
        CacheType::F32 => Op::Attend,
        CacheType::F16 => Op::AttendF16,
    };
    let dims = [
        ("kv_heads", HEADS.kv_heads),
        ("queries", HEADS.queries),
        ("head_dim", HEADS.head_dim),
        ("capacity", positions),
    ];
    let spec = dims
        .into_iter()
        .fold(KernelSpec::new(op), |spec, (dim, n)| {
            spec.bind(dim, n as u64)
        });
    let kernel = Kernel::by(&spec, backend, tier).map_err(LoadError::from)?;
    let mut out = vec![f32::NAN; q.len()];
    let mut token = |q: &Vec<f32>| {
        for layer in &layers {
            let [keys, values] = layer.arguments();
            let buffers = &mut [q.into(), keys, values, (&mut out).into()];
            let called = kernel.call(&[("len", positions)], buffers, &[]);
            called.expect("buffers of the lengths that the kernel asks for");
        }
    };
    token(&q);
    let bytes = layers.iter().map(Caches::bytes).sum();
    let limit = read(Reading::by_one(widest(tier), bytes));
    let ns = time_of(|| token(black_box(&q)));
    same(name, &expected, &out)?;
    Ok(Measured::of_bytes(ns, bytes, limit).by(name, backend))
}
