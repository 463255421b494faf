//! What a hostile `BIT2` file can do: nothing but be refused, or be a model.

use atome::FileError;
use atome::checkpoint::{parse_bit2, random_bit2};
use atome::families::BitMamba2Config;
use atome::tensor::Tensor;

const CONFIG: BitMamba2Config = BitMamba2Config {
    vocab_size: 6,
    d_model: 8,
    n_layers: 2,
    n_heads: 4,
};

/// Opens a file and reads every tensor of it.
fn read(bytes: &[u8]) -> Result<(), FileError> {
    let model = parse_bit2(bytes.to_vec())?;
    for (_, tensor) in model.tensors() {
        match tensor {
            Tensor::Ternary(w) => drop(w.read()?),
            Tensor::Floats(values) => drop(values.all()?),
            Tensor::Table(table) => {
                let (rows, cols) = table.shape();
                table.read(0..rows, &mut vec![0.0; rows * cols])?;
            }
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}

fn file() -> Vec<u8> {
    random_bit2(&CONFIG, 1)
}

fn with_word(offset: usize, word: [u8; 4]) -> Vec<u8> {
    let mut bytes = file();
    bytes[offset..offset + 4].copy_from_slice(&word);
    bytes
}

fn message(bytes: &[u8]) -> String {
    read(bytes).expect_err("it is broken").to_string()
}

#[test]
fn a_whole_file_is_read() {
    read(&file()).expect("it is whole");
}

#[test]
fn every_cut_is_refused() {
    let bytes = file();
    for len in 0..bytes.len() {
        match read(&bytes[..len]) {
            Err(FileError::Truncated { .. } | FileError::Kind { .. } | FileError::Magic { .. }) => {
            }
            other => panic!("{len} bytes: {other:?}"),
        }
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(
        read(&longer),
        Err(FileError::TrailingBytes { extra: 1, .. })
    ));
}

#[test]
fn flipped_bytes_are_refused_or_a_model() {
    let bytes = file();
    let mut refused = 0;
    for at in 0..bytes.len() {
        for bit in [1, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= bit;
            refused += usize::from(read(&bytes).is_err());
        }
    }
    assert!(refused > bytes.len() / 4, "only {refused} were refused");
}

#[test]
fn dimensions_out_of_range_are_named() {
    let word = |n: i32| n.to_le_bytes();
    for (offset, n, says) in [
        (
            4,
            0,
            "`vocab_size` at byte 4: expected 1 to 16777216, found 0",
        ),
        (8, -8, "`d_model` at byte 8: expected 1 to 65536, found -8"),
        (
            8,
            10,
            "`d_model` at byte 8: expected a multiple of 4, found 10",
        ),
        (
            12,
            5000,
            "`n_layers` at byte 12: expected 1 to 4096, found 5000",
        ),
        (
            16,
            3,
            "`n_heads` at byte 16: expected a divisor of 2 d_model, which is 16, found 3",
        ),
    ] {
        assert_eq!(message(&with_word(offset, word(n))), says);
    }
    // Dimensions in range, but of a far larger file: refused before anything is allocated.
    let huge = with_word(4, word(1 << 24));
    assert!(message(&huge).starts_with("`embed` at byte 20 needs"));
}

#[test]
fn headers_of_tensors_are_named() {
    let says = message(&with_word(20, 2i32.to_le_bytes()));
    assert_eq!(says, "`embed`: expected 0 as the kind at byte 20, found 2");
    let says = message(&with_word(32, 12i32.to_le_bytes()));
    assert_eq!(
        says,
        "`embed`: expected 8 as the dimension at byte 32, found 12"
    );
}

#[test]
fn divisors_and_codes_are_checked() {
    // The header, `embed`, the first norm, and three words of `in_proj`'s header.
    let divisor = 20 + 16 + 4 * 6 * 8 + 12 + 4 * 8 + 12;
    for bad in [0.0f32, -1.0, f32::NAN, f32::INFINITY, 1e-39] {
        let says = message(&with_word(divisor, bad.to_le_bytes()));
        let expected = format!("expected a finite divisor above 0 at byte {divisor}");
        assert!(
            says.starts_with("`layers.0.in_proj`: ") && says.contains(&expected),
            "{says}"
        );
    }
    let says = message(&with_word(divisor + 4, [0, 0, 0x30, 0]));
    let at = divisor + 6;
    assert!(
        says.contains(&format!("and 10 (+1) in the byte at {at}, found 0x30")),
        "{says}"
    );
    let says = message(&with_word(36, f32::NAN.to_le_bytes()));
    assert!(
        says.contains("`embed`: expected finite numbers, found NaN at byte 36"),
        "{says}"
    );
}
