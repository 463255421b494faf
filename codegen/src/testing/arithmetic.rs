//! Random arithmetic that stays finite.

use super::random::{Generator, Kind, Known};
use crate::ir::{
    BinaryOp, Builder, Compare, Lanes, ReduceOp, ShiftOp, Type, UnaryOp, Value, VectorOp,
};

/// No f32 is greater than two to this power; products and quotients of two stay finite.
const GREATEST_LIMIT: u32 = 60;

fn is_f32(known: &Known) -> bool {
    matches!(known.kind, Kind::F32 { .. })
}

/// Masks are numbers too.
fn is_i32(known: &Known) -> bool {
    matches!(known.kind, Kind::I32 | Kind::Mask)
}

impl Generator {
    /// One instruction, or a few where one alone might leave the finite numbers.
    pub(super) fn arithmetic(&mut self, b: &mut Builder) {
        let vector = self.rng.one_in(2);
        match self.rng.below(19) {
            0 => self.constant(b),
            1 => self.unary_f32(b, vector),
            2 => self.unary_bits(b, vector),
            3..=6 => self.binary_f32(b, vector),
            7 | 8 => self.binary_i32(b, vector),
            9 => self.mask_logic(b, vector),
            10 => self.compare(b, vector),
            11 => self.select(b, vector),
            12 => self.widen(b),
            13 => self.narrow(b),
            14 => self.keep(b),
            15 | 16 => self.trit_select(b),
            _ => self.bytes(b),
        }
    }

    fn f32(&mut self, vector: bool) -> (Value, u32) {
        let known = self.pick(|k| is_f32(k) && k.vector == vector);
        match known.kind {
            Kind::F32 { limit } => (known.value, limit),
            _ => unreachable!("picked as an f32"),
        }
    }

    fn i32(&mut self, vector: bool) -> Value {
        self.pick(|k| is_i32(k) && k.vector == vector).value
    }

    fn mask(&mut self, vector: bool) -> Value {
        self.pick(|k| k.kind == Kind::Mask && k.vector == vector)
            .value
    }

    /// `x` limited to `2^limit` in magnitude.
    pub(super) fn clamp(&mut self, b: &mut Builder, x: Value, limit: u32) -> Value {
        let most = 2f32.powi(limit as i32);
        let (low, high) = (b.f32_like(x, -most), b.f32_like(x, most));
        let x = b.binary(BinaryOp::Min, x, high);
        b.binary(BinaryOp::Max, x, low)
    }

    /// Notes an f32, clamped first if it may be too great.
    fn learn_f32(&mut self, b: &mut Builder, value: Value, limit: u32) {
        self.learn(b, value, Kind::F32 { limit });
        if limit > GREATEST_LIMIT {
            self.known.pop();
            let value = self.clamp(b, value, 10);
            self.learn(b, value, Kind::F32 { limit: 10 });
        }
    }

    fn constant(&mut self, b: &mut Builder) {
        match self.rng.below(3) {
            0 => {
                let x = self.rng.tame_f32();
                let x = b.f32(x);
                self.learn(b, x, Kind::F32 { limit: 3 });
            }
            1 => {
                let x = self.rng.pick(&[0, 1, -1, 2, 255, i32::MIN, i32::MAX]);
                let x = b.i32(x);
                self.learn(b, x, Kind::I32);
            }
            _ => {
                let size = self.size();
                let size = b.size_f32(&(size.clone() * size + 1));
                self.learn(b, size, Kind::F32 { limit: 10 });
            }
        }
    }

    fn unary_f32(&mut self, b: &mut Builder, vector: bool) {
        let (x, limit) = self.f32(vector);
        let op = self.rng.pick(&[UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Sqrt]);
        let x = if op == UnaryOp::Sqrt {
            b.unary(UnaryOp::Abs, x)
        } else {
            x
        };
        let y = b.unary(op, x);
        self.learn_f32(b, y, limit);
    }

    /// Conversions, and numbers from bits: any sign and fraction, an exponent near 0.
    fn unary_bits(&mut self, b: &mut Builder, vector: bool) {
        match self.rng.below(3) {
            0 => {
                let (x, _) = self.f32(vector);
                let bits = b.unary(UnaryOp::ToBits, x);
                self.learn(b, bits, Kind::I32);
            }
            1 => {
                let x = self.i32(vector);
                let x = b.unary(UnaryOp::ToFloat, x);
                self.learn_f32(b, x, 31);
            }
            _ => {
                let x = self.i32(vector);
                let (keep, set) = (
                    b.i32_like(x, 0x807f_ffffu32 as i32),
                    b.i32_like(x, 0x3f80_0000),
                );
                let x = b.and(x, keep);
                let x = b.binary(BinaryOp::Or, x, set);
                let x = b.unary(UnaryOp::FromBits, x);
                self.learn_f32(b, x, 1);
            }
        }
    }

