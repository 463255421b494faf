use super::argument::blank;
use super::data::{Series, Values};
use super::{Argument, Case};
use atome_kernels::reference;
use atome_spec::{Op, layout};

/// A matrix, and what its products with `x` are.
struct Product {
    inputs: Vec<Argument>,
    out: Vec<f32>,
}

pub(super) fn matmul() -> Vec<Case> {
    cases(Op::MatMul, |series, values, x, shape| {
        let w = series.floats(values, shape[0] * shape[1]);
        let mut out = blank(shape[2] * shape[0]);
        reference::matmul(&w, x, shape, &mut out);
        let inputs = vec![Argument::input("w", &w)];
        Product { inputs, out }
    })
}

pub(super) fn matmul_f16() -> Vec<Case> {
    cases(Op::MatMulF16, |series, _, x, shape| {
        // Finite halves, 0 where there is no column.
        let [rows, cols, tokens] = shape;
        let half = |series: &mut Series| series.bits() & 0xfbff;
        let w = table(series, (rows, cols), (layout::f16_row_words(cols), 2), half);
        let mut out = blank(tokens * rows);
        reference::matmul_f16(&w, x, shape, &mut out);
        let inputs = vec![Argument::words("w", w)];
        Product { inputs, out }
    })
}

pub(super) fn matmul_i8() -> Vec<Case> {
    cases(Op::MatMulI8, |series, values, x, shape| {
        let [rows, cols, tokens] = shape;
        let byte = |series: &mut Series| series.bits() & 0xff;
        let w = table(series, (rows, cols), (layout::i8_row_words(cols), 4), byte);
        let scales = series.floats(values, rows);
        let mut out = blank(tokens * rows);
        reference::matmul_i8(&w, &scales, x, shape, &mut out);
        let inputs = vec![Argument::words("w", w), Argument::input("scales", &scales)];
        Product { inputs, out }
    })
}

/// Rows of words of several parts each, as tables have them.
fn table(
    series: &mut Series,
    (rows, cols): (usize, usize),
    (row_words, parts): (usize, usize),
    part: impl Fn(&mut Series) -> u32,
) -> Vec<u32> {
    let mut words = vec![0; rows * row_words];
    for row in words.chunks_mut(row_words.max(1)) {
        for c in 0..cols {
            let bit = 32 / parts * (c / 16 % parts);
            row[c / (16 * parts) * 16 + c % 16] |= part(series) << bit;
        }
    }
    words
}

fn cases(
    op: Op,
    product: impl Fn(&mut Series, Values, &[f32], [usize; 3]) -> Product,
) -> Vec<Case> {
    let mut series = Series::new(36);
    let mut cases = Vec::new();
    for rows in [0, 1, 4, 7] {
        for cols in [0, 1, 15, 16, 17, 32, 50, 64, 131] {
            for tokens in [0, 1, 3] {
                let (_, values) = series.kinds();
                let x = series.floats(values, tokens * cols);
                let found = product(&mut series, values, &x, [rows, cols, tokens]);
                let mut arguments = found.inputs;
                arguments.extend([
                    Argument::input("x", &x),
                    Argument::output("out", &found.out),
                ]);
                let dims = [("rows", rows), ("cols", cols), ("tokens", tokens)];
                cases.push(Case::new(op, &dims, arguments).values(values));
            }
        }
    }
    cases
}
