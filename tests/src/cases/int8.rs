use super::argument::blank;
use super::data::{Series, Values};
use super::{Argument, Case};
use atome_codegen::op;
use atome_kernels::packing;
use atome_kernels::reference::{self, Ternary};
use atome_spec::{Activation, Method, Op, Packing, layout};

pub(super) fn quantize() -> Vec<Case> {
    let mut series = Series::new(10);
    let mut cases = Vec::new();
    for width in [0, 1, 3, 15, 16, 17, 31, 48, 63, 64, 65, 100, 128, 131] {
        for rows in [0, 1, 3] {
            for values in [Values::Plain, Values::Extreme, Values::Zeros] {
                let x = series.floats(values, rows * width);
                cases.push(quantize_case(&x, [width, rows]).values(values));
            }
        }
    }
    // Halves between two integers: the greatest magnitude plus 1e-5 is 127 in f32.
    let halves: Vec<f32> = (-126..=127)
        .map(|i| i as f32 - 0.5)
        .chain([127.0])
        .collect();
    cases.push(quantize_case(&halves, [halves.len(), 1]).values("halves"));
    let mut odd = series.floats(Values::Plain, 70);
    odd[3] = f32::NAN;
    odd[68] = f32::from_bits(0xffc1_2345);
    cases.push(quantize_case(&odd, [35, 2]).values("NaN"));
    odd[5] = f32::INFINITY;
    odd[69] = f32::NEG_INFINITY;
    cases.push(quantize_case(&odd, [35, 2]).values("NaN and infinities"));
    cases.push(quantize_case(&[f32::NAN; 17], [17, 1]).values("all NaN"));
    for width in [17, 70] {
        let x = series.rows(width);
        cases.push(quantize_case(&x, [width, Series::ROWS]).values(Values::Edges));
    }
    cases
}

fn quantize_case(x: &[f32], [width, rows]: [usize; 2]) -> Case {
    let (mut q, mut q_scale, mut q_sum) = (vec![0; x.len()], blank(rows), vec![0; rows]);
    reference::quantize(x, width, &mut q, &mut q_scale, &mut q_sum);
    let arguments = vec![
        Argument::input("x", x),
        Argument::words_output("q", words(&q, [rows, width])),
        Argument::output("q_scale", &q_scale),
        Argument::words_output("q_sum", q_sum.iter().map(|s| s.cast_unsigned()).collect()),
    ];
    Case::new(Op::Quantize, &[("width", width), ("rows", rows)], arguments)
}

pub(super) fn rms_quantize() -> Vec<Case> {
    normalised(Op::RmsQuantize, reference::rms_quantize)
}

pub(super) fn rms_quantize_away() -> Vec<Case> {
    let mut cases = normalised(Op::RmsQuantizeAway, reference::rms_quantize_away);
    // Halves, exactly, and gains that make a row smaller than what it is measured by.
    let x: Vec<f32> = (0..40)
        .map(|i| (i - 20) as f32 + 0.5)
        .chain([127.0])
        .collect();
    let rounds = (Op::RmsQuantizeAway, reference::rms_quantize_away as Rounds);
    cases.push(case(rounds, &x, &[1.0; 41], 1).values("halves"));
    cases.push(case(rounds, &x, &[1e-7; 41], 1).values("small"));
    cases
}

/// A scalar reference of rounding to int8.
type Rounds = fn(&[f32], &[f32], f32, &mut [i8], &mut [f32], &mut [i32]);