    fn binary_f32(&mut self, b: &mut Builder, vector: bool) {
        let (x, x_limit) = self.f32(vector);
        let (y, y_limit) = self.f32(vector);
        let sum = x_limit.max(y_limit) + 1;
        match self.rng.below(6) {
            0 => {
                let z = b.add(x, y);
                self.learn_f32(b, z, sum);
            }
            1 => {
                let z = b.sub(x, y);
                self.learn_f32(b, z, sum);
            }
            2 => {
                let z = b.mul(x, y);
                self.learn_f32(b, z, x_limit + y_limit);
            }
            3 => {
                // The divisor is at least a half.
                let half = b.f32_like(y, 0.5);
                let y = b.unary(UnaryOp::Abs, y);
                let y = b.binary(BinaryOp::Max, y, half);
                let z = b.div(x, y);
                self.learn_f32(b, z, x_limit + 1);
            }
            4 => {
                let z = b.binary(BinaryOp::Max, x, y);
                self.learn_f32(b, z, sum);
            }
            _ => {
                let z = b.binary(BinaryOp::Min, x, y);
                self.learn_f32(b, z, sum);
            }
        }
    }

    fn binary_i32(&mut self, b: &mut Builder, vector: bool) {
        let (x, y) = (self.i32(vector), self.i32(vector));
        let z = if self.rng.one_in(3) {
            let op = self
                .rng
                .pick(&[ShiftOp::Left, ShiftOp::Right, ShiftOp::RightSigned]);
            let bits = self.rng.below(32) as u8;
            b.shift(op, x, bits)
        } else {
            let ops = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul];
            let logic = [BinaryOp::And, BinaryOp::Or, BinaryOp::Xor];
            let op = self.rng.pick(&[ops, logic].concat());
            b.binary(op, x, y)
        };
        self.learn(b, z, Kind::I32);
    }

    fn mask_logic(&mut self, b: &mut Builder, vector: bool) {
        let (x, y) = (self.mask(vector), self.mask(vector));
        let op = self.rng.pick(&[BinaryOp::And, BinaryOp::Or, BinaryOp::Xor]);
        let z = b.binary(op, x, y);
        self.learn(b, z, Kind::Mask);
    }

    fn compare(&mut self, b: &mut Builder, vector: bool) {
        let compare = self.rng.pick(&[Compare::Lt, Compare::Le, Compare::Eq]);
        let (x, y) = if self.rng.one_in(2) {
            (self.f32(vector).0, self.f32(vector).0)
        } else {
            (self.i32(vector), self.i32(vector))
        };
        let mask = b.compare(compare, x, y);
        self.learn(b, mask, Kind::Mask);
    }

    fn select(&mut self, b: &mut Builder, vector: bool) {
        let mask = self.mask(vector);
        if self.rng.one_in(2) {
            let ((on, x), (off, y)) = (self.f32(vector), self.f32(vector));
            let z = b.select(mask, on, off);
            self.learn_f32(b, z, x.max(y));
        } else {
            let (on, off) = (self.i32(vector), self.i32(vector));
            let z = b.select(mask, on, off);
            self.learn(b, z, Kind::I32);
        }
    }

    fn widen(&mut self, b: &mut Builder) {
        let known = self.pick(|k| !k.vector && !matches!(k.kind, Kind::Index { .. }));
        let x = b.splat(known.value);
        self.learn(b, x, known.kind);
        if self.rng.one_in(4) {
            let x = b.iota();
            self.learn(b, x, Kind::I32);
        }
    }

    fn narrow(&mut self, b: &mut Builder) {
        if self.rng.one_in(2) {
            let known = self.pick(|k| k.vector);
            let lane = self.rng.below(16) as u8;
            let x = b.extract(known.value, lane);
            self.learn(b, x, known.kind);
        } else {
            let (x, limit) = self.f32(true);
            let op = self.rng.pick(&[ReduceOp::Add, ReduceOp::Max]);
            let x = b.reduce(op, x);
            self.learn_f32(b, x, limit + 4);
        }
    }

    fn keep(&mut self, b: &mut Builder) {
        let known = self.pick(|k| k.vector);
        let lanes = Lanes::First(self.size());
        let x = b.keep(known.value, &lanes);
        self.learn(b, x, known.kind);
    }

    /// Operations on vectors, often dot products of bytes with a few bits as kernels have them; sums
    /// of i32.
    fn bytes(&mut self, b: &mut Builder) {
        let result = match self.rng.below(6) {
            0 => {
                let [acc, codes, x] = [(); 3].map(|()| self.i32(true));
                let mask = self.rng.pick(&[0x0303_0303, 0x3030_3030, 0x7f7f_7f7f, -1]);
                let mask = b.i32_like(codes, mask);
                let codes = b.and(codes, mask);
                b.dot4(acc, codes, x)
            }
            1 => {
                let x = self.i32(true);
                b.reduce(ReduceOp::Add, x)
            }
            _ => {
                let op = self.rng.pick(VectorOp::ALL);
                let operands = op.operands().iter();
                let operands: Vec<Value> = operands.map(|_| self.i32(true)).collect();
                let bits = op.greatest_bit().map_or(1, |bit| u64::from(bit) + 1);
                b.vector(op, &operands, self.rng.below(bits) as u8)
            }
        };
        self.learn(b, result, Kind::I32);
    }

    fn trit_select(&mut self, b: &mut Builder) {
        let codes = self.i32(true);
        let bit = 2 * self.rng.below(16) as usize;
        let (x, limit) = self.f32(false);
        debug_assert_eq!(b.type_of(x), Type::F32);
        let x = b.trit_select(codes, bit, x);
        self.learn(b, x, Kind::F32 { limit });
    }
}
