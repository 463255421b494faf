//! A loaded model: an arena, a plan, and the backend that runs it.
//!
//! | file | concept |
//! |---|---|
//! | `prepare` | from a model as it is read to one that runs |
//! | `info` | what is said of it |
//! | `lookup` | rows of tables that stay in the file |

mod info;
mod lookup;
mod prepare;

pub use info::{BackendInfo, ModelInfo};
#[cfg(any(test, feature = "embed"))]
pub(crate) use prepare::plan_with;

use crate::arena::{Arena, Scratch, as_f32, as_f32_mut};
use crate::backend::{Backend, KernelUse, Pick, listing};
use crate::checkpoint::{self, ChatTemplate, Checkpoint, GenerationConfig};
use crate::classify::Labels;
use crate::clock::Moment;
use crate::fingerprint::Identity;
use crate::graph::Graph;
use crate::mapped::ModelBytes;
use crate::plan::{Proved, Tensor};
use crate::progress::Progress;
use crate::tokenizer::{Tokenizer, TokenizerError, Vocabulary};
use crate::tune::{self, Choice, Product, Tuned};
use crate::{BackendKind, Fingerprint, LoadError, Options, RunError, Session};
use atome_spec::Tier;
use lookup::Lookup;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A model in its arena, shared by its sessions. Cloning is cheap.
#[derive(Clone)]
pub struct Model {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) arena: Arena,
    pub(crate) plan: Arc<Proved>,
    pub(crate) backend: Backend,
    tier: Tier,
    tuned: Option<Arc<Tuned>>,
    /// The number of threads, if it was measured.
    tuned_threads: Option<usize>,
    /// Time to prepare the backend, but for what another thread prepares.
    compile_time: Duration,
    identity: Identity,
    pub(crate) vocab: usize,
    /// Tables whose rows are checked when they are looked up.
    lookups: Vec<Lookup>,
    graph: Arc<Graph>,
    vocabulary: Option<Arc<Vocabulary>>,
    /// Tokens that end what the model writes.
    ends: Vec<u32>,
    generation: Option<Arc<GenerationConfig>>,
    chat: Option<Arc<ChatTemplate>>,
    labels: Option<Arc<Labels>>,
    pub(crate) info: ModelInfo,
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
        let start = Moment::now();
        let checkpoint = checkpoint::load_to_run(path, config, options.tables(), progress)?;
        Model::prepare(&checkpoint, Some(path), options, start, progress)
    }

    /// Loads a model from the bytes of a file that stores its dimensions.
    ///
    /// # Errors
    /// As [`Model::load`], but for the files.
    pub fn from_bytes(bytes: &[u8], options: &Options) -> Result<Model, LoadError> {
        Model::from_bytes_with(bytes, None, options)
    }

    /// Loads a model from the bytes of a file of any format, and the JSON of its dimensions where that stores none.
    ///
    /// # Errors
    /// As [`Model::load`], but for the files.
    pub fn from_bytes_with(
        bytes: &[u8],
        config: Option<&[u8]>,
        options: &Options,
    ) -> Result<Model, LoadError> {
        let start = Moment::now();
        let model = checkpoint::parse_with(bytes, config)?;
        Model::prepare(&model, None, options, start, &mut |_, _| {})
    }

    /// Like [`Model::from_bytes_with`], of bytes that are given away: what of them kernels read as it is stays where it is.
    ///
    /// ```
    /// # use atome::checkpoint::{Checkpoint, write_container};
    /// # use atome::families::AtomeConfig;
    /// # use atome::format::ContainerOptions;
    /// # use atome::{Model, ModelBytes, Options, Packing};
    /// # let config = AtomeConfig { vocab_size: 256, d_model: 32, n_layers: 1, d_head: 8, top_k: 4, kernel_size: 4, max_seq: 32 };
    /// # let file = write_container(&Checkpoint::random(config, None, 7), &ContainerOptions::packing(Packing::Int2))?;
    /// let mut bytes = ModelBytes::new(file.len()).expect("there is memory");
    /// bytes.as_mut_slice().copy_from_slice(&file);
    /// let model = Model::from_model_bytes(bytes, None, &Options::default())?;
    /// # assert_eq!(model.vocab(), 256);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::load`], but for the files.
    pub fn from_model_bytes(
        bytes: ModelBytes,
        config: Option<&[u8]>,
        options: &Options,
    ) -> Result<Model, LoadError> {
        let start = Moment::now();
        let model = checkpoint::parse_held(bytes, config, options.tables())?;
        Model::prepare(&model, None, options, start, &mut |_, _| {})
    }

    /// Loads a model of any family that is already read.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_checkpoint(model: &Checkpoint, options: &Options) -> Result<Model, LoadError> {
        let start = Moment::now();
        Model::prepare(model, None, options, start, &mut |_, _| {})
    }

    /// Opens a session: takes a slot of the arena, with nothing seen yet.
    ///
    /// # Errors
    /// If all slots are taken.
    pub fn session(&self) -> Result<Session, RunError> {
        Session::new(self.clone())
    }

    /// Opens a session in memory that is given for good: of a static, say, where a device has no other. It takes no slot of the
    /// arena, whose number of slots may be 0.
    ///
    /// ```
    /// # use atome::checkpoint::Checkpoint;
    /// # use atome::families::AtomeConfig;
    /// # use atome::{Model, Options};
    /// # let config = AtomeConfig { vocab_size: 256, d_model: 32, n_layers: 1, d_head: 8, top_k: 4, kernel_size: 4, max_seq: 32 };
    /// let options = Options { sessions: 0, ..Options::default() };
    /// let model = Model::from_checkpoint(&Checkpoint::random(config, None, 7), &options)?;
    /// let memory = Box::leak(vec![0; model.session_room()].into_boxed_slice());
    /// let mut session = model.session_in(memory)?;
    /// session.step(79)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If `memory` is too short; [`Model::session_room`] bytes never are.
    pub fn session_in(&self, memory: &'static mut [u8]) -> Result<Session, RunError> {
        Session::new_in(self.clone(), memory)
    }

    /// Bytes that [`Model::session_in`] needs, wherever they start.
    pub fn session_room(&self) -> usize {
        self.inner.arena.slot_room()
    }

    /// What the model is and how it lies in memory.
    pub fn info(&self) -> &ModelInfo {
        &self.inner.info
    }

    /// What runs the model's plan now. The default backend changes over from kernels compiled ahead of time to machine
    /// code while sessions run, from one token to the next: the logits do not depend on it.
    pub fn backend(&self) -> BackendInfo {
        let inner = &*self.inner;
        let now = inner.backend.now();
        let made = inner.backend.made();
        BackendInfo {
            backend: now.kind().name(),
            compiling: made.compiling,
            jit_refused: made.refused,
            tuned: inner.what_is_tuned(now.kind()),
            code_bytes: now.code_bytes(),
            compile_time: made.time.unwrap_or(inner.compile_time),
        }
    }

    /// Waits until the default backend has its machine code, or knows why there is none; returns at once with others.
    pub fn settle(&self) {
        self.inner.backend.settle();
    }

    /// What tells the model from others. Checksums that its file does not state are computed now, once.
    pub fn fingerprint(&self) -> Fingerprint {
        self.inner.fingerprint()
    }

    /// Which kernel runs each call of the model's plan, equal ones of all layers once.
    pub fn kernels(&self) -> Vec<KernelUse> {
        let inner = &*self.inner;
        let kind = inner.backend.now().kind();
        listing(&inner.plan, kind, inner.pick())
    }

    /// The ternary products of the model, each once, as backends call them.
    pub fn products(&self) -> Vec<Product> {
        tune::products(&self.inner.plan).into_iter().collect()
    }

    /// What models have in common whose steps take as long: their products, and how often these come.
    pub fn tune_key(&self) -> String {
        tune::model_key(&self.inner.plan)
    }

    /// The model's plan as text: every tensor and its place, then every call with its dimensions,
    /// operands and scalars, in the order in which they run.
    pub fn plan(&self) -> impl fmt::Display {
        &**self.inner.plan
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

    /// Loads the tokenizer of the model's token ids, as [`TokenizerKind::load`](crate::tokenizer::TokenizerKind::load).
    ///
    /// # Errors
    /// If nobody said what the ids stand for, or this build is without the tokenizer.
    pub fn tokenizer(&self) -> Result<Tokenizer, TokenizerError> {
        let carried = self.inner.vocabulary.as_deref();
        let info = self.info();
        let refused = info.tokenizer_refused.as_deref();
        info.tokenizer.load(self.vocab(), carried, refused)
    }

    /// The tokens that end what the model writes.
    pub fn ends(&self) -> &[u32] {
        &self.inner.ends
    }

    /// How whoever published the model has it choose tokens, if it comes with that: `generation_config.json` of a directory,
    /// which a packed file keeps.
    pub fn generation(&self) -> Option<&GenerationConfig> {
        self.inner.generation.as_deref()
    }

    /// How conversations become text, if the model comes with that.
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.inner.chat.as_deref()
    }

    /// The names of a classifier's classes and what makes its answers sure, if its file says so.
    pub fn labels(&self) -> Option<&Labels> {
        self.inner.labels.as_deref()
    }

    pub(crate) fn shared_labels(&self) -> Option<Arc<Labels>> {
        self.inner.labels.clone()
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
            .field("architecture", &info.architecture)
            .field("backend", &self.inner.backend.now().kind())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Checks that all of `tokens` are in the vocabulary, and their rows of tables that stay in a file.
    pub(crate) fn check_ids(&self, tokens: &[u32]) -> Result<(), RunError> {
        let vocab = self.vocab;
        let in_vocab = |id: u32| usize::try_from(id).is_ok_and(|id| id < vocab);
        if let Some(&id) = tokens.iter().find(|&&id| !in_vocab(id)) {
            return Err(RunError::TokenOutOfRange { id, vocab });
        }
        self.lookups
            .iter()
            .try_for_each(|table| table.check(tokens))
    }

    /// Where a tensor lies, from the start of its part of the arena.
    pub(crate) fn range(&self, tensor: Tensor) -> Range<usize> {
        let place = self.plan.tensor(tensor);
        place.offset..place.offset + place.bytes
    }

    /// Where in a scratch the logits of a row of a block lie, if they were asked for.
    pub(crate) fn logits_range(&self, row: usize) -> Range<usize> {
        let ports = &self.plan.ports;
        let (rows, logits) = (self.range(ports.logits_rows), self.range(ports.logits));
        let start = rows.start + row * logits.len();
        start..start + logits.len()
    }

    /// The logits of a row of the block that just ran, if they were asked for.
    pub(crate) fn logits_row<'s>(&self, scratch: &'s Scratch<'_>, row: usize) -> &'s [f32] {
        as_f32(scratch.bytes(self.logits_range(row)))
    }

    /// Writes the ids of a block, at most `plan.block` of them, where the plan looks for them, and what follows from their
    /// positions.
    pub(crate) fn write_inputs(
        &self,
        scratch: &mut Scratch<'_>,
        tokens: &[u32],
        positions: impl Iterator<Item = u64>,
    ) {
        if let Some(angles) = self.plan.ports.angles {
            let rows = as_f32_mut(scratch.bytes_mut(self.range(angles.tensor)));
            angles.write(rows, positions.take(tokens.len()));
        }
        let ids = scratch.bytes_mut(self.range(self.plan.ports.ids));
        for (place, id) in ids.as_chunks_mut::<4>().0.iter_mut().zip(tokens) {
            *place = id.to_ne_bytes();
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint(&self.plan, &self.arena)
    }

    pub(crate) fn pick(&self) -> Pick<'_> {
        Pick {
            tier: self.tier,
            tuned: self.tuned.as_deref(),
        }
    }

    /// A line for each product whose kernel is not the default, and for threads.
    fn what_is_tuned(&self, kind: BackendKind) -> Vec<String> {
        let products = tune::products(&self.plan).into_iter();
        let chosen = products.filter_map(|product| {
            let choice = self.tuned.as_deref()?.choice(&product)?;
            if matches!(choice, Choice::Made(_)) && kind != BackendKind::Jit {
                return None;
            }
            Some(format!("{product} by {choice}"))
        });
        let threads = self.tuned_threads;
        let threads = threads.map(|threads| format!("threads {threads}"));
        chosen.chain(threads).collect()
    }
}
