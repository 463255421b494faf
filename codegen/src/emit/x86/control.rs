//! Counted loops.
//!
//! A carried value has a register of its own, which its next value is moved to at the loop's end. A loop
//! counts in steps of the strides of its accesses, and counts its iterations themselves only where
//! something asks for their number.

use super::build::moved;
use super::emitter::{Counted, Emitter, Repr};
use super::inst::{Alu, If, Inst, Kind, Operand, Reg};
use super::memory::bytes;
use super::op;
use crate::emit::order::InOrder;
use crate::ir::{Address, Block, Carried, Loop, Size, Stmt, Value};
use std::collections::BTreeSet;

/// How a counter is used in its loop.
#[derive(Default)]
struct CounterUses {
    strides: BTreeSet<Size>,
    itself: bool,
}

impl CounterUses {
    fn of(counter: Value, block: &Block) -> CounterUses {
        let mut uses = CounterUses::default();
        uses.block(counter, block);
        uses
    }

    fn address(&mut self, counter: Value, address: &Address) {
        let own = address.terms.iter().filter(|(index, _)| *index == counter);
        self.strides.extend(own.map(|(_, stride)| stride.clone()));
    }

    fn block(&mut self, counter: Value, block: &Block) {
        for stmt in block {
            match stmt {
                Stmt::Let(_, crate::ir::Inst::Load(_, address, _)) => {
                    self.address(counter, address)
                }
                Stmt::Let(_, inst) => inst.for_each_value(|value| self.itself |= value == counter),
                Stmt::Store { address, value, .. } => {
                    self.address(counter, address);
                    self.itself |= *value == counter;
                }
                Stmt::Prefetch(_, address) => self.address(counter, address),
                Stmt::For(l) => {
                    let mut carried = l.carried.iter();
                    self.itself |= carried.any(|c| c.init == counter || c.next == counter);
                    self.block(counter, &l.body);
                }
            }
        }
    }
}

