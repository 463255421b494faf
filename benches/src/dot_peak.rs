//! How many multiply-accumulates of bytes a core can do at most, with operands in registers.
#![allow(
    unsafe_code,
    reason = "a function for instructions that the CPU was asked for"
)]

use atome_spec::Isa;

/// 10^9 multiply-accumulates a second of one thread; `None` for an instruction set without dot
/// products, and where this machine lacks it.
pub(crate) fn dot_peak(isa: Isa) -> Option<f64> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni if atome_kernels::dispatch::has(isa) => Some(vnni()),
        _ => None,
    }
}

#[cfg(target_arch = "x86_64")]
fn vnni() -> f64 {
    use crate::time::time;
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_reduce_add_epi32, _mm512_set1_epi8,
        _mm512_setzero_si512,
    };
    use std::convert::Infallible;
    use std::hint::black_box;

    const ROUNDS: usize = 1 << 12;
    /// Accumulators that do not wait for each other.
    const CHAINS: usize = 16;

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn dots() -> i32 {
        let bytes = |byte: i8| _mm512_set1_epi8(black_box(byte));
        let (a, b) = (bytes(3), bytes(5));
        // Unknown to the compiler, or all chains would be one.
        let mut sums: [__m512i; CHAINS] = black_box([_mm512_setzero_si512(); CHAINS]);
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, a, b);
            }
        }
        let zero = _mm512_setzero_si512();
        let all = sums.into_iter().fold(zero, |a, b| _mm512_add_epi32(a, b));
        _mm512_reduce_add_epi32(all)
    }

    let Ok(ns) = time(|| {
        // SAFETY: the caller asked for the instruction set, which implies these features.
        black_box(unsafe { dots() });
        Ok::<_, Infallible>(())
    });
    (64 * CHAINS * ROUNDS) as f64 / ns
}
