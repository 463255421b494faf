//! One kernel, made while the program runs, behind a safe call: for what is no model.
//!
//! A [`KernelSpec`] says what is computed and which dimensions are known; [`Kernel::new`] makes the code for this
//! CPU, and every call checks what it is given against the kernel's signature. Fixed shapes that are known when the
//! program is compiled have `#[ternary_kernel]`, any shape of an op the functions of `atome_kernels::safe`.
//!
//! ```
//! use atome::kernel::{Kernel, KernelSpec};
//!
//! // One pass over memory for a chain of functions, compiled now.
//! let gate = KernelSpec::map("(x: row, gate: row, y: row) { y = x * silu(gate) }".parse()?);
//! let gate = Kernel::new(&gate.bind("tokens", 1))?;
//!
//! let (x, open, mut y) = ([1.0f32, 2.0, 3.0], [40.0f32, 40.0, -200.0], [0.0f32; 3]);
//! let dims = [("channels", 3), ("x_stride", 3), ("gate_stride", 3), ("y_stride", 3)];
//! gate.call(&dims, &mut [(&x).into(), (&open).into(), (&mut y).into()], &[])?;
//! assert_eq!(y, [40.0, 80.0, -0.0]);
//!
//! let short = gate.call(&dims, &mut [(&x).into(), (&open[1..]).into(), (&mut y).into()], &[]);
//! assert_eq!(short.unwrap_err().to_string(), "`gate` has 2 elements, expected 3");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | concept |
//! |---|---|
//! | `buffer` | slices as arguments |
//! | `check` | arguments against the signature |
//! | `error` | what does not fit |
#![allow(
    unsafe_code,
    reason = "kernels are called with the addresses of slices"
)]

mod buffer;
mod check;
mod error;

pub use atome_codegen::expr::Expr;
pub use atome_codegen::op::{BufferDef, Content, Dim, Signature};
pub use atome_codegen::{KernelSpec, op};
pub use atome_spec::{Activation, Method, Op, Packing, Tier};
pub use buffer::Buffer;
pub use error::CallError;

use crate::backend::{Map, ahead_of_time_pays};
use crate::plan::KernelCall;
use crate::{BackendKind, PrepareError};
use atome_codegen::compile_for;
use atome_codegen::interp::Program;
use atome_kernels::{detect, dispatch, find};
use std::fmt;

/// A kernel of a specification, for this CPU: whoever has one may call it.
pub struct Kernel {
    spec: KernelSpec,
    /// With the dimensions open that a call gives.
    signature: Signature,
    /// Every dimension, and its value if the specification binds it.
    dims: Vec<(Dim, Option<u64>)>,
    code: Code,
}

enum Code {
    /// Made for the specification's shape.
    #[cfg(feature = "jit")]
    Compiled(Box<crate::jit::Compiled>),
    /// Of any shape: the bound dimensions are arguments too.
    Ahead(&'static atome_kernels::Kernel),
    /// Several of these, as an expression says.
    Map(Map),
    Interpreted(Box<Program>),
}

impl Kernel {
    /// The fastest kernel of a specification: compiled now for its shape, or ahead of time for any.
    ///
    /// # Errors
    /// If the specification is none of a kernel.
    pub fn new(spec: &KernelSpec) -> Result<Kernel, PrepareError> {
        Kernel::by(spec, BackendKind::Auto, detect())
    }

    /// A kernel by one backend, for a CPU tier. All give the same bits.
    ///
    /// # Errors
    /// If the specification is none of a kernel, or this build or this machine does not have the backend or the tier.
    pub fn by(spec: &KernelSpec, backend: BackendKind, tier: Tier) -> Result<Kernel, PrepareError> {
        if !dispatch::available(tier) {
            let host = detect();
            return Err(PrepareError::Tier { tier, host });
        }
        spec.check()?;
        let code = match backend {
            BackendKind::Interp => {
                let program = Program::new(&compile_for(spec, tier)?);
                Code::Interpreted(Box::new(program.map_err(PrepareError::Program)?))
            }
            BackendKind::Aot => ahead(spec, tier)?,
            BackendKind::Jit => compiled(spec, tier)?,
            BackendKind::Auto => match ahead(spec, tier) {
                Ok(kernel @ Code::Ahead(_)) if ahead_of_time_pays(tier, spec) => kernel,
                Ok(map)
                    if ahead_of_time_pays(tier, spec)
                        && spec.expr.as_deref().is_some_and(Map::pays) =>
                {
                    map
                }
                ahead => compiled(spec, tier).or(ahead)?,
            },
        };
        let value = |dim: &Dim| spec.shape.get(&*dim.name).copied();
        let dims = spec.dims().into_iter().map(|dim| {
            let value = value(&dim);
            (dim, value)
        });
        Ok(Kernel {
            dims: dims.collect(),
            spec: spec.clone(),
            signature: spec.signature(),
            code,
        })
    }

