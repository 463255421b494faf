//! Floats, and integers with scales.

use super::half;

pub(super) fn f32(bytes: &[u8], weights: &mut [f32]) {
    for (weight, word) in weights.iter_mut().zip(bytes.as_chunks().0) {
        *weight = f32::from_le_bytes(*word);
    }
}

pub(super) fn f16(bytes: &[u8], weights: &mut [f32]) {
    for (weight, word) in weights.iter_mut().zip(bytes.as_chunks().0) {
        *weight = half::f16::from_le_bytes(*word).to_f32();
    }
}

pub(super) fn bf16(bytes: &[u8], weights: &mut [f32]) {
    for (weight, word) in weights.iter_mut().zip(bytes.as_chunks().0) {
        *weight = f32::from_bits(u32::from(u16::from_le_bytes(*word)) << 16);
    }
}

pub(super) fn q8_0(bytes: &[u8], weights: &mut [f32]) {
    let (blocks, weights) = (bytes.as_chunks::<34>().0, weights.as_chunks_mut::<32>().0);
    for (block, weights) in blocks.iter().zip(weights) {
        let d = half(block);
        for (weight, q) in weights.iter_mut().zip(&block[2..]) {
            *weight = d * f32::from(q.cast_signed());
        }
    }
}

pub(super) fn q6_k(bytes: &[u8], weights: &mut [f32]) {
    let (blocks, weights) = (bytes.as_chunks::<210>().0, weights.as_chunks_mut::<256>().0);
    for (block, weights) in blocks.iter().zip(weights) {
        let d = half(&block[208..]);
        for (h, weights) in weights.as_chunks_mut::<128>().0.iter_mut().enumerate() {
            let low = &block[64 * h..][..64];
            let high = &block[128 + 32 * h..][..32];
            let scales = &block[192 + 8 * h..][..8];
            q6_half(low, high, scales, d, weights);
        }
    }
}

/// 128 weights: weight `32 k + l` has its upper bits in bits `2 k` and `2 k + 1` of the high byte `l`, its lower ones in a half
/// of the low byte `32 (k mod 2) + l`, and the scale of its 16.
fn q6_half(low: &[u8], high: &[u8], scales: &[u8], d: f32, weights: &mut [f32; 128]) {
    for (k, weights) in weights.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let low = &low[32 * (k % 2)..];
        for (l, weight) in weights.iter_mut().enumerate() {
            let q = (low[l] >> (4 * (k / 2)) & 15) | (high[l] >> (2 * k) & 3) << 4;
            let scale = f32::from(scales[2 * k + l / 16].cast_signed());
            *weight = d * scale * f32::from(q.cast_signed() - 32);
        }
    }
}
