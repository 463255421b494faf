//! f16 as an f32's nearest, and back.

use atome_spec::numerics::{F16_BIAS, F16_MOST};

/// Bits of the f16 that is nearest to `x`, ties to even; `None` if f16 has no such number, or `x` is none.
pub fn f16_from_f32(x: f32) -> Option<u16> {
    let magnitude = x.abs();
    // NaN is not in there.
    if !(0.0..=F16_MOST).contains(&magnitude) {
        return None;
    }
    // An f32 has 23 bits of fraction, an f16 10; below 2^-14 all of them count 2^-24.
    let exponent = (magnitude.to_bits() >> 23).max(127 - 14);
    let unit = f32::from_bits((exponent - 10) << 23);
    // A whole number below 2^11 + 1: the sum with 2^23 rounds.
    let whole = ((magnitude / unit + 8_388_608.0) - 8_388_608.0) as u32;
    let bits = whole + ((exponent - (127 - 14)) << 10);
    Some(bits as u16 | ((x.to_bits() >> 16) as u16 & 0x8000))
}

/// The f16 of these bits, which is finite.
pub fn f16_to_f32(half: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * F16_BIAS;
    f32::from_bits(magnitude.to_bits() + (u32::from(half & 0x8000) << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_ieee_says() {
        for (half, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
        ] {
            assert_eq!(f16_to_f32(half), value, "{half:#06x}");
            assert_eq!(f16_from_f32(value), Some(half), "{value}");
        }
        assert_eq!(f16_to_f32(0x8000).to_bits(), (-0.0f32).to_bits());
        assert_eq!(f16_from_f32(-0.0), Some(0x8000));
    }

    /// Every f16 is itself; what lies between two is the nearer one, and half way the even one.
    #[test]
    fn the_nearest_is_chosen() {
        for half in 0..0x7bff_u16 {
            let [low, high] = [half, half + 1].map(f16_to_f32);
            assert_eq!(f16_from_f32(low), Some(half));
            // Exact: f32 has more bits than both have.
            let middle = (low + high) / 2.0;
            let [below, above] = [middle.next_down(), middle.next_up()];
            assert_eq!(f16_from_f32(below), Some(half), "{below:e}");
            assert_eq!(f16_from_f32(above), Some(half + 1), "{above:e}");
            assert_eq!(f16_from_f32(middle), Some(half + (half & 1)), "{middle:e}");
            assert_eq!(f16_from_f32(-above), Some(0x8000 | (half + 1)));
        }
    }

    #[test]
    fn what_f16_has_not_is_refused() {
        assert_eq!(f16_from_f32(F16_MOST), Some(0x7bff));
        assert_eq!(F16_MOST.next_up(), 65_520.0);
        for x in [
            65_520.0,
            -65_520.0,
            f32::MAX,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
        ] {
            assert_eq!(f16_from_f32(x), None, "{x}");
        }
    }
}
