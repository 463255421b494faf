//! Blocks: runs of lane-wise statements, single statements, loops.
//!
//! A run is emitted part by part: all of part 0, then all of part 1 and so on, so that its
//! temporaries live for one part only. Everything that is not lane-wise ends a run, and so
//! does an access that might overlap one of the run at other lanes.

use super::emitter::{Emitter, PART_BYTES, PART_LANES, PARTS, Repr};
use super::memory::{Reach, reach};
use crate::emit::order::{InOrder, Run, is_lane_wise, vector_access};
use crate::ir::{Function, Inst, Loop, ReduceOp, Stmt, Value, VectorOp};
use cranelift_codegen::ir::{self as clif, InstBuilder, types};

impl InOrder for Emitter<'_> {
    fn source(&self) -> &Function {
        self.source
    }

    fn emits_nothing_or_once(&mut self, stmt: &Stmt) -> bool {
        let (value, repr) = match stmt {
            // Cranelift has no such instruction.
            Stmt::Prefetch(..) => return true,
            Stmt::Let(v, Inst::F32(bits)) => (*v, Repr::Const(*bits)),
            Stmt::Let(v, Inst::I32(x)) => (*v, Repr::Const(x.cast_unsigned())),
            Stmt::Let(v, Inst::SizeF32(size)) => match size.as_const() {
                Some(n) => (*v, Repr::Const((n as f32).to_bits())),
                None => (*v, Repr::Scalar(self.size_f32(size))),
            },
            Stmt::Let(v, Inst::Param(number)) => (*v, Repr::Scalar(self.param(*number))),
            Stmt::Let(v, Inst::Iota) => (
                *v,
                Repr::Vector(std::array::from_fn(|part| self.iota(part))),
            ),
            Stmt::Let(v, Inst::Splat(x)) => (*v, Repr::Vector([self.splat(*x); PARTS])),
            _ => return false,
        };
        self.define(value, repr);
        true
    }

    fn joins(&self, stmt: &Stmt) -> bool {
        let vector = match stmt {
            Stmt::Let(value, _) | Stmt::Store { value, .. } => self.is_vector(*value),
            _ => false,
        };
        let lane_wise = match stmt {
            Stmt::Let(_, inst) if is_lane_wise(inst) => true,
            _ => vector_access(stmt)
                .is_some_and(|(_, _, lanes, _)| matches!(reach(lanes), Reach::Const(_))),
        };
        vector && lane_wise
    }

    fn run(&mut self, run: Run<'_>) {
        let mut results: Vec<Vec<clif::Value>> = vec![Vec::new(); run.stmts.len()];
        for part in 0..PARTS {
            for (stmt, result) in run.stmts.iter().zip(&mut results) {
                match stmt {
                    Stmt::Let(value, inst) => {
                        let x = match result.first() {
                            Some(first) if self.uniform(inst, part) => *first,
                            _ => self.run_part(inst, *value, part),
                        };
                        result.push(x);
                        // Parts not yet emitted are not looked at before they are.
                        let parts = std::array::from_fn(|p| *result.get(p).unwrap_or(&x));
                        self.define(*value, Repr::Vector(parts));
                    }
                    Stmt::Store {
                        buffer,
                        address,
                        value,
                        lanes,
                    } => {
                        let at = self.pointer(*buffer, address);
                        let x = self.part(*value, part);
                        if let Reach::Const(lanes) = reach(lanes) {
                            self.store_part(x, at, part, lanes);
                        }
                    }
                    Stmt::Prefetch(..) | Stmt::For(_) => {}
                }
            }
        }
    }

    fn statement(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Let(value, inst) => {
                let repr = self.single(inst, *value);
                self.define(*value, repr);
            }
            Stmt::Store {
                buffer,
                address,
                value,
                lanes,
            } => {
                let at = self.pointer(*buffer, address);
                match self.parts(*value)[..] {
                    [x] => self.store_scalar(x, at),
                    [a, b, c, d] => {
                        if let Reach::Dynamic(n) = reach(lanes) {
                            self.store_dynamic([a, b, c, d], at, n);
                        }
                    }
                    _ => unreachable!("a value has one part or four"),
                }
            }
            Stmt::For(l) => self.counted_loop(l),
            Stmt::Prefetch(..) => {}
        }
    }

    fn define_zero(&mut self, counter: Value) {
        self.define(counter, Repr::Const(0));
    }

    fn pass_on(&mut self, from: Value, to: Value) {
        let repr = self.repr(from);
        self.define(to, repr);
    }

    fn repeated(&mut self, l: &Loop) {
        self.repeat(l);
    }
}

