use super::argument::blank;
use super::data::{Series, Values};
use super::int8::words;
use super::{Argument, Case};
use atome_kernels::packing::{self, matrix::Matrix};
use atome_kernels::reference::{self, GroupScales, Ternary};
use atome_spec::{Activation, Method, Op, Packing};

pub(super) fn group_embed() -> Vec<Case> {
    let mut series = Series::new(51);
    let mut cases = Vec::new();
    for (group, groups) in [(64, 0), (64, 1), (64, 7), (128, 3), (128, 4), (256, 2)] {
        // A row alone, blocks of one and of several groups of rows, whole ones, and one after these.
        for (vocab, tokens) in [(0, 0), (1, 1), (5, 3), (64, 9), (100, 13), (193, 21)] {
            let (weights, _) = series.kinds();
            let cols = group * groups;
            let product = Product {
                op: Op::GroupEmbed,
                dims: &[
                    ("vocab", vocab),
                    ("groups", groups),
                    ("group", group),
                    ("tokens", tokens),
                ],
                shape: [vocab, groups, group, tokens],
                out_stride: cols,
                trits: series.trits(weights, vocab * cols),
                scales: series.floats(Values::Plain, vocab * groups),
            };
            let mut ids: Vec<i32> = (0..tokens).map(|_| series.below(vocab) as i32).collect();
            // The last row too.
            ids.splice(..tokens.min(1), (tokens > 0).then(|| vocab as i32 - 1));
            let mut out = blank(tokens * cols);
            let (w, of) = product.weights();
            reference::group_embed(w, of, &ids, &mut out);
            for packing in Packing::STORED {
                let [table, scales] = product.packed(*packing);
                let arguments = vec![
                    Argument::words("ids", ids.iter().map(|id| *id as u32).collect()),
                    Argument {
                        name: "table",
                        ..table
                    },
                    scales,
                    Argument::output("out", &out),
                ];
                let case = Case::new(product.op, product.dims, arguments).packing(*packing);
                cases.push(case.values(weights));
            }
        }
    }
    cases
}

pub(super) fn group_gemv() -> Vec<Case> {
    let mut series = Series::new(52);
    let mut cases = Vec::new();
    for rows in [0, 1, 15, 16, 17, 33, 63, 64, 65, 100, 129] {
        for (group, groups) in [(64, 0), (64, 3), (128, 1), (128, 2), (192, 1), (256, 1)] {
            let dims = [("rows", rows), ("groups", groups), ("group", group)];
            let shape = [rows, groups, group, 1];
            cases.extend(products(&mut series, Op::GroupGemv, &dims, shape, rows));
        }
    }
    cases.extend(greatest(Op::GroupGemv, [80, 2, 256, 1]));
    cases
}

pub(super) fn group_gemm() -> Vec<Case> {
    let mut series = Series::new(53);
    let mut cases = Vec::new();
    for rows in [0, 1, 50, 64, 131] {
        for (group, groups) in [(64, 3), (128, 2), (256, 1)] {
            for tokens in [0, 1, 4, 37] {
                let out_stride = rows + tokens % 3;
                let dims = [
                    ("rows", rows),
                    ("groups", groups),
                    ("group", group),
                    ("tokens", tokens),
                    ("out_stride", out_stride),
                ];
                let shape = [rows, groups, group, tokens];
                cases.extend(products(
                    &mut series,
                    Op::GroupGemm,
                    &dims,
                    shape,
                    out_stride,
                ));
            }
        }
    }
    cases.extend(greatest(Op::GroupGemm, [80, 2, 256, 9]));
    cases
}

