use super::half::f16_to_f32;
use atome_spec::LANES;

/// Looks up rows of a table of floats: `out[t, c] = table[ids[t], c]`.
///
/// - `table`: `[vocab, d_model]`; `ids`: one row number a token, below `vocab`.
/// - `out`: `[tokens, d_model]`, overwritten.
///
/// # Panics
/// If an id is not below `vocab`, or `out` is not `tokens * d_model` long.
pub fn lookup_f32(table: &[f32], d_model: usize, ids: &[i32], out: &mut [f32]) {
    rows(ids, d_model, out, |id, c| table[id * d_model + c]);
}

/// Looks up rows of a table of f16, exactly.
///
/// - `table`: `[vocab]` rows of [`atome_spec::layout::f16_row_words`]: half `k` of word `lane` in
///   tile `j` is column `32 j + 16 k + lane`.
/// - `ids`, `out`: as for [`lookup_f32`].
///
/// # Panics
/// As [`lookup_f32`].
pub fn lookup_f16(table: &[u32], d_model: usize, ids: &[i32], out: &mut [f32]) {
    rows(ids, d_model, out, |id, c| f16_at(table, d_model, id, c));
}

/// The element of a row and column of a table of f16.
pub(super) fn f16_at(table: &[u32], d_model: usize, row: usize, c: usize) -> f32 {
    let row_words = atome_spec::layout::f16_row_words(d_model);
    let word = table[row * row_words + c / (2 * LANES) * LANES + c % LANES];
    f16_to_f32((word >> (16 * (c / LANES % 2))) as u16)
}

/// Looks up rows of a table of int8 with a scale a row: `out[t, c] = table[id, c] * scales[id]`.
///
/// - `table`: `[vocab]` rows of [`atome_spec::layout::i8_row_words`]: byte `k` of word `lane` in
///   tile `j` is column `64 j + 16 k + lane`.
/// - `scales`: `vocab`; `ids`, `out`: as for [`lookup_f32`].
///
/// # Panics
/// As [`lookup_f32`].
pub fn lookup_i8(table: &[u32], scales: &[f32], d_model: usize, ids: &[i32], out: &mut [f32]) {
    rows(ids, d_model, out, |id, c| {
        i8_at(table, d_model, id, c) * scales[id]
    });
}

/// The element of a row and column of a table of int8, without its scale.
pub(super) fn i8_at(table: &[u32], d_model: usize, row: usize, c: usize) -> f32 {
    let row_words = atome_spec::layout::i8_row_words(d_model);
    let word = table[row * row_words + c / (4 * LANES) * LANES + c % LANES];
    f32::from((word >> (8 * (c / LANES % 4))) as u8 as i8)
}

fn rows(ids: &[i32], d_model: usize, out: &mut [f32], get: impl Fn(usize, usize) -> f32) {
    assert_eq!(out.len(), ids.len() * d_model, "length of out");
    for (t, &id) in ids.iter().enumerate() {
        let id = usize::try_from(id).expect("an id is not negative");
        for c in 0..d_model {
            out[t * d_model + c] = get(id, c);
        }
    }
}
