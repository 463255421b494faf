//! `BIT2` files.

use super::{Damaged, cut, with};
use atome::checkpoint::random_bit2;
use atome::families::BitMamba2Config;

const CONFIG: BitMamba2Config = BitMamba2Config {
    vocab_size: 6,
    d_model: 8,
    n_layers: 2,
    n_heads: 4,
};

pub(crate) fn file() -> Vec<u8> {
    random_bit2(&CONFIG, 1)
}

pub(crate) fn damaged() -> Vec<Damaged> {
    let file = file();
    // The header, `embed`, the first norm, and three words of `in_proj`'s header.
    let norm = 20 + 16 + 4 * 6 * 8;
    let divisor = norm + 12 + 4 * 8 + 12;
    let mut files = cut(&file, &[0, 3, 4, 19, 20, 30, 100, 400, file.len() - 1]);
    let mut add = |what: &str, at: usize, new: [u8; 4]| {
        files.push((what.to_owned(), with(&file, at, &new)));
    };
    add("another magic", 0, *b"3TIB");
    let dims = [
        ("vocab_size", 4, [0, -1, 7, 1 << 24, i32::MAX]),
        ("d_model", 8, [0, -8, 10, 12, 65_540]),
        ("n_layers", 12, [0, 1, 3, 4096, 5000]),
        ("n_heads", 16, [0, 3, 8, 17, i32::MIN]),
    ];
    for (name, at, values) in dims {
        for n in values {
            add(&format!("{name} of {n}"), at, n.to_le_bytes());
        }
    }
    add("another kind", 20, 2i32.to_le_bytes());
    add("a kind that is none", 20, (-7i32).to_le_bytes());
    add("another number of dimensions", 24, 1i32.to_le_bytes());
    add("another dimension", 32, 12i32.to_le_bytes());
    add("a vector's kind", norm, 1i32.to_le_bytes());
    add("a table with NaN", 36, f32::NAN.to_le_bytes());
    add(
        "a norm with infinity",
        norm + 16,
        f32::INFINITY.to_le_bytes(),
    );
    for x in [0.0f32, -1.0, f32::NAN, f32::INFINITY, 1e-39] {
        add(&format!("a divisor of {x:?}"), divisor, x.to_le_bytes());
    }
    add("the code 3", divisor + 4, [0, 0, 0x30, 0]);
    files
}
