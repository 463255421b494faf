use super::argument::blank;
use super::data::{Series, Values};
use super::mamba::strided;
use super::{Argument, Case};
use atome_kernels::reference::{self, AttendHeads, DeltaHeads, DeltaInputs, Strided};
use atome_spec::Op;

pub(super) fn attend_append() -> Vec<Case> {
    let mut series = Series::new(43);
    let mut cases = Vec::new();
    for (kv_heads, head_dim) in [(0, 4), (1, 1), (2, 17), (1, 64), (3, 80), (2, 130)] {
        for (capacity, slot) in [(64, 0), (64, 63), (192, 80), (192, 191)] {
            let (_, values) = series.kinds();
            let row = kv_heads * head_dim;
            let [k, v] = [(); 2].map(|()| series.floats(values, row));
            let [before, rows_before] =
                [(); 2].map(|()| series.floats(Values::Plain, row * capacity));
            let (mut keys, mut rows) = (before.clone(), rows_before.clone());
            let caches = [&mut keys[..], &mut rows[..]];
            reference::attend_append(head_dim, [&k, &v], (capacity, slot), caches);
            let dims = [
                ("kv_heads", kv_heads),
                ("head_dim", head_dim),
                ("capacity", capacity),
                ("slot", slot),
            ];
            let arguments = vec![
                Argument::input("k", &k),
                Argument::input("v", &v),
                Argument::in_out("keys", &before, &keys),
                Argument::in_out("values", &rows_before, &rows),
            ];
            cases.push(Case::new(Op::AttendAppend, &dims, arguments).values(values));
        }
    }
    cases
}

pub(super) fn attend() -> Vec<Case> {
    let mut series = Series::new(41);
    let mut cases = Vec::new();
    // Queries of a tile, and one more and less; heads that fill no vector, or no columns.
    let heads = [
        (0, 1, 4),
        (1, 1, 1),
        (2, 3, 17),
        (1, 4, 64),
        (1, 5, 16),
        (2, 2, 80),
        (1, 9, 130),
    ];
    for (kv_heads, queries, head_dim) in heads {
        // A chunk, and one position less and more; more chunks than one.
        for (capacity, len) in [(64, 1), (64, 5), (64, 63), (64, 64), (128, 65), (192, 140)] {
            let (_, values) = series.kinds();
            let heads = AttendHeads {
                kv_heads,
                queries,
                head_dim,
            };
            cases.push(attend_case(
                &mut series,
                heads,
                (capacity, len),
                Values::Plain,
            ));
            cases.push(attend_case(&mut series, heads, (capacity, len), values));
        }
    }
    cases
}

fn attend_case(
    series: &mut Series,
    heads: AttendHeads,
    (capacity, len): (usize, usize),
    values: Values,
) -> Case {
    let AttendHeads {
        kv_heads,
        queries,
        head_dim,
    } = heads;
    let row = kv_heads * head_dim;
    let q = series.floats(values, row * queries);
    let [keys, rows] = [(); 2].map(|()| series.floats(values, row * capacity));
    let mut out = blank(q.len());
    reference::attend(heads, &q, [&keys, &rows], len, &mut out);
    let arguments = vec![
        Argument::input("q", &q),
        Argument::input("keys", &keys),
        Argument::input("values", &rows),
        Argument::output("out", &out),
    ];
    let dims = [
        ("kv_heads", kv_heads),
        ("queries", queries),
        ("head_dim", head_dim),
        ("capacity", capacity),
        ("len", len),
    ];
    Case::new(Op::Attend, &dims, arguments).values(values)
}

pub(super) fn gated_delta() -> Vec<Case> {
    let mut series = Series::new(42);
    let mut cases = Vec::new();
    for (repeats, key_heads, head_dim) in
        [(0, 1, 16), (1, 1, 16), (2, 3, 32), (1, 2, 64), (3, 1, 80)]
    {
        for tokens in [0, 1, 3] {
            let (_, values) = series.kinds();
            let heads = DeltaHeads {
                repeats,
                key_heads,
                head_dim,
            };
            cases.push(delta_case(&mut series, heads, tokens, Values::Plain));
            cases.push(delta_case(&mut series, heads, tokens, values));
        }
    }
    cases
}

fn delta_case(series: &mut Series, size: DeltaHeads, tokens: usize, values: Values) -> Case {
    let DeltaHeads {
        repeats,
        key_heads,
        head_dim,
    } = size;
    let heads = repeats * key_heads;
    let stride = (2 * key_heads + heads) * head_dim + 3;
    let mut rows = |heads: usize| series.floats(values, strided(tokens, stride, heads * head_dim));
    let [q, k, v] = [key_heads, key_heads, heads].map(&mut rows);
    let [decay, beta] = [(); 2].map(|()| series.floats(values, tokens * heads));
    let before = series.floats(values, heads * head_dim * head_dim);
    let (mut after, mut out) = (before.clone(), blank(tokens * heads * head_dim));
    let of = |values| Strided { values, stride };
    let inputs = DeltaInputs {
        q: of(&q),
        k: of(&k),
        v: of(&v),
        decay: &decay,
        beta: &beta,
    };
    reference::gated_delta(size, inputs, &mut after, &mut out);
    let arguments = vec![
        Argument::input("q", &q),
        Argument::input("k", &k),
        Argument::input("v", &v),
        Argument::input("decay", &decay),
        Argument::input("beta", &beta),
        Argument::in_out("state", &before, &after),
        Argument::output("out", &out),
    ];
    let dims = [
        ("repeats", repeats),
        ("key_heads", key_heads),
        ("head_dim", head_dim),
        ("tokens", tokens),
        ("stride", stride),
    ];
    Case::new(Op::GatedDelta, &dims, arguments).values(values)
}