fn normalised(op: Op, round: Rounds) -> Vec<Case> {
    let rounds = (op, round);
    let mut series = Series::new(14);
    let mut cases = Vec::new();
    for width in [0, 1, 15, 16, 17, 48, 63, 64, 65, 130] {
        for rows in [0, 1, 3] {
            for values in [Values::Plain, Values::Extreme, Values::Zeros] {
                let x = series.floats(values, rows * width);
                let gamma = series.floats(Values::Plain, width);
                cases.push(case(rounds, &x, &gamma, rows).values(values));
            }
        }
    }
    let gamma = series.floats(Values::Extreme, 70);
    let mut odd = series.floats(Values::Plain, 140);
    cases.push(case(rounds, &odd, &gamma, 2).values("extreme gains"));
    for (name, at, value) in [
        ("a NaN", 3, f32::NAN),
        ("an infinity", 75, f32::INFINITY),
        ("an overflow", 69, f32::MAX),
        ("a subnormal", 4, f32::from_bits(3)),
    ] {
        odd[at] = value;
        cases.push(case(rounds, &odd, &gamma, 2).values(name));
    }
    // Products that round to the greatest, but for what they lack, and numbers near a half.
    let near = |i: usize| f32::from_bits(0x3f80_0000 + (i % 3) as u32 * 0x7fff);
    let x: Vec<f32> = (0..40).map(near).collect();
    let gamma: Vec<f32> = (0..40).map(|i| near(i + 1) / (1 + i / 8) as f32).collect();
    cases.push(case(rounds, &x, &gamma, 1).values("near each other"));
    cases.extend(near_halves(rounds));
    for width in [17, 70] {
        for values in [Values::Plain, Values::Extreme, Values::Edges] {
            let (x, gamma) = (series.rows(width), series.floats(values, width));
            let case = case(rounds, &x, &gamma, Series::ROWS);
            cases.push(case.values((Values::Edges, values)));
        }
    }
    cases
}

/// Numbers a few units from the middle of two bytes in some blocks of columns, and none in others, from magnitudes so small to ones
/// so great that what a product lacks is lost.
fn near_halves(rounds: (Op, Rounds)) -> impl Iterator<Item = Case> {
    let gamma: Vec<f32> = (0..331).map(|i| 1.0 / (1 + i % 5) as f32).collect();
    let is_plus = rounds.0 == Op::RmsQuantize;
    let exponents = [0, -30, -60, -100, -125, 60, 90, 110].into_iter();
    exponents.map(move |exponent| {
        let magnitude = 2f32.powi(exponent);
        // Squares of smaller ones are 0, and nothing is left to divide by.
        let eps = if [-30, -60].contains(&exponent) {
            0.0
        } else {
            1e-6
        };
        let plain = halves(&gamma, 1.0);
        let squares: f64 = plain.iter().map(|x| f64::from(*x).powi(2)).sum();
        let root = (squares / plain.len() as f64).sqrt();
        let x = halves(&gamma, if is_plus { 1.0 + 1e-5 * root } else { 1.0 });
        let x: Vec<f32> = x.iter().map(|x| x * magnitude).collect();
        case_with(rounds, (&x, &gamma), eps, 1).values(("near halves", exponent))
    })
}

/// Numbers whose products are at most 1, near halves where 127 stands for `range`.
fn halves(gamma: &[f32], range: f64) -> Vec<f32> {
    let number = |(i, gamma): (usize, &f32)| {
        let whole = (i * 37 % 253) as f64 - 126.0;
        let (more, units) = match i / 64 % 2 {
            0 => (0.5, (i % 7) as i32 - 3),
            _ => (0.3, 0),
        };
        let x = (whole + more) / 127.0 * range / f64::from(*gamma);
        f32::from_bits((x as f32).to_bits().wrapping_add_signed(units))
    };
    let mut x: Vec<f32> = gamma.iter().enumerate().map(number).collect();
    x[255] = 1.0 / gamma[255];
    x
}

fn case(rounds: (Op, Rounds), x: &[f32], gamma: &[f32], rows: usize) -> Case {
    case_with(rounds, (x, gamma), 1e-6, rows)
}

fn case_with(
    (op, round): (Op, Rounds),
    (x, gamma): (&[f32], &[f32]),
    eps: f32,
    rows: usize,
) -> Case {
    let width = gamma.len();
    let (mut q, mut q_scale, mut q_sum) = (vec![0; x.len()], blank(rows), vec![0; rows]);
    round(x, gamma, eps, &mut q, &mut q_scale, &mut q_sum);
    let arguments = vec![
        Argument::input("x", x),
        Argument::input("gamma", gamma),
        Argument::words_output("q", words(&q, [rows, width])),
        Argument::output("q_scale", &q_scale),
        Argument::words_output("q_sum", q_sum.iter().map(|s| s.cast_unsigned()).collect()),
    ];
    let dims = [("width", width), ("rows", rows)];
    Case::new(op, &dims, arguments).scalar(eps)
}

