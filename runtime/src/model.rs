//! A loaded model: an arena, a plan, and the backend that runs it.

use crate::arena::{Arena, Weights};
use crate::backend::{Backend, KernelUse, Pick, listing};
use crate::checkpoint::{self, Checkpoint};
use crate::cores;
use crate::families::Config;
use crate::fill::fill;
use crate::graph::Graph;
use crate::plan::{self, Image, Plan, Products, Proved, Section, Tensor, TensorInfo};
use crate::pool::Pool;
use crate::progress::Progress;
use crate::state::state_bytes;
use crate::tokenizer::{Tokenizer, TokenizerError, TokenizerKind};
use crate::tune::{self, Choice, Product, Tuned, Tuning};
use crate::{
    BackendKind, FileError, Fingerprint, LoadError, Options, PrepareError, RunError, Session,
};
use atome_kernels::{available, detect};
use atome_spec::{Op, Tier};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A model in its arena, shared by its sessions. Cloning is cheap.
#[derive(Clone)]
pub struct Model {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) arena: Arena,
    pub(crate) plan: Proved,
    pub(crate) backend: Backend,
    tier: Tier,
    tuned: Option<Arc<Tuned>>,
    pub(crate) vocab: usize,
    graph: Arc<Graph>,
    pub(crate) info: ModelInfo,
}

/// What `inspect` prints.
#[derive(Clone, Debug, Serialize)]
pub struct ModelInfo {
    /// Model family.
    pub architecture: &'static str,
    /// Format of the file, or of the model in memory.
    pub format: &'static str,
    /// Dimensions.
    pub config: Config,
    /// How text becomes tokens.
    pub tokenizer: TokenizerKind,
    /// What tells the model from others.
    pub fingerprint: Fingerprint,
    /// Classes of the head; `None` for a language model.
    pub classes: Option<usize>,
    /// Trits and floats.
    pub parameters: usize,
    /// Backend in use.
    pub backend: &'static str,
    /// Why the default backend makes no machine code; `None` where it does, or another was
    /// asked for.
    pub jit_refused: Option<String>,
    /// CPU tier in use.
    pub cpu: &'static str,
    /// Threads that share matrix products.
    pub threads: usize,
    /// What was measured to be better than the defaults on this CPU: each product and its kernel, threads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tuned: Vec<String>,
    /// Why what was measured is not used, if there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tune_ignored: Option<String>,
    /// Sessions the arena has room for.
    pub sessions: usize,
    /// Bytes of the whole arena.
    pub arena_bytes: usize,
    /// Bytes of weights that stay in the model's file, which is mapped into memory.
    pub mapped_bytes: usize,
    /// Bytes shared by all sessions: weights and constants.
    pub model_bytes: usize,
    /// Bytes of one session: state, logits and scratch.
    pub session_bytes: usize,
    /// Bytes that a saved session takes.
    pub state_bytes: usize,
    /// Bytes of machine code made at load.
    pub code_bytes: usize,
    /// Every tensor's place.
    pub tensors: Vec<TensorInfo>,
    /// Time to read, check and pack the file.
    #[serde(rename = "load_s", serialize_with = "seconds")]
    pub load_time: Duration,
    /// Time to prepare the backend.
    #[serde(rename = "compile_s", serialize_with = "seconds")]
    pub compile_time: Duration,
}

fn seconds<S: serde::Serializer>(time: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(time.as_secs_f64())
}

impl Model {
    /// Loads a model file. Where its format stores no dimensions, they are read from `config`, or
    /// from the `.json` file of the same stem beside it.
    ///
    /// # Errors
    /// If a file cannot be read or does not hold what its format and config promise, if this
    /// machine lacks the tier asked for, or if there is no memory for the arena.
    pub fn load(path: &Path, config: Option<&Path>, options: &Options) -> Result<Model, LoadError> {
        Model::load_with(path, config, options, &mut |_, _| {})
    }

