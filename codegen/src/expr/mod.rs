//! Row-wise expressions: what a kernel of the op [`map`](atome_spec::Op::Map) computes.
//!
//! ```text
//! (f: row, i: row, floor: gain, h: state, y: row) {
//!   k = floor + (1 - floor) * sigmoid(f)
//!   h = k * h + silu(i) * (1 - k)
//!   y = h
//! }
//! ```
//!
//! The operands come first, each with what it has values for; then statements, which run for each
//! token and channel in order. A name that is no operand is a value of that element alone.
//!
//! | file | what |
//! |---|---|
//! | `operand` | what is read and written |
//! | `body` | the statements |
//! | `lex`, `parse`, `print` | the text form, of statements and of whole expressions |
//! | `chain` | an expression as a list of elementwise ops, for what runs it |
//! | `fuse` | two expressions as one |
//! | `error` | what can be wrong |
//!
//! `docs/graph.md` has the grammar and the numerics.

mod body;
mod chain;
mod error;
mod fuse;
mod lex;
mod operand;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use body::{Body, Node, Number, Statement};
pub use chain::{Chain, Source, Step, Store};
pub use error::{ExprError, ExprFault};
pub use fuse::{Fused, Origin};
pub use operand::{Operand, OperandKind};

use crate::ir::Access;

/// Greatest number of operands.
pub const MAX_OPERANDS: usize = 16;

/// Greatest number of elementwise ops that an expression takes.
pub const MAX_STEPS: usize = 64;

/// A row-wise expression: operands, and statements over them. It is valid: whatever made it has been
/// checked.
///
/// ```
/// use atome_codegen::expr::Expr;
///
/// let gated: Expr = "(x: row, gate: row, y: row) { y = x * silu(gate) }".parse()?;
/// assert_eq!(gated.operands().len(), 3);
/// assert_eq!(gated.to_string().parse(), Ok(gated));
///
/// let unknown = "(x: row) { x = x * scale }".parse::<Expr>();
/// assert_eq!(unknown.unwrap_err().to_string(), "line 1, column 20: no operand is named `scale`");
/// # Ok::<(), atome_codegen::expr::ExprError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expr {
    operands: Vec<Operand>,
    body: Body,
    chain: Chain,
}

impl Expr {
    /// An expression of checked parts.
    ///
    /// # Errors
    /// If a name is no operand and was not given a value before, or is given one twice; an operand or a value
    /// is never used; a gain, or what all channels of a head share, is written; a state is not read and
    /// written; nothing is written; or there are too many operands or elementwise ops.
    pub fn new(operands: Vec<Operand>, body: Body) -> Result<Expr, ExprError> {
        let chain = chain::chain(&operands, &body)?;
        Ok(Expr {
            operands,
            body,
            chain,
        })
    }

    /// What it reads and writes, in the order of the kernel's buffers.
    pub fn operands(&self) -> &[Operand] {
        &self.operands
    }

    /// The statements.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The elementwise ops that it takes, equal ones once.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// How an operand is used.
    ///
    /// # Panics
    /// If there is no operand of that number.
    pub fn access(&self, operand: usize) -> Access {
        let writes = self.chain.stores.iter().any(|s| s.operand == operand);
        match (self.chain.reads(operand), writes) {
            (true, true) => Access::InOut,
            (false, true) => Access::Out,
            (_, false) => Access::In,
        }
    }

    /// Whether an operand has a value for each head, and so channels are counted by heads.
    pub fn has_heads(&self) -> bool {
        self.operands.iter().any(|operand| operand.per_head)
    }
}
