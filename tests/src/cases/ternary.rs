use super::argument::blank;
use super::data::Series;
use super::{Argument, Case, int8};
use atome_kernels::packing;
use atome_kernels::reference::{self, Ternary};
use atome_spec::{Op, Packing};

pub(super) fn embed() -> Vec<Case> {
    let mut series = Series::new(1);
    let mut cases = Vec::new();
    for packing in [Packing::Int2, Packing::Base3] {
        for d_model in [
            0, 1, 15, 16, 17, 100, 255, 256, 257, 319, 320, 321, 337, 640, 769,
        ] {
            for (vocab, tokens) in [(0, 0), (1, 1), (5, 2), (3, 5)] {
                cases.push(embed_case(&mut series, packing, [vocab, d_model, tokens]));
            }
        }
    }
    cases
}

fn embed_case(series: &mut Series, packing: Packing, [vocab, d_model, tokens]: [usize; 3]) -> Case {
    let (weights, _) = series.kinds();
    let scale = series.scale();
    let trits = series.trits(weights, vocab * d_model);
    let mut table = vec![0; packing::embed::words(packing, vocab, d_model)];
    packing::embed::pack_into(packing, &trits, vocab, d_model, &mut table).expect("trits");
    let mut ids: Vec<i32> = (0..tokens).map(|_| series.below(vocab) as i32).collect();
    if let Some(last) = ids.last_mut() {
        *last = vocab as i32 - 1;
    }
    let mut out = blank(tokens * d_model);
    reference::embed(Ternary::new(&trits, vocab, d_model, scale), &ids, &mut out);
    let dims = [("vocab", vocab), ("d_model", d_model), ("tokens", tokens)];
    let arguments = vec![
        Argument::words("ids", ids.iter().map(|id| *id as u32).collect()),
        Argument::words("table", table),
        Argument::output("out", &out),
    ];
    let case = Case::new(Op::Embed, &dims, arguments).packing(packing);
    case.scalar(scale).values((weights, scale))
}

pub(super) fn gemv() -> Vec<Case> {
    let mut series = Series::new(2);
    let mut cases = Vec::new();
    for rows in [0, 1, 15, 16, 17, 33, 48, 63, 64, 65, 100, 129] {
        for cols in [0, 1, 3, 4, 7, 15, 16, 17, 33, 96] {
            cases.push(gemv_case(&mut series, rows, cols));
        }
    }
    // Tables of several blocks of rows, for parts of 256 columns.
    for (rows, cols) in [(193, 272), (512, 256), (514, 257), (577, 272), (513, 530)] {
        cases.push(gemv_case(&mut series, rows, cols));
    }
    cases.extend(int8::gemv_i8());
    cases
}

fn gemv_case(series: &mut Series, rows: usize, cols: usize) -> Case {
    let (weights, values) = series.kinds();
    let scale = series.scale();
    let trits = series.trits(weights, rows * cols);
    let x = series.floats(values, cols);
    let mut out = blank(rows);
    reference::gemv(Ternary::new(&trits, rows, cols, scale), &x, &mut out);
    let arguments = vec![
        Argument::words("w", gemv_words(&trits, rows, cols)),
        Argument::input("x", &x),
        Argument::output("out", &out),
    ];
    let case = Case::new(Op::Gemv, &[("rows", rows), ("cols", cols)], arguments);
    let case = case.packing(Packing::Int2).scalar(scale);
    case.values((weights, values, scale))
}

fn gemv_words(trits: &[i8], rows: usize, cols: usize) -> Vec<u32> {
    let mut words = vec![0; packing::gemv::words(rows, cols)];
    packing::gemv::pack_into(trits, rows, cols, &mut words).expect("trits");
    words
}

pub(super) fn gemm() -> Vec<Case> {
    let mut series = Series::new(3);
    let mut cases = Vec::new();
    for (i, rows) in [0, 1, 17, 50, 64, 131].into_iter().enumerate() {
        for cols in [0, 1, 16, 39] {
            for tokens in [0, 1, 3, 4, 9] {
                let gap = (i + tokens) % 3;
                cases.push(gemm_case(&mut series, [rows, cols, tokens], rows + gap));
            }
        }
    }
    // Tables of two blocks of rows and more, for parts of 128 columns for two tokens.
    for shape in [[128, 128, 2], [130, 129, 3], [193, 270, 5]] {
        cases.push(gemm_case(&mut series, shape, shape[0] + 1));
    }
    cases.extend(int8::gemm_i8());
    cases
}

fn gemm_case(series: &mut Series, [rows, cols, tokens]: [usize; 3], out_stride: usize) -> Case {
    let (weights, values) = series.kinds();
    let scale = series.scale();
    let trits = series.trits(weights, rows * cols);
    let x = series.floats(values, tokens * cols);
    let w = Ternary::new(&trits, rows, cols, scale);
    let mut out = blank(tokens.saturating_sub(1) * out_stride + rows);
    reference::gemm(w, &x, tokens, out_stride, &mut out);
    let dims = [
        ("rows", rows),
        ("cols", cols),
        ("tokens", tokens),
        ("out_stride", out_stride),
    ];
    let arguments = vec![
        Argument::words("w", gemv_words(&trits, rows, cols)),
        Argument::input("x", &x),
        Argument::output("out", &out),
    ];
    let case = Case::new(Op::Gemm, &dims, arguments).packing(Packing::Int2);
    case.scalar(scale).values((weights, values, scale))
}

pub(super) fn conv1d() -> Vec<Case> {
    let mut series = Series::new(4);
    let mut cases = Vec::new();
    for channels in [0, 1, 15, 16, 17, 37] {
        for taps in [1, 2, 4, 5, 7, 16, 17, 18, 35] {
            for tokens in [0, 1, 2, 9] {
                cases.push(conv1d_case(&mut series, [channels, taps, tokens]));
            }
        }
    }
    cases
}

fn conv1d_case(series: &mut Series, [channels, taps, tokens]: [usize; 3]) -> Case {
    let (weights, values) = series.kinds();
    let scale = series.scale();
    let trits = series.trits(weights, channels * taps);
    let mut words = vec![0; packing::conv::words(channels, taps)];
    packing::conv::pack_into(&trits, channels, taps, &mut words).expect("trits");
    let x = series.floats(values, tokens * channels);
    let before = series.floats(values, (taps - 1) * channels);
    let (mut history, mut out) = (before.clone(), blank(x.len()));
    let w = Ternary::new(&trits, channels, taps, scale);
    reference::conv1d(w, &x, &mut history, &mut out);
    let dims = [("channels", channels), ("taps", taps), ("tokens", tokens)];
    let arguments = vec![
        Argument::words("w", words),
        Argument::input("x", &x),
        Argument::in_out("history", &before, &history),
        Argument::output("out", &out),
    ];
    let case = Case::new(Op::Conv1d, &dims, arguments).packing(Packing::Int2);
    case.scalar(scale).values((weights, values, scale))
}
