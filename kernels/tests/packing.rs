//! Packings: known bits, round trips around every block edge, faults with their position,
//! and agreement of `get`, `unpack_into` and the layout's arithmetic.

use atome_kernels::packing::{PackError, conv, embed, matrix, matrix::Matrix};
use atome_spec::layout::{self, ZERO_WORD};
use atome_spec::{Packing, Packing::Base3, Packing::Int2};
use proptest::prelude::*;

/// Sizes around every edge: lanes, words, blocks, both tiles.
const SIZES: [usize; 17] = [
    0, 1, 2, 15, 16, 17, 21, 63, 64, 65, 128, 255, 256, 257, 319, 320, 321,
];

/// A layout as the tests see it.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Gemv(Packing),
    /// By groups of so many columns.
    Groups(Packing, usize),
    Embed(Packing),
    Conv,
}

const LAYOUTS: [Layout; 9] = [
    Layout::Gemv(Int2),
    Layout::Gemv(Base3),
    Layout::Groups(Int2, 64),
    Layout::Groups(Base3, 64),
    Layout::Groups(Base3, 7),
    Layout::Groups(Base3, 256),
    Layout::Embed(Int2),
    Layout::Embed(Base3),
    Layout::Conv,
];

impl Layout {
    fn groups(self, rows: usize, cols: usize) -> Matrix {
        let Layout::Groups(packing, group) = self else {
            panic!("{self:?} has no groups");
        };
        let group = Some(group);
        Matrix {
            group,
            ..Matrix::new(packing, rows, cols)
        }
    }

    fn words(self, rows: usize, cols: usize) -> usize {
        match self {
            Layout::Gemv(packing) => matrix::words(packing, rows, cols),
            Layout::Groups(..) => self.groups(rows, cols).words(),
            Layout::Embed(p) => embed::words(p, rows, cols),
            Layout::Conv => conv::words(rows, cols),
        }
    }

    fn pack(self, trits: &[i8], rows: usize, cols: usize) -> Result<Vec<u32>, PackError> {
        let mut out = vec![0xDEAD_BEEF; self.words(rows, cols)];
        match self {
            Layout::Gemv(packing) => matrix::pack_into(packing, trits, rows, cols, &mut out),
            Layout::Groups(..) => self.groups(rows, cols).pack_into(trits, &mut out),
            Layout::Embed(p) => embed::pack_into(p, trits, rows, cols, &mut out),
            Layout::Conv => conv::pack_into(trits, rows, cols, &mut out),
        }?;
        Ok(out)
    }

    fn unpack(self, words: &[u32], rows: usize, cols: usize) -> Result<Vec<i8>, PackError> {
        let mut out = vec![99; rows * cols];
        match self {
            Layout::Gemv(packing) => matrix::unpack_into(packing, words, rows, cols, &mut out),
            Layout::Groups(..) => self.groups(rows, cols).unpack_into(words, &mut out),
            Layout::Embed(p) => embed::unpack_into(p, words, rows, cols, &mut out),
            Layout::Conv => conv::unpack_into(words, rows, cols, &mut out),
        }?;
        Ok(out)
    }

    fn check(self, words: &[u32], rows: usize, cols: usize) -> Result<(), PackError> {
        match self {
            Layout::Gemv(packing) => matrix::check(packing, words, rows, cols),
            Layout::Groups(..) => self.groups(rows, cols).check(words),
            Layout::Embed(p) => embed::check(p, words, rows, cols),
            Layout::Conv => conv::check(words, rows, cols),
        }
    }

    fn get(self, words: &[u32], rows: usize, cols: usize, r: usize, c: usize) -> i8 {
        match self {
            Layout::Gemv(packing) => matrix::get(packing, words, rows, cols, r, c),
            Layout::Groups(..) => self.groups(rows, cols).get(words, r, c),
            Layout::Embed(p) => embed::get(p, words, rows, cols, r, c),
            Layout::Conv => conv::get(words, rows, cols, r, c),
        }
    }
}

