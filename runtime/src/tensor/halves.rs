//! Rows of f16 as kernels read them: tiles of 32 columns, of which a word has one of the first 16 and one of the others.

use atome_spec::{LANES, layout};
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Packs rows of `cols` numbers each that are f16; `false` if one is not.
///
/// # Panics
/// If `words` has not [`layout::f16_row_words`] for each row.
pub(crate) fn pack_rows(values: &[f32], cols: usize, words: &mut [u32]) -> bool {
    let (mut halves, mut back) = (vec![f16::ZERO; cols], vec![0.0; cols]);
    let mut are_halves = true;
    let rows = words.chunks_exact_mut(layout::f16_row_words(cols).max(1));
    assert_eq!(rows.len() * cols, values.len(), "words of each row");
    for (row, values) in rows.zip(values.chunks_exact(cols.max(1))) {
        halves.convert_from_f32_slice(values);
        halves.convert_to_f32_slice(&mut back);
        are_halves &= back == values;
        let bits: &[u16] = halves.reinterpret_cast();
        for (words, columns) in row.chunks_exact_mut(LANES).zip(bits.chunks(2 * LANES)) {
            let (low, high) = columns.split_at(columns.len().min(LANES));
            words.fill(0);
            (words.iter_mut().zip(low)).for_each(|(word, &half)| *word = u32::from(half));
            (words.iter_mut().zip(high)).for_each(|(word, &half)| *word |= u32::from(half) << 16);
        }
    }
    are_halves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::EmbeddingType;

    #[test]
    fn rows_are_as_one_by_one() {
        for cols in [1, 15, 16, 17, 31, 32, 33, 70] {
            let halves = (0..3 * cols).map(|i| f16::from_bits((i * 977) as u16 & 0xfbff).to_f32());
            let values: Vec<f32> = halves.collect();
            let row_words = layout::f16_row_words(cols);
            let mut words = vec![7; 3 * row_words];
            assert!(pack_rows(&values, cols, &mut words));
            for (row, values) in words.chunks(row_words).zip(values.chunks(cols)) {
                let mut expected = vec![0; row_words];
                EmbeddingType::F16
                    .encode(values, &mut expected)
                    .expect("halves");
                assert_eq!(row, expected, "{cols} columns");
            }
        }
        assert!(!pack_rows(&[1.0, 0.1], 2, &mut [0; LANES]));
        assert!(!pack_rows(&[1.0, 1e6], 2, &mut [0; LANES]));
    }
}
