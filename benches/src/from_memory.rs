//! A vector by more weights than a cache holds, on pages of either size, by one thread and by several.

use crate::answer::same;
use crate::code::Choice;
use crate::error::BenchError;
use crate::kernels::{Product, Shape};
use crate::limit::{self, Reading, Use};
use crate::pages::{Buffer, Pages};
use crate::random::Random;
use crate::record::{Measured, Record};
use crate::time::{ROUND, time_together};
use atome_kernels::{packing, reference};
use atome_spec::layout::BLOCK_ROWS;
use std::hint::black_box;

/// `[rows, cols]` of the matrix that is repeated, so that its answer is known soon.
const MATRIX: (usize, usize) = (4096, 4096);
/// So often: 400 million weights together.
const COPIES: usize = 24;
/// Rows of all of them.
pub(crate) const ROWS: usize = COPIES * MATRIX.0;
const SCALE: f32 = 0.0375;
const SEED: u64 = 0xd1a3;

/// What is multiplied.
struct Vector {
    codes: Vec<u32>,
    scale: [f32; 1],
    sum: [i32; 1],
}

/// The rows of a thread.
struct Part {
    rows: usize,
    words: usize,
    product: Product,
}

/// `{op}-{packing}-{activation}-{isa}/{shape}/{pages}` of a `gemv`.
pub(crate) fn name(choice: &Choice, pages: Pages) -> String {
    let shape = Shape::new(*choice, (ROWS, MATRIX.1));
    format!("{}/{}", shape.name(1), pages.name())
}

/// The benchmark called `name`.
pub(crate) fn run(
    name: &str,
    choice: Choice,
    pages: Pages,
    threads: usize,
) -> Result<Record, BenchError> {
    let (rows, cols) = MATRIX;
    let packing = Shape::new(choice, MATRIX).packing;
    let mut random = Random::new(SEED);
    let trits = random.trits(rows * cols);
    let mut matrix = vec![0; packing::matrix::words(packing, rows, cols)];
    packing::matrix::pack_into(packing, &trits, rows, cols, &mut matrix)?;
    let bytes = 4 * matrix.len() * COPIES;
    let mut w = Buffer::new(bytes, pages);
    for copy in w.words_mut().chunks_exact_mut(matrix.len()) {
        copy.copy_from_slice(&matrix);
    }

    let (q, x) = vector(&random.floats(cols));
    let mut expected = vec![0.0; rows];
    let weights = reference::Ternary::new(&trits, rows, cols, SCALE);
    reference::gemm_i8(weights, &q, &x.scale, rows, &mut expected);

    let parts = parts(choice, threads)?;
    let mut out = vec![f32::NAN; ROWS];
    for mut work in works(&parts, w.words(), &x, &mut out) {
        work();
    }
    same(name, &expected.repeat(COPIES), &out)?;

    let macs = ROWS * cols;
    let reading = Reading {
        isa: choice.isa(),
        bytes,
        pages: w.pages(),
        threads,
    };
    let limit = limit::product(Use::new(choice.kind.op, choice.method()), macs, reading);
    let ns = time_together(&mut works(&parts, w.words(), &x, &mut out), ROUND);
    let measured = Measured {
        ns,
        threads,
        macs: Some(macs),
        bytes,
        limit,
    };
    let bits_per_weight = (8 * bytes) as f64 / macs as f64;
    Ok(measured.kernel(name, &choice, bits_per_weight))
}

/// A row of int8, and as a kernel takes it.
fn vector(floats: &[f32]) -> (Vec<i8>, Vector) {
    let cols = floats.len();
    let (mut q, mut scale, mut sum) = (vec![0; cols], [0.0], [0]);
    reference::quantize(floats, cols, &mut q, &mut scale, &mut sum);
    let mut codes = vec![0; cols.div_ceil(16) * 4];
    packing::int8::pack_into(&q, cols, &mut codes);
    (q, Vector { codes, scale, sum })
}

/// All rows, in panels, over the threads.
fn parts(choice: Choice, threads: usize) -> Result<Vec<Part>, BenchError> {
    let panels = ROWS / BLOCK_ROWS;
    let threads = threads.min(panels);
    let part = |i: usize| {
        let rows = (panels * (i + 1) / threads - panels * i / threads) * BLOCK_ROWS;
        let shape = Shape::new(choice, (rows, MATRIX.1));
        Ok(Part {
            rows,
            words: packing::matrix::words(shape.packing, rows, MATRIX.1),
            product: Product::new(shape)?,
        })
    };
    (0..threads).map(part).collect()
}

/// What each thread does.
fn works<'a>(
    parts: &'a [Part],
    mut w: &'a [u32],
    x: &'a Vector,
    mut out: &'a mut [f32],
) -> Vec<impl FnMut() + Send + 'a> {
    let mut works = Vec::with_capacity(parts.len());
    for part in parts {
        let (mine, rest) = w.split_at(part.words);
        let (to, others) = out.split_at_mut(part.rows);
        (w, out) = (rest, others);
        works.push(move || {
            let x = (&*x.codes, &x.scale[..], &x.sum[..]);
            let product = &part.product;
            product.call_i8(black_box(mine), x, SCALE, black_box(&mut *to));
        });
    }
    works
}