/// Trits that look random, from a seed.
fn trits(n: usize, seed: u64) -> Vec<i8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as u32 % 3
    };
    std::iter::repeat_with(next)
        .take(n)
        .map(|t| t as i8 - 1)
        .collect()
}

/// Packs, checks, unpacks and samples single weights.
fn round_trip(layout: Layout, trits: &[i8], rows: usize, cols: usize) {
    let what = format!("{layout:?} {rows} by {cols}");
    let words = layout.pack(trits, rows, cols).expect(&what);
    layout.check(&words, rows, cols).expect(&what);
    assert_eq!(
        layout.unpack(&words, rows, cols).expect(&what),
        trits,
        "{what}"
    );
    for i in (0..trits.len()).step_by(7) {
        let (r, c) = (i / cols, i % cols);
        assert_eq!(
            layout.get(&words, rows, cols, r, c),
            trits[i],
            "{what} at {r}, {c}"
        );
    }
}

#[test]
fn sizes_follow_the_layout() {
    for rows in SIZES {
        for cols in SIZES {
            assert_eq!(conv::words(rows, cols), layout::conv_words(rows, cols));
            for packing in [Int2, Base3] {
                let words = layout::gemv_words(packing, rows, cols);
                assert_eq!(matrix::words(packing, rows, cols), words);
                let bytes = rows * layout::embed_row_bytes(packing, cols);
                assert_eq!(embed::words(packing, rows, cols) * 4, bytes);
            }
        }
    }
    assert_eq!(embed::words(Int2, 32_000, 4096) * 4, 32_768_000);
    assert_eq!(embed::row_words(Base3, 4096) * 4, 832);
    assert_eq!(embed::words(Base3, 32_000, 4096) * 4, 26_624_000);
}

#[test]
fn sizes_too_great_for_memory_are_length_errors() {
    let huge = usize::MAX / 3;
    for layout in LAYOUTS {
        let found = layout.check(&[], huge, huge);
        assert_eq!(
            found,
            Err(PackError::WordCount {
                rows: huge,
                cols: huge,
                expected: usize::MAX,
                found: 0
            }),
            "{layout:?}"
        );
        // Nothing to do, and quickly so.
        assert_eq!(layout.check(&[], huge, 0), Ok(()), "{layout:?}");
        assert_eq!(layout.check(&[], 0, huge), Ok(()), "{layout:?}");
        assert_eq!(layout.pack(&[], huge, 0), Ok(vec![]), "{layout:?}");
        assert_eq!(layout.unpack(&[], huge, 0), Ok(vec![]), "{layout:?}");
    }
}

#[test]
fn round_trips_around_every_edge() {
    for layout in LAYOUTS {
        for rows in SIZES {
            for cols in SIZES {
                let seed = (rows * 1000 + cols) as u64;
                round_trip(layout, &trits(rows * cols, seed), rows, cols);
            }
        }
        for fill in [-1, 0, 1] {
            round_trip(layout, &vec![fill; 65 * 321], 65, 321);
        }
    }
}

#[test]
fn a_gemv_matrix_has_the_bits_of_its_drawing() {
    // Row 0: +1 in column 0, -1 in column 5, +1 in column 17 (its second word); row 66 is in
    // the second block, whose rows 64..80 form one group.
    let (rows, cols) = (67, 18);
    let mut t = vec![0; rows * cols];
    t[0] = 1;
    t[5] = -1;
    t[17] = 1;
    t[66 * cols + 16] = -1;
    let words = Layout::Gemv(Int2).pack(&t, rows, cols).unwrap();
    assert_eq!(words.len(), 64 * 2 + 16 * 2);
    let mut expected = vec![ZERO_WORD; words.len()];
    expected[0] = 0x5555_5156;
    expected[64] = 0x5555_5655;
    expected[128 + 16 + 2] = 0x5555_5554;
    assert_eq!(words, expected);
}

