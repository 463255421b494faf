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
    let (mut best, mut most) = (None, f32::NEG_INFINITY);
    for (block, logits) in logits.chunks(BLOCK).enumerate() {
        let here = greatest(logits);
        if here > most {
            (best, most) = (Some(block), here);
        }
    }
    let first = best.unwrap_or(0) * BLOCK;
    let is_best = |logit: &f32| *logit == most;
    let found = logits[first.min(logits.len())..].iter().position(is_best);
    found.map_or(0, |at| (first + at) as u32)
}

/// A number that the `k` best logits are not below, and few others are; `maxima` has room for one a block. Negative
/// infinity where there are too few blocks to tell.
pub(super) fn least_of_best(logits: &[f32], k: usize, maxima: &mut [f32]) -> f32 {
    let blocks = logits.chunks(BLOCK);
    let count = blocks.len();
    if k == 0 || k >= count {
        return f32::NEG_INFINITY;
    }
    for (most, block) in maxima.iter_mut().zip(blocks) {
        *most = greatest(block);
    }
    // In `k` blocks there is one that is not below the `k`-th of their greatest.
    let (_, least, _) = maxima[..count].select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    *least
}

/// The ids of logits that are not below `least`, in order; never of a NaN.
pub(super) fn at_least(logits: &[f32], least: f32, ids: &mut Vec<u32>) {
    for (block, logits) in logits.chunks(BLOCK).enumerate() {
        if greatest(logits) >= least {
            let first = (block * BLOCK) as u32;
            let here = (first..).zip(logits).filter(|(_, logit)| **logit >= least);
            ids.extend(here.map(|(id, _)| id));
        }
    }
}
