/// A number as a byte: the range from `low` to `high` in 256 bins of a width; what is below is 0, what is above 255, and what
/// is no number 0.
///
/// A sensor's readings become a text so, a byte a reading, and several sensors take turns in it.
///
/// ```
/// use atome::classify::bin;
/// let window: Vec<u8> = [-2.0, 0.0, 1.99, 7.0].map(|g| bin(g, -2.0, 2.0)).into();
/// assert_eq!(window, [0, 128, 255, 255]);
/// ```
///
/// # Panics
/// If `low` is not below `high`.
#[must_use]
pub fn bin(value: f32, low: f32, high: f32) -> u8 {
    assert!(low < high, "a range");
    let place = (value - low) / (high - low) * 256.0;
    // A conversion limits, and makes 0 of what is no number.
    place.floor() as u8
}

#[cfg(test)]
mod tests {
    use super::bin;

    #[test]
    fn every_bin_is_as_wide_as_the_others() {
        for byte in 0..=255u8 {
            let inside = (f32::from(byte) + 0.5) / 256.0;
            assert_eq!(bin(inside, 0.0, 1.0), byte);
            assert_eq!(bin(f32::from(byte) / 256.0, 0.0, 1.0), byte);
        }
        for (value, expected) in [
            (f32::NAN, 0),
            (f32::NEG_INFINITY, 0),
            (f32::INFINITY, 255),
            (1.0, 255),
            (-0.1, 0),
        ] {
            assert_eq!(bin(value, 0.0, 1.0), expected, "{value}");
        }
    }
}
