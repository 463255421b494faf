//! Calls of every kernel on awkward shapes and values, with what the scalar reference gives.
//!
//! A [`Case`] knows no backend: the interpreter, each ahead-of-time tier and the JIT are all
//! run over [`all`] and must leave the same bits. A backend lays the arguments out with
//! [`Memory`], calls its kernel on them, and asks [`Memory::verify`].
//!
//! | file | what |
//! |---|---|
//! | `argument` | one buffer, before and after |
//! | `memory` | the arguments in memory, with guards |
//! | `data` | the numbers and the weights |
//! | `ternary` | cases of `embed`, `gemv`, `gemm`, `conv1d` |
//! | `groups` | cases of `group_embed`, `group_gemv`, `group_gemm` |
//! | `int8` | cases of `quantize`, `rms_quantize`, `rms_quantize_away`, and of `gemv` and `gemm` with int8 activations |
//! | `rows` | cases of `scan`, `norm`, `softmax`, `argmax` |
//! | `elementwise` | cases of the elementwise ops |
//! | `map` | cases of `map`: expressions that models are made of, and random ones |
//! | `mamba` | cases of `rms_norm`, `conv_silu`, `discretize`, `selective_scan`, `residual` |
//! | `lookup` | cases of `lookup_f32`, `lookup_f16`, `lookup_i8` |
//! | `heads` | cases of `l2_norm`, `head_norm`, `rope`, `transpose`, `hadamard` |
//! | `matmul` | cases of `matmul`, `matmul_f16`, `matmul_i8` |
//! | `attend` | cases of `attend_append`, `attend`, those over f16, `gated_delta` |
//! | `attention` | cases of `kv_append`, `attn_scores`, `attn_mix`, `router_mix` |

mod argument;
mod attend;
mod attention;
mod data;
mod elementwise;
mod groups;
mod heads;
mod int8;
mod lookup;
mod mamba;
mod map;
mod matmul;
mod memory;
mod rows;
mod ternary;

use attend::*;
use attention::*;
use elementwise::*;
use groups::*;
use heads::*;
use int8::{quantize, rms_quantize, rms_quantize_away};
use lookup::*;
use mamba::*;
use map::map;
use matmul::*;
use rows::*;
use ternary::*;

pub use argument::Argument;
pub use int8::sorted;
pub use memory::{Memory, Mismatch};

use atome_codegen::KernelSpec;
use atome_codegen::ir::Function;
use atome_spec::{Activation, Method, Op, Packing, each_op};
use std::fmt;

/// One call of a kernel and its result.
#[derive(Clone, Debug)]
pub struct Case {
    /// The specification without any dimension bound.
    pub spec: KernelSpec,
    /// Every dimension of the op, in the order of the kernel's parameters.
    pub dims: Vec<(&'static str, u64)>,
    /// Every buffer, in the order of the kernel's parameters.
    pub arguments: Vec<Argument>,
    /// Every f32 parameter.
    pub scalars: Vec<f32>,
    /// What is special about the values.
    pub values: String,
    /// Whether a NaN has to have the reference's bits. Otherwise any NaN will do: the sign
    /// and payload of what IEEE arithmetic gives for `inf - inf` are the machine's.
    pub exact_nan: bool,
}

/// Which dimensions are constants of the generated code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// None: a kernel of atome-kernels.
    Open,
    /// The model's, but not those that change from call to call.
    Model,
    /// All.
    All,
}

impl Binding {
    /// Every binding.
    pub const ALL: [Binding; 3] = [Binding::Open, Binding::Model, Binding::All];

    fn binds(self, dim: &str) -> bool {
        match self {
            Binding::Open => false,
            Binding::Model => !["tokens", "slot", "len", "k"].contains(&dim),
            Binding::All => true,
        }
    }
}

