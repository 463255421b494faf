use super::Ternary;
use super::ternary::select;

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