#[test]
fn a_base_3_matrix_has_the_bits_of_its_drawing() {
    // Row 0: +1 in columns 0 and 5, -1 in column 16 (byte 0's fifth digit), -1 in column 21 (its
    // second word, byte 1).
    let (rows, cols) = (3, 22);
    let mut t = vec![0; rows * cols];
    t[0] = 1;
    t[5] = 1;
    t[16] = -1;
    t[21] = -1;
    let words = Layout::Gemv(Base3).pack(&t, rows, cols).unwrap();
    let mut expected = vec![0; 32];
    expected[0] = 0x0000_1b50; // 81 - 1 = 80; 27
    expected[16] = 0x0000_d100; // -81
    assert_eq!(words, expected);
}

#[test]
fn an_embedding_row_has_the_bits_of_its_drawing() {
    // 260 columns: two int2 tiles.
    let mut row = vec![0; 260];
    row[0] = 1; // lane 0, bit 0
    row[19] = -1; // lane 3, bit 2
    row[255] = 1; // lane 15, bit 30
    row[258] = -1; // second tile, lane 2, bit 0
    let words = Layout::Embed(Int2).pack(&row, 1, 260).unwrap();
    let mut expected = vec![ZERO_WORD; 32];
    expected[0] = 0x5555_5556;
    expected[3] = 0x5555_5551;
    expected[15] = 0x9555_5555;
    expected[18] = 0x5555_5554;
    assert_eq!(words, expected);

    // The same columns in one base3 tile; five digits of 1 are 121, whose byte is 128.
    let words = Layout::Embed(Base3).pack(&row, 1, 260).unwrap();
    let byte = |v: u32| (v * 256).div_ceil(243);
    let mut expected = [0x8080_8080; 16];
    expected[0] = 0x8080_8000 | byte(121 + 81); // digit 0 of byte 0
    expected[3] = 0x8080_0080 | byte(121 - 81) << 8; // digit 0 of byte 1
    expected[15] = 0x0080_8080 | byte(121 + 3) << 24; // digit 3 of byte 3
    expected[2] = 0x8080_8000 | byte(121 - 1); // digit 4 of byte 0
    assert_eq!(words, expected);
    assert_eq!(expected[0], 0x8080_80D5);
}

#[test]
fn filters_have_the_bits_of_their_drawing() {
    // Two channels of 17 taps: words [2][2].
    let mut t = vec![0; 34];
    t[0] = 1; // channel 0, tap 0
    t[17 + 3] = -1; // channel 1, tap 3
    t[17 + 16] = 1; // channel 1, tap 16
    let words = Layout::Conv.pack(&t, 2, 17).unwrap();
    assert_eq!(words, [0x5555_5556, 0x5555_5515, ZERO_WORD, 0x5555_5556]);
}

#[test]
fn other_values_are_named_with_their_place() {
    for layout in LAYOUTS {
        for value in [2, -2, 127, -128] {
            let mut t = trits(66 * 321, 3);
            t[65 * 321 + 320] = value;
            let (row, col) = (65, 320);
            let expected = PackError::Trit { row, col, value };
            assert_eq!(layout.pack(&t, 66, 321), Err(expected), "{layout:?}");
        }
    }
}

#[test]
fn wrong_lengths_are_named() {
    for layout in LAYOUTS {
        let (rows, cols) = (3, 5);
        let found = layout.pack(&[0; 14], rows, cols);
        let expected = 15;
        assert_eq!(
            found,
            Err(PackError::TritCount {
                rows,
                cols,
                expected,
                found: 14
            })
        );
        let expected = layout.words(rows, cols);
        let found = expected + 1;
        let error = PackError::WordCount {
            rows,
            cols,
            expected,
            found,
        };
        let words = vec![ZERO_WORD; found];
        assert_eq!(layout.check(&words, rows, cols), Err(error), "{layout:?}");
        assert_eq!(layout.unpack(&words, rows, cols), Err(error), "{layout:?}");
    }
}

