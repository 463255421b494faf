//! Which vectors hold small bytes.

use crate::hash::{Map, Set};
use crate::ir::{
    Base3Part, BinaryOp, Block, Buffer, Function, Inst, PackedOp, Stmt, Value, VectorOp,
};

/// The greatest byte that signed products take as it is.
const MOST: u8 = 127;

/// Vectors whose bytes are all known to be at most 127.
///
/// Signed dot products take such codes as they are, and the 16-bit sums of two products of a
/// byte of theirs with a signed one, at most 2 * 127 * 128 = 32,512, do not saturate.
pub(super) struct SmallBytes {
    /// The greatest byte that there may be, of those that are small.
    most: Map<Value, u8>,
    /// Vectors of bytes that are 0 or -1.
    masks: Set<Value>,
    /// Scratch memory that nothing but small bytes is written to.
    memories: Set<Buffer>,
}

impl SmallBytes {
    /// Those of a function.
    pub(super) fn of(function: &Function) -> SmallBytes {
        let first = function.buffers.len() as u32;
        let end = first + function.scratch.len() as u32;
        let mut memories: Set<Buffer> = (first..end).map(Buffer).collect();
        // What is read from a memory has been written to it: it is thought to be small until something
        // else is written.
        loop {
            let mut found = SmallBytes {
                most: Map::default(),
                masks: Set::default(),
                memories: memories.clone(),
            };
            found.block(&function.body);
            if found.memories == memories {
                return found;
            }
            memories = found.memories;
        }
    }

    /// Whether all bytes of `value` are at most 127.
    pub(super) fn contains(&self, value: Value) -> bool {
        self.most.contains_key(&value)
    }

    fn block(&mut self, block: &Block) {
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst) => self.note(*value, inst),
                Stmt::Store { buffer, value, .. } => {
                    if !self.contains(*value) {
                        self.memories.remove(buffer);
                    }
                }
                Stmt::For(l) => self.block(&l.body),
                Stmt::Prefetch(..) => {}
            }
        }
    }

    /// Looks at a definition; its operands were looked at before.
    fn note(&mut self, value: Value, inst: &Inst) {
        if let Inst::Vector(of) = inst
            && of.op == VectorOp::Packed(PackedOp::Less8)
        {
            self.masks.insert(value);
        }
        if let Some(most) = self.most_of(inst).filter(|most| *most <= MOST) {
            self.most.insert(value, most);
        }
    }

    fn most_of(&self, inst: &Inst) -> Option<u8> {
        let most = |value: &Value| self.most.get(value).copied();
        match inst {
            Inst::I32(x) => x.to_le_bytes().into_iter().max(),
            Inst::Splat(x) => most(x),
            Inst::Binary(BinaryOp::And, x, y) => most(x).into_iter().chain(most(y)).min(),
            Inst::Binary(BinaryOp::Or | BinaryOp::Xor, x, y) => {
                most(x).and(most(y)).and(Some(MOST))
            }
            Inst::Load(buffer, ..) => self.memories.contains(buffer).then_some(MOST),
            Inst::Vector(inst) => match (inst.op, inst.operands()) {
                (VectorOp::Base3(Base3Part::Fifth), _) => Some(2),
                // A mask is -1.
                (VectorOp::Packed(PackedOp::Sub8), [x, y]) if self.masks.contains(y) => {
                    most(x)?.checked_add(1)
                }
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SmallBytes;
    use crate::ir::{Access, Address, Builder, Elem, Lanes, PackedOp};

    #[test]
    fn a_memory_is_small_if_all_that_is_written_to_it_is() {
        let mut b = Builder::new("memories");
        let x = b.buffer("x", Access::In, Elem::I32, 16);
        let [digits, mixed] = ["digits", "mixed"].map(|name| b.scratch(name, Elem::I32, 32));
        let at = Address::at(0);
        let loaded = b.load_vector(x, at.clone(), Lanes::All);
        let zero = b.splat_i32(0);
        let below = b.packed(PackedOp::Less8, &[zero, loaded]);
        let digit = b.packed(PackedOp::Sub8, &[zero, below]);
        let twice = b.packed(PackedOp::Sub8, &[digit, below]);
        b.store(digits, at.clone(), twice, Lanes::All);
        b.store(mixed, at.clone(), digit, Lanes::All);
        b.store(mixed, at.clone().offset(16), loaded, Lanes::All);
        let [of_digits, of_mixed] =
            [digits, mixed].map(|m| b.load_vector(m, at.clone(), Lanes::All));
        let function = b.finish();
        let small = SmallBytes::of(&function);
        assert!(small.contains(twice) && small.contains(of_digits));
        assert!(
            ![loaded, below, of_mixed]
                .into_iter()
                .any(|v| small.contains(v))
        );
    }
}
