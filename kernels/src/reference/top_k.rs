/// Chooses the slots with the greatest scores, the best first, and gives how many there are:
/// the lesser of `chosen.len()` and `scores.len()`.
///
/// - `scores`: one a slot of the cache.
/// - `oldest`: the slot of the earliest token; the tokens follow each other from there,
///   wrapping at the end. Among equal scores the earlier token wins. 0 until a cache has wrapped.
/// - `chosen`: the slots. `best`: their scores, of the same length. Elements beyond the
///   number given are left alone.
///
/// NaN ranks below every number, and -0.0 equals +0.0. Takes `scores.len()` comparisons and
/// a few moves for each slot that enters.
///
/// # Panics
/// If `chosen` and `best` differ in length, or there is no slot `oldest` though there are scores.
pub fn top_k(scores: &[f32], oldest: usize, chosen: &mut [i32], best: &mut [f32]) -> usize {
    assert_eq!(chosen.len(), best.len(), "length of best");
    if scores.is_empty() || chosen.is_empty() {
        return 0;
    }
    assert!(oldest < scores.len(), "slot {oldest} of {}", scores.len());
    let (before, from) = scores.split_at(oldest);
    let tokens = (oldest..).zip(from).chain((0..).zip(before));
    let mut count = 0;
    for (slot, &score) in tokens {
        if count == chosen.len() {
            if !outranks(score, best[count - 1]) {
                continue;
            }
            count -= 1;
        }
        let mut at = count;
        while at > 0 && outranks(score, best[at - 1]) {
            (chosen[at], best[at]) = (chosen[at - 1], best[at - 1]);
            at -= 1;
        }
        (chosen[at], best[at]) = (slot as i32, score);
        count += 1;
    }
    count
}

fn outranks(a: f32, b: f32) -> bool {
    a > b || (b.is_nan() && !a.is_nan())
}