impl Case {
    fn new(op: Op, dims: &[(&'static str, usize)], arguments: Vec<Argument>) -> Case {
        let dims = dims.iter().map(|(name, n)| (*name, *n as u64)).collect();
        Case {
            spec: KernelSpec::new(op),
            dims,
            arguments,
            scalars: Vec::new(),
            values: String::new(),
            exact_nan: false,
        }
    }

    fn packing(mut self, packing: Packing) -> Case {
        self.spec = self.spec.packing(packing);
        self
    }

    fn method(mut self, method: Method) -> Case {
        self.spec = self.spec.method(method);
        self
    }

    fn activation(mut self, activation: Activation) -> Case {
        self.spec = self.spec.activation(activation);
        self
    }

    fn scalar(mut self, scalar: f32) -> Case {
        self.scalars.push(scalar);
        self
    }

    fn values(mut self, values: impl fmt::Debug) -> Case {
        self.values = format!("{values:?}");
        self
    }

    /// The specification with this case's dimensions bound as `binding` says.
    pub fn bound(&self, binding: Binding) -> KernelSpec {
        let bound = self.dims.iter().filter(|(name, _)| binding.binds(name));
        bound.fold(self.spec.clone(), |spec, (name, n)| spec.bind(name, *n))
    }

    /// The values of a function's open dimensions, in its order.
    ///
    /// # Panics
    /// If the function has a dimension that its op has not.
    pub fn open_dims(&self, function: &Function) -> Vec<u64> {
        let value = |name: &String| self.dims.iter().find(|(n, _)| n == name);
        let dims = function.dims.iter().map(|name| match value(name) {
            Some((_, n)) => *n,
            None => panic!("{self}: unknown dimension {name}"),
        });
        dims.collect()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spec.name())?;
        for (name, n) in &self.dims {
            write!(f, " {name}={n}")?;
        }
        write!(f, " values={}", self.values)
    }
}

macro_rules! of {
    ($($name:ident: $op:ident,)+) => {
        /// The cases of one op: what the function of its name in one of the files gives.
        pub fn of(op: Op) -> Vec<Case> {
            match op {
                $(Op::$op => $name(),)+
            }
        }
    };
}

each_op!(of);

/// The cases of every op.
pub fn all() -> Vec<Case> {
    Op::ALL.iter().flat_map(|op| of(*op)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use atome_codegen::ir::Access;
    use atome_codegen::op;
    use atome_spec::Kind;
    use std::collections::BTreeSet;

    /// Parameters of a case are those of its kernel, buffer for buffer, and every kernel has cases.
    #[test]
    fn cases_fit_their_kernels() {
        let mut kinds: BTreeSet<Kind> = op::kinds().into_iter().collect();
        for op in Op::ALL {
            for case in of(*op) {
                let signature = case.spec.signature();
                kinds.remove(&case.spec.kind());
                let named = signature.dims.iter().map(|dim| &*dim.name);
                assert!(named.eq(case.dims.iter().map(|(name, _)| *name)), "{case}");
                assert_eq!(signature.scalars.len(), case.scalars.len(), "{case}");
                assert_eq!(signature.buffers.len(), case.arguments.len(), "{case}");
                let dims: Vec<u64> = case.dims.iter().map(|(_, n)| *n).collect();
                for (param, argument) in signature.buffers.iter().zip(&case.arguments) {
                    assert_eq!(param.name, argument.name, "{case}");
                    let elem = param.content.elem();
                    assert_eq!(elem, argument.elem, "{case} {}", param.name);
                    let len = param.len.eval(&dims);
                    assert_eq!(
                        len,
                        Some(argument.before.len() as u64),
                        "{case} {}",
                        param.name
                    );
                    let is_read_only = argument.before == argument.after;
                    assert!(
                        param.access != Access::In || is_read_only,
                        "{case} {}",
                        param.name
                    );
                }
            }
        }
        assert_eq!(kinds, BTreeSet::new(), "kernels without cases");
    }
}