    /// Like [`Model::load`]; `progress` is told how many bytes, of how many, have been written to
    /// the arena or, of a mapped file, checked.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with(
        path: &Path,
        config: Option<&Path>,
        options: &Options,
        progress: Progress<'_>,
    ) -> Result<Model, LoadError> {
        let start = Instant::now();
        let checkpoint = checkpoint::load_with(path, config, progress)?;
        Model::prepare(&checkpoint, Some(path), options, start, progress)
    }

    /// Loads a model from the bytes of a container.
    ///
    /// # Errors
    /// As [`Model::load`], but for the files.
    pub fn from_bytes(bytes: &[u8], options: &Options) -> Result<Model, LoadError> {
        let start = Instant::now();
        let model = checkpoint::parse_checkpoint(bytes)?;
        Model::prepare(&model, None, options, start, &mut |_, _| {})
    }

    /// Loads a model of any family that is already read.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_checkpoint(model: &Checkpoint, options: &Options) -> Result<Model, LoadError> {
        let start = Instant::now();
        Model::prepare(model, None, options, start, &mut |_, _| {})
    }

    fn prepare(
        source: &Checkpoint,
        path: Option<&Path>,
        options: &Options,
        start: Instant,
        progress: Progress<'_>,
    ) -> Result<Model, LoadError> {
        options.check()?;
        let tier = choose_tier(options.tier)?;
        let in_file = |fault: LoadError| match path {
            Some(path) => fault.in_file(path),
            None => fault,
        };
        source.check().map_err(|fault| in_file(fault.into()))?;
        let (config, parameters) = (source.config(), source.parameters());
        let tokenizer = TokenizerKind::stated(&source.tokenizer, config.vocab_size());
        let tokenizer = tokenizer.map_err(|fault| in_file(FileError::from(fault).into()))?;
        let products = Products {
            packing: options.packing,
            no_multiply: options.no_multiply,
        };
        let block = options.block.max(1);
        let plan = plan::plan(source.graph(), &source.tensors, block, products);
        let planned = plan.map_err(in_file)?;
        let proved = Proved::new(planned, config.vocab_size());
        let (plan, contents) = proved.map_err(PrepareError::from)?;
        let weights = match plan.image.clone() {
            Some(Image { file, start }) => Weights::Mapped { file, start },
            None => Weights::Owned,
        };
        let mut arena = Arena::new(plan.sizes, options.sessions, weights)?;
        let checksums = fill(&plan, &contents, arena.model_mut(), progress).map_err(in_file)?;
        let fingerprint = Fingerprint::new(source, &plan, &checksums);
        let load_time = start.elapsed();
        let start = Instant::now();
        let (tuned, tune_ignored) = find_tuned(&options.tuning, tier);
        let tuned = tuned.filter(|_| options.backend != BackendKind::Interp);
        let key = tune::model_key(&plan);
        let found = tuned.as_deref().and_then(|tuned| tuned.threads(&key));
        let found = found.filter(|_| options.threads.is_none());
        let threads = options.threads.or(found);
        let threads = threads
            .unwrap_or_else(|| default_threads(parameters))
            .max(1);
        let pool = (threads > 1).then(|| Pool::new(threads)).transpose();
        let pool = pool.map_err(|cause| PrepareError::Threads { threads, cause })?;
        let pick = Pick {
            tier,
            tuned: tuned.as_deref(),
        };
        let (backend, jit_refused) = Backend::new(options.backend, &plan, pick, pool)?;
        let compile_time = start.elapsed();
        let info = ModelInfo {
            architecture: source.architecture().name(),
            format: source.format.name(),
            config: config.clone(),
            tokenizer,
            fingerprint,
            classes: source.classes(),
            parameters,
            backend: backend.kind().name(),
            jit_refused,
            cpu: tier.name(),
            threads: if backend.kind() == BackendKind::Interp {
                1
            } else {
                threads
            },
            tuned: what_is_tuned(&plan, pick, found, (backend.kind(), threads > 1)),
            tune_ignored,
            sessions: arena.slots(),
            arena_bytes: arena.bytes(),
            mapped_bytes: plan.image.as_ref().map_or(0, |_| plan.sizes.weights),
            model_bytes: plan.sizes.weights + plan.sizes.constants,
            session_bytes: plan.sizes.slot,
            state_bytes: state_bytes(&plan),
            code_bytes: backend.code_bytes(),
            tensors: plan.tensors.clone(),
            load_time,
            compile_time,
        };
        Ok(Model {
            inner: Arc::new(Inner {
                arena,
                plan,
                backend,
                tier,
                tuned,
                vocab: config.vocab_size(),
                graph: Arc::clone(source.graph()),
                info,
            }),
        })
    }

    /// Opens a session: takes a slot of the arena, with nothing seen yet.
    ///
    /// # Errors
    /// If all slots are taken.
    pub fn session(&self) -> Result<Session, RunError> {
        Session::new(self.clone())
    }

    /// What the model is and how it lies in memory.
    pub fn info(&self) -> &ModelInfo {
        &self.inner.info
    }

    /// Which kernel runs each call of the model's plan, equal ones of all layers once.
    pub fn kernels(&self) -> Vec<KernelUse> {
        let Inner {
            plan,
            backend,
            tier,
            tuned,
            info,
            ..
        } = &*self.inner;
        let pick = Pick {
            tier: *tier,
            tuned: tuned.as_deref(),
        };
        listing(plan, backend.kind(), pick, info.threads > 1)
    }

    /// The ternary products of the model, each once, as backends call them: alone, or shared by threads.
    pub fn products(&self, shared: bool) -> Vec<Product> {
        tune::products(&self.inner.plan, shared)
            .into_iter()
            .collect()
    }

    /// What models have in common whose steps take as long: their products, and how often these come.
    pub fn tune_key(&self) -> String {
        tune::model_key(&self.inner.plan)
    }

    /// The model's plan as text: every tensor and its place, then every call with its dimensions,
    /// operands and scalars, in the order in which they run.
    pub fn plan(&self) -> impl fmt::Display {
        &*self.inner.plan
    }

    /// The model's structure; it prints as text.
    pub fn graph(&self) -> &Graph {
        &self.inner.graph
    }

    /// Bytes that the token at `position` makes a step read at least.
    pub fn read_bytes(&self, position: usize) -> usize {
        self.inner.plan.read_bytes(position)
    }

    /// Number of token ids.
    pub fn vocab(&self) -> usize {
        self.inner.vocab
    }

    /// Loads the tokenizer of the model's token ids, as [`TokenizerKind::load`].
    ///
    /// # Errors
    /// If nobody said what the ids stand for, or this build is without the tokenizer.
    pub fn tokenizer(&self) -> Result<Tokenizer, TokenizerError> {
        self.info().tokenizer.load(self.vocab())
    }

    /// Classes of the head; `None` for a language model.
    pub fn classes(&self) -> Option<usize> {
        self.inner.info.classes
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.info();
        f.debug_struct("Model")
            .field("config", &info.config)
            .field("fingerprint", &info.fingerprint)
            .field("backend", &info.backend)
            .finish_non_exhaustive()
    }
}