#[test]
fn invalid_codes_are_found_wherever_they_are() {
    let (rows, cols) = (17, 33);
    for layout in LAYOUTS {
        let clean = layout.pack(&trits(rows * cols, 9), rows, cols).unwrap();
        for word in 0..clean.len() {
            for bit in (0..32).step_by(2) {
                let mut words = clean.clone();
                words[word] |= 3 << bit;
                // Bytes 0 and 2 are those of the values 0 and 1; 1 is none.
                // In a matrix 0x80, a negative zero, is none.
                let none = match layout {
                    Layout::Embed(Base3) => Some(1),
                    Layout::Gemv(Base3) | Layout::Groups(Base3, _) => Some(0x80),
                    _ => None,
                };
                if let Some(none) = none {
                    words[word] &= !(0xFF << (bit & 24));
                    words[word] |= none << (bit & 24);
                }
                let bits = words[word];
                let expected = Err(PackError::Code { word, bits });
                assert_eq!(layout.check(&words, rows, cols), expected, "{layout:?}");
                assert_eq!(
                    layout.unpack(&words, rows, cols).err(),
                    expected.err(),
                    "{layout:?}"
                );
            }
        }
    }
}

/// Every valid change of a word is seen: as another weight, or as padding that is not 0.
#[test]
fn no_padding_goes_unchecked() {
    for (rows, cols) in [(17, 33), (1, 1), (65, 15), (3, 322)] {
        for layout in LAYOUTS {
            let t = trits(rows * cols, 5);
            let clean = layout.pack(&t, rows, cols).unwrap();
            let mut caught = 0;
            for word in 0..clean.len() {
                for (mask, other) in other_codes(layout, clean[word]) {
                    let mut words = clean.clone();
                    words[word] = words[word] & !mask | other;
                    let bits = words[word];
                    match layout.unpack(&words, rows, cols) {
                        Ok(back) => assert_ne!(back, t, "{layout:?} word {word}"),
                        Err(e) => {
                            assert_eq!(e, PackError::Padding { word, bits }, "{layout:?}");
                            assert_eq!(layout.check(&words, rows, cols), Err(e));
                            caught += 1;
                        }
                    }
                }
            }
            assert!(caught > 0 || clean.len() * 16 == t.len());
        }
    }
}

/// Single-code changes of a word, as (bits to clear, bits to set).
fn other_codes(layout: Layout, word: u32) -> Vec<(u32, u32)> {
    let mut changes = vec![];
    if matches!(layout, Layout::Embed(Base3)) {
        for shift in [0, 8, 16, 24] {
            let value = ((word >> shift) & 0xFF) * 243 / 256;
            for power in [81, 27, 9, 3, 1] {
                let digit = value / power % 3;
                let other = value - digit * power + (digit + 1) % 3 * power;
                changes.push((0xFF << shift, (other * 256).div_ceil(243) << shift));
            }
        }
    } else if matches!(layout, Layout::Gemv(Base3) | Layout::Groups(Base3, _)) {
        let value = |byte: u8| i32::from(byte & 0x7f) * if byte < 128 { 1 } else { -1 };
        let byte = |value: i32| value.unsigned_abs() | u32::from(value < 0) << 7;
        for (i, old) in word.to_le_bytes().into_iter().enumerate() {
            for power in [81, 27, 9, 3, 1] {
                let from_0 = value(old) + 121;
                let digit = from_0 / power % 3;
                let other = from_0 - digit * power + (digit + 1) % 3 * power - 121;
                changes.push((0xFF << (8 * i), byte(other) << (8 * i)));
            }
        }
    } else {
        for bit in (0..32).step_by(2) {
            let code = word >> bit & 3;
            changes.push((3 << bit, ((code + 1) % 3) << bit));
        }
    }
    changes
}

