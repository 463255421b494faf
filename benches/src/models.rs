//! Whole models: a step, a prompt, a classification, loading.

use crate::answer::same;
use crate::error::BenchError;
use crate::limit::{self, Limit, Reading, Use};
use crate::load::load;
use crate::pages::Pages;
use crate::random::Random;
use crate::record::Record;
use crate::time::{least_median, time};
use crate::timing::Timing;
use atome::checkpoint::Checkpoint;
use atome::families::Config;
use atome::{BackendKind, Model, Options, Session, Tier};
use atome_spec::{Isa, Method, Op};
use std::hint::black_box;
use std::time::Instant;

/// A step is timed at this position.
pub(crate) const POSITION: usize = 100;
/// Steps timed one after the other, around [`POSITION`].
const STEPS: usize = 32;
/// Sessions that step together; of a small model, several numbers of them.
pub(crate) const SESSIONS: [usize; 2] = [16, 64];
/// Sessions that are opened.
pub(crate) const OPENED: usize = 64;
/// Steps of all sessions, timed one after the other.
const BATCHES: usize = 4;
/// Maximum tokens of a prompt.
const MAX_PROMPT: usize = 512;
/// Tokens of a classification.
pub(crate) const CLASSIFIED: usize = 32;
/// Tokens whose answer is held to the interpreter's, which is slow.
const CHECKED: usize = 40;
/// Parameters above which a model is not interpreted.
const LARGE: usize = 16 << 20;
const SEED: u64 = 0xa70e;

/// What is timed of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// One token, with [`POSITION`] before it.
    Step,
    /// A prompt of [`prompt`] tokens.
    Prefill,
    /// One token for each of so many sessions.
    Sessions(usize),
    /// So many sessions, from none to all that are there to none.
    Open(usize),
    /// A sequence of [`CLASSIFIED`] tokens.
    Classify,
    /// From the file to a model ready to run.
    Load,
}

/// Tokens of a prompt: as far as attention looks back, if there is any.
pub(crate) fn prompt(config: &Config) -> usize {
    let window = config.max_seq().unwrap_or(MAX_PROMPT);
    window.min(MAX_PROMPT)
}

/// The benchmark called `name`.
pub(crate) fn run(
    name: &str,
    source: &Checkpoint,
    what: What,
    (method, isa): (Method, Isa),
    options: &Options,
) -> Result<Record, BenchError> {
    let sessions = match what {
        What::Sessions(count) | What::Open(count) => count,
        _ => 1,
    };
    let options = Options {
        sessions,
        ..options.clone()
    };
    // What the check touches is resident, and so are the pages that a token reads.
    let bytes = source.macs(1, 1) / 4;
    let (checked, pages) = Pages::of(bytes, || {
        let model = Model::from_checkpoint(source, &options)?;
        let tokens = tokens(model.vocab());
        check(name, source, &model, &tokens)?;
        Ok::<_, BenchError>((model, tokens))
    });
    let (model, tokens) = checked?;
    let bound = |bytes, (tokens, heads)| {
        let op = if tokens == 1 { Op::Gemv } else { Op::Gemm };
        let reading = Reading {
            isa,
            bytes,
            pages,
            threads: model.info().threads,
        };
        limit::product(Use::new(op, method), source.macs(tokens, heads), reading)
    };
    let timing = match what {
        What::Step => step(&model, &tokens, bound)?,
        What::Prefill => prefill(&model, &tokens[..prompt(source.config())], bound)?,
        What::Sessions(count) => batch(&model, &tokens, count, bound)?,
        What::Open(count) => open(&model, count)?,
        What::Classify => classify(&model, &tokens[..CLASSIFIED], bound)?,
        What::Load => load(source, isa, &options)?,
    };
    Ok(timing.record(name, source, &model, method))
}

/// Random token ids.
fn tokens(vocab: usize) -> Vec<u32> {
    let mut random = Random::new(SEED);
    (0..MAX_PROMPT.max(POSITION + STEPS))
        .map(|_| random.below(vocab) as u32)
        .collect()
}

