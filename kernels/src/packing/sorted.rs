//! The order of bytes in matrices of [`Packing::Sorted`].
//!
//! Of a block of 64 rows, 64 words have 16 columns of each row: four groups of 16 rows. Where `int2` has the bytes of row `l`
//! of group `g` in word `16 g + l`, byte `g` of word `16 i + l` is byte `i` of them here: what stands side by side are the
//! same columns of four rows. So squares of four bytes are read the other way, and once more to undo it. A last block of
//! fewer rows is as in `int2`.

use atome_spec::layout::{self, BLOCK_ROWS};
use atome_spec::{LANES, Packing};

/// Bytes of a word, and groups of 16 rows of a block.
const SIDE: usize = 4;
const _: () = assert!(SIDE * LANES == BLOCK_ROWS && SIDE == size_of::<u32>());

/// 16 columns of 64 rows.
type Unit = [u32; BLOCK_ROWS];

/// Puts a matrix of `int2` in order, and compares what it wrote with what there was.
///
/// - `words`: [`matrix::words`](super::matrix::words) of `rows` by `cols`; the order of those of a last block of fewer than 64
///   rows stays.
///
/// # Panics
/// If there are fewer words, or if they are not those that there were, which would be a fault of this machine.
pub fn sort(rows: usize, cols: usize, words: &mut [u32]) {
    let row_words = layout::row_words(Packing::Sorted, cols, None);
    sort_words(&mut words[..whole(rows, row_words)]);
}

/// [`sort`], of so many words a row.
pub(super) fn sort_words(words: &mut [u32]) {
    for unit in words.as_chunks_mut::<BLOCK_ROWS>().0 {
        let before = *unit;
        *unit = turned(&before);
        assert!(
            turned(unit) == before,
            "sorted words differ from what they were"
        );
    }
}

/// Words of whole blocks.
pub(super) const fn whole(rows: usize, row_words: usize) -> usize {
    rows / BLOCK_ROWS * BLOCK_ROWS * row_words
}

/// The word that `int2` has at `at`, which is in a whole block.
pub(super) fn word(words: &[u32], at: usize) -> u32 {
    let (unit, row) = (at / BLOCK_ROWS * BLOCK_ROWS, at % BLOCK_ROWS);
    let (group, lane) = (row / LANES, row % LANES);
    let byte = |i: usize| words[unit + LANES * i + lane].to_le_bytes()[group];
    u32::from_le_bytes(core::array::from_fn::<u8, SIDE, _>(byte))
}

/// Squares of four bytes, the other way: squares of two, and then the bytes of each, which vectorises.
fn turned(unit: &Unit) -> Unit {
    const LOW: u32 = 0x00ff_00ff;
    let mut turned = [0; BLOCK_ROWS];
    for lane in 0..LANES {
        let [a, b, c, d]: [u32; SIDE] = core::array::from_fn(|g| unit[LANES * g + lane]);
        let low = [a & 0xffff | c << 16, b & 0xffff | d << 16];
        let high = [a >> 16 | c & !0xffff, b >> 16 | d & !0xffff];
        for (i, [x, y]) in [low, high].into_iter().enumerate() {
            turned[LANES * 2 * i + lane] = x & LOW | (y & LOW) << 8;
            turned[LANES * (2 * i + 1) + lane] = (x >> 8) & LOW | y & !LOW;
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::matrix;

    /// Every byte goes where `docs/formats.md` says, and only whole blocks are sorted.
    #[test]
    fn bytes_are_where_the_layout_says() {
        let (rows, cols) = (80, 33);
        let trits: Vec<i8> = (0..rows * cols).map(|i| (i * i % 3) as i8 - 1).collect();
        let pack = |packing| {
            let mut words = vec![0; matrix::words(packing, rows, cols)];
            matrix::pack_into(packing, &trits, rows, cols, &mut words).unwrap();
            words
        };
        let (int2, sorted) = (pack(Packing::Int2), pack(Packing::Sorted));
        for k in 0..3 {
            for (group, lane) in (0..4).flat_map(|g| (0..16).map(move |l| (g, l))) {
                for i in 0..4 {
                    assert_eq!(
                        sorted[64 * k + 16 * i + lane].to_le_bytes()[group],
                        int2[64 * k + 16 * group + lane].to_le_bytes()[i],
                    );
                    let at = 64 * k + 16 * group + lane;
                    assert_eq!(word(&sorted, at), int2[at]);
                }
            }
        }
        assert_eq!(sorted[3 * 64..], int2[3 * 64..]);
        let mut again = int2;
        sort(rows, cols, &mut again);
        assert_eq!(again, sorted);
    }
}
