//! Every op, and whole models, in f64, from the formulas of `docs/ir.md`, written without regard to the order of operations: what the
//! scalar reference gives has to be near it, or infinite or NaN where f32 cannot hold what is met on the way, and never
//! finite and wrong.
//!
//! | file | what |
//! |---|---|
//! | `ball` | a number in f64 and how far f32 arithmetic may be from it |
//! | `products` | `embed`, lookups, `gemv`, `gemm`, `matmul`, `conv1d` |
//! | `rows` | norms, rounding to int8, `softmax` |
//! | `steps` | recurrences, convolution, attention, sums |
//! | `heads` | norms, rotations, orders and recurrences of heads |
//! | `caches` | attention of heads, and its caches |
//! | `functions` | elementwise ops, and expressions of them |
//! | `atome`, `bitmamba2` | models of the families |

mod atome;
mod ball;
mod bitmamba2;
mod caches;
mod functions;
mod heads;
mod products;
mod rows;
mod steps;

pub use atome::atome_logits;
pub use bitmamba2::Bit2;

use crate::cases::{Argument, Case};
use atome_spec::{Op, each_op};
use caches::*;
use functions::*;
use heads::*;
use products::*;
use rows::*;
use steps::*;

macro_rules! judge {
    ($($name:ident: $op:ident,)+) => {
        /// Compares a case's expected outputs with arithmetic in f64: by the function of its op's
        /// name in one of the files.
        ///
        /// # Errors
        /// The first element that is wrong, and why.
        pub fn judge(case: &Case) -> Result<(), String> {
            let call = Call { case };
            match case.spec.op {
                $(Op::$op => $name(&call),)+
            }
        }
    };
}

each_op!(judge);

/// A case, by the names of its arguments.
struct Call<'c> {
    case: &'c Case,
}

impl Call<'_> {
    fn argument(&self, name: &str) -> &Argument {
        let found = self.case.arguments.iter().find(|a| a.name == name);
        found.unwrap_or_else(|| panic!("{}: no argument {name}", self.case))
    }

    /// A dimension of the op.
    fn dim(&self, name: &str) -> usize {
        let found = self.case.dims.iter().find(|(n, _)| *n == name);
        found
            .unwrap_or_else(|| panic!("{}: no dimension {name}", self.case))
            .1 as usize
    }

    /// Words before the call.
    fn words(&self, name: &str) -> &[u32] {
        &self.argument(name).before
    }

    /// Numbers before the call.
    fn input(&self, name: &str) -> Vec<f32> {
        floats(&self.argument(name).before)
    }

    /// Numbers after the call.
    fn output(&self, name: &str) -> Vec<f32> {
        floats(&self.argument(name).after)
    }
}

fn floats(words: &[u32]) -> Vec<f32> {
    words.iter().map(|w| f32::from_bits(*w)).collect()
}

/// Says which element a fault is in.
fn at(name: &str, index: usize, fault: Result<(), String>) -> Result<(), String> {
    fault.map_err(|fault| format!("{name}[{index}]: {fault}"))
}
