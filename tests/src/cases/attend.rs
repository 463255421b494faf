use super::argument::blank;
use super::data::{Series, Values};
use super::mamba::strided;
use super::{Argument, Case};
use atome_kernels::reference::{self, AttendHeads, DeltaHeads, DeltaInputs, Strided};
use atome_spec::Op;

pub(super) fn attend() -> Vec<Case> {
    let mut series = Series::new(41);
    let mut cases = Vec::new();
    for (kv_heads, queries, head_dim) in [(0, 1, 4), (1, 1, 1), (2, 3, 17), (1, 4, 64), (2, 2, 80)]
    {
        // A chunk, and one position less and more; more chunks than one.
        for (capacity, len) in [(16, 1), (16, 5), (80, 63), (80, 64), (80, 65), (144, 140)] {
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
        ("stride", row),
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
