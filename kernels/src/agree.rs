//! Data for the tests that `#[ternary_kernel]` generates. Not part of the public interface.

use crate::packing;
use crate::packing::tile::{Codec, with_tile};
use crate::packing::word::{MOST_COLS, Word, with_word};
use atome_spec::layout::{BLOCK_ROWS, WORD_COLS, ZERO_WORD, q_words, word_cols};
use atome_spec::{LANES, Packing, SplitMix64};

/// Calls that a test compares.
pub const ROUNDS: u64 = 24;

/// A small deterministic generator. Rounds differ in the kind of weights.
#[derive(Clone, Debug)]
pub struct Random {
    round: u64,
    mix: SplitMix64,
}

impl Random {
    /// The generator of a round.
    pub fn new(round: u64) -> Random {
        Random {
            round,
            mix: SplitMix64::new(round << 32),
        }
    }

    fn next(&mut self) -> u64 {
        self.mix.next_u64()
    }

    /// A dimension, at an edge more often than not.
    pub fn dim(&mut self) -> usize {
        const EDGES: [usize; 11] = [0, 1, 2, 15, 16, 17, 31, 33, 63, 64, 65];
        EDGES[self.next() as usize % EDGES.len()]
    }

    /// A number: zeros of both signs, subnormal, or between -4 and 4.
    pub fn float(&mut self) -> f32 {
        let bits = self.next();
        match bits % 16 {
            0 => 0.0,
            1 => -0.0,
            2 => f32::from_bits((bits >> 32) as u32 & 0x807f_ffff),
            _ => ((bits >> 40) as i32 - (1 << 23)) as f32 / (1 << 21) as f32,
        }
    }

    /// Numbers.
    pub fn floats(&mut self, out: &mut [f32]) {
        out.fill_with(|| self.float());
    }

    /// Rows of a table of `vocab`, which is not 0 unless there are none.
    pub fn ids(&mut self, vocab: usize, out: &mut [i32]) {
        out.fill_with(|| (self.next() % vocab.max(1) as u64) as i32);
    }

    /// A code: of any trit, or the same all round.
    fn code(&mut self) -> u32 {
        match self.round % 6 {
            code @ 0..3 => code as u32,
            _ => (self.next() % 3) as u32,
        }
    }

    /// A trit: any, or the same all round.
    fn trit(&mut self) -> i8 {
        self.code() as i8 - 1
    }

    /// Tiles of an embedding table; those that end a row are as full as the others.
    pub fn table(&mut self, packing: Packing, out: &mut [u32]) {
        for tile in out.as_chunks_mut().0 {
            with_tile!(packing, C => {
                let trits: [i8; C::COLS] = core::array::from_fn(|_| self.trit());
                *tile = C::pack(&trits);
            });
        }
    }

    /// The matrix of `gemv` and `gemm`; padding is zero trits.
    pub fn matrix(&mut self, packing: Packing, rows: usize, cols: usize, out: &mut [u32]) {
        let word_cols = word_cols(packing);
        let words = cols.div_ceil(word_cols);
        for (i, word) in out.iter_mut().enumerate() {
            let block = i / (BLOCK_ROWS * words);
            let block_rows = (rows - block * BLOCK_ROWS)
                .min(BLOCK_ROWS)
                .next_multiple_of(LANES);
            let at = i % (BLOCK_ROWS * words);
            let row = block * BLOCK_ROWS + at % block_rows;
            let first = at / block_rows * word_cols;
            let mut trits = [0; MOST_COLS];
            for (k, trit) in trits[..word_cols].iter_mut().enumerate() {
                if row < rows && first + k < cols {
                    *trit = self.trit();
                }
            }
            *word = with_word!(packing, W => W::pack(&trits[..word_cols]));
        }
        if packing == Packing::Sorted {
            packing::sorted::sort(rows, cols, out);
        }
    }

    /// Rows of int8 activations for `cols` columns, four a word, and their sums.
    pub fn quantized(&mut self, cols: usize, x: &mut [u32], sums: &mut [i32]) {
        let words = q_words(cols);
        for (t, sum) in sums.iter_mut().enumerate() {
            *sum = 0;
            for c in 0..cols {
                let q = match self.next() % 8 {
                    0 => i8::MIN,
                    1 => i8::MAX,
                    bits => (self.next() >> bits) as i8,
                };
                x[t * words + c / 4] |= u32::from(q as u8) << (8 * (c % 4));
                *sum += i32::from(q);
            }
        }
    }

    /// The filters of `conv1d`; padding is zero trits.
    pub fn filters(&mut self, channels: usize, taps: usize, out: &mut [u32]) {
        for (i, word) in out.iter_mut().enumerate() {
            let first = i / channels * WORD_COLS;
            let used = (taps - first).min(WORD_COLS);
            let codes = (0..used).fold(0, |word, k| word | self.code() << (2 * k));
            let padding = ZERO_WORD.checked_shl(2 * used as u32).unwrap_or(0);
            *word = codes | padding;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;
    use crate::packing;
    use atome_spec::Packing;

    #[test]
    fn weights_are_valid() {
        for round in 0..12 {
            let mut random = Random::new(round);
            for (rows, cols) in [(1, 1), (17, 16), (64, 33), (65, 5), (129, 70)] {
                for &packing in Packing::ALL {
                    let mut w = vec![0; packing::matrix::words(packing, rows, cols)];
                    random.matrix(packing, rows, cols, &mut w);
                    packing::matrix::check(packing, &w, rows, cols).unwrap();
                }
                let mut w = vec![0; packing::conv::words(rows, cols)];
                random.filters(rows, cols, &mut w);
                packing::conv::check(&w, rows, cols).unwrap();
            }
            for &packing in Packing::STORED {
                let mut tiles = [0; 32];
                random.table(packing, &mut tiles);
                packing::embed::check(packing, &tiles, 2, packing.tile_cols()).unwrap();
            }
        }
    }
}