proptest! {
    #[test]
    fn any_matrix_survives(rows in 0usize..150, cols in 0usize..700, seed: u64) {
        for layout in LAYOUTS {
            round_trip(layout, &trits(rows * cols, seed), rows, cols);
        }
    }

    /// Words from strangers: what `check` accepts is exactly what packing gives back.
    #[test]
    fn accepted_words_are_the_packed_ones(
        rows in 1usize..20,
        cols in 1usize..40,
        noise in prop::collection::vec(any::<u32>(), 64),
        mostly_valid: bool,
    ) {
        for layout in LAYOUTS {
            let mut words = layout.pack(&trits(rows * cols, 1), rows, cols).unwrap();
            for (word, noise) in words.iter_mut().zip(&noise) {
                // A lone bit flip often stays valid; a random word hardly ever is.
                *word ^= if mostly_valid { noise & 1 } else { *noise };
            }
            if layout.check(&words, rows, cols).is_ok() {
                let t = layout.unpack(&words, rows, cols).unwrap();
                prop_assert_eq!(layout.pack(&t, rows, cols).unwrap(), words);
            } else {
                prop_assert!(layout.unpack(&words, rows, cols).is_err());
            }
        }
    }
}

/// The example and the sizes of `docs/formats.md`.
#[test]
fn groups_of_base_3_are_as_drawn() {
    let sizes = [64, 128, 256].map(|group| layout::row_words(Base3, group, Some(group)));
    assert_eq!(sizes, [4, 7, 13]);
    let by_64 = Layout::Groups(Base3, 64);
    let mut row = [0; 128];
    (row[60], row[64]) = (1, -1);
    let words = by_64.pack(&row, 1, 128).unwrap();
    let of_row: Vec<u32> = words.iter().step_by(16).copied().collect();
    assert_eq!(of_row, [0, 0, 0, 0x51, 0xd1, 0, 0, 0]);
    assert_eq!(Layout::Groups(Base3, 128).words(1024, 4096) * 4, 917_504);
}

/// A group begins with a word of its own, which has what a matrix of its columns alone has.
#[test]
fn groups_lie_one_after_the_other() {
    let (rows, groups) = (70, 3);
    for packing in [Int2, Base3] {
        for group in [64, 128, 256] {
            let cols = groups * group;
            let by_group = Layout::Groups(packing, group);
            let all = trits(rows * cols, 5);
            let words = by_group.pack(&all, rows, cols).unwrap();
            let each = layout::row_words(packing, group, None);
            assert_eq!(words.len(), 80 * groups * each);
            for g in 0..groups {
                let of_group = all.chunks(cols).flat_map(|row| &row[g * group..][..group]);
                let of_group: Vec<i8> = of_group.copied().collect();
                let alone = Layout::Gemv(packing).pack(&of_group, rows, group).unwrap();
                let (block, last) = alone.split_at(64 * each);
                let first = 64 * g * each;
                assert_eq!(words[first..][..block.len()], *block, "{packing} {group}");
                let first = 64 * groups * each + 16 * g * each;
                assert_eq!(words[first..][..last.len()], *last, "{packing} {group}");
            }
            if packing == Base3 {
                let mut words = words;
                // Padding of row 2 in the second group.
                let at = 64 * (2 * each - 1) + 2;
                words[at] ^= 1;
                let (word, bits) = (at, words[at]);
                let fault = PackError::Padding { word, bits };
                assert_eq!(by_group.check(&words, rows, cols), Err(fault));
            }
        }
    }
}

