//! Whole models: a step, a prompt, a classification, loading.

use crate::ceiling;
use crate::error::BenchError;
use crate::random::Random;
use crate::record::{Limit, Record, rounded};
use crate::suite::same;
use crate::time::{least_median, time};
use atome::format::{AtomeModel, Checkpoint, TernaryTensor, write_atome01, write_atomecl01};
use atome::{BackendKind, Config, Model, Options, Session, Tier};
use atome_spec::{Isa, Method};
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;

/// A step is timed at this position.
pub(crate) const POSITION: usize = 100;
/// Steps timed one after the other, around [`POSITION`].
const STEPS: usize = 32;
/// Sessions that step together.
pub(crate) const SESSIONS: usize = 16;
/// Steps of all sessions, timed one after the other.
const BATCHES: usize = 4;
/// Most tokens of a prompt.
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
    /// One token for each of [`SESSIONS`] sessions.
    Sessions,
    /// A sequence of [`CLASSIFIED`] tokens.
    Classify,
    /// From the file to a model ready to run.
    Load,
}

/// Tokens of a prompt for a family.
pub(crate) fn prompt(family: &str) -> usize {
    if family == "atome" { 256 } else { MAX_PROMPT }
}

/// The benchmark called `name`.
pub(crate) fn run(
    name: &str,
    source: &Checkpoint,
    (what, isa): (What, Isa),
    options: &Options,
) -> Result<Record, BenchError> {
    let model = Model::from_checkpoint(source, options)?;
    let tokens = tokens(model.vocab());
    check(name, source, &model, &tokens)?;
    let timing = match what {
        What::Step => step(&model, &tokens)?,
        What::Prefill => prefill(&model, &tokens[..prompt(model.info().architecture)])?,
        What::Sessions => sessions(source, options, &tokens)?,
        What::Classify => classify(&model, &tokens[..CLASSIFIED])?,
        What::Load => load(source, options)?,
    };
    let method = match source {
        Checkpoint::Atome(_) => Method::Select,
        _ if options.no_multiply => Method::Lut,
        _ => Method::Dot,
    };
    Ok(timing.record(name, source, &model, (isa, method)))
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

/// What was measured of a model.
struct Timing {
    /// Nanoseconds a call.
    ns: f64,
    /// Bytes a call reads at least.
    bytes: usize,
    /// How fast they can be read.
    limit: Limit,
    /// Tokens a call takes in; 0 if it loads.
    tokens: usize,
    /// How often a call runs the head.
    heads: usize,
}

fn step(model: &Model, tokens: &[u32]) -> Result<Timing, BenchError> {
    let bytes = read_bytes(model, POSITION);
    let limit = ceiling::read(bytes);
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

fn prefill(model: &Model, tokens: &[u32]) -> Result<Timing, BenchError> {
    let bytes = read_bytes(model, tokens.len() / 2);
    let limit = ceiling::read(bytes);
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

fn sessions(source: &Checkpoint, options: &Options, tokens: &[u32]) -> Result<Timing, BenchError> {
    let options = Options {
        sessions: SESSIONS,
        ..options.clone()
    };
    let model = Model::from_checkpoint(source, &options)?;
    let bytes = read_bytes(&model, 0);
    let limit = ceiling::read(bytes);
    let mut sessions = (0..SESSIONS)
        .map(|_| model.session())
        .collect::<Result<Vec<_>, _>>()?;
    let mut batch: Vec<&mut Session> = sessions.iter_mut().collect();
    let ns = least_median(|| {
        let start = Instant::now();
        for ids in tokens.chunks_exact(SESSIONS).take(BATCHES) {
            model.step_batch(&mut batch, black_box(ids))?;
        }
        Ok::<_, BenchError>(start.elapsed().as_secs_f64() * 1e9 / BATCHES as f64)
    })?;
    Ok(Timing {
        ns,
        bytes,
        limit,
        tokens: SESSIONS,
        heads: SESSIONS,
    })
}

fn classify(model: &Model, tokens: &[u32]) -> Result<Timing, BenchError> {
    let bytes = read_bytes(model, tokens.len() / 2);
    let limit = ceiling::read(bytes);
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

/// From a file for a model whose format is written here, else from memory.
fn load(source: &Checkpoint, options: &Options) -> Result<Timing, BenchError> {
    let Checkpoint::Atome(source) = source else {
        let bytes = Model::from_checkpoint(source, options)?.info().model_bytes;
        let limit = ceiling::read(bytes);
        let ns = time(|| {
            black_box(Model::from_checkpoint(source, options)?);
            Ok::<_, BenchError>(())
        })?;
        return Ok(Timing {
            ns,
            bytes,
            limit,
            tokens: 0,
            heads: 0,
        });
    };
    let files = Files::write(source)?;
    let limit = ceiling::read(files.bytes);
    let ns = time(|| {
        black_box(Model::load(&files.model, Some(&files.config), options)?);
        Ok::<_, BenchError>(())
    })?;
    Ok(Timing {
        ns,
        bytes: files.bytes,
        limit,
        tokens: 0,
        heads: 0,
    })
}

/// Bytes that a token at `position` makes a model read: weights and constants but for the
/// embedding table, cached keys, and the values that attention keeps.
fn read_bytes(model: &Model, position: usize) -> usize {
    let tensors = model.info().tensors.iter();
    let shared = tensors.filter(|t| t.section.is_shared() && t.name != "embed");
    let attention = match &model.info().config {
        Config::Atome(c) => {
            let cached = position.min(c.max_seq);
            c.n_layers * (c.d_head * cached + c.d_model * c.top_k.min(cached))
        }
        _ => 0,
    };
    shared.map(|t| t.bytes).sum::<usize>() + 4 * attention
}

impl Timing {
    fn record(
        self,
        name: &str,
        source: &Checkpoint,
        model: &Model,
        (isa, method): (Isa, Method),
    ) -> Record {
        let Timing {
            ns,
            bytes,
            limit,
            tokens,
            heads,
        } = self;
        let info = model.info();
        let gbps = bytes as f64 / ns;
        let (ran, macs) = (tokens > 0, macs(source, tokens, heads));
        let gmacs = ran.then(|| macs as f64 / ns);
        // Measured again where multiplying may be what takes longer.
        let limit = match ran && method == Method::Dot {
            true => ceiling::product(isa, method, bytes, macs),
            false => limit,
        };
        Record {
            name: name.to_owned(),
            threads: info.threads,
            ns: rounded(ns),
            gmacs: gmacs.map(rounded),
            gbps: rounded(gbps),
            limit: Limit {
                value: rounded(limit.value),
                ..limit
            },
            of_limit: rounded(limit.part(gbps, gmacs)),
            bits_per_weight: Some(2.0),
            method: Some(method.name()),
            backend: info.backend,
            tok_s: ran.then(|| rounded(tokens as f64 * 1e9 / ns)),
        }
    }
}

/// Multiply-accumulates of ternary weights that so many tokens and runs of the head take.
fn macs(source: &Checkpoint, tokens: usize, heads: usize) -> usize {
    let (blocks, head): (usize, usize) = match source {
        Checkpoint::Atome(model) => {
            let blocks = model.blocks.iter();
            let matrices = blocks.flat_map(|b| [&b.conv, &b.wq, &b.wk, &b.wv, &b.router]);
            let head = model.head.as_ref().unwrap_or(&model.unembed);
            (matrices.map(|t| t.trits.len()).sum(), head.trits.len())
        }
        Checkpoint::BitMamba2(model) => {
            let trits = |t: &TernaryTensor| t.rows.shape().0 * t.rows.shape().1;
            let layers = model.layers.iter();
            let matrices = layers.flat_map(|layer| [&layer.in_proj, &layer.out_proj]);
            (matrices.map(trits).sum(), trits(&model.head))
        }
        _ => (0, 0),
    };
    tokens * blocks + heads * head
}

/// A model's files, while they are needed.
struct Files {
    model: PathBuf,
    config: PathBuf,
    bytes: usize,
    _directory: TempDir,
}

impl Files {
    fn write(source: &AtomeModel) -> Result<Files, BenchError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| BenchError::Write { path, cause }
        };
        let directory = TempDir::new().map_err(failed(&std::env::temp_dir()))?;
        let [model, config] = ["model.bin", "model.json"].map(|name| directory.path().join(name));
        let bytes = write_atomecl01(source).unwrap_or_else(|| write_atome01(source));
        fs::write(&model, &bytes).map_err(failed(&model))?;
        let json = serde_json::to_vec(&source.config).map_err(|e| failed(&config)(e.into()))?;
        fs::write(&config, json).map_err(failed(&config))?;
        Ok(Files {
            model,
            config,
            bytes: bytes.len(),
            _directory: directory,
        })
    }
}
