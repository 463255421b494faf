//! Every way to run a model: backends, the CPU tiers of this machine, threads.

use atome::{BackendKind, Options, Tier};

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
