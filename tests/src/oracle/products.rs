use super::ball::Ball;
use super::{Call, at};
use atome_kernels::packing::{self, matrix::Matrix};
use atome_spec::{Activation, LANES, Op, layout};

pub(super) fn embed(call: &Call<'_>) -> Result<(), String> {
    let (vocab, d_model) = (call.dim("vocab"), call.dim("d_model"));
    let packing = call.case.spec.packing.expect("a packing");
    let mut trits = vec![0; vocab * d_model];
    let unpacked =
        packing::embed::unpack_into(packing, call.words("table"), vocab, d_model, &mut trits);
    unpacked.expect("trits");
    let scale = f64::from(call.case.scalars[0]);
    let out = call.output("out");
    for (t, id) in call.words("ids").iter().enumerate() {
        for c in 0..d_model {
            let weight = f64::from(trits[*id as usize * d_model + c]);
            let i = t * d_model + c;
            at("out", i, Ball::known(weight * scale).judge(out[i]))?;
        }
    }
    Ok(())
}

pub(super) use self::{
    group_gemm as group_gemv, lookup as lookup_f32, lookup as lookup_f16, lookup as lookup_i8,
    matmul as matmul_f16, matmul as matmul_i8, product as gemv, product as gemm,
};

pub(super) fn lookup(call: &Call<'_>) -> Result<(), String> {
    let d_model = call.dim("d_model");
    let (table, out) = (Table::new(call, "table", d_model), call.output("out"));
    for (t, id) in call.words("ids").iter().enumerate() {
        for c in 0..d_model {
            let i = t * d_model + c;
            at("out", i, table.element(*id as usize, c).judge(out[i]))?;
        }
    }
    Ok(())
}

pub(super) fn matmul(call: &Call<'_>) -> Result<(), String> {
    let [rows, cols, tokens] = ["rows", "cols", "tokens"].map(|name| call.dim(name));
    let table = Table::new(call, "w", cols);
    let (x, out) = (call.input("x"), call.output("out"));
    for t in 0..tokens {
        for r in 0..rows {
            let term = |c| table.element(r, c).mul(Ball::exact(x[t * cols + c]));
            let exact = Ball::sum(&(0..cols).map(term).collect::<Vec<_>>());
            let i = t * rows + r;
            at("out", i, exact.judge(out[i]))?;
        }
    }
    Ok(())
}

/// A matrix of numbers as a table has them.
struct Table {
    op: Op,
    words: Vec<u32>,
    scales: Vec<f32>,
    cols: usize,
}

impl Table {
    fn new(call: &Call<'_>, name: &'static str, cols: usize) -> Table {
        let op = call.case.spec.op;
        let scales = match op {
            Op::LookupI8 | Op::MatMulI8 => call.input("scales"),
            _ => Vec::new(),
        };
        Table {
            op,
            words: call.words(name).to_vec(),
            scales,
            cols,
        }
    }

    fn element(&self, r: usize, c: usize) -> Ball {
        // A tile of words has 16 columns of its first part, then 16 of the next.
        let word = |words: usize, parts: usize| {
            self.words[r * words + c / (parts * LANES) * LANES + c % LANES]
        };
        match self.op {
            Op::LookupF32 | Op::MatMul => {
                Ball::exact(f32::from_bits(self.words[r * self.cols + c]))
            }
            Op::LookupF16 | Op::MatMulF16 => {
                let word = word(layout::f16_row_words(self.cols), 2);
                Ball::known(half(word >> (16 * (c / LANES % 2))))
            }
            _ => {
                let word = word(layout::i8_row_words(self.cols), 4);
                let byte = word.to_le_bytes()[c / LANES % 4].cast_signed();
                Ball::known(byte.into()).mul(Ball::exact(self.scales[r]))
            }
        }
    }
}

