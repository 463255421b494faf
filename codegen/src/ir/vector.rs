use super::{Base3Part, Value};

/// Operations on i32 vectors alone, whose lanes are words of bytes or numbers.
///
/// A new one is a variant with its row here, its meaning in `VectorOp::apply`, and its code
/// in the emitters; building, text, verifier, interpreter, folding and random functions
/// take it from the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VectorOp {
    /// For each lane, the first operand and the products of the four bytes of the second, unsigned,
    /// with those of the third, signed, added up; the sum wraps, the products do not.
    Dot4,
    /// The operands as 64 signed bytes in the order of their lanes, four a lane, the first in the
    /// lowest byte; numbers out of range become the nearest byte.
    Narrow,
    /// Codes of the trits that each byte holds in base 3: bit 7 is the sign and the other bits
    /// the magnitude of `81 t0 + 27 t1 + 9 t2 + 3 t3 + t4`; a magnitude above 121 counts as 0.
    Base3(Base3Part),
    /// For each lane, the lane of the first operand that four bits of the second name, from a bit
    /// on; those beyond bit 31 are 0.
    Lookup,
    /// The first four lanes in every quarter.
    Spread,
    /// For each half of the third operand, the half that its low six bits name, of the 32 of the first
    /// operand and the 32 of the second.
    Shuffle16,
    /// An operation on the bytes or the halves of each lane.
    Packed(PackedOp),
}

/// Operations on lanes as four bytes or two halves of 16 bits.
///
/// Each bit of a result depends on no more than the same 128 bits of the operands, so a register of
/// any width is worked on alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackedOp {
    /// For each half, the products of its two bytes in the first operand, unsigned, with those in
    /// the second, signed, added up; the nearest number of 16 bits.
    Pairs,
    /// For each lane, the first operand and the products of the halves of the second with those of
    /// the third, all signed, added up; the sum wraps.
    Dot2,
    /// The sum of halves; it wraps.
    Add16,
    /// The sum of bytes; it wraps.
    Add8,
    /// The difference of bytes; it wraps.
    Sub8,
    /// -1 where a byte of the first operand is below that of the second, signed; 0 elsewhere.
    Less8,
    /// Each byte of the first operand, negated where that of the second is negative, and 0 where
    /// it is 0.
    Sign8,
    /// For each byte of the second operand, the byte of the first that its low four bits name, of
    /// the sixteen in the same quarter; 0 where its bit 7 is set.
    Shuffle8,
}

/// What a [`VectorOp`] is written as and takes.
struct Row {
    word: &'static str,
    operands: &'static [&'static str],
    /// The greatest bit that it may name, if it names one.
    bit: Option<u8>,
}

impl VectorOp {
    /// Every operation.
    pub const ALL: &'static [VectorOp] = &[
        VectorOp::Dot4,
        VectorOp::Narrow,
        VectorOp::Base3(Base3Part::Fields),
        VectorOp::Base3(Base3Part::Fifth),
        VectorOp::Lookup,
        VectorOp::Spread,
        VectorOp::Shuffle16,
        VectorOp::Packed(PackedOp::Pairs),
        VectorOp::Packed(PackedOp::Dot2),
        VectorOp::Packed(PackedOp::Add16),
        VectorOp::Packed(PackedOp::Add8),
        VectorOp::Packed(PackedOp::Sub8),
        VectorOp::Packed(PackedOp::Less8),
        VectorOp::Packed(PackedOp::Sign8),
        VectorOp::Packed(PackedOp::Shuffle8),
    ];

    const fn row(self) -> Row {
        let (word, operands, bit): (_, &'static [&'static str], _) = match self {
            VectorOp::Dot4 => ("dot4", &["acc", "codes", "x"], None),
            VectorOp::Narrow => ("narrow", &["x", "y", "z", "w"], None),
            VectorOp::Base3(Base3Part::Fields) => ("base3.fields", &["x"], None),
            VectorOp::Base3(Base3Part::Fifth) => ("base3.fifth", &["x"], None),
            VectorOp::Lookup => ("lookup", &["table", "index"], Some(31)),
            VectorOp::Spread => ("spread", &["x"], None),
            VectorOp::Shuffle16 => ("shuffle16", &["low", "high", "index"], None),
            VectorOp::Packed(op) => {
                let (word, operands) = op.row();
                (word, operands, None)
            }
        };
        Row {
            word,
            operands,
            bit,
        }
    }

    /// Its word in the text form.
    pub const fn word(self) -> &'static str {
        self.row().word
    }

    /// The names of its operands, in order; at most [`VectorInst::MOST`].
    pub const fn operands(self) -> &'static [&'static str] {
        self.row().operands
    }

    /// The greatest bit that it may name; `None` if it names none.
    pub const fn greatest_bit(self) -> Option<u8> {
        self.row().bit
    }

    /// The operation of a word.
    pub(super) fn of_word(word: &str) -> Option<VectorOp> {
        VectorOp::ALL.iter().copied().find(|op| op.word() == word)
    }
}

impl PackedOp {
    const fn row(self) -> (&'static str, &'static [&'static str]) {
        match self {
            PackedOp::Pairs => ("pairs", &["codes", "x"]),
            PackedOp::Dot2 => ("dot2", &["acc", "x", "y"]),
            PackedOp::Add16 => ("add16", &["x", "y"]),
            PackedOp::Add8 => ("add8", &["x", "y"]),
            PackedOp::Sub8 => ("sub8", &["x", "y"]),
            PackedOp::Less8 => ("lt8", &["x", "y"]),
            PackedOp::Sign8 => ("sign8", &["x", "sign"]),
            PackedOp::Shuffle8 => ("shuffle8", &["table", "index"]),
        }
    }
}

/// A [`VectorOp`] and what it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VectorInst {
    /// The operation.
    pub op: VectorOp,
    /// The bit that it names; 0 if it names none.
    pub bit: u8,
    operands: [Value; VectorInst::MOST],
}

impl VectorInst {
    /// The most operands that an operation has.
    pub const MOST: usize = 4;

    /// # Panics
    /// If these are not as many operands as the operation has.
    pub fn new(op: VectorOp, operands: &[Value], bit: u8) -> VectorInst {
        assert_eq!(operands.len(), op.operands().len(), "operands of {op:?}");
        // Those beyond are the last one again, so that equal instructions are equal.
        let last = operands.len() - 1;
        VectorInst {
            op,
            bit,
            operands: std::array::from_fn(|i| operands[i.min(last)]),
        }
    }

    /// Its operands.
    pub fn operands(&self) -> &[Value] {
        &self.operands[..self.op.operands().len()]
    }

    /// Its operands, and the last of them again up to [`VectorInst::MOST`].
    pub(crate) const fn all(&self) -> [Value; VectorInst::MOST] {
        self.operands
    }

    pub(super) fn map_values(&mut self, mut f: impl FnMut(Value) -> Value) {
        let operands: Vec<Value> = self.operands().iter().map(|v| f(*v)).collect();
        *self = VectorInst::new(self.op, &operands, self.bit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_distinct_and_operands_few() {
        for (i, op) in VectorOp::ALL.iter().enumerate() {
            assert_eq!(VectorOp::of_word(op.word()), Some(*op));
            assert!((1..=VectorInst::MOST).contains(&op.operands().len()));
            assert!(!VectorOp::ALL[..i].contains(op));
        }
    }
}
