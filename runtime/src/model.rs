//! A loaded model: an arena, a plan, and the backend that runs it.

use crate::arena::{Arena, as_f32_mut, as_u32_mut};
use crate::backend::Backend;
use crate::format::{self, AtomeConfig, AtomeModel, Ternary};
use crate::plan::{Content, Plan, Section, Tensor, TensorInfo, plan_atome};
use crate::pool::Pool;
use crate::{BackendKind, LoadError, Options, RunError, Session};
use atome_kernels::{available, detect, packing};
use atome_spec::{Packing, Tier};
use serde::Serialize;
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
    pub(crate) plan: Plan,
    pub(crate) backend: Backend,
    pub(crate) vocab: usize,
    info: ModelInfo,
}

/// What `inspect` prints.
#[derive(Clone, Debug, Serialize)]
pub struct ModelInfo {
    /// Model family.
    pub architecture: &'static str,
    /// Format of the file, or of the model in memory.
    pub format: &'static str,
    /// Dimensions.
    pub config: AtomeConfig,
    /// Classes of the head; `None` for a language model.
    pub classes: Option<usize>,
    /// Trits and floats.
    pub parameters: usize,
    /// Backend in use.
    pub backend: &'static str,
    /// CPU tier in use.
    pub cpu: &'static str,
    /// Threads that share matrix products.
    pub threads: usize,
    /// Sessions the arena has room for.
    pub sessions: usize,
    /// Bytes of the whole arena.
    pub arena_bytes: usize,
    /// Bytes shared by all sessions: weights and constants.
    pub model_bytes: usize,
    /// Bytes of one session: state, logits and scratch.
    pub session_bytes: usize,
    /// Bytes that a saved session takes.
    pub state_bytes: usize,
    /// Bytes of machine code made at load.
    pub code_bytes: usize,
    /// Kernels in use.
    pub kernels: Vec<String>,
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
    /// Loads a model file. A container says its dimensions itself; those of other files are read
    /// from `config`, or from the `.json` file of the same stem beside it.
    ///
    /// # Errors
    /// If a file cannot be read or does not hold what its format and config promise, if this
    /// machine lacks the tier asked for, or if there is no memory for the arena.
    pub fn load(path: &Path, config: Option<&Path>, options: &Options) -> Result<Model, LoadError> {
        let start = Instant::now();
        let model = format::load(path, config)?;
        Model::prepare(&model, options, start)
    }

    /// Loads a model from the bytes of a container.
    ///
    /// # Errors
    /// As [`Model::load`], but for the files.
    pub fn from_bytes(bytes: &[u8], options: &Options) -> Result<Model, LoadError> {
        let start = Instant::now();
        let (model, _) = format::parse_container(bytes)?;
        Model::prepare(&model, options, start)
    }

    /// Loads a model that is already in memory.
    ///
    /// # Errors
    /// As [`Model::load`], but for the files.
    pub fn from_atome(model: &AtomeModel, options: &Options) -> Result<Model, LoadError> {
        Model::prepare(model, options, Instant::now())
    }

    fn prepare(model: &AtomeModel, options: &Options, start: Instant) -> Result<Model, LoadError> {
        let tier = choose_tier(options.tier)?;
        let (plan, contents) = plan_atome(model, options.block.max(1));
        let mut arena = Arena::new(plan.model_bytes, plan.slot_bytes, options.sessions)?;
        for (tensor, content) in &contents {
            fill(arena.model_mut(), plan.tensor(*tensor), content)?;
        }
        let load_time = start.elapsed();
        let start = Instant::now();
        let threads = options
            .threads
            .unwrap_or_else(|| default_threads(model))
            .max(1);
        let pool = (threads > 1).then(|| Pool::new(threads)).transpose();
        let pool = pool.map_err(|cause| LoadError::Threads { threads, cause })?;
        let backend = Backend::new(options.backend, &plan, tier, pool)?;
        let compile_time = start.elapsed();
        let info = ModelInfo {
            architecture: "atome",
            format: model.format.name(),
            config: model.config.clone(),
            classes: model.classes(),
            parameters: model.parameters(),
            backend: backend.kind().name(),
            cpu: tier.name(),
            threads: if backend.kind() == BackendKind::Interp {
                1
            } else {
                threads
            },
            sessions: arena.slots(),
            arena_bytes: arena.bytes(),
            model_bytes: plan.model_bytes,
            session_bytes: plan.slot_bytes,
            state_bytes: plan.state_bytes,
            code_bytes: backend.code_bytes(),
            kernels: backend.kernels(),
            tensors: plan.tensors.clone(),
            load_time,
            compile_time,
        };
        let vocab = model.config.vocab_size;
        Ok(Model {
            inner: Arc::new(Inner {
                arena,
                plan,
                backend,
                vocab,
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

    /// Number of token ids.
    pub fn vocab(&self) -> usize {
        self.inner.vocab
    }

    /// Classes of the head; `None` for a language model.
    pub fn classes(&self) -> Option<usize> {
        self.inner.info.classes
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

fn default_threads(model: &AtomeModel) -> usize {
    if model.parameters() < WEIGHTS_WORTH_THREADS {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn choose_tier(asked: Option<Tier>) -> Result<Tier, LoadError> {
    match asked {
        None => Ok(detect()),
        Some(tier) if available(tier) => Ok(tier),
        Some(tier) => Err(LoadError::TierUnavailable {
            tier,
            host: detect(),
        }),
    }
}

/// Writes a tensor of the model's part, then reads it back and compares it with its source.
fn fill(arena: &mut [u8], place: &TensorInfo, content: &Content<'_>) -> Result<(), LoadError> {
    let bytes = &mut arena[place.offset..][..place.bytes];
    let pack = |cause| LoadError::Pack {
        tensor: place.name.clone(),
        cause,
    };
    match content {
        Content::Matrix(w) => {
            let words = as_u32_mut(bytes);
            packing::gemv::pack_into(&w.trits, w.rows, w.cols, words).map_err(pack)?;
            compare(place, w, |trits| {
                packing::gemv::unpack_into(words, w.rows, w.cols, trits).map_err(pack)
            })
        }
        Content::Embedding(w) => {
            let words = as_u32_mut(bytes);
            let int2 = Packing::Int2;
            packing::embed::pack_into(int2, &w.trits, w.rows, w.cols, words).map_err(pack)?;
            compare(place, w, |trits| {
                packing::embed::unpack_into(int2, words, w.rows, w.cols, trits).map_err(pack)
            })
        }
        Content::Taps(w) => {
            let words = as_u32_mut(bytes);
            packing::conv::pack_into(&w.trits, w.rows, w.cols, words).map_err(pack)?;
            compare(place, w, |trits| {
                packing::conv::unpack_into(words, w.rows, w.cols, trits).map_err(pack)
            })
        }
        Content::F32(values) => {
            as_f32_mut(bytes).copy_from_slice(values);
            Ok(())
        }
    }
}

/// The self-check of repacking: what was written means what was read.
fn compare(
    place: &TensorInfo,
    source: &Ternary,
    unpack: impl FnOnce(&mut [i8]) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let mut trits = vec![0; source.trits.len()];
    unpack(&mut trits)?;
    match trits.iter().zip(&source.trits).position(|(a, b)| a != b) {
        None => Ok(()),
        Some(at) => Err(LoadError::SelfCheck {
            tensor: place.name.clone(),
            row: at / source.cols,
            col: at % source.cols,
        }),
    }
}

impl Inner {
    /// Where a tensor lies.
    pub(crate) fn tensor(&self, tensor: Tensor) -> &TensorInfo {
        self.plan.tensor(tensor)
    }
}
