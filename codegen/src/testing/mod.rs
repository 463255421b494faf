//! Random functions and inputs, to hold whatever changes or compiles a function to the
//! interpreter. Enabled by the feature `testing`.
//!
//! ```
//! use atome_codegen::testing::{random_function, random_inputs};
//!
//! let function = random_function(7);
//! let inputs = random_inputs(&function, 1);
//! let memory = inputs.interpret(&function)?;
//! assert_eq!(memory.len(), inputs.memory.len());
//! # Ok::<(), atome_codegen::interp::Trap>(())
//! ```

mod address;
mod arithmetic;
mod expressions;
mod inputs;
mod random;
mod rng;
#[cfg(test)]
mod tests;

pub use expressions::{EXPRESSIONS, expression_specs, random_expr};
pub use inputs::{Inputs, random_inputs};
pub use random::random_function;
pub use rng::Rng;