pub(super) fn words(q: &[i8], [rows, width]: [usize; 2]) -> Vec<u32> {
    let mut words = vec![0; rows * layout::q_words(width)];
    if width > 0 {
        packing::int8::pack_into(q, width, &mut words);
    }
    words
}

pub(super) fn gemv_i8() -> Vec<Case> {
    let mut series = Series::new(11);
    let mut cases = Vec::new();
    for rows in [0, 1, 15, 16, 17, 33, 48, 63, 64, 65, 100, 129] {
        for cols in [0, 1, 3, 4, 7, 15, 16, 17, 20, 21, 33, 96, 120] {
            let dims = [("rows", rows), ("cols", cols)];
            cases.extend(products(
                &mut series,
                Op::Gemv,
                &dims,
                [rows, cols, 1],
                rows,
            ));
        }
    }
    // Around the columns for which sums of 16 bits are kept, and further.
    for cols in [128, 257, 491] {
        let dims = [("rows", 17), ("cols", cols)];
        cases.extend(greatest(Op::Gemv, &dims, [17, cols, 1]));
    }
    // A block of rows and some, whose products are looked up, with fewer words than have tables, as many and more, and
    // more blocks than share tables.
    for [rows, cols] in [[80, 224], [80, 240], [80, 257]] {
        let dims = [("rows", rows), ("cols", cols)];
        cases.extend(greatest(Op::Gemv, &dims, [rows, cols, 1]));
    }
    let (rows, cols) = (2128, 37);
    let dims = [("rows", rows), ("cols", cols)];
    let shape = [rows, cols, 1];
    cases.extend(products(&mut series, Op::Gemv, &dims, shape, rows));
    cases
}

/// Products by sorted matrices at the edges of blocks of rows, of words and of tables: any values, and all the same.
pub fn sorted() -> Vec<Case> {
    let mut series = Series::new(15);
    let mut cases = Vec::new();
    for rows in [0, 1, 15, 16, 17, 63, 64, 65, 100] {
        for cols in [0, 1, 15, 16, 17, 4096] {
            for (op, tokens) in [(Op::Gemv, 1), (Op::Gemm, 9)] {
                let mut dims = vec![("rows", rows), ("cols", cols)];
                if op == Op::Gemm {
                    dims.extend([("tokens", tokens), ("out_stride", rows)]);
                }
                let shape = [rows, cols, tokens];
                cases.extend(products(&mut series, op, &dims, shape, rows));
                cases.extend(greatest(op, &dims, shape));
            }
        }
    }
    cases.retain(|case| case.spec.packing == Some(Packing::Sorted));
    cases
}

