//! Whether an answer is the reference's.

use crate::error::BenchError;

/// Compares an answer with the reference's, bit for bit.
pub(crate) fn same(name: &str, expected: &[f32], found: &[f32]) -> Result<(), BenchError> {
    let bits = |x: &f32| x.to_bits();
    let differ = |(a, b): (&f32, &f32)| bits(a) != bits(b);
    match expected.iter().zip(found).position(differ) {
        None => Ok(()),
        Some(index) => Err(BenchError::WrongAnswer {
            name: name.to_owned(),
            index,
            expected: expected[index],
            found: found[index],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_bit_for_bit() {
        assert!(same("x", &[1.0, f32::NAN], &[1.0, f32::NAN]).is_ok());
        let fault = same("x", &[1.0, 0.0], &[1.0, -0.0]).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "x: element 1 is -0, the reference gives 0"
        );
    }
}
