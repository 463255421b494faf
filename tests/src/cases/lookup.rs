use super::argument::blank;
use super::data::{Series, Values};
use super::{Argument, Case};
use atome_kernels::reference;
use atome_spec::{Op, layout};

const VOCAB: usize = 9;

/// The table, what else tells its numbers, and the rows that the ids name.
struct Lookup {
    inputs: Vec<Argument>,
    out: Vec<f32>,
}

pub(super) fn lookup_f32() -> Vec<Case> {
    cases(Op::LookupF32, |series, d_model, ids| {
        let table = series.floats(Values::Extreme, VOCAB * d_model);
        let mut out = blank(ids.len() * d_model);
        reference::lookup_f32(&table, d_model, ids, &mut out);
        let inputs = vec![Argument::input("table", &table)];
        Lookup { inputs, out }
    })
}

pub(super) fn lookup_f16() -> Vec<Case> {
    cases(Op::LookupF16, |series, d_model, ids| {
        // Any finite halves: the exponent of infinities and NaNs is all ones.
        let words = VOCAB * layout::f16_row_words(d_model);
        let finite = |word: u32| word & !0x0400_0400;
        let table: Vec<u32> = (0..words).map(|_| finite(series.bits())).collect();
        let mut out = blank(ids.len() * d_model);
        reference::lookup_f16(&table, d_model, ids, &mut out);
        let inputs = vec![Argument::words("table", table)];
        Lookup { inputs, out }
    })
}

pub(super) fn lookup_i8() -> Vec<Case> {
    cases(Op::LookupI8, |series, d_model, ids| {
        let words = VOCAB * layout::i8_row_words(d_model);
        let table: Vec<u32> = (0..words).map(|_| series.bits()).collect();
        let scales = series.floats(Values::Edges, VOCAB);
        let mut out = blank(ids.len() * d_model);
        reference::lookup_i8(&table, &scales, d_model, ids, &mut out);
        let scales = Argument::input("scales", &scales);
        let inputs = vec![Argument::words("table", table), scales];
        Lookup { inputs, out }
    })
}

fn cases(op: Op, lookup: impl Fn(&mut Series, usize, &[i32]) -> Lookup) -> Vec<Case> {
    let mut series = Series::new(20);
    let mut cases = Vec::new();
    for d_model in [0, 1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 128, 150] {
        for tokens in [0, 1, 5] {
            let ids: Vec<i32> = (0..tokens).map(|_| series.below(VOCAB) as i32).collect();
            let words = ids.iter().map(|&id| id as u32).collect();
            let found = lookup(&mut series, d_model, &ids);
            let mut arguments = vec![Argument::words("ids", words)];
            arguments.extend(found.inputs);
            arguments.push(Argument::output("out", &found.out));
            let dims = [("vocab", VOCAB), ("d_model", d_model), ("tokens", tokens)];
            cases.push(Case::new(op, &dims, arguments));
        }
    }
    cases
}