impl ModelInfo {
    /// Bytes of a section, alignment included.
    pub fn section_bytes(&self, section: Section) -> usize {
        let placed = self
            .tensors
            .iter()
            .filter(|t| t.section == section && t.bytes > 0);
        let aligned = |n: usize| n.next_multiple_of(atome_spec::TENSOR_ALIGN_BYTES);
        let spans = placed.map(|t| (t.offset, t.offset + aligned(t.bytes)));
        let (start, end) = spans.fold((usize::MAX, 0), |(a, b), (c, d)| (a.min(c), b.max(d)));
        end.saturating_sub(start)
    }
}

/// Weights below which a second thread costs more than it saves: a product of a layer then
/// takes about as long as waking it.
const WEIGHTS_WORTH_THREADS: usize = 32 << 20;

fn default_threads(parameters: usize) -> usize {
    if parameters < WEIGHTS_WORTH_THREADS {
        return 1;
    }
    cores::physical()
}

/// What was measured on this CPU, and why it is left aside if it is.
fn find_tuned(tuning: &Tuning, tier: Tier) -> (Option<Arc<Tuned>>, Option<String>) {
    match tuning {
        Tuning::Off => (None, None),
        Tuning::Given(tuned) => (Some(Arc::clone(tuned)), None),
        Tuning::Find => {
            let Some(path) = Tuned::path(tier) else {
                return (None, None);
            };
            match Tuned::load(&path, tier) {
                Ok(found) => (found.map(Arc::new), None),
                Err(why) => {
                    let why = format!("`{}` is left aside: {why}", path.display());
                    (None, Some(why))
                }
            }
        }
    }
}

/// A line for each product of a plan whose kernel is not the default, and for threads.
fn what_is_tuned(
    plan: &Plan,
    pick: Pick<'_>,
    threads: Option<usize>,
    (kind, shared): (BackendKind, bool),
) -> Vec<String> {
    let makes = kind == BackendKind::Jit;
    let products = tune::products(plan, shared).into_iter();
    let chosen = products.filter_map(|product| {
        let choice = pick.tuned?.choice(&product)?;
        let is_shared = shared && product.op == Op::Gemm;
        if matches!(choice, Choice::Made(_)) && (!makes || is_shared) {
            return None;
        }
        Some(format!("{product} by {choice}"))
    });
    let threads = threads.map(|threads| format!("threads {threads}"));
    chosen.chain(threads).collect()
}

fn choose_tier(asked: Option<Tier>) -> Result<Tier, PrepareError> {
    match asked {
        None => Ok(detect()),
        Some(tier) if available(tier) => Ok(tier),
        Some(tier) => Err(PrepareError::Tier {
            tier,
            host: detect(),
        }),
    }
}

impl Inner {
    /// Checks that all of `tokens` are in the vocabulary.
    pub(crate) fn check_ids(&self, tokens: &[u32]) -> Result<(), RunError> {
        let vocab = self.vocab;
        let in_vocab = |id: u32| usize::try_from(id).is_ok_and(|id| id < vocab);
        match tokens.iter().find(|&&id| !in_vocab(id)) {
            None => Ok(()),
            Some(&id) => Err(RunError::TokenOutOfRange { id, vocab }),
        }
    }

    /// Where a tensor lies.
    pub(crate) fn tensor(&self, tensor: Tensor) -> &TensorInfo {
        self.plan.tensor(tensor)
    }
}
