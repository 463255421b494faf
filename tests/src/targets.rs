//! The machines whose code this one runs.

use atome::jit::CodeBuilder;
use atome_codegen::emit::clif;
use atome_spec::Target;

/// The targets whose code this machine runs. Those it does not are named on stderr.
pub fn runnable_targets() -> Vec<Target> {
    let mut targets = vec![Target::Native];
    let named = [
        Target::X86_64V2,
        Target::X86_64V3,
        Target::X86_64V4,
        Target::Aarch64,
        Target::CortexA76,
    ];
    for target in named {
        let isa = clif::isa(target).expect("both back ends are built in");
        // SAFETY: there are no symbols.
        match unsafe { CodeBuilder::new(isa, &[]) } {
            Ok(_) => targets.push(target),
            Err(error) => eprintln!("skipped {target}: {error}"),
        }
    }
    targets
}
