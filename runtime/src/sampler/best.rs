//! The best of many logits, found by the greatest of each block of them: few blocks hold one that matters.

/// Logits of a block.
const BLOCK: usize = 64;
/// Logits that are compared side by side.
const LANES: usize = 16;

/// The greatest number of a block that is not NaN; negative infinity if there is none.
fn greatest(block: &[f32]) -> f32 {
    let greater = |most: f32, logit: f32| if logit > most { logit } else { most };
    let mut most = [f32::NEG_INFINITY; LANES];
    let (full, rest) = block.as_chunks::<LANES>();
    for logits in full {
        most = std::array::from_fn(|lane| greater(most[lane], logits[lane]));
    }
    let all = most.iter().chain(rest);
    all.fold(f32::NEG_INFINITY, |most, logit| greater(most, *logit))
}

/// The index of the largest number: the first of equals, never a NaN unless all are, then 0.
pub(super) fn argmax(logits: &[f32]) -> u32 {
    argmax_by(logits, logits.chunks(BLOCK).map(greatest))
}

/// The same of logits whose blocks have these greatest numbers.
pub(super) fn argmax_by(logits: &[f32], maxima: impl Iterator<Item = f32>) -> u32 {
    let (mut best, mut most) = (None, f32::NEG_INFINITY);
    for (block, here) in maxima.enumerate() {
        if here > most {
            (best, most) = (Some(block), here);
        }
    }
    let first = best.unwrap_or(0) * BLOCK;
    let is_best = |logit: &f32| *logit == most;
    let found = logits[first.min(logits.len())..].iter().position(is_best);
    found.map_or(0, |at| (first + at) as u32)
}

/// Writes the greatest number of each block, and gives how many there are: what follows reads them, and the logits once.
pub(super) fn write_maxima(logits: &[f32], maxima: &mut [f32]) -> usize {
    let blocks = logits.chunks(BLOCK);
    let count = blocks.len();
    for (most, block) in maxima.iter_mut().zip(blocks) {
        *most = greatest(block);
    }
    count
}

/// A number that the `k` best logits are not below, and few others are; `room` has as much as there are blocks, if there
/// are more than one. Negative infinity where there are too few blocks to tell.
pub(super) fn least_of_best(maxima: &[f32], k: usize, room: &mut [f32]) -> f32 {
    if k == 0 || k >= maxima.len() {
        return f32::NEG_INFINITY;
    }
    let room = &mut room[..maxima.len()];
    room.copy_from_slice(maxima);
    // In `k` blocks there is one that is not below the `k`-th of their greatest.
    let (_, least, _) = room.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    *least
}

/// The ids of logits that are not below `least`, in order; never of a NaN.
pub(super) fn at_least(logits: &[f32], maxima: &[f32], least: f32, ids: &mut Vec<u32>) {
    for ((block, logits), most) in logits.chunks(BLOCK).enumerate().zip(maxima) {
        if *most >= least {
            let first = (block * BLOCK) as u32;
            let here = (first..).zip(logits).filter(|(_, logit)| **logit >= least);
            ids.extend(here.map(|(id, _)| id));
        }
    }
}
