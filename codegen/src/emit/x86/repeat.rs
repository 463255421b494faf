//! Short innermost loops do several iterations at once, so that counting them costs little.

use crate::ir::{Block, Function, Loop, Stmt};
use crate::passes::unroll;

/// Statements of the copies of a body together.
const STATEMENTS: u64 = 64;
/// Most copies.
const COPIES: u64 = 8;

/// Lets loops whose trip count is known do as many iterations as divide it and are few statements.
pub(super) fn repeat(function: &mut Function) {
    block(&mut function.body);
    unroll::run(function);
}

fn block(statements: &mut Block) {
    for stmt in statements {
        if let Stmt::For(l) = stmt {
            match l.body.iter().any(|stmt| matches!(stmt, Stmt::For(_))) {
                true => block(&mut l.body),
                false => l.unroll = copies(l),
            }
        }
    }
}

fn copies(l: &Loop) -> u32 {
    let Some(trip) = l.known_trip() else {
        return 1;
    };
    let most = (STATEMENTS / l.body.len().max(1) as u64).min(COPIES);
    let divides = |copies: &u64| trip.is_multiple_of(*copies);
    (1..=most).rev().find(divides).unwrap_or(1) as u32
}
