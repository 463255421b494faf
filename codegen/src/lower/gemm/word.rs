//! The codes of packed words, quad by quad.

use crate::ir::{Base3Part, Builder, ShiftOp, Value};
use crate::schedule::Fields;
use atome_spec::Packing;

/// The lowest field of every byte.
const FIELD: i32 = 0x0303_0303;

/// A word of a group of rows: quads are in the 2-bit fields of bytes; a fifth one has bytes of its own.
pub(in crate::lower) struct Word {
    fields: Value,
    fifth: Option<Value>,
}

impl Word {
    /// What is unpacked before the first quad.
    pub(in crate::lower) fn new(b: &mut Builder, packing: Packing, word: Value) -> Word {
        match packing {
            Packing::Int2 | Packing::Sorted => Word {
                fields: word,
                fifth: None,
            },
            Packing::Base3 => Word {
                fields: b.base3(Base3Part::Fields, word),
                fifth: Some(b.base3(Base3Part::Fifth, word)),
            },
        }
    }

    /// A word with its fields alone.
    pub(in crate::lower) fn of_fields(fields: Value) -> Word {
        Word {
            fields,
            fifth: None,
        }
    }

    /// The word that has quad `q`, and the field of it.
    pub(in crate::lower) fn field(&self, q: usize) -> (Value, usize) {
        match self.fifth {
            Some(fifth) if q == 4 => (fifth, 0),
            _ => (self.fields, q),
        }
    }

    /// The codes of quad `q`, a byte each, times the power of two that the fields say.
    pub(in crate::lower) fn bytes(&self, b: &mut Builder, fields: Fields, q: usize) -> Value {
        let (word, q) = self.field(q);
        let left = fields.shift_of(q);
        let word = b.shift(ShiftOp::Right, word, 2 * q as u8 - left);
        let mask = b.i32_like(word, FIELD << left);
        b.and(word, mask)
    }
}
