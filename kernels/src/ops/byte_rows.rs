//! Row lookup in a table of unpacked trits, a byte each: the specification's `tern_embed`.
#![allow(
    unsafe_code,
    reason = "instruction sets are called once they are found, and a C caller's table has no length"
)]

use crate::dispatch;
use atome_spec::Tier;

/// Row lookup in tables of bytes by the instructions of a tier: `out[t, c] = table[ids[t], c] * scale`.
///
/// ```
/// use atome_kernels::ops::ByteRows;
///
/// let table = [1, 0, -1, /* row 1: */ -1, -1, 0];
/// let mut out = [0.0; 6];
/// // SAFETY: the table has the rows 0 and 1.
/// unsafe { ByteRows::best().embed(table.as_ptr(), &[1, 0], 0.5, 3, &mut out) };
/// assert_eq!(out, [-0.5, -0.5, 0.0, 0.5, 0.0, -0.5]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ByteRows {
    /// Only of a tier that this machine runs.
    expand: Expand,
}

/// Expands one row.
type Expand = unsafe fn(&[i8], f32, &mut [f32]);

impl ByteRows {
    /// By the best instructions of this machine.
    pub fn best() -> ByteRows {
        ByteRows {
            expand: expander(dispatch::detect()),
        }
    }

    /// By the instructions of a tier; `None` if this machine does not run it.
    pub fn on(tier: Tier) -> Option<ByteRows> {
        dispatch::available(tier).then(|| ByteRows {
            expand: expander(tier),
        })
    }

    /// Looks up rows. Nothing is allocated.
    ///
    /// - `table`: `[vocab, d_model]`, row-major, a byte a trit; any other byte is the number it is.
    /// - `ids`: a row a token.
    /// - `scale`: finite. A trit of 0 gives +0.0 whatever its sign, as in a packed table.
    /// - `out`: `[tokens, d_model]`, overwritten.
    ///
    /// # Panics
    /// If `out` is not `tokens * d_model` long.
    ///
    /// # Safety
    /// For each of the `ids`, `table` is valid for reads of `d_model` bytes from `id * d_model` on.
    pub unsafe fn embed(
        self,
        table: *const i8,
        ids: &[i32],
        scale: f32,
        d_model: usize,
        out: &mut [f32],
    ) {
        assert_eq!(out.len(), ids.len() * d_model, "length of out");
        if d_model == 0 {
            return;
        }
        for (&id, out) in ids.iter().zip(out.chunks_exact_mut(d_model)) {
            let start = table.wrapping_offset(id as isize * d_model as isize);
            // SAFETY: the caller vouches for the row; this machine runs the tier.
            unsafe { (self.expand)(core::slice::from_raw_parts(start, d_model), scale, out) };
        }
    }
}

/// What expands rows on a tier.
fn expander(tier: Tier) -> Expand {
    match tier {
        #[cfg(target_arch = "x86_64")]
        Tier::X86_64V4 => avx512,
        #[cfg(target_arch = "x86_64")]
        Tier::X86_64V3 => avx2,
        #[cfg(target_arch = "x86_64")]
        Tier::X86_64V2 => sse41,
        _ => expand,
    }
}

/// The row in vectors as wide as whoever inlines this has. A trit times a number whose sign bit is clear is what the trit
/// selects, the signs of zeros included: a negative scale negates the trits.
#[inline(always)]
fn expand(row: &[i8], scale: f32, out: &mut [f32]) {
    let pairs = out.iter_mut().zip(row);
    match scale.is_sign_negative() {
        false => pairs.for_each(|(out, trit)| *out = f32::from(*trit) * scale),
        true => {
            let scale = -scale;
            pairs.for_each(|(out, trit)| *out = f32::from(-i16::from(*trit)) * scale);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512(row: &[i8], scale: f32, out: &mut [f32]) {
    expand(row, scale, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(row: &[i8], scale: f32, out: &mut [f32]) {
    expand(row, scale, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.1")]
fn sse41(row: &[i8], scale: f32, out: &mut [f32]) {
    expand(row, scale, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{Ternary, embed};

    #[test]
    fn rows_of_every_tier_are_those_of_the_reference() {
        for d_model in [0, 1, 15, 16, 17, 63, 65, 100, 127, 128, 129, 257] {
            let vocab = 7;
            let trits: Vec<i8> = (0..vocab * d_model)
                .map(|i| (i * i + i / 7) as i8 % 3 - 1)
                .map(|trit| trit.clamp(-1, 1))
                .collect();
            let ids = [6, 0, 3, 3, 1];
            for scale in [
                1.0,
                0.0375,
                -0.7,
                0.0,
                -0.0,
                f32::MIN_POSITIVE / 3.0,
                f32::MAX,
            ] {
                let table = Ternary::new(&trits, vocab, d_model, scale);
                let mut expected = vec![0.0; ids.len() * d_model];
                embed(table, &ids, &mut expected);
                for &tier in dispatch::tiers() {
                    let mut out = vec![f32::NAN; expected.len() + 1];
                    let rows = ByteRows::on(tier).expect("this machine runs it");
                    let start = trits.as_ptr();
                    // SAFETY: the ids are rows of the table. The output starts at any multiple of 4.
                    unsafe { rows.embed(start, &ids, scale, d_model, &mut out[1..]) };
                    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert_eq!(
                        bits(&out[1..]),
                        bits(&expected),
                        "{tier}, {d_model}, {scale}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_bytes_are_numbers() {
        let table: Vec<i8> = (-128..=127).collect();
        let mut out = [0.0; 256];
        for scale in [0.5, -0.5] {
            for &tier in dispatch::tiers() {
                let rows = ByteRows::on(tier).expect("this machine runs it");
                // SAFETY: the table has one row of 256.
                unsafe { rows.embed(table.as_ptr(), &[0], scale, 256, &mut out) };
                let right = |(out, byte): (&f32, &i8)| *out == f32::from(*byte) * scale;
                assert!(out.iter().zip(&table).all(right), "{tier}");
            }
        }
    }

    #[test]
    fn a_machine_without_a_tier_has_no_rows_of_it() {
        for &tier in Tier::ALL {
            assert_eq!(ByteRows::on(tier).is_some(), dispatch::available(tier));
        }
    }
}
