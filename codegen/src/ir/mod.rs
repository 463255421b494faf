//! The intermediate representation: what every kernel means, for every target.
//!
//! A [`Function`] takes buffers, dimensions and f32 scalars and consists of straight-line
//! instructions and counted loops. Values are typed and assigned once; vectors are logical,
//! [`atome_spec::LANES`] lanes wide whatever the machine. Trip counts, strides and buffer
//! lengths are [`Size`]s: expressions over constants and the function's dimensions, so
//! binding a dimension to a number turns them into constants.
//!
//! | file | concept |
//! |---|---|
//! | `types` | value types and element types |
//! | `size` | shape arithmetic |
//! | `inst` | the instructions |
//! | `vector` | those on i32 vectors alone, by a table |
//! | `function` | functions, blocks, loops, buffers |
//! | `builder` | construction, with result types inferred |
//! | [`text`] | the text form: printed by `Display`, read by [`parse`] |
//! | [`mod@verify`] | the invariants that every stage relies on |

mod builder;
mod function;
mod inst;
#[cfg(test)]
pub(crate) mod random;
mod size;
pub mod text;
mod types;
mod vector;
pub mod verify;

pub use builder::Builder;
pub use function::{
    Access, Block, Buffer, BufferParam, Carried, Function, Loop, MOST_SCRATCH, Scalar, Stmt,
};
pub use inst::{
    Address, Base3Part, BinaryOp, Compare, Inst, Lanes, ReduceOp, ShiftOp, UnaryOp, Value,
};
pub use size::{Dim, Size};
pub use text::{ParseError, parse};
pub use types::{Elem, Type};
pub use vector::{PackedOp, VectorInst, VectorOp};
pub use verify::{Violations, verify};