/// By f32 and by int8 activations, and these by another method too.
fn products(
    series: &mut Series,
    op: Op,
    dims: &[(&'static str, usize)],
    shape: [usize; 4],
    out_stride: usize,
) -> Vec<Case> {
    let [rows, groups, group, tokens] = shape;
    let cols = groups * group;
    let (weights, values) = series.kinds();
    let product = Product {
        op,
        dims,
        shape,
        out_stride,
        trits: series.trits(weights, rows * cols),
        scales: series.floats(Values::Plain, rows * groups),
    };
    let x = series.floats(values, tokens * cols);
    let bytes = series.bytes(values, tokens * cols);
    let x_scale = series.floats(Values::Plain, tokens * groups);
    let mut cases = product.of_f32(&x);
    cases.extend(product.of_i8(&bytes, &x_scale));
    cases
        .into_iter()
        .map(|case| case.values((weights, values)))
        .collect()
}

/// Sums as great as can be, of both signs.
fn greatest(op: Op, shape: [usize; 4]) -> Vec<Case> {
    let [rows, groups, group, tokens] = shape;
    let each = [(1, -128), (1, 127), (-1, -128)].into_iter();
    let cases = each.flat_map(|(trit, byte)| {
        let dims = [
            ("rows", rows),
            ("groups", groups),
            ("group", group),
            ("tokens", tokens),
            ("out_stride", rows),
        ];
        let product = Product {
            op,
            dims: if op == Op::GroupGemv {
                &dims[..3]
            } else {
                &dims
            },
            shape,
            out_stride: rows,
            trits: vec![trit; rows * groups * group],
            scales: vec![1.0; rows * groups],
        };
        let bytes = vec![byte; tokens * groups * group];
        let cases = product.of_i8(&bytes, &vec![1.0; tokens * groups]);
        cases.into_iter().map(move |case| case.values((trit, byte)))
    });
    cases.collect()
}

/// What is multiplied.
struct Product<'a> {
    op: Op,
    dims: &'a [(&'static str, usize)],
    /// Rows, groups, columns of a group, tokens.
    shape: [usize; 4],
    out_stride: usize,
    trits: Vec<i8>,
    scales: Vec<f32>,
}

impl Product<'_> {
    fn weights(&self) -> (Ternary<'_>, GroupScales<'_>) {
        let [rows, groups, group, _] = self.shape;
        let scales = GroupScales {
            scales: &self.scales,
            group,
        };
        (Ternary::new(&self.trits, rows, groups * group, 1.0), scales)
    }

    fn out(&self) -> Vec<f32> {
        let [rows, _, _, tokens] = self.shape;
        blank(tokens.saturating_sub(1) * self.out_stride + rows)
    }

    /// The words of the weights, and their scales.
    fn packed(&self, packing: Packing) -> [Argument; 2] {
        let [rows, groups, group, _] = self.shape;
        let matrix = Matrix {
            group: Some(group),
            ..Matrix::new(packing, rows, groups * group)
        };
        let mut packed = vec![0; matrix.words()];
        matrix.pack_into(&self.trits, &mut packed).expect("trits");
        let mut scales = vec![0.0; packing::scales::len(rows, groups)];
        packing::scales::pack_into(&self.scales, rows, groups, &mut scales);
        [
            Argument::words("w", packed),
            Argument::input("scales", &scales),
        ]
    }

    fn of_f32(&self, x: &[f32]) -> Vec<Case> {
        let [_, _, _, tokens] = self.shape;
        let mut out = self.out();
        reference::group_gemm(self.weights(), x, tokens, self.out_stride, &mut out);
        let packings = Packing::STORED.iter().map(|packing| {
            let mut arguments = self.packed(*packing).to_vec();
            arguments.extend([Argument::input("x", x), Argument::output("out", &out)]);
            Case::new(self.op, self.dims, arguments).packing(*packing)
        });
        packings.collect()
    }

    fn of_i8(&self, x: &[i8], x_scale: &[f32]) -> Vec<Case> {
        let [_, groups, group, tokens] = self.shape;
        let mut out = self.out();
        // Without groups there are no scales to tell the tokens by, and nothing to add up.
        match groups {
            0 => (0..tokens).for_each(|t| out[t * self.out_stride..][..self.shape[0]].fill(0.0)),
            _ => reference::group_gemm_i8(self.weights(), x, x_scale, self.out_stride, &mut out),
        }
        let sums = x
            .chunks(group)
            .map(|x| x.iter().map(|x| i32::from(*x)).sum::<i32>());
        let sums: Vec<u32> = sums.map(i32::cast_unsigned).collect();
        let packings = Packing::STORED.iter().flat_map(|packing| {
            let mut arguments = self.packed(*packing).to_vec();
            arguments.extend([
                Argument::words("x", words(x, [tokens, groups * group])),
                Argument::input("x_scale", x_scale),
                Argument::words("x_sum", sums.clone()),
                Argument::output("out", &out),
            ]);
            let case = Case::new(self.op, self.dims, arguments).packing(*packing);
            let case = case.activation(Activation::I8);
            [case.clone(), case.method(Method::Select)]
        });
        packings.collect()
    }
}