/// Products whose sums are as great as can be, of both signs, and none.
fn greatest(op: Op, dims: &[(&'static str, usize)], [rows, cols, tokens]: [usize; 3]) -> Vec<Case> {
    let each = [(1, -128), (1, 127), (-1, -128), (0, -128)].into_iter();
    let each = each.flat_map(|(trit, byte)| {
        let product = Product {
            op,
            dims,
            shape: [rows, cols, tokens],
            out_stride: rows,
            trits: vec![trit; rows * cols],
            x: vec![byte; tokens * cols],
            x_scale: vec![1.0; tokens],
            scale: 1.0,
        };
        let cases = product.cases(Method::Lut).into_iter();
        cases.map(move |case| case.values((trit, byte)))
    });
    each.collect()
}

pub(super) fn gemm_i8() -> Vec<Case> {
    let mut series = Series::new(12);
    let mut cases = Vec::new();
    for (i, rows) in [0, 1, 17, 50, 64, 131].into_iter().enumerate() {
        for cols in [0, 1, 16, 39] {
            for tokens in [0, 1, 3, 4, 9] {
                let out_stride = rows + (i + tokens) % 3;
                let dims = [
                    ("rows", rows),
                    ("cols", cols),
                    ("tokens", tokens),
                    ("out_stride", out_stride),
                ];
                let shape = [rows, cols, tokens];
                cases.extend(products(&mut series, Op::Gemm, &dims, shape, out_stride));
            }
        }
    }
    let dims = [
        ("rows", 17),
        ("cols", 257),
        ("tokens", 7),
        ("out_stride", 17),
    ];
    cases.extend(greatest(Op::Gemm, &dims, [17, 257, 7]));
    // A block of rows and some, a pass of tokens and some, and columns that fill a panel or none.
    for cols in [19, 331] {
        let dims = [
            ("rows", 70),
            ("cols", cols),
            ("tokens", 37),
            ("out_stride", 71),
        ];
        cases.extend(products(&mut series, Op::Gemm, &dims, [70, cols, 37], 71));
    }
    // A block of rows and some, whose products are looked up, and more blocks than share tables.
    for cols in [96, 149] {
        let dims = [
            ("rows", 80),
            ("cols", cols),
            ("tokens", 17),
            ("out_stride", 80),
        ];
        cases.extend(greatest(Op::Gemm, &dims, [80, cols, 17]));
    }
    let dims = [
        ("rows", 1105),
        ("cols", 37),
        ("tokens", 3),
        ("out_stride", 1105),
    ];
    let shape = [1105, 37, 3];
    for _ in 0..2 {
        cases.extend(products(&mut series, Op::Gemm, &dims, shape, 1105));
    }
    cases
}

/// A product in every packing; the method is another each time.
fn products(
    series: &mut Series,
    op: Op,
    dims: &[(&'static str, usize)],
    [rows, cols, tokens]: [usize; 3],
    out_stride: usize,
) -> Vec<Case> {
    let (weights, values) = series.kinds();
    let scale = series.scale();
    let trits = series.trits(weights, rows * cols);
    let x = series.bytes(values, tokens * cols);
    let x_scale: Vec<f32> = match values {
        Values::Edges => series.floats(values, tokens),
        _ => (0..tokens).map(|_| series.scale()).collect(),
    };
    let method = series.method();
    let product = Product {
        op,
        dims,
        shape: [rows, cols, tokens],
        out_stride,
        trits,
        x,
        x_scale,
        scale,
    };
    let cases = product.cases(method).into_iter();
    cases
        .map(|case| case.values((weights, values, scale)))
        .collect()
}

/// What is multiplied.
struct Product<'a> {
    op: Op,
    dims: &'a [(&'static str, usize)],
    /// Rows, columns, tokens.
    shape: [usize; 3],
    out_stride: usize,
    trits: Vec<i8>,
    x: Vec<i8>,
    x_scale: Vec<f32>,
    scale: f32,
}

impl Product<'_> {
    /// In every packing, by the usual method and by another where there is one.
    fn cases(&self, method: Method) -> Vec<Case> {
        let [rows, cols, tokens] = self.shape;
        let w = Ternary::new(&self.trits, rows, cols, self.scale);
        let mut out = blank(tokens.saturating_sub(1) * self.out_stride + rows);
        reference::gemm_i8(w, &self.x, &self.x_scale, self.out_stride, &mut out);
        let all = Packing::ALL.iter().map(|packing| self.case(*packing, &out));
        let by = all.flat_map(|case| {
            let more = op::methods(case.spec.kind()).len() > 1;
            let other = more.then(|| case.clone().method(method));
            std::iter::once(case).chain(other)
        });
        by.collect()
    }

    fn case(&self, packing: Packing, out: &[f32]) -> Case {
        let [rows, cols, tokens] = self.shape;
        let sum = |t: usize| {
            let x = self.x[t * cols..][..cols].iter();
            x.map(|x| i32::from(*x)).sum::<i32>().cast_unsigned()
        };
        let mut packed = vec![0; packing::matrix::words(packing, rows, cols)];
        packing::matrix::pack_into(packing, &self.trits, rows, cols, &mut packed).expect("trits");
        let arguments = vec![
            Argument::words("w", packed),
            Argument::words("x", words(&self.x, [tokens, cols])),
            Argument::input("x_scale", &self.x_scale),
            Argument::words("x_sum", (0..tokens).map(sum).collect()),
            Argument::output("out", out),
        ];
        let case = Case::new(self.op, self.dims, arguments).packing(packing);
        case.activation(Activation::I8).scalar(self.scale)
    }
}
