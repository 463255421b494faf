//! Which kernel runs which call of a plan.

use super::aot::{Map, form};
use super::pick::{Pick, ahead_of_time_pays};
use crate::BackendKind;
use crate::plan::{Call, Entry, KernelCall, Plan, Stage};
use atome_spec::Tier;
use serde::Serialize;
use std::collections::BTreeMap;

/// A kernel, and a call that it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KernelUse {
    /// The call: the tensor it multiplies or the part of the model it is, with `*` for the number of
    /// the layer.
    pub call: String,
    /// When the kernel runs it.
    pub runs: Vec<Run>,
    /// The kernel's name: `{op}-{packing}-{activation}`, then the instruction set it was compiled for
    /// ahead of time, `clif` if its code was made at load, or `interp`.
    pub kernel: String,
    /// Who made its code.
    pub by: BackendKind,
}

/// A part of what a session asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Run {
    /// One token, up to its logits.
    Step,
    /// A block of tokens.
    Block,
    /// The logits of every token of a block.
    Rows,
    /// A token for each of several sessions.
    Sessions,
}

impl Run {
    /// The name in JSON and in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Run::Step => "step",
            Run::Block => "block",
            Run::Rows => "rows",
            Run::Sessions => "sessions",
        }
    }
}

/// What runs each call of a plan, in the plan's order.
pub(crate) fn listing(plan: &Plan, kind: BackendKind, pick: Pick<'_>) -> Vec<KernelUse> {
    let mut list = List::default();
    for (run, entry) in [
        (Run::Step, Entry::Block),
        (Run::Block, Entry::Block),
        (Run::Sessions, Entry::Sessions),
        (Run::Step, Entry::Head),
        (Run::Rows, Entry::Rows),
    ] {
        for call in plan.stages(entry).iter().flat_map(Stage::calls) {
            match call {
                Call::Kernel(call) => {
                    let (kernel, by) = kernel(call, run, kind, pick);
                    list.add(without_layer(&call.label), run, kernel, by);
                }
                Call::TopK(_) => {
                    list.add(
                        "top_k".to_owned(),
                        run,
                        "top_k".to_owned(),
                        BackendKind::Aot,
                    );
                }
            }
        }
    }
    list.uses
}

/// The name of the kernel that runs a call, and who made it.
pub(super) fn kernel(
    call: &KernelCall,
    run: Run,
    kind: BackendKind,
    pick: Pick<'_>,
) -> (String, BackendKind) {
    if kind == BackendKind::Interp {
        let name = format!("{}-interp", call.spec().name());
        return (name, BackendKind::Interp);
    }
    // What sessions share, and the logits of all rows, are walked call by call.
    let walks = kind == BackendKind::Aot || !matches!(run, Run::Step | Run::Block);
    if let Some(expr) = &call.expr
        && (walks || ahead_of_time_pays(pick.tier, &call.spec()) && Map::pays(expr))
    {
        let name = format!("{}-{}", call.spec().name(), pick.tier.baseline());
        return (name, BackendKind::Aot);
    }
    let call = form(call, run == Run::Step);
    let compiled = match kind {
        #[cfg(feature = "jit")]
        BackendKind::Jit if !walks => pick.microkernel(&call),
        _ => pick.kernel(&call),
    };
    match compiled {
        Some(kernel) => (kernel.name.to_owned(), BackendKind::Aot),
        None => (
            format!("{}-{}", call.spec().name(), made_for(pick.tier)),
            BackendKind::Jit,
        ),
    }
}

/// What code made now is named after: the instruction set that it is for, or who makes it.
#[cfg(feature = "jit")]
fn made_for(tier: Tier) -> &'static str {
    use crate::jit::Maker;
    match Maker::of(tier) {
        Maker::Wide(isa) => isa.name(),
        Maker::Narrow(..) => "clif",
    }
}

/// Nothing is made.
#[cfg(not(feature = "jit"))]
fn made_for(tier: Tier) -> &'static str {
    tier.baseline().name()
}

/// A label with `*` in place of its numbers.
pub(super) fn without_layer(label: &str) -> String {
    let part = |part: &str| match part.parse::<usize>() {
        Ok(_) => "*".to_owned(),
        Err(_) => part.to_owned(),
    };
    label.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// Uses, each call and kernel once.
#[derive(Default)]
struct List {
    uses: Vec<KernelUse>,
    places: BTreeMap<(String, String), usize>,
}

impl List {
    fn add(&mut self, call: String, run: Run, kernel: String, by: BackendKind) {
        let place = self.places.entry((call.clone(), kernel.clone()));
        let place = *place.or_insert_with(|| {
            let runs = Vec::new();
            self.uses.push(KernelUse {
                call,
                runs,
                kernel,
                by,
            });
            self.uses.len() - 1
        });
        let runs = &mut self.uses[place].runs;
        if !runs.contains(&run) {
            runs.push(run);
        }
    }
}
