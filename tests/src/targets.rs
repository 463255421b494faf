//! The machines whose code this one runs.

use atome::jit::Maker;
use atome_codegen::KernelSpec;
use atome_spec::{Activation, Isa, Target};

/// Who makes code that this machine runs. Those whose code it does not are named on stderr.
pub fn makers() -> Vec<Maker> {
    let named = [
        Target::Native,
        Target::X86_64V2,
        Target::X86_64V3,
        Target::X86_64V4,
        Target::Aarch64,
        Target::CortexA76,
    ];
    let narrow = named.map(|target| Maker::Narrow(target, target.isa().unwrap_or(Isa::Portable)));
    let isas = Isa::ALL.iter().filter(|isa| Maker::is_wide(**isa));
    let wide = isas.map(|isa| Maker::Wide(*isa));
    let runs = |maker: &Maker| {
        // SAFETY: there are no symbols.
        let module = unsafe { maker.module(&[]) };
        if let Err(error) = &module {
            eprintln!("skipped {maker}: {error}");
        }
        module.is_ok()
    };
    narrow.into_iter().chain(wide).filter(runs).collect()
}

/// Instruction sets whose schedules a maker's code is tried with.
pub fn isas(maker: Maker, spec: &KernelSpec) -> Vec<Isa> {
    match (maker, spec.activation) {
        (Maker::Narrow(..), Activation::F32) => vec![Isa::Sse41, Isa::Neon],
        (Maker::Narrow(..), Activation::I8) => vec![Isa::Sse41, Isa::Dotprod],
        (Maker::Wide(isa), _) => vec![isa],
    }
}
