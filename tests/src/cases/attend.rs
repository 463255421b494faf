use super::argument::blank;
use super::data::{Series, Values};
use super::mamba::strided;
use super::{Argument, Case};
use atome_kernels::reference::{self, AttendHeads, DeltaHeads, DeltaInputs, Strided};
use atome_spec::{CacheType, Op};

const APPENDED: [(usize, usize); 7] =
    [(0, 4), (1, 1), (2, 17), (1, 64), (3, 80), (2, 95), (2, 130)];
const SLOTS: [(usize, usize); 4] = [(64, 0), (64, 63), (192, 80), (192, 191)];
/// Queries of a tile, and one more and less; heads that fill no vector, or no columns.
const HEADS: [(usize, usize, usize); 8] = [
    (0, 1, 4),
    (1, 1, 1),
    (2, 3, 17),
    (1, 4, 64),
    (1, 5, 16),
    (2, 2, 80),
    (1, 2, 111),
    (1, 9, 130),
];
/// A chunk, and one position less and more; more chunks than one.
const POSITIONS: [(usize, usize); 6] =
    [(64, 1), (64, 5), (64, 63), (64, 64), (128, 65), (192, 140)];

pub(super) fn attend_append() -> Vec<Case> {
    let mut series = Series::new(43);
    let mut cases = Vec::new();
    for (kv_heads, head_dim) in APPENDED {
        for (capacity, slot) in SLOTS {
            let (_, values) = series.kinds();
            let row = kv_heads * head_dim;
            let [k, v] = [(); 2].map(|()| series.floats(values, row));
            let [before, rows_before] =
                [(); 2].map(|()| series.floats(Values::Plain, row * capacity));
            let (mut keys, mut rows) = (before.clone(), rows_before.clone());
            let caches = [&mut keys[..], &mut rows[..]];
            reference::attend_append(head_dim, [&k, &v], (capacity, slot), caches);
            let dims = append_dims((kv_heads, head_dim), (capacity, slot));
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
    for_each_shape(|heads, positions| {
        let (_, values) = series.kinds();
        for values in [Values::Plain, values] {
            cases.push(attend_case(&mut series, heads, positions, values));
        }
    });
    cases
}

fn for_each_shape(mut each: impl FnMut(AttendHeads, (usize, usize))) {
    for (kv_heads, queries, head_dim) in HEADS {
        let heads = AttendHeads {
            kv_heads,
            queries,
            head_dim,
        };
        POSITIONS
            .into_iter()
            .for_each(|positions| each(heads, positions));
    }
}

/// Keys and values at the edges of f16 among them.
pub(super) fn attend_append_f16() -> Vec<Case> {
    let mut series = Series::new(45);
    let mut cases = Vec::new();
    for (kv_heads, head_dim) in APPENDED {
        for (capacity, slot) in SLOTS {
            let (_, values) = series.kinds();
            for values in [Values::Halves, values] {
                let row = kv_heads * head_dim;
                let [k, v] = [(); 2].map(|()| series.floats(values, row));
                let before = cache_words(&mut series, (kv_heads, head_dim), capacity);
                let [mut keys, mut rows] = before.clone();
                let caches = [&mut keys[..], &mut rows[..]];
                reference::attend_append_f16(head_dim, [&k, &v], (capacity, slot), caches);
                let dims = append_dims((kv_heads, head_dim), (capacity, slot));
                let [keys_before, rows_before] = before;
                let arguments = vec![
                    Argument::input("k", &k),
                    Argument::input("v", &v),
                    Argument::words_in_out("keys", keys_before, keys),
                    Argument::words_in_out("values", rows_before, rows),
                ];
                cases.push(Case::new(Op::AttendAppendF16, &dims, arguments).values(values));
            }
        }
    }
    cases
}

fn append_dims(
    (kv_heads, head_dim): (usize, usize),
    (capacity, slot): (usize, usize),
) -> [(&'static str, usize); 4] {
    [
        ("kv_heads", kv_heads),
        ("head_dim", head_dim),
        ("capacity", capacity),
        ("slot", slot),
    ]
}

/// Caches of f16 that hold anything.
fn cache_words(
    series: &mut Series,
    (kv_heads, head_dim): (usize, usize),
    capacity: usize,
) -> [Vec<u32>; 2] {
    let held = CacheType::F16;
    [held.key_words(head_dim), held.value_words(head_dim)]
        .map(|words| series.words(kv_heads * words * capacity))
}

pub(super) fn attend_f16() -> Vec<Case> {
    let mut series = Series::new(46);
    let mut cases = Vec::new();
    for_each_shape(|heads, positions| {
        let (_, values) = series.kinds();
        for values in [Values::Plain, Values::Halves, values] {
            cases.push(attend_f16_case(&mut series, heads, positions, values));
        }
    });
    cases
}

/// Over what was appended, and words that may be anything behind it.
fn attend_f16_case(
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
    let [mut keys, mut rows] = cache_words(series, (kv_heads, head_dim), capacity);
    for slot in 0..len {
        let [k, v] = [(); 2].map(|()| series.floats(values, row));
        let caches = [&mut keys[..], &mut rows[..]];
        reference::attend_append_f16(head_dim, [&k, &v], (capacity, slot), caches);
    }
    let mut out = blank(q.len());
    reference::attend_f16(heads, &q, [&keys, &rows], len, &mut out);
    let arguments = vec![
        Argument::input("q", &q),
        Argument::words("keys", keys),
        Argument::words("values", rows),
        Argument::output("out", &out),
    ];
    Case::new(
        Op::AttendF16,
        &attend_dims(heads, (capacity, len)),
        arguments,
    )
    .values(values)
}

fn attend_dims(heads: AttendHeads, (capacity, len): (usize, usize)) -> [(&'static str, usize); 5] {
    [
        ("kv_heads", heads.kv_heads),
        ("queries", heads.queries),
        ("head_dim", heads.head_dim),
        ("capacity", capacity),
        ("len", len),
    ]
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
    Case::new(Op::Attend, &attend_dims(heads, (capacity, len)), arguments).values(values)
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