impl Emitter<'_> {
    fn run_part(&mut self, inst: &Inst, value: Value, part: usize) -> clif::Value {
        match inst {
            Inst::Load(buffer, address, lanes) => {
                let (elem, at) = (self.elem(value), self.pointer(*buffer, address));
                match reach(lanes) {
                    Reach::Const(lanes) => self.load_part(elem, at, part, lanes),
                    Reach::Dynamic(_) => unreachable!("`joins` keeps these out of runs"),
                }
            }
            _ => self.lane_wise(inst, part),
        }
    }

    /// Whether part `part` of the result equals part 0 because those of the operands do.
    fn uniform(&self, inst: &Inst, part: usize) -> bool {
        let mut uniform = is_lane_wise(inst) && !matches!(inst, Inst::Keep(..));
        inst.for_each_value(|x| {
            if let Repr::Vector(parts) = self.repr(x) {
                uniform &= parts[part] == parts[0];
            }
        });
        uniform
    }

    fn single(&mut self, inst: &Inst, value: Value) -> Repr {
        Repr::Scalar(match inst {
            Inst::Reduce(op, x) => self.reduce(*op, *x),
            Inst::Vector(inst) => {
                let [table, index, third, _] = inst.all();
                return Repr::Vector(match inst.op {
                    VectorOp::Lookup => self.lookup(table, index, inst.bit),
                    VectorOp::Narrow => self.narrow(inst.all()),
                    VectorOp::Spread => [self.part(table, 0); PARTS],
                    VectorOp::Shuffle16 => self.shuffle16([table, index], third),
                    VectorOp::Dot4 | VectorOp::Base3(_) | VectorOp::Packed(_) => {
                        unreachable!("lane-wise instructions are taken apart before")
                    }
                });
            }
            Inst::Extract(x, lane) => {
                let lane = usize::from(*lane);
                let part = self.part(*x, lane / PART_LANES);
                self.cur.ins().extractlane(part, (lane % PART_LANES) as u8)
            }
            Inst::ToIndex(x) => {
                let x = self.part(*x, 0);
                self.cur.ins().uextend(types::I64, x)
            }
            Inst::FromIndex(x) => {
                let x = self.part(*x, 0);
                self.cur.ins().ireduce(types::I32, x)
            }
            Inst::Load(buffer, address, lanes) => {
                let (elem, at) = (self.elem(value), self.pointer(*buffer, address));
                match reach(lanes) {
                    Reach::Dynamic(n) => return Repr::Vector(self.load_dynamic(elem, at, n)),
                    Reach::Const(_) => self.load_scalar(elem, at),
                }
            }
            _ => self.lane_wise(inst, 0),
        })
    }

    /// The fixed tree: lanes 8 apart are parts 2 apart, lanes 4 apart are parts 1 apart,
    /// the rest is inside a part.
    fn reduce(&mut self, op: ReduceOp, x: Value) -> clif::Value {
        let p: [clif::Value; PARTS] = std::array::from_fn(|part| self.part(x, part));
        let low = self.fold(op, p[0], p[2]);
        let high = self.fold(op, p[1], p[3]);
        let mut sum = self.fold(op, low, high);
        for apart in [2, 1] {
            let upper = self.lanes_down(sum, apart);
            sum = self.fold(op, sum, upper);
        }
        self.cur.ins().extractlane(sum, 0)
    }

    fn fold(&mut self, op: ReduceOp, x: clif::Value, y: clif::Value) -> clif::Value {
        match op {
            ReduceOp::Add if self.cur.func.dfg.value_type(x) == types::I32X4 => {
                self.cur.ins().iadd(x, y)
            }
            ReduceOp::Add => self.cur.ins().fadd(x, y),
            ReduceOp::Max => self.maximum(x, y),
        }
    }

    /// Lane `l + by` in lane `l`; the last lanes are of no use.
    fn lanes_down(&mut self, x: clif::Value, by: usize) -> clif::Value {
        let bytes = PART_BYTES as usize;
        let pick: Vec<u8> = (0..bytes).map(|i| ((i + 4 * by) % bytes) as u8).collect();
        let pick = self.cur.func.dfg.immediates.push(pick.into());
        let ty = self.cur.func.dfg.value_type(x);
        let x = self.cast(types::I8X16, x);
        let moved = self.cur.ins().shuffle(x, x, pick);
        self.cast(ty, moved)
    }
}
