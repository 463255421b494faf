//! Folds of a vector by the fixed tree, and single lanes.

use super::emitter::Emitter;
use super::inst::{Kind, Reg};
use super::op;
use crate::ir::{BinaryOp, Elem, ReduceOp, Value};

impl Emitter<'_> {
    /// Lanes 8, 4, 2 and 1 apart, the lower one as the left operand.
    pub(super) fn reduce(&mut self, op: ReduceOp, x: Value) -> Reg {
        let elem = self.elem(x);
        let op = match op {
            ReduceOp::Add => BinaryOp::Add,
            ReduceOp::Max => BinaryOp::Max,
        };
        let half = match self.masks() {
            true => {
                let x = self.part(x, 0);
                let high = self.mr(&op::HALF, Kind::Full, Kind::Half, x, 1);
                self.binary(op, elem, [x, high], Kind::Half)
            }
            false => {
                let parts = [0, 1].map(|part| self.part(x, part));
                self.binary(op, elem, parts, Kind::Half)
            }
        };
        let high = self.mr(&op::QUARTER, Kind::Half, Kind::Quarter, half, 1);
        let quarter = self.binary_quarter(op, elem, half, high);
        let high = self.rvm(&op::HIGH_LANES, Kind::Quarter, quarter, quarter);
        let pair = self.binary_quarter(op, elem, quarter, high);
        let odd = self.rm(&op::ODD_LANES, Kind::Quarter, pair);
        self.binary(op, elem, [pair, odd], Kind::Quarter)
    }

    /// All four lanes, not the lowest alone.
    fn binary_quarter(&mut self, op: BinaryOp, elem: Elem, x: Reg, y: Reg) -> Reg {
        let op = match (op, elem) {
            (BinaryOp::Max, _) => &op::MAX_PS,
            (_, Elem::F32) => &op::ADD_PS,
            (_, Elem::I32) => &op::ADD_D,
        };
        self.rvm(op, Kind::Quarter, x, y)
    }

    /// One lane of a vector.
    pub(super) fn extract(&mut self, x: Value, lane: usize) -> Reg {
        let (part, lane) = (lane / self.part_lanes(), lane % self.part_lanes());
        let (kind, x) = (self.kind(), self.part(x, part));
        let quarter = match lane / 4 {
            0 => x,
            quarter => self.mr(&op::QUARTER, kind, Kind::Quarter, x, quarter as u8),
        };
        self.rm_imm(&op::PICK_QUARTER, Kind::Quarter, quarter, (lane % 4) as u8)
    }
}
