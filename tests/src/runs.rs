//! Every way to run a model: backends, the CPU tiers of this machine, threads.

use atome::{BackendKind, Options, Packing, Tier};

/// A way to run a model, and its name for messages.
#[derive(Clone, Debug)]
pub struct Run {
    /// Backend, tier and threads.
    pub name: String,
    /// The options that choose them.
    pub options: Options,
}

/// All ways this machine has. The first is the interpreter, which defines the others.
pub fn all() -> Vec<Run> {
    let mut runs = vec![run(BackendKind::Interp, None, 1)];
    for &tier in atome_kernels::tiers() {
        for backend in [BackendKind::Aot, BackendKind::Jit] {
            // The JIT has no portable tier: it compiles for the machine.
            if backend == BackendKind::Jit && tier == Tier::Portable {
                continue;
            }
            runs.push(run(backend, Some(tier), 1));
        }
    }
    runs.push(run(BackendKind::Aot, None, 2));
    runs.push(run(BackendKind::Jit, None, 2));
    runs
}

/// All ways to run a model of int8 activations: those of [`all`], and the other packing and method on
/// every backend, on one thread and on two.
pub fn int8() -> Vec<Run> {
    let mut runs = all();
    for (packing, no_multiply) in [
        (Packing::Int2, true),
        (Packing::Base3, false),
        (Packing::Base3, true),
    ] {
        for (backend, threads) in [
            (BackendKind::Interp, 1),
            (BackendKind::Aot, 1),
            (BackendKind::Jit, 2),
        ] {
            let Run { name, options } = run(backend, None, threads);
            runs.push(Run {
                name: format!("{name}, {packing}, no_multiply: {no_multiply}"),
                options: Options {
                    packing: Some(packing),
                    no_multiply,
                    ..options
                },
            });
        }
    }
    // How a matrix lies for look-ups depends on the tier.
    for &tier in atome_kernels::tiers() {
        for backend in [BackendKind::Interp, BackendKind::Aot, BackendKind::Jit] {
            if backend == BackendKind::Jit && tier == Tier::Portable {
                continue;
            }
            let Run { name, options } = run(backend, Some(tier), 1);
            runs.push(Run {
                name: format!("{name}, no_multiply"),
                options: Options {
                    no_multiply: true,
                    ..options
                },
            });
        }
    }
    runs
}

fn run(backend: BackendKind, tier: Option<Tier>, threads: usize) -> Run {
    let options = Options {
        backend,
        tier,
        threads: Some(threads),
        ..Options::default()
    };
    let tier = tier.map_or("best", Tier::name);
    Run {
        name: format!("{backend} on {tier}, {threads} threads"),
        options,
    }
}

/// The bits of some floats.
pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}
