use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Some neighbouring blocks that nobody has taken: their thread takes them from the front, the others from the back.
///
/// Alone in its cache lines, since its thread changes it far more often than the others look.
#[repr(align(128))]
#[derive(Default)]
pub(super) struct Blocks(AtomicU64);

/// Which end of the blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Front,
    Back,
}

impl Blocks {
    /// Makes these the blocks to be taken. What was written before is seen by whoever takes some.
    pub(super) fn set(&self, blocks: Range<u32>) {
        self.0.store(pack(blocks), Ordering::Release);
    }

    /// Takes half of what is there, so that much is left for others at first and little work is done by one thread alone at
    /// last; or all of it.
    pub(super) fn take(&self, from: End, all: bool) -> Option<Range<u32>> {
        let mut taken = None;
        let take = |blocks| {
            let Range { start, end } = unpack(blocks);
            let count = match all {
                true => end - start,
                false => (end - start).div_ceil(2),
            };
            let (some, rest) = match from {
                End::Front => (start..start + count, start + count..end),
                End::Back => (end - count..end, start..end - count),
            };
            taken = (count > 0).then_some(some);
            taken.as_ref().map(|_| pack(rest))
        };
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let changed = self.0.fetch_update(order.0, order.1, take);
        changed.ok().and(taken)
    }
}

fn pack(blocks: Range<u32>) -> u64 {
    u64::from(blocks.start) | u64::from(blocks.end) << 32
}

/// Blocks, of which there are never fewer than none.
fn unpack(blocks: u64) -> Range<u32> {
    let (start, end) = (blocks as u32, (blocks >> 32) as u32);
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_is_taken_once() {
        for (all, from) in [
            (false, [End::Front, End::Front]),
            (false, [End::Back, End::Front]),
            (false, [End::Front, End::Back]),
            (true, [End::Back, End::Front]),
        ] {
            for count in [0, 1, 2, 3, 64, 1000] {
                let blocks = Blocks::default();
                blocks.set(7..7 + count);
                let mut turns = (0..).map(|turn| blocks.take(from[turn % 2], all));
                let mut taken: Vec<u32> = turns.by_ref().map_while(|some| some).flatten().collect();
                taken.sort_unstable();
                assert_eq!(taken, Vec::from_iter(7..7 + count));
                assert_eq!(turns.next(), Some(None));
            }
        }
    }
}
