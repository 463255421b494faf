use super::argument::blank;
use super::data::{Series, Values};
use super::mamba::strided;
use super::{Argument, Case};
use atome_kernels::reference::{self, HeadRows};
use atome_spec::Op;

/// Heads of every awkward shape, and whether rows have more than these.
fn shapes() -> impl Iterator<Item = HeadRows> {
    let head_dims = [1, 15, 16, 17, 50, 128];
    let tokens = [(0, 1), (1, 0), (1, 3), (3, 2)];
    let sizes = head_dims.map(|head_dim| tokens.map(|(tokens, heads)| (head_dim, tokens, heads)));
    sizes
        .into_iter()
        .flatten()
        .flat_map(|(head_dim, tokens, heads)| {
            [0, 7].map(|more| HeadRows {
                heads,
                head_dim,
                tokens,
                stride: (heads * head_dim).max(head_dim) + more,
            })
        })
}

/// Values before and after, with the elements between the heads as they were.
fn before(series: &mut Series, values: Values, rows: HeadRows) -> Vec<f32> {
    series.floats(
        values,
        strided(rows.tokens, rows.stride, rows.heads * rows.head_dim),
    )
}

fn dims(rows: HeadRows) -> [(&'static str, usize); 4] {
    [
        ("heads", rows.heads),
        ("head_dim", rows.head_dim),
        ("tokens", rows.tokens),
        ("stride", rows.stride),
    ]
}

pub(super) fn l2_norm() -> Vec<Case> {
    let mut series = Series::new(31);
    let mut cases = Vec::new();
    for rows in shapes() {
        for eps in [1e-6, 3.0] {
            let (_, values) = series.kinds();
            let x = before(&mut series, values, rows);
            let mut after = x.clone();
            reference::l2_norm(rows, eps, &mut after);
            let arguments = vec![Argument::in_out("x", &x, &after)];
            let case = Case::new(Op::L2Norm, &dims(rows), arguments);
            cases.push(case.scalar(eps).values(values));
        }
    }
    cases
}

pub(super) fn head_norm() -> Vec<Case> {
    let mut series = Series::new(32);
    let mut cases = Vec::new();
    for rows in shapes() {
        let (_, values) = series.kinds();
        let x = before(&mut series, values, rows);
        let gamma = series.floats(Values::Plain, rows.head_dim);
        let mut after = x.clone();
        reference::head_norm(rows, &gamma, 1e-5, &mut after);
        let arguments = vec![
            Argument::input("gamma", &gamma),
            Argument::in_out("x", &x, &after),
        ];
        let case = Case::new(Op::HeadNorm, &dims(rows), arguments);
        cases.push(case.scalar(1e-5).values(values));
    }
    cases
}

pub(super) fn rope() -> Vec<Case> {
    let mut series = Series::new(33);
    let mut cases = Vec::new();
    for rows in shapes() {
        for pairs in [0, 1, 8, 16, 17, 64] {
            if 2 * pairs > rows.head_dim {
                continue;
            }
            let (_, values) = series.kinds();
            let x = before(&mut series, values, rows);
            let angles = series.floats(Values::Plain, rows.tokens * 2 * pairs);
            let mut after = x.clone();
            reference::rope(rows, &angles, pairs, &mut after);
            let arguments = vec![
                Argument::input("angles", &angles),
                Argument::in_out("x", &x, &after),
            ];
            let [heads, head_dim, tokens, stride] = dims(rows);
            let dims = [heads, head_dim, ("pairs", pairs), tokens, stride];
            cases.push(Case::new(Op::Rope, &dims, arguments).values(values));
        }
    }
    cases
}

pub(super) fn transpose() -> Vec<Case> {
    let mut series = Series::new(34);
    let mut cases = Vec::new();
    for (outer, inner, width) in [
        (0, 2, 3),
        (1, 1, 1),
        (2, 3, 16),
        (3, 2, 17),
        (4, 2, 50),
        (1, 5, 15),
    ] {
        for tokens in [0, 1, 3] {
            let x = series.floats(Values::Edges, tokens * outer * inner * width);
            let mut out = blank(x.len());
            reference::transpose(&x, [outer, inner, width], &mut out);
            let arguments = vec![Argument::input("x", &x), Argument::output("out", &out)];
            let dims = [
                ("outer", outer),
                ("inner", inner),
                ("width", width),
                ("tokens", tokens),
            ];
            cases.push(Case::new(Op::Transpose, &dims, arguments).values(Values::Edges));
        }
    }
    cases
}

pub(super) fn hadamard() -> Vec<Case> {
    let mut series = Series::new(35);
    let mut cases = Vec::new();
    for block in [16, 32, 64, 512, 2048] {
        for blocks in [0, 1, 3] {
            let (_, values) = series.kinds();
            let x = series.floats(values, block * blocks);
            let mut after = x.clone();
            reference::hadamard(block, &mut after);
            let arguments = vec![Argument::in_out("x", &x, &after)];
            let dims = [("block", block), ("blocks", blocks)];
            cases.push(Case::new(Op::Hadamard, &dims, arguments).values(values));
        }
    }
    cases
}
