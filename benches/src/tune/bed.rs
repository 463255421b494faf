//! A product of a model, laid out in memory as the model has it, and how long kernels take for it.

use crate::answer::same;
use crate::code::{Choice as Kernel, Code};
use crate::error::BenchError;
use crate::kernels::{self, Shape};
use crate::limit::caches;
use crate::random::Random;
use atome::Tier;
use atome::tune::{Choice, Product};
use atome_kernels::{Kind, packing, reference};
use atome_spec::layout::{BLOCK_ROWS, q_words};
use atome_spec::{Activation, Op, Packing};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Tokens of a block, as models run prompts by default.
const BLOCK: usize = 32;
/// Most weights of the matrix that is timed: of a larger one, as many rows.
const MOST_WEIGHTS: u64 = 1 << 23;
/// Least time of a sample.
const SAMPLE: Duration = Duration::from_micros(800);
const SCALE: f32 = 0.0375;
const SEED: u64 = 0x7e57;

/// A matrix, as often as it takes not to be nearer than the model's weights are, and vectors.
pub(super) struct Bed {
    product: Product,
    tier: Tier,
    shape: Shape,
    /// Copies of the matrix.
    weights: Vec<Vec<u32>>,
    floats: Vec<f32>,
    codes: Vec<u32>,
    scales: Vec<f32>,
    sums: Vec<i32>,
    out: Vec<f32>,
    /// What the first kernel that was timed gave.
    expected: Option<Vec<f32>>,
    /// Calls that take as long as a sample.
    calls: u32,
    /// The copy that is next.
    next: usize,
}

/// Packed matrices of random trits, each made once.
#[derive(Default)]
pub(super) struct Matrices(BTreeMap<(Packing, usize, usize), Vec<u32>>);

impl Matrices {
    fn get(&mut self, packing: Packing, rows: usize, cols: usize) -> Result<&Vec<u32>, BenchError> {
        Ok(match self.0.entry((packing, rows, cols)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let trits = Random::new(SEED).trits(rows * cols);
                let mut matrix = vec![0; packing::matrix::words(packing, rows, cols)];
                packing::matrix::pack_into(packing, &trits, rows, cols, &mut matrix)?;
                place.insert(matrix)
            }
        })
    }
}

impl Bed {
    /// Of a model whose step reads so many bytes of weights.
    pub(super) fn new(
        product: Product,
        tier: Tier,
        model_bytes: usize,
        matrices: &mut Matrices,
    ) -> Result<Bed, BenchError> {
        let cols = product.cols as usize;
        let most_rows = (MOST_WEIGHTS / product.cols.max(1)) as usize / BLOCK_ROWS * BLOCK_ROWS;
        let rows = (product.rows as usize).min(most_rows.max(BLOCK_ROWS));
        let tokens = if product.one_token { 1 } else { BLOCK };
        let matrix = matrices.get(product.packing, rows, cols)?;
        // What many tokens share is not waited for.
        let far = match product.one_token {
            true => model_bytes.min(2 * caches().l3),
            false => 0,
        };
        let copies = (far / (4 * matrix.len()).max(1)).max(1);
        let floats = Random::new(SEED).floats(tokens * cols);
        let (mut q, mut scales, mut sums) =
            (vec![0; floats.len()], vec![0.0; tokens], vec![0; tokens]);
        reference::quantize(&floats, cols, &mut q, &mut scales, &mut sums);
        let mut codes = vec![0; tokens * q_words(cols)];
        packing::int8::pack_into(&q, cols, &mut codes);
        let kind = Kind::new(product.op)
            .packing(product.packing)
            .activation(product.activation);
        let kind = product.method.map_or(kind, |method| kind.method(method));
        let choice = Kernel::new(kind, tier, None).expect("what nobody lays out fits");
        Ok(Bed {
            product,
            tier,
            shape: Shape::new(choice, (rows, cols)),
            weights: vec![matrix.clone(); copies],
            floats,
            codes,
            scales,
            sums,
            out: vec![0.0; tokens * rows],
            expected: None,
            calls: 1,
            next: 0,
        })
    }

    /// A kernel that can be timed.
    ///
    /// # Errors
    /// If its code has to be made and cannot.
    pub(super) fn prepare(&self, choice: &Choice) -> Result<kernels::Product, BenchError> {
        let Shape { rows, cols, .. } = self.shape;
        let code = match choice {
            Choice::Ahead(name) => {
                let mut all = self.product.kernels(self.tier);
                Code::Ahead(
                    all.find(|kernel| kernel.name == *name)
                        .expect("a kernel of the product"),
                )
            }
            Choice::Made(schedule) => {
                let kind = self.shape.choice.kind;
                let kernel = Kernel::new(kind, self.tier, Some(*schedule));
                let kernel = kernel.map_err(|cause| BenchError::Schedule {
                    schedule: *schedule,
                    cause,
                })?;
                let dims = [("rows", rows), ("cols", cols), ("out_stride", rows)];
                kernel.code(&dims[..if self.product.op == Op::Gemv { 2 } else { 3 }])?
            }
        };
        Ok(kernels::Product::with(self.shape, code))
    }

    fn call(&mut self, kernel: &kernels::Product, copy: usize) {
        let (w, out) = (black_box(&*self.weights[copy]), black_box(&mut *self.out));
        match self.product.activation {
            Activation::F32 => kernel.call(w, &self.floats, SCALE, out),
            Activation::I8 => {
                kernel.call_i8(w, (&self.codes, &self.scales, &self.sums), SCALE, out)
            }
        }
    }

    /// Nanoseconds of a call, by one sample.
    pub(super) fn sample(&mut self, kernel: &kernels::Product) -> f64 {
        let start = Instant::now();
        for _ in 0..self.calls {
            let copy = self.next;
            self.next = (copy + 1) % self.weights.len();
            self.call(kernel, copy);
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(self.calls)
    }

    /// Holds a kernel to the answer of the first one, which also says how many calls are a sample; nanoseconds of a
    /// call that is not the first.
    pub(super) fn check(
        &mut self,
        kernel: &kernels::Product,
        by: &Choice,
    ) -> Result<f64, BenchError> {
        self.out.fill(f32::NAN);
        self.call(kernel, 0);
        if let Some(expected) = &self.expected {
            same(&format!("{} by {by}", self.product), expected, &self.out)?;
        }
        let start = Instant::now();
        self.call(kernel, 0);
        let ns = start.elapsed().as_secs_f64() * 1e9;
        if self.expected.is_none() {
            self.expected = Some(self.out.clone());
            self.calls = (SAMPLE.as_nanos() as f64 / ns).ceil().clamp(1.0, 1e6) as u32;
        }
        Ok(ns)
    }
}
