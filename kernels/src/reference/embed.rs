use super::ternary::select;
use super::{GroupScales, Ternary};

/// Looks up rows of an embedding table: `out[t, c] = table[ids[t], c] * scale`, which is
/// `+scale`, `-scale` or +0.0.
///
/// - `table`: `[vocab, d_model]`.
/// - `ids`: one row number a token, below `vocab`.
/// - `out`: `[tokens, d_model]`, overwritten.
///
/// # Panics
/// If an id is not below `vocab`, or `out` is not `tokens * d_model` long.
pub fn embed(table: Ternary<'_>, ids: &[i32], out: &mut [f32]) {
    let d_model = table.cols();
    assert_eq!(out.len(), ids.len() * d_model, "length of out");
    for (t, &id) in ids.iter().enumerate() {
        let id = usize::try_from(id).expect("an id is not negative");
        for (c, &trit) in table.row(id).iter().enumerate() {
            out[t * d_model + c] = select(trit, table.scale());
        }
    }
}

/// [`embed`] of a table with a scale for each group of a row's columns: `out[t, c] = table[ids[t], c] * scales[ids[t], c / group]`.
///
/// # Panics
/// If an id is not below `vocab`, or a length is wrong.
pub fn group_embed(table: Ternary<'_>, scales: GroupScales<'_>, ids: &[i32], out: &mut [f32]) {
    let d_model = table.cols();
    assert_eq!(out.len(), ids.len() * d_model, "length of out");
    for (t, &id) in ids.iter().enumerate() {
        let id = usize::try_from(id).expect("an id is not negative");
        for (c, &trit) in table.row(id).iter().enumerate() {
            out[t * d_model + c] = select(trit, scales.of(table.cols(), id, c));
        }
    }
}
