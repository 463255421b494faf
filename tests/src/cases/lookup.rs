use super::argument::blank;
use super::data::{Series, Values};
use super::{Argument, Case};
use atome_kernels::reference;
use atome_spec::{Op, layout};

const VOCAB: usize = 9;

pub(super) fn lookup(op: Op) -> Vec<Case> {
    let mut series = Series::new(20);
    let mut cases = Vec::new();
    for d_model in [0, 1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 128, 150] {
        for tokens in [0, 1, 5] {
            cases.push(case(&mut series, op, [d_model, tokens]));
        }
    }
    cases
}

fn case(series: &mut Series, op: Op, [d_model, tokens]: [usize; 2]) -> Case {
    let ids: Vec<i32> = (0..tokens).map(|_| series.below(VOCAB) as i32).collect();
    let mut out = blank(tokens * d_model);
    let id_words = ids.iter().map(|&id| id as u32).collect();
    let mut arguments = vec![Argument::words("ids", id_words)];
    match op {
        Op::LookupF32 => {
            let table = series.floats(Values::Extreme, VOCAB * d_model);
            reference::lookup_f32(&table, d_model, &ids, &mut out);
            arguments.push(Argument::input("table", &table));
        }
        Op::LookupF16 => {
            // Any finite halves: the exponent of infinities and NaNs is all ones.
            let words = VOCAB * layout::f16_row_words(d_model);
            let finite = |word: u32| word & !0x0400_0400;
            let table: Vec<u32> = (0..words).map(|_| finite(series.bits())).collect();
            reference::lookup_f16(&table, d_model, &ids, &mut out);
            arguments.push(Argument::words("table", table));
        }
        _ => {
            let words = VOCAB * layout::i8_row_words(d_model);
            let table: Vec<u32> = (0..words).map(|_| series.bits()).collect();
            let scales = series.floats(Values::Edges, VOCAB);
            reference::lookup_i8(&table, &scales, d_model, &ids, &mut out);
            arguments.push(Argument::words("table", table));
            arguments.push(Argument::input("scales", &scales));
        }
    }
    arguments.push(Argument::output("out", &out));
    let dims = [("vocab", VOCAB), ("d_model", d_model), ("tokens", tokens)];
    Case::new(op, &dims, arguments)
}
