//! Invariant computations leave loops.
//!
//! Preconditions: the function is verified. An instruction moves to the outermost block in
//! which its operands are defined, just before the loop that it leaves, but not out of one that a
//! condition decides about, since it is seldom wanted:
//!
//! - arithmetic, whether or not the loop ever runs: it cannot fail;
//! - index conversions only out of loops that surely run (constant trip count, at least 1),
//!   since they trap on numbers out of range;
//! - loads only out of such loops and only from buffers that are only read, and at most
//!   [`LOADS`] out of one loop: beyond that, reading memory again is cheaper than the
//!   registers.

use crate::ir::{Block, Function, Inst, Loop, Stmt, Value};

/// The most loads that leave one loop.
pub const LOADS: u32 = 16;

/// Runs the pass.
pub fn run(function: &mut Function) {
    let body = std::mem::take(&mut function.body);
    let mut pass = Hoist {
        function,
        depths: vec![0; function.types.len()],
        levels: Vec::new(),
    };
    let body = pass.block(body, Enters::Surely);
    function.body = body;
}

struct Hoist<'a> {
    function: &'a Function,
    /// The nesting depth of each value's definition.
    depths: Vec<usize>,
    /// The blocks that are open, outermost first.
    levels: Vec<Level>,
}

struct Level {
    out: Block,
    enters: Enters,
    /// Loads that have left the loop of this block.
    loads: u32,
}

/// Whether the loop of a block runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Enters {
    Surely,
    /// As dimensions are.
    Perhaps,
    /// If a number is not 0.
    OnCondition,
}

impl Hoist<'_> {
    fn block(&mut self, block: Block, enters: Enters) -> Block {
        self.levels.push(Level {
            out: Block::with_capacity(block.len()),
            enters,
            loads: 0,
        });
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst) => {
                    let to = self.target(&inst);
                    self.depths[value.0 as usize] = to;
                    self.levels[to].out.push(Stmt::Let(value, inst));
                }
                Stmt::For(l) => {
                    let l = self.for_loop(l);
                    self.last().out.push(Stmt::For(l));
                }
                stmt => self.last().out.push(stmt),
            }
        }
        self.levels.pop().map(|l| l.out).unwrap_or_default()
    }

    fn for_loop(&mut self, mut l: Loop) -> Loop {
        let inner = self.levels.len();
        self.define(l.counter, inner);
        for c in &l.carried {
            self.define(c.param, inner);
            self.define(c.result, inner - 1);
        }
        let enters = match (l.when, l.trip.as_const()) {
            (Some(_), _) => Enters::OnCondition,
            (None, Some(1..)) => Enters::Surely,
            (None, _) => Enters::Perhaps,
        };
        l.body = self.block(std::mem::take(&mut l.body), enters);
        l
    }

    fn define(&mut self, value: Value, depth: usize) {
        self.depths[value.0 as usize] = depth;
    }

    fn last(&mut self) -> &mut Level {
        self.levels.last_mut().expect("a block is open")
    }

    /// The depth of the block that `inst` moves to.
    fn target(&mut self, inst: &Inst) -> usize {
        let here = self.levels.len() - 1;
        let conditional = |level: &Level| level.enters == Enters::OnCondition;
        let mut least = self.levels.iter().rposition(conditional).unwrap_or(0);
        inst.for_each_value(|v| least = least.max(self.depths[v.0 as usize]));
        let surely = |level: &Level| level.enters == Enters::Surely;
        match inst {
            Inst::Load(buffer, ..) => {
                if !self.function.is_only_read(*buffer) {
                    return here;
                }
                let mut to = here;
                while to > least && surely(&self.levels[to]) && self.levels[to].loads < LOADS {
                    self.levels[to].loads += 1;
                    to -= 1;
                }
                to
            }
            Inst::ToIndex(_) | Inst::FromIndex(_) => {
                let mut to = here;
                while to > least && surely(&self.levels[to]) {
                    to -= 1;
                }
                to
            }
            _ => least,
        }
    }
}
