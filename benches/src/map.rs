//! A chain of elementwise functions: in one pass as a row-wise expression, and function by function.

use crate::answer::same;
use crate::error::BenchError;
use crate::limit::{Reading, read, widest};
use crate::random::Random;
use crate::record::{Measured, Record};
use crate::time::time_of;
use atome::kernel::{Buffer, Kernel, KernelSpec, Op};
use atome::{BackendKind, LoadError, PrepareError, Tier};
use atome_codegen::expr::{Expr, Source};
use atome_kernels::reference;
use std::hint::black_box;

/// The gates of a recurrent block, without its state: eight functions of four rows.
const GATES: &str = "(f: row, i: row, x: row, g: row, y: row) { \
                     k = sigmoid(f); y = (k * x + silu(i) * (1 - k)) * silu(g) }";

/// Channels of a token.
pub(crate) const CHANNELS: usize = 2560;

/// How the functions are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// All of them for a few channels, then for the next ones.
    Fused,
    /// Each of them for all rows.
    Apart,
}

/// The rows, and what comes out.
struct Rows {
    inputs: Vec<Vec<f32>>,
    out: Vec<f32>,
}

/// The benchmark called `name`, with rows of so many tokens.
pub(crate) fn run(
    name: &str,
    how: How,
    tokens: usize,
    (backend, tier): (BackendKind, Tier),
) -> Result<Record, BenchError> {
    let expr: Expr = GATES.parse().expect("statements over the rows");
    let n = CHANNELS * tokens;
    let mut random = Random::new(17);
    let mut rows = Rows {
        inputs: (0..4).map(|_| random.floats(n)).collect(),
        out: vec![0.0; n],
    };
    let mut call = match how {
        How::Fused => fused(expr, tokens, backend, tier),
        How::Apart => apart(&expr, n, backend, tier),
    }
    .map_err(LoadError::from)?;
    call(&mut rows);
    same(name, &expected(&rows), &rows.out)?;
    let bytes = 5 * 4 * n;
    let limit = read(Reading::by_one(widest(tier), bytes));
    let ns = time_of(|| call(black_box(&mut rows)));
    Ok(Measured::of_bytes(ns, bytes, limit).by(name, backend))
}

type Call = Box<dyn FnMut(&mut Rows)>;

fn fused(expr: Expr, tokens: usize, by: BackendKind, tier: Tier) -> Result<Call, PrepareError> {
    let known = KernelSpec::map(expr);
    let dims = known.dims().into_iter().filter(|dim| dim.name != "tokens");
    let spec = dims.fold(known.clone(), |spec, dim| {
        spec.bind(&dim.name, CHANNELS as u64)
    });
    let kernel = Kernel::by(&spec, by, tier)?;
    Ok(Box::new(move |rows| {
        let Rows { inputs, out } = rows;
        let [f, i, x, g] = &inputs[..] else { return };
        let buffers = &mut [f.into(), i.into(), x.into(), g.into(), out.into()];
        let called = kernel.call(&[("tokens", tokens)], buffers, &[]);
        called.expect("buffers of the lengths that the kernel asks for");
    }))
}

fn apart(expr: &Expr, n: usize, by: BackendKind, tier: Tier) -> Result<Call, PrepareError> {
    let steps = expr.chain().steps.iter();
    let steps = steps.map(|step| {
        let kernel = Kernel::by(&KernelSpec::new(step.op), by, tier)?;
        Ok((kernel, step.sources.clone()))
    });
    let steps: Vec<(Kernel, Vec<Source>)> = steps.collect::<Result<_, PrepareError>>()?;
    let mut results = vec![vec![0.0f32; n]; steps.len()];
    let ones = vec![1.0f32; n];
    Ok(Box::new(move |rows| {
        for (step, (kernel, sources)) in steps.iter().enumerate() {
            let (before, rest) = results.split_at_mut(step);
            let source = |source: &Source| match *source {
                Source::Operand(operand) => &rows.inputs[operand],
                Source::Step(step) => &before[step],
                // The only constant of the gates.
                Source::Number(_) => &ones,
            };
            let mut buffers: Vec<Buffer<'_>> = sources.iter().map(|s| source(s).into()).collect();
            let is_last = step + 1 == steps.len();
            buffers.push(match is_last {
                true => (&mut rows.out).into(),
                false => (&mut rest[0]).into(),
            });
            let called = kernel.call(&[("n", n)], &mut buffers, &[]);
            called.expect("buffers of the lengths that the kernel asks for");
        }
    }))
}

fn expected(rows: &Rows) -> Vec<f32> {
    let value = reference::value;
    let [f, i, x, g] = [0, 1, 2, 3].map(|row| &rows.inputs[row]);
    let at = |n: usize| {
        let k = value(Op::Sigmoid, &[f[n]]);
        let kept = k * x[n] + value(Op::Silu, &[i[n]]) * (1.0 - k);
        kept * value(Op::Silu, &[g[n]])
    };
    (0..f.len()).map(at).collect()
}