/// A finite f16 by its sign, exponent and fraction.
pub(super) fn half(bits: u32) -> f64 {
    let (exponent, fraction) = ((bits >> 10 & 31) as i32, f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// `weight * x`, nothing at all for a weight of 0.
fn term(weight: i8, x: f32) -> Option<Ball> {
    match weight {
        0 => None,
        1 => Some(Ball::exact(x)),
        _ => Some(Ball::exact(x).neg()),
    }
}

pub(super) fn product(call: &Call<'_>) -> Result<(), String> {
    let (rows, cols) = (call.dim("rows"), call.dim("cols"));
    let (tokens, out_stride) = match call.case.spec.op {
        Op::Gemm => (call.dim("tokens"), call.dim("out_stride")),
        _ => (1, rows),
    };
    let packing = call.case.spec.packing.expect("a packing");
    let mut trits = vec![0; rows * cols];
    packing::matrix::unpack_into(packing, call.words("w"), rows, cols, &mut trits).expect("trits");
    let scale = Ball::exact(call.case.scalars[0]);
    let out = call.output("out");
    for t in 0..tokens {
        for r in 0..rows {
            let weights = &trits[r * cols..][..cols];
            let exact = match call.case.spec.activation {
                Activation::F32 => {
                    let x = &call.input("x")[t * cols..][..cols];
                    let terms = weights.iter().zip(x).filter_map(|(w, x)| term(*w, *x));
                    Ball::sum(&terms.collect::<Vec<_>>()).mul(scale)
                }
                Activation::I8 => {
                    let words = &call.words("x")[t * layout::q_words(cols)..];
                    let x = words.iter().flat_map(|w| w.to_le_bytes());
                    let products = weights.iter().zip(x);
                    let products =
                        products.map(|(w, x)| i64::from(*w) * i64::from(x.cast_signed()));
                    let sum = products.sum::<i64>() as f64;
                    let scale = Ball::exact(call.input("x_scale")[t]).mul(scale);
                    Ball::rounded(sum, 0.0, &[]).mul(scale)
                }
            };
            let i = t * out_stride + r;
            at("out", i, exact.judge(out[i]))?;
        }
    }
    Ok(())
}

/// The scale of a group of a row's columns, which lie in blocks of 64 rows.
fn group_scale(call: &Call<'_>, (rows, groups): (usize, usize), (r, g): (usize, usize)) -> f32 {
    let (first, padded) = (r / 64 * 64, rows.next_multiple_of(LANES));
    call.input("scales")[first * groups + g * (padded - first).min(64) + r - first]
}

/// The trits of a matrix whose groups of columns have scales.
fn grouped_trits(
    call: &Call<'_>,
    name: &'static str,
    (rows, cols, group): (usize, usize, usize),
) -> Vec<i8> {
    let packing = call.case.spec.packing.expect("a packing");
    let matrix = Matrix {
        group: Some(group),
        ..Matrix::new(packing, rows, cols)
    };
    let mut trits = vec![0; rows * cols];
    let unpacked = matrix.unpack_into(call.words(name), &mut trits);
    unpacked.expect("trits");
    trits
}

/// A matrix whose groups of columns have scales, in the order of kernels.
pub(super) fn group_gemm(call: &Call<'_>) -> Result<(), String> {
    let [rows, groups, group] = ["rows", "groups", "group"].map(|name| call.dim(name));
    let (tokens, out_stride) = match call.case.spec.op {
        Op::GroupGemm => (call.dim("tokens"), call.dim("out_stride")),
        _ => (1, rows),
    };
    let cols = groups * group;
    let trits = grouped_trits(call, "w", (rows, cols, group));
    let out = call.output("out");
    let scale = |r: usize, g: usize| Ball::exact(group_scale(call, (rows, groups), (r, g)));
    for t in 0..tokens {
        for r in 0..rows {
            let parts = (0..groups).map(|g| {
                let first = t * cols + g * group;
                let weights = &trits[r * cols + g * group..][..group];
                match call.case.spec.activation {
                    Activation::F32 => {
                        let x = &call.input("x")[first..][..group];
                        let terms = weights.iter().zip(x).filter_map(|(w, x)| term(*w, *x));
                        Ball::sum(&terms.collect::<Vec<_>>()).mul(scale(r, g))
                    }
                    Activation::I8 => {
                        let words = &call.words("x")[first / 4..][..group / 4];
                        let x = words.iter().flat_map(|w| w.to_le_bytes());
                        let products = weights.iter().zip(x);
                        let products =
                            products.map(|(w, x)| i64::from(*w) * i64::from(x.cast_signed()));
                        let sum = products.sum::<i64>() as f64;
                        let by = Ball::exact(call.input("x_scale")[t * groups + g]);
                        Ball::known(sum).mul(by.mul(scale(r, g)))
                    }
                }
            });
            let i = t * out_stride + r;
            let exact = Ball::sum(&parts.collect::<Vec<_>>());
            at("out", i, exact.judge(out[i]))?;
        }
    }
    Ok(())
}

pub(super) fn group_embed(call: &Call<'_>) -> Result<(), String> {
    let [vocab, groups, group] = ["vocab", "groups", "group"].map(|name| call.dim(name));
    let cols = groups * group;
    let trits = grouped_trits(call, "table", (vocab, cols, group));
    let out = call.output("out");
    for (t, id) in call.words("ids").iter().enumerate() {
        for c in 0..cols {
            let id = *id as usize;
            let scale = group_scale(call, (vocab, groups), (id, c / group));
            let exact = match term(trits[id * cols + c], scale) {
                Some(weight) => weight,
                None => Ball::known(0.0),
            };
            let i = t * cols + c;
            at("out", i, exact.judge(out[i]))?;
        }
    }
    Ok(())
}

pub(super) fn conv1d(call: &Call<'_>) -> Result<(), String> {
    let [channels, taps, tokens] = ["channels", "taps", "tokens"].map(|name| call.dim(name));
    let (x, history) = (call.input("x"), call.input("history"));
    let (out, after) = (call.output("out"), call.output("history"));
    // Tokens from the oldest of the history to the newest.
    let rows: Vec<&[f32]> = match channels {
        0 => return Ok(()),
        _ => history
            .chunks(channels)
            .rev()
            .chain(x.chunks(channels))
            .collect(),
    };
    for (i, &found) in out.iter().enumerate().take(tokens * channels) {
        let (t, c) = (i / channels, i % channels);
        let weight = |k| packing::conv::get(call.words("w"), channels, taps, c, k);
        let terms = (0..taps).filter_map(|k| term(weight(k), rows[t + taps - 1 - k][c]));
        let sum = Ball::sum(&terms.collect::<Vec<_>>());
        let exact = sum.mul(Ball::exact(call.case.scalars[0]));
        at("out", i, exact.judge(found))?;
    }
    for (k, row) in rows.iter().rev().take(taps - 1).enumerate() {
        for (c, x) in row.iter().enumerate() {
            let i = k * channels + c;
            at("history", i, Ball::exact(*x).judge(after[i]))?;
        }
    }
    Ok(())
}