impl Emitter<'_> {
    /// A loop tested at its end; one whose trip count is known only at run time is also tested before.
    pub(super) fn repeat(&mut self, l: &Loop) {
        let carried: Vec<(Reg, Kind)> = l.carried.iter().flat_map(|c| self.begin(c)).collect();
        let once = l.trip.most().is_some_and(|most| most <= 1);
        let counted = (!once).then(|| self.count(l));
        let (head, after) = (self.new_label(), self.new_label());
        let sizes = self.sizes;
        if once {
            self.sizes_inside();
        }
        self.open_scope();
        let inner = l.body.iter().any(|stmt| matches!(stmt, Stmt::For(_)));
        self.push(Inst::At(head, !inner));
        let depth = self.depth();
        match &counted {
            Some((which, _)) => self.define_at(depth, l.counter, Repr::Counter(*which)),
            None => self.define_zero(l.counter),
        }
        self.hold(&l.carried, &carried, |c| c.param);
        self.block(&l.body);
        self.carry(l, &carried);
        if let Some((_, end)) = &counted {
            self.step(end);
            self.push(Inst::Jump(If::Below, head));
        }
        let body = self.close_scope();
        self.sizes = sizes;
        // What the body has computed once stands before the test: it is used after the loop too.
        let trip = l.trip.as_const().is_none().then(|| self.size(&l.trip));
        let when = l.when.map(|when| self.integer(when));
        for unless in trip.into_iter().chain(when) {
            self.push(Inst::Alu(Alu::Cmp, unless, Operand::Imm(0)));
            self.push(Inst::Jump(If::Zero, after));
        }
        self.push_body(body, once);
        if l.known_trip().is_none() {
            self.push(Inst::At(after, false));
        }
        let results = carried.into_iter();
        let results: Vec<(Reg, Kind)> = results
            .map(|(reg, kind)| (self.apart(reg, kind), kind))
            .collect();
        self.hold(&l.carried, &results, |c| c.result);
    }

    /// A copy that may live elsewhere: what loops carry is in registers while they run, and may be put by
    /// before and after.
    fn apart(&mut self, x: Reg, kind: Kind) -> Reg {
        match kind.is_vector() {
            true => self.rm(&op::LOAD, kind, x),
            false => self.copy(x, kind),
        }
    }

    /// Registers of a carried value, filled with the first one.
    fn begin(&mut self, carried: &Carried) -> Vec<(Reg, Kind)> {
        let kind = self.kind_of(carried.param);
        let parts = if self.is_vector(carried.param) {
            self.parts()
        } else {
            1
        };
        (0..parts)
            .map(|part| {
                let init = self.part(carried.init, part);
                (self.apart(init, kind), kind)
            })
            .collect()
    }

    /// Lets values stand for the registers of carried ones.
    fn hold(
        &mut self,
        carried: &[Carried],
        mut registers: &[(Reg, Kind)],
        of: impl Fn(&Carried) -> Value,
    ) {
        for value in carried.iter().map(of) {
            let parts = if self.is_vector(value) {
                self.parts()
            } else {
                1
            };
            let (own, others) = registers.split_at(parts);
            registers = others;
            let own: Vec<Reg> = own.iter().map(|(reg, _)| *reg).collect();
            let repr = match self.kind_of(value) {
                Kind::Int => Repr::Index(own[0]),
                Kind::Quarter => Repr::Scalar(own[0]),
                Kind::Half | Kind::Full => Repr::Vector(own),
            };
            self.define(value, repr);
        }
    }

    /// Moves the next values to the registers of the carried ones. One that is moved to before it is
    /// moved from is put by first.
    fn carry(&mut self, l: &Loop, carried: &[(Reg, Kind)]) {
        let mut nexts = Vec::new();
        for c in &l.carried {
            let parts = if self.is_vector(c.next) {
                self.parts()
            } else {
                1
            };
            nexts.extend((0..parts).map(|part| self.part(c.next, part)));
        }
        for i in 0..nexts.len() {
            let overwritten = carried[..i].iter().any(|(reg, _)| *reg == nexts[i]);
            if overwritten {
                nexts[i] = self.copy(nexts[i], carried[i].1);
            }
        }
        for ((reg, kind), next) in carried.iter().zip(nexts) {
            if *reg != next {
                self.push(moved(*reg, next, *kind));
            }
        }
    }

    /// The registers that a loop counts in, set to zero, and what ends it.
    fn count(&mut self, l: &Loop) -> (usize, End) {
        let uses = CounterUses::of(l.counter, &l.body);
        let mut counted = Counted::default();
        let mut steps: Vec<(u64, Reg)> = Vec::new();
        let mut ends = None;
        let mut strides: Vec<(u64, &Size)> = uses
            .strides
            .iter()
            .filter_map(|stride| Some((bytes(stride.as_const()?), stride)))
            .filter(|(stride, _)| *stride != 0 && i32::try_from(*stride).is_ok())
            .collect();
        strides.sort_unstable();
        for (stride, size) in strides {
            let multiple = |(step, reg): &(u64, Reg)| {
                let scale = stride / step;
                let fits = stride % step == 0 && matches!(scale, 1 | 2 | 4 | 8);
                fits.then_some((*reg, scale as u8))
            };
            let scaled = steps.iter().find_map(multiple).unwrap_or_else(|| {
                let reg = self.imm(0);
                steps.push((stride, reg));
                (reg, 1)
            });
            counted.scaled.insert(size.clone(), scaled);
        }
        if let Some(trip) = l.trip.as_const() {
            let end = |(step, reg): &(u64, Reg)| {
                let last = i32::try_from(trip.checked_mul(*step)?).ok()?;
                Some((*reg, Operand::Imm(last)))
            };
            ends = steps.iter().find_map(end);
        }
        let dynamic = uses
            .strides
            .iter()
            .any(|s| !counted.scaled.contains_key(s) && *s != Size::ZERO);
        if uses.itself || dynamic || ends.is_none() {
            let reg = self.imm(0);
            counted.count = Some(reg);
            steps.push((1, reg));
        }
        let compare = match (ends, counted.count) {
            (Some(end), _) => end,
            (None, Some(count)) => {
                let trip = self.size_operand(&l.trip);
                (count, trip)
            }
            (None, None) => unreachable!("what does not end otherwise is counted"),
        };
        self.counted.push(counted);
        (self.counted.len() - 1, End { steps, compare })
    }

    fn step(&mut self, end: &End) {
        for (step, reg) in &end.steps {
            self.push(Inst::Alu(Alu::Add, *reg, Operand::Imm(*step as i32)));
        }
        let (reg, last) = end.compare;
        self.push(Inst::Alu(Alu::Cmp, reg, last));
    }
}

/// How a loop goes on, and ends.
struct End {
    /// Registers and what they grow by.
    steps: Vec<(u64, Reg)>,
    /// The loop goes on while the register is below.
    compare: (Reg, Operand),
}
