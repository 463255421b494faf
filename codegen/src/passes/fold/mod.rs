//! Constants and exact identities.
//!
//! Preconditions: the function is verified. Afterwards:
//!
//! - an instruction whose operands are constants is a constant, if every machine agrees on the
//!   bits: an operation that makes a NaN stays;
//! - an identity that IEEE holds for every number is applied (`x * 1`, `x - (+0.0)`, but not
//!   `x + (+0.0)`, which turns -0.0 into +0.0). Signalling NaNs, which no operation makes, may
//!   stay signalling where the operation would have quieted them;
//! - `Lanes::First` of a constant is below 16, and a load or store of no lane is gone;
//! - addresses have one term an index, none of stride 0 and none of a constant index;
//! - a loop carries no value that stays what it was.

mod constants;
mod identities;

use super::walk::Aliases;
use crate::hash::Map;
use crate::ir::{Address, Block, Function, Inst, Lanes, Loop, Size, Stmt, Type, Value};
use atome_spec::LANES;
use constants::Constant;

/// Runs the pass.
pub fn run(function: &mut Function) {
    let body = std::mem::take(&mut function.body);
    let mut folder = Folder {
        function,
        aliases: Aliases::default(),
        constants: Map::default(),
        indices: Map::default(),
        definitions: Map::default(),
    };
    let body = folder.block(body);
    function.body = body;
}

struct Folder<'a> {
    function: &'a mut Function,
    aliases: Aliases,
    constants: Map<Value, Constant>,
    /// Indices that are constants.
    indices: Map<Value, u64>,
    /// The instruction of every value that has one, as folded.
    definitions: Map<Value, Inst>,
}

/// What an instruction comes down to.
enum Simpler {
    Value(Value),
    Inst(Inst),
    Constant(Constant),
}

impl Folder<'_> {
    fn block(&mut self, block: Block) -> Block {
        let mut out = Block::with_capacity(block.len());
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst) => {
                    let inst = self.aliases.in_inst(inst);
                    self.define(value, inst, &mut out);
                }
                Stmt::For(l) => {
                    let l = self.for_loop(l);
                    out.push(Stmt::For(l));
                }
                stmt => out.extend(self.access(self.aliases.in_simple(stmt))),
            }
        }
        out
    }

    fn define(&mut self, value: Value, mut inst: Inst, out: &mut Block) {
        if let Inst::Load(_, address, lanes) = &mut inst {
            self.fold_address(address);
            fold_lanes(lanes);
        }
        if let Some(constant) = self.evaluate(&inst) {
            return self.define_constant(value, inst, constant, out);
        }
        match self.simplify(&inst) {
            Some(Simpler::Value(other)) => self.aliases.insert(value, other),
            Some(Simpler::Inst(simpler)) => self.define(value, simpler, out),
            Some(Simpler::Constant(constant)) => self.define_constant(value, inst, constant, out),
            None => self.push(value, inst, out),
        }
    }

    fn push(&mut self, value: Value, inst: Inst, out: &mut Block) {
        if let Inst::ToIndex(x) = inst
            && let Some(bits) = self.uniform(x)
            && let Ok(index) = u64::try_from(bits as i32)
        {
            self.indices.insert(value, index);
        }
        self.definitions.insert(value, inst.clone());
        out.push(Stmt::Let(value, inst));
    }

    /// Defines `value`, which `inst` computes, as a constant; as `inst` where the language has
    /// no shorter way to write it.
    fn define_constant(&mut self, value: Value, inst: Inst, constant: Constant, out: &mut Block) {
        let ty = self.function.type_of(value);
        let inst = match (ty.elem(), constants::uniform(&constant)) {
            (Some(_), Some(bits)) if !ty.is_vector() => constants::scalar(ty, bits),
            (Some(elem), Some(bits)) if !matches!(inst, Inst::Splat(_)) => {
                let scalar = Type::Scalar(elem);
                let x = self.function.new_value(scalar);
                self.constants.insert(x, constant);
                self.push(x, constants::scalar(scalar, bits), out);
                Inst::Splat(x)
            }
            _ => inst,
        };
        self.constants.insert(value, constant);
        self.push(value, inst, out);
    }

    fn for_loop(&mut self, mut l: Loop) -> Loop {
        l.map_entering(|v| self.aliases.get(v));
        match l.when.and_then(|when| self.uniform(when)) {
            Some(0) => l.trip = Size::ZERO,
            Some(_) => l.when = None,
            None => {}
        }
        l.carried.retain(|c| {
            let stays = c.next == c.param || self.aliases.get(c.next) == c.init;
            if stays {
                self.aliases.insert(c.param, c.init);
                self.aliases.insert(c.result, c.init);
            }
            !stays
        });
        l.body = self.block(std::mem::take(&mut l.body));
        for c in &mut l.carried {
            c.next = self.aliases.get(c.next);
        }
        l
    }

    /// A store or prefetch, folded; nothing if it stores nothing.
    fn access(&self, mut stmt: Stmt) -> Option<Stmt> {
        match &mut stmt {
            Stmt::Store { address, lanes, .. } => {
                self.fold_address(address);
                fold_lanes(lanes);
                if *lanes == Lanes::First(Size::ZERO) {
                    return None;
                }
            }
            Stmt::Prefetch(_, address) => self.fold_address(address),
            Stmt::Let(..) | Stmt::For(_) => {}
        }
        Some(stmt)
    }

    /// One term an index; constants go to the base.
    fn fold_address(&self, address: &mut Address) {
        let mut terms: Vec<(Value, Size)> = Vec::with_capacity(address.terms.len());
        for (index, stride) in address.terms.drain(..) {
            if let Some(n) = self.indices.get(&index) {
                let base = std::mem::replace(&mut address.base, Size::ZERO);
                address.base = base + stride * *n;
            } else if let Some((_, sum)) = terms.iter_mut().find(|(i, _)| *i == index) {
                *sum = std::mem::replace(sum, Size::ZERO) + stride;
            } else {
                terms.push((index, stride));
            }
        }
        terms.retain(|(_, stride)| *stride != Size::ZERO);
        address.terms = terms;
    }
}

fn fold_lanes(lanes: &mut Lanes) {
    if let Lanes::First(Size::Const(n)) = lanes
        && *n >= LANES as u64
    {
        *lanes = Lanes::All;
    }
}