#[test]
fn sizes_beyond_memory_are_refused_not_wrapped() {
    use atome_kernels::packing::int8;
    let (most, half) = (usize::MAX, usize::MAX / 2 + 1);
    for packing in [Packing::Int2, Packing::Base3] {
        for (rows, cols) in [
            (most, most),
            (most, 1),
            (half, 64),
            (64, most),
            (half, half),
        ] {
            assert_eq!(matrix::words(packing, rows, cols), most, "{rows} by {cols}");
            assert!(matrix::check(packing, &[], rows, cols).is_err());
            assert!(matrix::pack_into(packing, &[], rows, cols, &mut []).is_err());
            assert!(matrix::unpack_into(packing, &[], rows, cols, &mut []).is_err());
            assert!(embed::check(packing, &[], rows, cols).is_err());
            assert!(embed::pack_into(packing, &[], rows, cols, &mut []).is_err());
        }
        // Nothing is packed into nothing, however long nothing is.
        assert_eq!(matrix::check(packing, &[], most, 0), Ok(()));
        assert_eq!(matrix::pack_into(packing, &[], 0, most, &mut []), Ok(()));
    }
    assert_eq!(conv::words(most, 17), most);
    assert!(conv::check(&[], half, 17).is_err());
    assert_eq!((int8::words(16, most), int8::words(most, 0)), (most, 0));
}

#[test]
fn a_weight_that_is_not_there_is_a_panic() {
    fn panics<T>(f: impl FnOnce() -> T + std::panic::UnwindSafe) -> bool {
        std::panic::catch_unwind(f).is_err()
    }
    let half = usize::MAX / 2 + 1;
    for packing in [Packing::Int2, Packing::Base3] {
        assert!(panics(|| matrix::get(
            packing,
            &[0; 16],
            usize::MAX,
            1,
            0,
            0
        )));
        assert!(panics(|| matrix::get(
            packing,
            &[0; 16],
            16,
            half,
            0,
            half - 1
        )));
        assert!(panics(|| embed::get(
            packing,
            &[0; 16],
            half,
            1,
            half / 8,
            0
        )));
    }
    assert!(panics(|| conv::get(&[0; 16], half, 33, 0, 32)));
}

/// Rows of codes, four a byte from the low end.
fn codes_of(trits: &[i8]) -> Vec<u8> {
    let byte = |four: &[i8]| (0..4).fold(0, |byte, k| byte | ((four[k] + 1) as u8) << (2 * k));
    trits.chunks_exact(4).map(byte).collect()
}

#[test]
fn rows_of_codes_are_packed_as_their_trits() {
    use atome_kernels::packing::{codes, matrix};
    for rows in [0, 1, 15, 16, 17, 63, 64, 65, 130] {
        for cols in [0, 4, 12, 16, 20, 252, 256, 260, 516] {
            for trits in [
                trits(rows * cols, 3),
                vec![1; rows * cols],
                vec![-1; rows * cols],
            ] {
                let words = matrix::words(Packing::Int2, rows, cols);
                let (mut expected, mut found) = (vec![7; words], vec![9; words]);
                matrix::pack_into(Packing::Int2, &trits, rows, cols, &mut expected).unwrap();
                codes::pack_into(&codes_of(&trits), rows, cols, &mut found).unwrap();
                assert_eq!(found, expected, "{rows} x {cols}");
            }
        }
    }
}

#[test]
fn faults_of_rows_of_codes_are_named() {
    use atome_kernels::packing::{codes, matrix};
    let (rows, cols) = (67, 20);
    let mut bytes = codes_of(&trits(rows * cols, 5));
    let mut words = vec![0; matrix::words(Packing::Int2, rows, cols)];
    let mut pack = |bytes: &[u8], cols| codes::pack_into(bytes, rows, cols, &mut words);
    assert_eq!(pack(&bytes, cols), Ok(()));
    let short = PackError::TritCount {
        rows,
        cols,
        expected: rows * cols,
        found: rows * cols - 4,
    };
    assert_eq!(pack(&bytes[1..], cols), Err(short));
    assert!(pack(&bytes, 10).is_err(), "half as many columns");
    // Column 14 of row 66: the third code of a byte.
    bytes[66 * 5 + 3] |= 0b0011_0000;
    let expected = PackError::Trit {
        row: 66,
        col: 14,
        value: 2,
    };
    assert_eq!(pack(&bytes, cols), Err(expected));
    let few = codes::pack_into(&bytes, rows, cols, &mut [0; 3]);
    assert!(matches!(few, Err(PackError::WordCount { found: 3, .. })));
}
