//! From a model as it is read to one that is ready to run: planned, proved, in its arena, with its backend.

use super::{Inner, Lookup, Model, ModelInfo};
use crate::arena::Arena;
use crate::backend::{Backend, Wanted};
use crate::checkpoint::Checkpoint;
use crate::clock::Moment;
use crate::cores;
use crate::fill::fill;
use crate::fingerprint::Identity;
use crate::graph::Graph;
use crate::plan::{self, Placing, Plan, Planned, Products, Proved, Section};
use crate::pool::Pool;
use crate::progress::Progress;
use crate::state::state_bytes;
use crate::tensor::Tables;
use crate::tokenizer::TokenizerKind;
use crate::tune::{self, Tuned, Tuning};
use crate::{BackendKind, FileError, LoadError, Options, PrepareError};
use atome_kernels::{available, detect};
use atome_spec::{Activation, CacheType, Isa, Tier};
use std::path::Path;
use std::sync::Arc;

impl Model {
    /// Prepares a model that was read from `path`, if it comes from a file, since `start`.
    pub(super) fn prepare(
        source: &Checkpoint,
        path: Option<&Path>,
        options: &Options,
        start: Moment,
        progress: Progress<'_>,
    ) -> Result<Model, LoadError> {
        options.check()?;
        let tier = choose_tier(options.tier)?;
        let in_file = |fault: LoadError| match path {
            Some(path) => fault.in_file(path),
            None => fault,
        };
        let (tokenizer, planned) = plan(source, options, tier).map_err(in_file)?;
        let (config, parameters) = (source.config(), source.parameters());
        let proved = Proved::new(planned, config.vocab_size());
        let (plan, contents) = proved.map_err(PrepareError::from)?;
        let mut arena = Arena::new(plan.sizes, options.sessions, options.huge_pages)?;
        if let Some(file) = plan.image.as_ref().filter(|_| !options.huge_pages) {
            file.forgo_huge_pages();
        }
        let tables = source.graph().tables(options.tables());
        fill(&plan, &contents, arena.model_mut(), tables, progress).map_err(in_file)?;
        let lookups = match tables {
            Tables::WhenAsked => Lookup::all(&plan, &contents),
            Tables::Now => Vec::new(),
        };
        let identity = Identity::new(source, &contents);
        let load_time = start.elapsed();

        let start = Moment::now();
        let plan = Arc::new(plan);
        let (tuned, tune_ignored) = find_tuned(&options.tuning, tier);
        let tuned = tuned.filter(|_| options.backend != BackendKind::Interp);
        let (threads, tuned_threads) = threads(&plan, options, tuned.as_deref(), parameters);
        let pool = (threads > 1).then(|| Pool::new(threads)).transpose();
        let pool = pool.map_err(|cause| PrepareError::Threads { threads, cause })?;
        let wanted = Wanted {
            kind: options.backend,
            tier,
            tuned: tuned.clone(),
            pool,
        };
        let backend = Backend::new(&plan, wanted)?;
        let compile_time = start.elapsed();
        let info = ModelInfo {
            architecture: source.architecture().name(),
            format: source.format.name(),
            config: config.clone(),
            tokenizer,
            tokenizer_refused: source.tokenizer_refused().map(str::to_owned),
            classes: source.classes(),
            parameters,
            cpu: tier.name(),
            threads: if options.backend == BackendKind::Interp {
                1
            } else {
                threads
            },
            tune_ignored,
            sessions: arena.slots(),
            arena_bytes: arena.bytes(),
            mapped_bytes: mapped_bytes(&plan),
            model_bytes: mapped_bytes(&plan) + plan.sizes.weights + plan.sizes.constants,
            session_bytes: plan.sizes.slot,
            scratch_bytes: plan.sizes.scratch,
            scratches: arena.scratches(),
            state_bytes: state_bytes(&plan),
            tensors: plan.tensors.clone(),
            load_time,
        };
        Ok(Model {
            inner: Arc::new(Inner {
                arena,
                plan,
                backend,
                tier,
                tuned,
                tuned_threads,
                compile_time,
                identity,
                vocab: config.vocab_size(),
                lookups,
                graph: Arc::clone(source.graph()),
                vocabulary: source.vocabulary.clone(),
                ends: source.ends(tokenizer),
                generation: source.generation.clone(),
                chat: source.chat.clone(),
                labels: source.labels.clone(),
                info,
            }),
        })
    }
}