/// Holds a prompt and two steps to the interpreter, bit for bit; those of a large model, for which
/// it is too slow, to the kernels in plain Rust.
fn check(name: &str, source: &Checkpoint, model: &Model, tokens: &[u32]) -> Result<(), BenchError> {
    let large = model.info().parameters > LARGE;
    let (backend, tier, checked) = if large {
        (BackendKind::Aot, Some(Tier::Portable), 4)
    } else {
        (BackendKind::Interp, None, CHECKED)
    };
    let options = Options {
        backend,
        tier,
        ..Options::default()
    };
    let reference = Model::from_checkpoint(source, &options)?;
    let (mut expected, mut found) = (reference.session()?, model.session()?);
    let (prompt, steps) = tokens[..checked].split_at(checked - 2);
    for part in [prompt, &steps[..1], &steps[1..]] {
        expected.prefill(part)?;
        found.prefill(part)?;
        same(name, expected.logits(), found.logits())?;
    }
    Ok(())
}

/// The limit of a call that reads so many bytes, takes in so many tokens and runs the head so often.
trait Bound: FnOnce(usize, (usize, usize)) -> Limit {}
impl<F: FnOnce(usize, (usize, usize)) -> Limit> Bound for F {}

fn step(model: &Model, tokens: &[u32], bound: impl Bound) -> Result<Timing, BenchError> {
    let bytes = model.read_bytes(POSITION);
    let limit = bound(bytes, (1, 1));
    let mut session = model.session()?;
    // The cost grows evenly with the position, so that of the middle is the mean.
    let (before, steps) = tokens[..POSITION + STEPS / 2].split_at(POSITION - STEPS / 2);
    let ns = least_median(|| {
        session.reset();
        session.prefill(before)?;
        let start = Instant::now();
        for token in steps {
            session.step(*token)?;
            black_box(session.logits());
        }
        Ok::<_, BenchError>(start.elapsed().as_secs_f64() * 1e9 / steps.len() as f64)
    })?;
    Ok(Timing {
        ns,
        bytes,
        limit,
        tokens: 1,
        heads: 1,
    })
}

fn prefill(model: &Model, tokens: &[u32], bound: impl Bound) -> Result<Timing, BenchError> {
    let bytes = model.read_bytes(tokens.len() / 2);
    let limit = bound(bytes, (tokens.len(), 1));
    let mut session = model.session()?;
    let ns = time(|| {
        session.reset();
        session.prefill(black_box(tokens))?;
        black_box(session.logits());
        Ok::<_, BenchError>(())
    })?;
    Ok(Timing {
        ns,
        bytes,
        limit,
        tokens: tokens.len(),
        heads: 1,
    })
}

/// Sessions that look back have as much to look back at as that of [`step`], so that both do the same work.
fn batch(
    model: &Model,
    tokens: &[u32],
    count: usize,
    bound: impl Bound,
) -> Result<Timing, BenchError> {
    let bytes = model.read_bytes(POSITION);
    let limit = bound(bytes, (count, count));
    let mut sessions = (0..count)
        .map(|_| model.session())
        .collect::<Result<Vec<_>, _>>()?;
    let mut batch: Vec<&mut Session> = sessions.iter_mut().collect();
    let ns = least_median(|| {
        for session in &mut batch {
            session.reset();
            session.prefill(&tokens[..POSITION - BATCHES / 2])?;
        }
        let start = Instant::now();
        for ids in tokens.chunks_exact(count).take(BATCHES) {
            model.step_batch(&mut batch, black_box(ids))?;
        }
        Ok::<_, BenchError>(start.elapsed().as_secs_f64() * 1e9 / BATCHES as f64)
    })?;
    Ok(Timing {
        ns,
        bytes,
        limit,
        tokens: count,
        heads: count,
    })
}

/// As a part of what writing their states would take: a session that nobody uses has no memory.
fn open(model: &Model, count: usize) -> Result<Timing, BenchError> {
    let bytes = count * model.info().session_bytes;
    let limit = limit::store(bytes);
    let ns = time(|| {
        let sessions = (0..count).map(|_| model.session());
        black_box(sessions.collect::<Result<Vec<_>, _>>()?);
        Ok::<_, BenchError>(())
    })?;
    Ok(Timing {
        ns,
        bytes,
        limit,
        tokens: 0,
        heads: 0,
    })
}

fn classify(model: &Model, tokens: &[u32], bound: impl Bound) -> Result<Timing, BenchError> {
    let bytes = model.read_bytes(tokens.len() / 2);
    let limit = bound(bytes, (tokens.len(), 1));
    let mut session = model.session()?;
    let ns = time(|| {
        black_box(session.classify(black_box(tokens))?);
        Ok::<_, BenchError>(())
    })?;
    Ok(Timing {
        ns,
        bytes,
        limit,
        tokens: tokens.len(),
        heads: 1,
    })
}
