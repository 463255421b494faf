//! Blocks: runs of lane-wise statements, single statements, loops.
//!
//! Where a vector is two registers, a run is emitted part by part, so that its temporaries live for one
//! part only. Everything that is not lane-wise ends a run, and so does an access that might overlap one
//! of the run at other lanes.

use super::emitter::{Emitter, LANES, Repr};
use super::inst::{Inst as Code, Kind, Reg};
use crate::emit::order::{InOrder, Run, is_lane_wise, vector_access};
use crate::ir::{Function, Inst, Loop, Stmt, Value, VectorOp};

impl InOrder for Emitter<'_> {
    fn source(&self) -> &Function {
        self.source
    }

    fn emits_nothing_or_once(&mut self, stmt: &Stmt) -> bool {
        let Stmt::Let(value, inst) = stmt else {
            return false;
        };
        let repr = match inst {
            Inst::F32(bits) => Repr::Const(*bits),
            Inst::I32(x) => Repr::Const(x.cast_unsigned()),
            Inst::SizeF32(size) => match size.as_const() {
                Some(n) => Repr::Const((n as f32).to_bits()),
                None => Repr::Scalar(self.size_f32(size)),
            },
            Inst::Param(number) => Repr::Scalar(self.scalar_param(*number)),
            Inst::Iota => {
                let lanes: Vec<u32> = (0..LANES as u32).collect();
                let kind = self.kind();
                let parts = lanes.chunks(self.part_lanes());
                Repr::Vector(parts.map(|part| self.lanes(kind, part)).collect())
            }
            Inst::Splat(x) => {
                let splat = self.splat(*x);
                Repr::Vector(vec![splat; self.parts()])
            }
            Inst::Compare(..) if self.uses.only_masks[value.0 as usize] => Repr::Compare,
            _ => return false,
        };
        self.define(*value, repr);
        true
    }

    fn joins(&self, stmt: &Stmt) -> bool {
        let vector = match stmt {
            Stmt::Let(value, _) | Stmt::Store { value, .. } => self.is_vector(*value),
            _ => false,
        };
        let lane_wise = match stmt {
            Stmt::Let(_, inst) if is_lane_wise(inst) => true,
            _ => vector_access(stmt).is_some(),
        };
        vector && lane_wise
    }

    fn run(&mut self, run: Run<'_>) {
        let mut results: Vec<Vec<Reg>> = vec![Vec::new(); run.stmts.len()];
        for part in 0..self.parts() {
            for (stmt, result) in run.stmts.iter().zip(&mut results) {
                match stmt {
                    Stmt::Let(value, inst) => {
                        let x = match result.first() {
                            Some(first) if self.uniform(inst, part) => *first,
                            _ => self.run_part(inst, *value, part),
                        };
                        result.push(x);
                        // Parts not yet emitted are not looked at before they are.
                        let parts = (0..self.parts()).map(|p| *result.get(p).unwrap_or(&x));
                        let parts = parts.collect();
                        self.define(*value, Repr::Vector(parts));
                    }
                    Stmt::Store {
                        buffer,
                        address,
                        value,
                        lanes,
                    } => {
                        let x = self.part(*value, part);
                        let at = self.address(*buffer, address);
                        self.store_part(x, at, part, lanes);
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
                ..
            } => {
                let x = self.part(*value, 0);
                let at = self.address(*buffer, address);
                self.store_scalar(x, at);
            }
            Stmt::For(l) => self.counted_loop(l),
            Stmt::Prefetch(buffer, address) => {
                let at = self.address(*buffer, address);
                self.push(Code::Prefetch(at.mem()));
            }
        }
    }

    fn define_zero(&mut self, counter: Value) {
        self.define(counter, Repr::Const(0));
    }

    fn pass_on(&mut self, from: Value, to: Value) {
        let (repr, scope) = (self.repr(from).clone(), self.scope_of(from));
        self.define_at(scope, to, repr);
    }

    fn repeated(&mut self, l: &Loop) {
        self.repeat(l);
    }
}

impl Emitter<'_> {
    fn run_part(&mut self, inst: &Inst, value: Value, part: usize) -> Reg {
        match inst {
            Inst::Load(buffer, address, lanes) => {
                let at = self.address(*buffer, address);
                self.load_part(at, part, lanes)
            }
            _ => self.lane_wise(inst, value, part),
        }
    }

    /// Whether part `part` of the result equals part 0 because those of the operands do.
    fn uniform(&self, inst: &Inst, part: usize) -> bool {
        let mut uniform = is_lane_wise(inst) && !matches!(inst, Inst::Keep(..));
        inst.for_each_value(|x| match self.repr(x) {
            Repr::Vector(parts) => uniform &= parts[part] == parts[0],
            Repr::Compare => uniform = false,
            _ => {}
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
                    VectorOp::Spread => self.spread(table),
                    VectorOp::Shuffle16 => self.shuffle16([table, index], third),
                    VectorOp::Dot4 | VectorOp::Base3(_) | VectorOp::Packed(_) => {
                        unreachable!("lane-wise instructions are taken apart before")
                    }
                });
            }
            Inst::Extract(x, lane) => self.extract(*x, usize::from(*lane)),
            Inst::ToIndex(x) => {
                return Repr::Index(self.integer(*x));
            }
            Inst::FromIndex(x) => {
                let x = self.part(*x, 0);
                let dst = self.registers.add(Kind::Quarter);
                self.push(Code::LaneOfInt(dst, x));
                dst
            }
            Inst::Load(buffer, address, _) => {
                let at = self.address(*buffer, address);
                self.load_scalar(at)
            }
            _ => self.lane_wise(inst, value, 0),
        })
    }
}
