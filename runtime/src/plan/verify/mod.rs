//! The proof that a plan touches nothing but what is its own, before it runs.
//!
//! | file | concept |
//! |---|---|
//! | `tensors` | tensors lie in their sections, and those that last apart from all others |
//! | `dims` | the values that a call's dimensions take |
//! | `call` | a call against its op's signature |
//! | `flow` | what every tensor holds, from call to call |
//!
//! Every call has an argument for each parameter of its op, in its range. Its operands lie in their tensors, for every
//! length up to the longest block. It writes no weights, and nothing that it also reads as another operand. What it
//! reads has been written, as what it is read as and by as many elements, and its bytes have not been given to another
//! tensor since. Rows that it looks up are rows of their tables.

mod call;
mod dims;
mod flow;
mod tensors;
#[cfg(test)]
mod tests;

use super::{Content, DimValue, Entry, KernelCall, Plan, Planned, Stage, Tensor};
use crate::error::{PlanError, PlanFault};
use atome_spec::Op;
use call::Checker;
use flow::Flow;
use std::ops::Deref;

/// A plan that was proved; nothing else runs.
#[derive(Debug)]
pub(crate) struct Proved(Plan);

impl Proved {
    /// Proves a plan for token ids below `vocab`, and gives what fills its tensors back.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub(crate) fn new(
        (plan, contents): Planned<'_>,
        vocab: usize,
    ) -> Result<(Proved, Vec<(Tensor, Content<'_>)>), PlanError> {
        check(&plan, &contents, vocab as u64)?;
        Ok((Proved(plan), contents))
    }
}

impl Deref for Proved {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}

fn check(plan: &Plan, contents: &[(Tensor, Content<'_>)], vocab: u64) -> Result<(), PlanError> {
    tensors::check(plan)?;
    let (block, rows) = (plan.block as u64, plan.rows_block as u64);
    let calls = &mut Checker::new(plan);
    let start = Flow::new(plan, contents, vocab);
    let body = start.clone().run(calls, Entry::Block, block)?;
    body.check_output()?;
    body.clone()
        .run(calls, Entry::Head, block)?
        .check_answer()?;
    let body = match rows == block {
        true => body,
        false => start.clone().run(calls, Entry::Block, rows)?,
    };
    body.run(calls, Entry::Rows, rows)?.check_rows()?;
    let sessions = start.run(calls, Entry::Sessions, rows)?;
    sessions.run(calls, Entry::Rows, rows)?.check_rows()?;
    one_token(calls, plan, Entry::Block)?;
    one_token(calls, plan, Entry::Head)
}

/// Blocks of one token are run by simpler calls: those that differ in more than a number of tokens.
fn one_token(calls: &mut Checker<'_>, plan: &Plan, entry: Entry) -> Result<(), PlanError> {
    for product in plan.stages(entry).iter().flat_map(Stage::kernels) {
        if matches!(product.op, Op::Gemm | Op::GroupGemm) {
            let simple = product.for_one_token();
            let used = calls.check(&simple, 1);
            used.map_err(|fault| PlanError::of(entry.name(), &simple.label, fault))?;
        }
    }
    Ok(())
}