/// Checks a model and plans it for an arena.
fn plan<'m>(
    source: &'m Checkpoint,
    options: &Options,
    tier: Tier,
) -> Result<(TokenizerKind, Planned<'m>), LoadError> {
    plan_with(source, options, tier, Placing::default())
}

/// Checks a model and plans it for an instruction set.
pub(crate) fn plan_with<'m>(
    source: &'m Checkpoint,
    options: &Options,
    isa: impl Into<Isa>,
    placing: Placing,
) -> Result<(TokenizerKind, Planned<'m>), LoadError> {
    source.check()?;
    let tokenizer = source.tokenizer_kind().map_err(FileError::from)?;
    let products = Products {
        packing: options.packing,
        no_multiply: options.no_multiply,
        isa: isa.into(),
    };
    let block = options.block.max(1);
    let mut graph = graph(source, options)?;
    let mut fused = Vec::new();
    if options.fuse {
        let (graph_of_fewer, names) = graph.fused();
        (graph, fused) = (Arc::new(graph_of_fewer), names);
    }
    let mut planned = plan::plan(&graph, &source.tensors, block, products, placing)?;
    planned.0.fused = fused;
    Ok((tokenizer, planned))
}

/// The graph of a model with what of it is open.
fn graph(source: &Checkpoint, options: &Options) -> Result<Arc<Graph>, PrepareError> {
    let graph = by_activations(source.graph(), options.activations)?;
    let graph = by_cache_type(graph, options.cache_type)?;
    let Some(asked) = options.context else {
        return Ok(graph);
    };
    match graph.most_positions() {
        None => Err(PrepareError::NoContext { asked }),
        Some(most) if (1..=most).contains(&asked) => Ok(Arc::new(graph.with_window(asked))),
        Some(most) => Err(PrepareError::Context { asked, most }),
    }
}

/// A graph by activations that it allows.
fn by_activations(
    graph: &Arc<Graph>,
    asked: Option<Activation>,
) -> Result<Arc<Graph>, PrepareError> {
    let (found, both) = graph.activations();
    match asked {
        Some(Activation::F32) if both => Ok(Arc::new(graph.in_f32())),
        Some(asked) if asked != found => Err(PrepareError::Activations { asked, found }),
        _ => Ok(Arc::clone(graph)),
    }
}

/// A graph with caches that it allows.
fn by_cache_type(graph: Arc<Graph>, asked: Option<CacheType>) -> Result<Arc<Graph>, PrepareError> {
    let Some(asked) = asked else {
        return Ok(graph);
    };
    match graph.cache_type() {
        None => Err(PrepareError::NoCaches { asked }),
        Some(found) if found == asked => Ok(graph),
        Some(CacheType::F32) => Ok(Arc::new(graph.with_f16_caches())),
        Some(found) => Err(PrepareError::CacheType { asked, found }),
    }
}

/// Bytes of the tensors that stay in a file.
fn mapped_bytes(plan: &Plan) -> usize {
    let tensors = plan.tensors.iter().filter(|t| t.section == Section::File);
    tensors.map(|t| t.bytes).sum()
}

/// Weights below which a second thread costs more than it saves: a product of a layer then
/// takes about as long as waking it.
const WEIGHTS_WORTH_THREADS: usize = 32 << 20;

/// Threads that share products: as many as are asked for, else as were measured to be best, which are then given once
/// more, else by the model's size.
fn threads(
    plan: &Plan,
    options: &Options,
    tuned: Option<&Tuned>,
    parameters: usize,
) -> (usize, Option<usize>) {
    let found = tuned.and_then(|tuned| tuned.threads(&tune::model_key(plan)));
    let found = found.filter(|_| options.threads.is_none());
    let by_size = || match parameters < WEIGHTS_WORTH_THREADS {
        true => 1,
        false => cores::physical(),
    };
    let threads = options.threads.or(found).unwrap_or_else(by_size);
    (threads.max(1), found)
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
