/// The normalised Walsh-Hadamard transform of each block: `x[r] = sum_c (-1)^popcount(r & c) x[c] / sqrt(block)`, its own
/// inverse.
///
/// - `x`: whole blocks, overwritten; `block`: a power of two.
///
/// Elements are multiplied by `1 / sqrt(block)` first; then a stage for elements 1, 2, 4, .. apart, in which two become their
/// sum and their difference.
///
/// # Panics
/// If a length is wrong, or `block` no power of two.
pub fn hadamard(block: usize, x: &mut [f32]) {
    assert!(block.is_power_of_two(), "a block of {block}");
    assert!(x.len().is_multiple_of(block), "length of x");
    let factor = 1.0 / libm::sqrtf(block as f32);
    for x in x.chunks_mut(block) {
        x.iter_mut().for_each(|x| *x *= factor);
        let mut half = 1;
        while half < block {
            for i in (0..block).filter(|i| i & half == 0) {
                (x[i], x[i + half]) = (x[i] + x[i + half], x[i] - x[i + half]);
            }
            half *= 2;
        }
    }
}
