//! A saved state without its zeros: caches of attention are mostly empty in short conversations.

/// Bytes that are kept or left away together.
const BLOCK: usize = 256;

/// The bytes of a state, of which blocks of zeros are left away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    /// Bytes of the whole state.
    len: usize,
    /// A bit a block, from the lowest of the first byte on: whether it is kept.
    present: Box<[u8]>,
    /// The blocks that are kept, in order; the last one of a state may be shorter.
    blocks: Box<[u8]>,
}

impl Packed {
    pub(crate) fn new(state: &[u8]) -> Packed {
        let mut present = vec![0; state.len().div_ceil(BLOCK).div_ceil(8)];
        let kept = |block: &[u8]| block.iter().any(|byte| *byte != 0);
        let mut bytes = 0;
        for (number, block) in state.chunks(BLOCK).enumerate() {
            if kept(block) {
                present[number / 8] |= 1 << (number % 8);
                bytes += block.len();
            }
        }
        let mut blocks = Vec::with_capacity(bytes);
        for (number, block) in state.chunks(BLOCK).enumerate() {
            if is_set(&present, number) {
                blocks.extend_from_slice(block);
            }
        }
        Packed {
            len: state.len(),
            present: present.into(),
            blocks: blocks.into(),
        }
    }

    /// From the parts that [`Packed::parts`] gave; `None` if they do not fit together.
    pub(crate) fn from_parts(len: usize, parts: &[u8]) -> Option<Packed> {
        let count = len.div_ceil(BLOCK);
        let (present, blocks) = parts.split_at_checked(count.div_ceil(8))?;
        let sizes = (0..count).filter(|number| is_set(present, *number));
        let bytes: usize = sizes.map(|number| BLOCK.min(len - number * BLOCK)).sum();
        (bytes == blocks.len()).then(|| Packed {
            len,
            present: present.into(),
            blocks: blocks.into(),
        })
    }

    /// Which blocks there are, and the blocks.
    pub(crate) fn parts(&self) -> [&[u8]; 2] {
        [&self.present, &self.blocks]
    }

    /// Bytes of the state when it is unpacked.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Packed>() + self.present.len() + self.blocks.len()
    }

    /// Writes the whole state to `state`, in place of what is there.
    pub(crate) fn unpack(&self, state: &mut Vec<u8>) {
        state.clear();
        state.resize(self.len, 0);
        let mut rest = &*self.blocks;
        for (number, block) in state.chunks_mut(BLOCK).enumerate() {
            if is_set(&self.present, number) {
                let (kept, after) = rest.split_at(block.len());
                block.copy_from_slice(kept);
                rest = after;
            }
        }
    }
}

fn is_set(present: &[u8], number: usize) -> bool {
    present[number / 8] >> (number % 8) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_and_zeros_take_no_room() {
        for len in [0, 1, 255, 256, 257, 2048, 5000] {
            for step in [1, 7, 300, 2000, 10_000] {
                let mut state = vec![0; len];
                state.iter_mut().step_by(step).for_each(|byte| *byte = 7);
                let packed = Packed::new(&state);
                let [present, blocks] = packed.parts();
                assert!(blocks.len() <= (len.div_ceil(step)) * BLOCK);
                let parts = [present, blocks].concat();
                let again = Packed::from_parts(len, &parts);
                assert_eq!(again.as_ref(), Some(&packed));
                let mut whole = vec![1; 3];
                packed.unpack(&mut whole);
                assert_eq!(whole, state);
                assert_eq!(Packed::from_parts(len, &[&parts[..], &[0]].concat()), None);
                if let Some(short) = parts.len().checked_sub(1) {
                    assert_eq!(Packed::from_parts(len, &parts[..short]), None);
                }
            }
        }
    }
}
