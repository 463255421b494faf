//! Data for the tests that `#[ternary_kernel]` generates. Not part of the public interface.

use atome_spec::layout::{BLOCK_ROWS, WORD_COLS, ZERO_WORD, gemv_bit, q_words, word_cols};
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

    /// Words of sixteen codes.
    pub fn int2(&mut self, out: &mut [u32]) {
        out.fill_with(|| (0..16).fold(0, |word, k| word | self.code() << (2 * k)));
    }

    /// Words of four bytes of five trits.
    pub fn base3(&mut self, out: &mut [u32]) {
        let mut byte = || {
            let value = (0..5).fold(0, |value, _| 3 * value + self.code());
            (value * 256).div_ceil(243) as u8
        };
        out.fill_with(|| u32::from_le_bytes([byte(), byte(), byte(), byte()]));
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
            let mut code = |k| match row < rows && first + k < cols {
                true => self.code(),
                false => 1,
            };
            *word = match packing {
                Packing::Int2 => (0..word_cols).fold(0, |word, k| word | code(k) << gemv_bit(k)),
                Packing::Base3 => {
                    let mut bytes = [0i32; 4];
                    (0..word_cols).for_each(|k| {
                        bytes[k % 4] = 3 * bytes[k % 4] + code(k) as i32 - 1;
                    });
                    let byte = |v: i32| (v.unsigned_abs() | u32::from(v < 0) << 7) as u8;
                    u32::from_le_bytes(bytes.map(byte))
                }
            };
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
                for packing in [Packing::Int2, Packing::Base3] {
                    let mut w = vec![0; packing::matrix::words(packing, rows, cols)];
                    random.matrix(packing, rows, cols, &mut w);
                    packing::matrix::check(packing, &w, rows, cols).unwrap();
                }
                let mut w = vec![0; packing::conv::words(rows, cols)];
                random.filters(rows, cols, &mut w);
                packing::conv::check(&w, rows, cols).unwrap();
            }
            let mut tile = [0; 16];
            random.int2(&mut tile);
            packing::embed::check(Packing::Int2, &tile, 1, 256).unwrap();
            random.base3(&mut tile);
            packing::embed::check(Packing::Base3, &tile, 1, 320).unwrap();
        }
    }
}
