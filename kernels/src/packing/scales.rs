//! Scales of groups of columns, beside the words of a matrix of `group_gemv` and `group_gemm`: in the same blocks of
//! 64 rows, `[groups][rows of the block]`, padded with 0 to a multiple of 16 rows.

use atome_spec::LANES;
use atome_spec::layout::BLOCK_ROWS;

/// Numbers of the scales of a `rows` by `groups` matrix; `usize::MAX` if that overflows.
pub const fn len(rows: usize, groups: usize) -> usize {
    rows.div_ceil(LANES)
        .saturating_mul(LANES)
        .saturating_mul(groups)
}

/// Puts row-major scales, `[rows, groups]`, in the order of kernels.
///
/// # Panics
/// If `scales` or `out`, of [`len`] numbers, is not as long.
pub fn pack_into(scales: &[f32], rows: usize, groups: usize, out: &mut [f32]) {
    assert_eq!(scales.len(), rows * groups, "length of scales");
    assert_eq!(out.len(), len(rows, groups), "length of out");
    for (place, (row, group)) in out.iter_mut().zip(places(rows, groups)) {
        *place = if row < rows {
            scales[row * groups + group]
        } else {
            0.0
        };
    }
}

/// Gives scales in the order of kernels back row by row, `[rows, groups]`.
///
/// # Panics
/// If `packed`, of [`len`] numbers, or `scales` is not as long.
pub fn unpack_into(packed: &[f32], rows: usize, groups: usize, scales: &mut [f32]) {
    assert_eq!(packed.len(), len(rows, groups), "length of packed");
    assert_eq!(scales.len(), rows * groups, "length of scales");
    for (scale, (row, group)) in packed.iter().zip(places(rows, groups)) {
        if row < rows {
            scales[row * groups + group] = *scale;
        }
    }
}

/// The first number that belongs to no row and is not the 0 that pads; `None` if there is none.
///
/// # Panics
/// If `packed` has not [`len`] numbers.
pub fn padding_fault(packed: &[f32], rows: usize, groups: usize) -> Option<usize> {
    assert_eq!(packed.len(), len(rows, groups), "length of packed");
    let mut numbers = packed.iter().zip(places(rows, groups));
    numbers.position(|(number, (row, _))| row >= rows && number.to_bits() != 0)
}

/// The row and the group of each number, in the order of kernels.
fn places(rows: usize, groups: usize) -> impl Iterator<Item = (usize, usize)> {
    let padded = rows.next_multiple_of(LANES);
    (0..padded).step_by(BLOCK_ROWS).flat_map(move |first| {
        let of_block = first..padded.min(first + BLOCK_ROWS);
        (0..groups).flat_map(move |group| of_block.clone().map(move |row| (row, group)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_block_lie_together() {
        let (rows, groups) = (81, 3);
        let scales: Vec<f32> = (0..rows * groups).map(|i| i as f32).collect();
        let mut out = vec![f32::NAN; len(rows, groups)];
        pack_into(&scales, rows, groups, &mut out);
        assert_eq!(out.len(), 96 * 3);
        assert_eq!([out[0], out[1], out[64], out[63]], [0.0, 3.0, 1.0, 189.0]);
        // The last block has 17 rows, padded to 32.
        assert_eq!(
            [out[192], out[192 + 16], out[192 + 17], out[192 + 32]],
            [192.0, 240.0, 0.0, 193.0]
        );
        let mut back = vec![f32::NAN; scales.len()];
        unpack_into(&out, rows, groups, &mut back);
        assert_eq!(back, scales);
        assert_eq!(padding_fault(&out, rows, groups), None);
        out[192 + 31] = -0.0;
        assert_eq!(padding_fault(&out, rows, groups), Some(192 + 31));
    }
}
