//! Which kernel runs a call: the tier's, or the one that was measured to be faster on this CPU.

use crate::plan::KernelCall;
use crate::tune::{Choice, Product, Tuned};
use atome_codegen::KernelSpec;
use atome_kernels::{Kernel, find};
use atome_spec::Tier;
#[cfg(feature = "jit")]
use {crate::jit::calls_ahead_of_time, atome_codegen::Schedule};

/// What kernels are picked by.
#[derive(Clone, Copy)]
pub(crate) struct Pick<'t> {
    pub(crate) tier: Tier,
    pub(crate) tuned: Option<&'t Tuned>,
}

/// Whether the kernel for a specification that was compiled ahead of time is at least as fast as code made now.
#[cfg(feature = "jit")]
pub(crate) fn ahead_of_time_pays(tier: Tier, spec: &KernelSpec) -> bool {
    calls_ahead_of_time(tier, spec)
}

/// Nothing else is made.
#[cfg(not(feature = "jit"))]
pub(crate) fn ahead_of_time_pays(_: Tier, _: &KernelSpec) -> bool {
    true
}

impl Pick<'_> {
    /// The default kernels of a tier.
    pub(super) fn default_of(tier: Tier) -> Pick<'static> {
        Pick { tier, tuned: None }
    }

    fn choice(&self, call: &KernelCall) -> Option<Choice> {
        self.tuned?.choice(&Product::of(call)?)
    }

    /// The kernel compiled ahead of time for a call in its form.
    pub(super) fn kernel(&self, call: &KernelCall) -> Option<&'static Kernel> {
        let chosen = match self.choice(call) {
            // Of another tier there may be none.
            Some(Choice::Ahead(name)) => {
                let mut kernels = Product::of(call)?.kernels(self.tier);
                kernels.find(|kernel| kernel.name == name)
            }
            _ => None,
        };
        chosen.or_else(|| find(call.open_spec().kind(), self.tier))
    }

    /// The kernel compiled ahead of time that a compiled plan calls for a call in its form; `None` if its code is made there.
    #[cfg(feature = "jit")]
    pub(super) fn microkernel(&self, call: &KernelCall) -> Option<&'static Kernel> {
        let pays = match self.choice(call) {
            Some(Choice::Ahead(_)) => true,
            Some(Choice::Made(_)) => false,
            _ => calls_ahead_of_time(self.tier, &call.spec()),
        };
        pays.then(|| self.kernel(call)).flatten()
    }

    /// How code made for a call is laid out, if not as is selected.
    #[cfg(feature = "jit")]
    pub(super) fn schedule(&self, call: &KernelCall) -> Option<Schedule> {
        match self.choice(call) {
            Some(Choice::Made(schedule)) => Some(schedule),
            _ => None,
        }
    }
}