    /// What it computes, for which shape.
    pub fn spec(&self) -> &KernelSpec {
        &self.spec
    }

    /// What a call takes: buffers, dimensions that are open, scalars.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What made its code.
    pub fn backend(&self) -> BackendKind {
        match &self.code {
            #[cfg(feature = "jit")]
            Code::Compiled(_) => BackendKind::Jit,
            Code::Ahead(_) | Code::Map(_) => BackendKind::Aot,
            Code::Interpreted(_) => BackendKind::Interp,
        }
    }

    /// Calls it: the open dimensions by name, the buffers and the scalars in the order of the signature.
    ///
    /// Buffers have exactly the lengths that the dimensions give. Nothing is allocated, but by the interpreter.
    ///
    /// # Errors
    /// If an argument is missing, of another type, too long or too short, a dimension is out of range, or a number of a
    /// row is none of its table. Nothing was written then.
    pub fn call(
        &self,
        dims: &[(&str, usize)],
        buffers: &mut [Buffer<'_>],
        scalars: &[f32],
    ) -> Result<(), CallError> {
        let mut values = [0; KernelCall::MAX_ARGUMENTS];
        let values = &mut values[..self.signature.dims.len()];
        check::given(self, dims, values)?;
        check::call(self, values, buffers, scalars)?;
        match &self.code {
            Code::Interpreted(program) => {
                interpret(program, values, buffers, scalars);
                return Ok(());
            }
            #[cfg(feature = "jit")]
            Code::Compiled(code) => {
                let (args, count) = arguments(buffers, values.iter().copied());
                // SAFETY: the arguments were checked.
                unsafe { code.call_at(&args[..count], scalars) }
            }
            Code::Ahead(kernel) => {
                let (mut args, count) = arguments(buffers, self.all(values));
                for (arg, scalar) in args[count..].iter_mut().zip(scalars) {
                    *arg = u64::from(scalar.to_bits());
                }
                // SAFETY: the arguments were checked, and this machine runs the tier.
                unsafe { kernel.call(&args[..count + scalars.len()]) }
            }
            Code::Map(map) => {
                let (args, count) = arguments(buffers, self.all(values));
                let (operands, dims) = args[..count].split_at(buffers.len());
                // SAFETY: the arguments were checked, and this machine runs the tier.
                unsafe { map.run(operands, dims) }
            }
        }
        Ok(())
    }

    /// The values of all dimensions: those that a call gives, and those that are bound.
    fn all<'k>(&'k self, open: &'k [u64]) -> impl Iterator<Item = u64> + Clone + 'k {
        let mut open = open.iter().copied();
        let dims = self.dims.iter();
        dims.map(move |(_, bound)| bound.or_else(|| open.next()).unwrap_or(0))
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel")
            .field("spec", &self.spec)
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}

fn ahead(spec: &KernelSpec, tier: Tier) -> Result<Code, PrepareError> {
    let code = match &spec.expr {
        Some(expr) => Map::new(expr, tier).map(Code::Map),
        None => find(spec.kind(), tier).map(Code::Ahead),
    };
    code.ok_or_else(|| PrepareError::NoKernel {
        kernel: spec.name(),
        tier,
    })
}

#[cfg(feature = "jit")]
fn compiled(spec: &KernelSpec, tier: Tier) -> Result<Code, PrepareError> {
    use crate::jit::{Compiled, Maker};
    let maker = Maker::of(tier);
    let code = Compiled::new(&maker.function(spec)?, maker)?;
    Ok(Code::Compiled(Box::new(code)))
}

#[cfg(not(feature = "jit"))]
fn compiled(_: &KernelSpec, _: Tier) -> Result<Code, PrepareError> {
    Err(PrepareError::NoJit)
}

/// Addresses and dimensions, and how many there are.
fn arguments(
    buffers: &mut [Buffer<'_>],
    dims: impl Iterator<Item = u64>,
) -> ([u64; KernelCall::MAX_ARGUMENTS], usize) {
    let mut args = [0; KernelCall::MAX_ARGUMENTS];
    let addresses = buffers.iter_mut().map(Buffer::address);
    let mut count = 0;
    for (arg, value) in args.iter_mut().zip(addresses.chain(dims)) {
        *arg = value;
        count += 1;
    }
    (args, count)
}

/// # Panics
/// If the program traps: the check would be wrong.
fn interpret(program: &Program, dims: &[u64], buffers: &mut [Buffer<'_>], scalars: &[f32]) {
    let (mut memory, mut spans) = (Vec::new(), Vec::new());
    for buffer in buffers.iter() {
        let start = memory.len();
        buffer.read(&mut memory);
        spans.push(start..memory.len());
    }
    let mut registers = program.registers();
    let run = program.run(&mut registers, &mut memory, &spans, dims, scalars);
    if let Err(trap) = run {
        panic!("a kernel does not fit its signature: {trap}");
    }
    for (buffer, span) in buffers.iter_mut().zip(spans) {
        buffer.write(&memory[span]);
    }
}
