use super::argument::blank;
use super::data::{Series, Values};
use super::{Argument, Case};
use atome_kernels::reference;
use atome_spec::Op;

pub(super) fn kv_append() -> Vec<Case> {
    let mut series = Series::new(10);
    let mut cases = Vec::new();
    for (d_head, d_model) in [(0, 0), (1, 1), (3, 15), (8, 16), (17, 33), (64, 50)] {
        for (capacity, slot) in [(16, 0), (16, 15), (48, 20), (48, 47)] {
            let (_, values) = series.kinds();
            let k = series.floats(values, d_head);
            let v = series.floats(values, d_model);
            let before = series.floats(Values::Plain, d_head * capacity);
            let rows_before = series.floats(Values::Plain, capacity * d_model);
            let (mut keys, mut rows) = (before.clone(), rows_before.clone());
            reference::kv_append(&k, &v, (capacity, slot), &mut keys, &mut rows);
            let dims = [
                ("d_head", d_head),
                ("d_model", d_model),
                ("capacity", capacity),
                ("slot", slot),
            ];
            let arguments = vec![
                Argument::input("k", &k),
                Argument::input("v", &v),
                Argument::in_out("keys", &before, &keys),
                Argument::in_out("values", &rows_before, &rows),
            ];
            cases.push(Case::new(Op::KvAppend, &dims, arguments).values(values));
        }
    }
    cases
}

pub(super) fn attn_scores() -> Vec<Case> {
    let mut series = Series::new(11);
    let mut cases = Vec::new();
    for d_head in [0, 1, 2, 7, 8, 15, 16, 17, 33, 64, 127, 129] {
        // Sixteen slots are scored at once, so a cache has room for a multiple of sixteen.
        for (capacity, len) in [
            (16, 0),
            (16, 1),
            (16, 16),
            (48, 5),
            (48, 17),
            (48, 47),
            (48, 48),
        ] {
            let (_, values) = series.kinds();
            cases.extend([values, Values::Edges].map(|values| {
                let q = series.floats(values, d_head);
                let keys = series.floats(values, d_head * capacity);
                let mut scores = blank(capacity);
                reference::attn_scores(&q, &keys, capacity, &mut scores[..len]);
                let dims = [("d_head", d_head), ("capacity", capacity), ("len", len)];
                let arguments = vec![
                    Argument::input("q", &q),
                    Argument::input("keys", &keys),
                    Argument::output("scores", &scores).unspecified(len..capacity),
                ];
                Case::new(Op::AttnScores, &dims, arguments).values(values)
            }));
        }
    }
    cases
}

pub(super) fn attn_mix() -> Vec<Case> {
    let mut series = Series::new(12);
    let mut cases = Vec::new();
    for d_model in [0, 1, 15, 16, 17, 50] {
        for (capacity, k) in [(1, 0), (1, 1), (16, 2), (5, 4), (33, 9)] {
            let (_, values) = series.kinds();
            let mut chosen: Vec<i32> = (0..k).map(|_| series.below(capacity) as i32).collect();
            if let Some(first) = chosen.first_mut() {
                *first = capacity as i32 - 1;
            }
            cases.extend([values, Values::Edges].map(|values| {
                let p = series.floats(values, k);
                let rows = series.floats(values, capacity * d_model);
                let mut out = blank(d_model);
                reference::attn_mix(&chosen, &p, &rows, &mut out);
                let dims = [("d_model", d_model), ("capacity", capacity), ("k", k)];
                let arguments = vec![
                    Argument::words("chosen", chosen.iter().map(|slot| *slot as u32).collect()),
                    Argument::input("p", &p),
                    Argument::input("values", &rows),
                    Argument::output("out", &out),
                ];
                Case::new(Op::AttnMix, &dims, arguments).values(values)
            }));
        }
    }
    cases
}

pub(super) fn router_mix() -> Vec<Case> {
    let mut series = Series::new(13);
    let mut cases = Vec::new();
    for width in [0, 1, 15, 16, 17, 50] {
        for tokens in [0, 1, 2, 5] {
            let (_, values) = series.kinds();
            cases.extend([values, Values::Edges].map(|values| {
                let router = series.floats(values, 3 * tokens);
                let [local, state, sparse, before] =
                    [(); 4].map(|()| series.floats(values, tokens * width));
                let mut x = before.clone();
                reference::router_mix(&router, [&local, &state, &sparse], width, &mut x);
                let arguments = vec![
                    Argument::input("router", &router),
                    Argument::input("local", &local),
                    Argument::input("state", &state),
                    Argument::input("sparse", &sparse),
                    Argument::in_out("x", &before, &x),
                ];
                let dims = [("width", width), ("tokens", tokens)];
                Case::new(Op::RouterMix, &dims, arguments).values(values)
            }));
        }
    }
    cases
}
