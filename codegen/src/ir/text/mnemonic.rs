//! The words of the operations, one table for the printer and the parser.

use crate::ir::{Access, BinaryOp, Compare, Elem, ReduceOp, ShiftOp, Type, UnaryOp};

/// Something that is written as one word.
pub(super) trait Mnemonic: Copy + PartialEq + Sized + 'static {
    /// Every variant with its word.
    const WORDS: &'static [(Self, &'static str)];

    /// The word.
    fn word(self) -> &'static str {
        let entry = Self::WORDS.iter().find(|(item, _)| *item == self);
        entry.expect("the table lists every variant").1
    }

    /// The variant of that word.
    fn of_word(word: &str) -> Option<Self> {
        let entry = Self::WORDS.iter().find(|(_, w)| *w == word);
        entry.map(|(item, _)| *item)
    }
}

impl Mnemonic for UnaryOp {
    const WORDS: &'static [(UnaryOp, &'static str)] = &[
        (UnaryOp::Neg, "neg"),
        (UnaryOp::Abs, "abs"),
        (UnaryOp::Sqrt, "sqrt"),
        (UnaryOp::ToFloat, "to_float"),
        (UnaryOp::ToBits, "to_bits"),
        (UnaryOp::FromBits, "from_bits"),
    ];
}

impl Mnemonic for BinaryOp {
    const WORDS: &'static [(BinaryOp, &'static str)] = &[
        (BinaryOp::Add, "add"),
        (BinaryOp::Sub, "sub"),
        (BinaryOp::Mul, "mul"),
        (BinaryOp::Div, "div"),
        (BinaryOp::Max, "max"),
        (BinaryOp::Min, "min"),
        (BinaryOp::And, "and"),
        (BinaryOp::Or, "or"),
        (BinaryOp::Xor, "xor"),
    ];
}

impl Mnemonic for ShiftOp {
    const WORDS: &'static [(ShiftOp, &'static str)] = &[
        (ShiftOp::Left, "shl"),
        (ShiftOp::Right, "shr"),
        (ShiftOp::RightSigned, "sar"),
    ];
}

impl Mnemonic for Compare {
    const WORDS: &'static [(Compare, &'static str)] = &[
        (Compare::Lt, "lt"),
        (Compare::Le, "le"),
        (Compare::Eq, "eq"),
    ];
}

impl Mnemonic for ReduceOp {
    const WORDS: &'static [(ReduceOp, &'static str)] =
        &[(ReduceOp::Add, "reduce.add"), (ReduceOp::Max, "reduce.max")];
}

impl Mnemonic for Access {
    const WORDS: &'static [(Access, &'static str)] = &[
        (Access::In, "in"),
        (Access::Out, "out"),
        (Access::InOut, "inout"),
    ];
}

impl Mnemonic for Elem {
    const WORDS: &'static [(Elem, &'static str)] = &[(Elem::F32, "f32"), (Elem::I32, "i32")];
}

impl Mnemonic for Type {
    const WORDS: &'static [(Type, &'static str)] = &[
        (Type::Index, "index"),
        (Type::F32, "f32"),
        (Type::I32, "i32"),
        (Type::F32X16, "f32x16"),
        (Type::I32X16, "i32x16"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::VectorOp;

    #[test]
    fn type_words_are_what_types_display() {
        for (ty, word) in Type::WORDS {
            assert_eq!(ty.to_string(), *word);
        }
        for (elem, word) in Elem::WORDS {
            assert_eq!(elem.to_string(), *word);
        }
    }

    #[test]
    fn no_word_means_two_operations() {
        let mut words: Vec<&str> = Vec::new();
        words.extend(UnaryOp::WORDS.iter().map(|(_, w)| w));
        words.extend(BinaryOp::WORDS.iter().map(|(_, w)| w));
        words.extend(ShiftOp::WORDS.iter().map(|(_, w)| w));
        words.extend(Compare::WORDS.iter().map(|(_, w)| w));
        words.extend(ReduceOp::WORDS.iter().map(|(_, w)| w));
        words.extend(VectorOp::ALL.iter().map(|op| op.word()));
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
