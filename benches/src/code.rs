//! The code of a kernel that is timed: compiled ahead of time, or now by the schedule that was asked for.
#![allow(
    unsafe_code,
    reason = "kernels are called with the addresses of their buffers"
)]

use crate::error::BenchError;
use atome::BackendKind;
#[cfg(feature = "jit")]
use atome::jit::{Compiled, Maker};
#[cfg(not(feature = "jit"))]
use atome::{LoadError, PrepareError};
use atome_codegen::schedule::ScheduleError;
use atome_codegen::{KernelSpec, Schedule, op};
use atome_kernels::{Kernel, Kind, Tier};
use atome_spec::{Isa, Method};

/// More than any kernel that is timed has.
const MAX_ARGS: usize = 12;

/// What is selected where a schedule says nothing.
#[cfg(feature = "jit")]
fn selected(spec: &KernelSpec, tier: Tier) -> Schedule {
    Maker::of(tier).schedule(spec)
}

/// What is selected where a schedule says nothing.
#[cfg(not(feature = "jit"))]
fn selected(spec: &KernelSpec, tier: Tier) -> Schedule {
    atome_codegen::schedule::select(spec, tier)
}

/// A kernel that can be timed on a tier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) kind: Kind,
    tier: Tier,
    /// How it is laid out, if it is not the one compiled ahead of time.
    schedule: Option<Schedule>,
    /// Whether somebody asked for that.
    is_asked: bool,
}

impl Choice {
    /// The kernel compiled ahead of time; with a schedule, one compiled now that is laid out so, and as is selected where
    /// that says nothing.
    ///
    /// # Errors
    /// If it cannot be laid out so.
    pub(crate) fn new(
        kind: Kind,
        tier: Tier,
        asked: Option<Schedule>,
    ) -> Result<Choice, ScheduleError> {
        let spec = KernelSpec::from(kind);
        let whole = asked.map(|asked| asked.or(selected(&spec, tier)));
        whole.map_or(Ok(()), |schedule| schedule.check(&spec))?;
        Ok(Choice {
            kind,
            tier,
            schedule: whole,
            is_asked: asked.is_some_and(|asked| asked != Schedule::default()),
        })
    }

    /// What runs it.
    pub(crate) fn backend(&self) -> BackendKind {
        match self.schedule {
            Some(_) => BackendKind::Jit,
            None => BackendKind::Aot,
        }
    }

    /// The instruction set in its name: one name for a kernel however it is made, unless somebody asked for a schedule.
    pub(crate) fn isa(&self) -> Isa {
        match self.is_asked {
            #[cfg(feature = "jit")]
            true => Maker::of(self.tier).isa(),
            #[cfg(not(feature = "jit"))]
            true => self.tier.baseline(),
            false => find(self.kind, self.tier).isa,
        }
    }

    /// How its ternary product is formed.
    pub(crate) fn method(&self) -> Method {
        let usual = op::methods(self.kind).first().copied();
        let chosen = self.schedule.and_then(|schedule| schedule.method);
        chosen
            .or(self.kind.method)
            .or(usual)
            .unwrap_or(Method::Select)
    }

    /// The text of the schedule that somebody asked for.
    pub(crate) fn schedule(&self) -> Option<String> {
        let asked = self.schedule.filter(|_| self.is_asked);
        asked.map(|schedule| schedule.to_string())
    }

    /// Its code, where these dimensions have these values in every call.
    ///
    /// # Errors
    /// If it has to be compiled and cannot.
    pub(crate) fn code(&self, shape: &[(&str, usize)]) -> Result<Code, BenchError> {
        let Some(schedule) = self.schedule else {
            return Ok(Code::Ahead(find(self.kind, self.tier)));
        };
        let spec = shape
            .iter()
            .fold(KernelSpec::from(self.kind), |spec, (dim, value)| {
                spec.bind(dim, *value as u64)
            });
        let schedule = match self.is_asked {
            true => schedule,
            false => selected(&spec, self.tier),
        };
        Code::compile(&spec, &schedule, self.tier)
    }
}

/// Code that this machine runs.
pub(crate) enum Code {
    /// For any dimensions.
    Ahead(&'static Kernel),
    /// For some.
    #[cfg(feature = "jit")]
    Now {
        compiled: Box<Compiled>,
        /// Which of the op's dimensions are parameters.
        open: Vec<bool>,
    },
}

impl Code {
    #[cfg(feature = "jit")]
    fn compile(spec: &KernelSpec, schedule: &Schedule, tier: Tier) -> Result<Code, BenchError> {
        let function = atome_codegen::compile(spec, schedule)?;
        let is_open = |dim: &op::Dim| !spec.shape.contains_key(&*dim.name);
        Ok(Code::Now {
            compiled: Box::new(Compiled::new(&function, Maker::of(tier))?),
            open: op::dims(spec.op).iter().map(is_open).collect(),
        })
    }

    #[cfg(not(feature = "jit"))]
    fn compile(_: &KernelSpec, _: &Schedule, _: Tier) -> Result<Code, BenchError> {
        Err(LoadError::from(PrepareError::NoJit).into())
    }

    /// Calls it with the addresses of its buffers, all dimensions of the op, and its scalars.
    ///
    /// # Safety
    /// As [`Kernel::call`]; and the dimensions of [`Choice::code`] have the values given there.
    pub(crate) unsafe fn call(&self, buffers: &[u64], dims: &[usize], scalars: &[f32]) {
        let mut args = [0; MAX_ARGS];
        let mut count = 0;
        let mut push = |arg: u64| {
            args[count] = arg;
            count += 1;
        };
        buffers.iter().for_each(|buffer| push(*buffer));
        match self {
            Code::Ahead(kernel) => {
                dims.iter().for_each(|dim| push(*dim as u64));
                let bits = scalars.iter().map(|scalar| u64::from(scalar.to_bits()));
                bits.for_each(&mut push);
                // SAFETY: the caller's promise, passed on; `find` gives kernels that this machine runs.
                unsafe { kernel.call(&args[..count]) }
            }
            #[cfg(feature = "jit")]
            Code::Now { compiled, open } => {
                let open = dims.iter().zip(open).filter(|(_, open)| **open);
                open.for_each(|(dim, _)| push(*dim as u64));
                // SAFETY: the caller's promise, passed on.
                unsafe { compiled.call_at(&args[..count], scalars) }
            }
        }
    }
}

/// The kernel of a kind for a tier that this machine runs.
fn find(kind: Kind, tier: Tier) -> &'static Kernel {
    assert!(atome_kernels::available(tier), "this machine runs {tier}");
    atome_kernels::find(kind, tier).expect("every tier has every op")
}
