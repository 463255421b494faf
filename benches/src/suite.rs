//! The list of benchmarks.

use crate::attend;
use crate::code::Choice;
use crate::embed::{self, Rows, Tables};
use crate::error::BenchError;
use crate::from_memory;
use crate::kernels::{D_MODEL, GEMM, GEMV, GROUPS, Shape, VOCAB};
use crate::limits::Of;
use crate::map::{self, How};
use crate::models::{self, OPENED, SESSIONS, What, prompt};
use crate::pages::Pages;
use crate::product;
use crate::product_groups;
use crate::product_i8;
use crate::record::Record;
use crate::settings::Settings;
use crate::source::{Source, sources};
use crate::text;
use atome::{BackendKind, LoadError, Options};
use atome_codegen::KernelSpec;
use atome_codegen::schedule::{self, ScheduleError};
use atome_kernels::ops::ByteRows;
use atome_kernels::{Kind, Packing};
use atome_spec::{Activation, CacheType, Isa, Method, Op};
use std::rc::Rc;
use std::thread;

/// Rows of a batch of lookups.
const BATCH: usize = 64;
/// Tokens of a chain of functions: its rows lie in the first cache, and in memory or the last one.
const MAP_TOKENS: [usize; 2] = [1, 512];
/// Cached positions: a layer's lie in the second cache, and those of all in memory.
const POSITIONS: [usize; 2] = [128, 8192];
/// Columns of products.
const COLUMNS: [usize; 3] = [8, 64, 512];

/// A benchmark that can be run.
pub struct Bench {
    /// The name of its record.
    pub name: String,
    /// The backend of its record: more than one may run the same.
    pub backend: BackendKind,
    /// Threads that work on it: the same may be timed with one and with several.
    pub threads: usize,
    work: Work,
}

/// Runs the benchmark of that name.
type Work = Box<dyn Fn(&str) -> Result<Record, BenchError>>;

impl Bench {
    fn new(
        name: String,
        backend: BackendKind,
        work: impl Fn(&str) -> Result<Record, BenchError> + 'static,
    ) -> Bench {
        Bench {
            name,
            backend,
            threads: 1,
            work: Box::new(work),
        }
    }

    fn by(self, threads: usize) -> Bench {
        Bench { threads, ..self }
    }

    /// Checks the answer, measures the limit, then the benchmark.
    ///
    /// # Errors
    /// If the answer is wrong, or a model cannot be loaded.
    pub fn run(&self) -> Result<Record, BenchError> {
        (self.work)(&self.name)
    }
}

/// The benchmarks, in the order in which they should run.
///
/// # Errors
/// If there is a schedule, and no kernel that can be laid out so by the backend asked for.
pub fn suite(settings: &Settings) -> Result<Vec<Bench>, BenchError> {
    if settings.schedule.is_some() {
        return laid_out(settings);
    }
    let mut kernels = Kernels::new(settings);
    let has_kernels = matches!(settings.backend, BackendKind::Auto | BackendKind::Aot);
    if has_kernels && settings.model.is_none() {
        kernels.add_limits();
        kernels.add_copy();
        kernels.add_embed_bytes();
        kernels.add();
        kernels.add_maps();
        kernels.add_attention();
        kernels.add_texts();
    }
    let mut benches = kernels.benches;
    for source in sources(settings) {
        add_model(&mut benches, settings, &Rc::new(source));
    }
    Ok(benches)
}

/// What the machine can do at most, as benchmarks: those of [`suite`], whatever else is asked for.
pub fn limits(settings: &Settings) -> Vec<Bench> {
    let mut kernels = Kernels::new(settings);
    kernels.add_limits();
    kernels.benches
}

/// The kernels that have the schedule of the settings.
fn laid_out(settings: &Settings) -> Result<Vec<Bench>, BenchError> {
    let backend = settings.backend;
    match backend {
        BackendKind::Auto | BackendKind::Jit => {
            BackendKind::Jit.check().map_err(LoadError::from)?
        }
        _ => return Err(BenchError::NotLaidOut { backend }),
    }
    let mut kernels = Kernels::new(settings);
    kernels.add();
    match (kernels.refused, settings.schedule) {
        (Some(cause), Some(schedule)) if kernels.benches.is_empty() => {
            Err(BenchError::Schedule { schedule, cause })
        }
        _ => Ok(kernels.benches),
    }
}

/// Which rows are looked up, and what that is called.
fn embed_cases() -> [(String, Rows); 3] {
    [
        ("hot".to_owned(), Rows::Hot),
        ("random".to_owned(), Rows::Random),
        (format!("batch={BATCH}"), Rows::Batch(BATCH)),
    ]
}

/// The list of kernels as it grows.
struct Kernels<'s> {
    settings: &'s Settings,
    benches: Vec<Bench>,
    /// Why a kernel cannot be laid out as the settings say: the last that has the field, if one has.
    refused: Option<ScheduleError>,
}

impl<'s> Kernels<'s> {
    fn new(settings: &'s Settings) -> Kernels<'s> {
        Kernels {
            settings,
            benches: Vec::new(),
            refused: None,
        }
    }

    /// The kernel of a kind, if it can be laid out as the settings say.
    fn choice(&mut self, kind: Kind) -> Option<Choice> {
        let Settings { tier, schedule, .. } = *self.settings;
        match Choice::new(kind, tier, schedule) {
            Ok(choice) => Some(choice),
            Err(error) => {
                if error.has_field() || self.refused.is_none() {
                    self.refused = Some(error);
                }
                None
            }
        }
    }

    fn push(
        &mut self,
        name: String,
        choice: &Choice,
        work: impl Fn(&str) -> Result<Record, BenchError> + 'static,
    ) {
        self.benches.push(Bench::new(name, choice.backend(), work));
    }

    fn add(&mut self) {
        self.add_embed();
        self.add_from_memory();
        self.add_group_products();
        self.add_products();
        self.add_int8_products();
    }

    /// What the machine can do at most.
    fn add_limits(&mut self) {
        let threads = self.settings.threads.unwrap_or(1);
        for of in Of::all(self.settings.tier) {
            let work = move |name: &str| Ok(of.record(name, threads));
            let bench = Bench::new(of.name(), BackendKind::Aot, work);
            self.benches.push(bench.by(threads));
        }
    }

    /// The yardstick of the lookups.
    fn add_copy(&mut self) {
        let name = format!("memcpy-f32/{D_MODEL}");
        let copy = |name: &str| Ok(embed::run_copy(name));
        self.benches.push(Bench::new(name, BackendKind::Aot, copy));
    }

    /// Chains of functions, in one pass and function by function.
    fn add_maps(&mut self) {
        let Settings { tier, backend, .. } = *self.settings;
        let compiles = backend == BackendKind::Auto && BackendKind::Jit.check().is_ok();
        for tokens in MAP_TOKENS {
            let rows = format!("{tier}/{}/T={tokens}", map::CHANNELS);
            let jit = compiles.then_some((How::Fused, BackendKind::Jit));
            let ahead = [How::Fused, How::Apart].map(|how| (how, BackendKind::Aot));
            for (how, backend) in jit.into_iter().chain(ahead) {
                let name = match how {
                    How::Fused => format!("map-f32-{rows}"),
                    How::Apart => format!("apart-f32-{rows}"),
                };
                let work = move |name: &str| map::run(name, how, tokens, (backend, tier));
                self.benches.push(Bench::new(name, backend, work));
            }
        }
    }

    /// A token's attention.
    fn add_attention(&mut self) {
        let Settings { tier, backend, .. } = *self.settings;
        let compiles = backend == BackendKind::Auto && BackendKind::Jit.check().is_ok();
        let jit = compiles.then_some(BackendKind::Jit);
        for positions in POSITIONS {
            for &held in CacheType::ALL {
                for backend in jit.into_iter().chain([BackendKind::Aot]) {
                    let of = (held, positions);
                    let work = move |name: &str| attend::run(name, of, (backend, tier));
                    let name = attend::name(held, tier, positions);
                    self.benches.push(Bench::new(name, backend, work));
                }
            }
        }
    }

    /// Texts to tokens.
    fn add_texts(&mut self) {
        for (name, run) in text::BENCHES {
            self.benches
                .push(Bench::new(name.to_owned(), BackendKind::Aot, run));
        }
    }

    fn add_embed(&mut self) {
        for &packing in Packing::STORED {
            let Some(choice) = self.choice(Kind::new(Op::Embed).packing(packing)) else {
                continue;
            };
            let tables = Tables::default();
            for (case, rows) in embed_cases() {
                let (isa, tables) = (choice.isa(), Rc::clone(&tables));
                let name = format!("embed-{packing}-f32-{isa}/{VOCAB}x{D_MODEL}/{case}");
                self.push(name, &choice, move |name| {
                    embed::run(name, &choice, packing, rows, &tables)
                });
            }
        }
    }

    /// The specification's primitive, which no schedule lays out.
    fn add_embed_bytes(&mut self) {
        let tier = self.settings.tier;
        let Some(by) = ByteRows::on(tier) else {
            return;
        };
        let table = Rc::default();
        for (case, rows) in embed_cases() {
            let (isa, table) = (tier.baseline(), Rc::clone(&table));
            let name = format!("embed-i8-f32-{isa}/{VOCAB}x{D_MODEL}/{case}");
            let work = move |name: &str| embed::run_bytes(name, by, rows, &table);
            self.benches.push(Bench::new(name, BackendKind::Aot, work));
        }
    }

    fn add_products(&mut self) {
        for op in [Op::Gemv, Op::Gemm] {
            let shapes = if op == Op::Gemv { &GEMV[..] } else { &GEMM };
            if let Some(choice) = self.choice(Kind::new(op).packing(Packing::Int2)) {
                self.add_shapes(choice, shapes, product::run);
            }
        }
    }

    /// The kernel of an int8 product by a matrix that models have in a packing.
    fn int8(&mut self, op: Op, packing: Packing) -> Option<Choice> {
        let kind = Kind::new(op).activation(Activation::I8);
        self.choice(match self.settings.no_multiply {
            true => {
                let packing = schedule::looked_up(packing, self.settings.tier);
                KernelSpec::from(kind.packing(packing))
                    .without_multiply()
                    .kind()
            }
            false => kind.packing(packing),
        })
    }

    fn add_int8_products(&mut self) {
        for op in [Op::Gemv, Op::Gemm] {
            for &packing in Packing::STORED {
                let Some(choice) = self.int8(op, packing) else {
                    continue;
                };
                let shapes = match (choice.method(), op) {
                    (Method::Dot, Op::Gemv) => &GEMV[..],
                    (Method::Dot, _) => &GEMM,
                    _ => &GEMM[..1],
                };
                self.add_shapes(choice, shapes, product_i8::run);
            }
        }
    }

    /// Products by matrices whose groups of columns have scales, which are not looked up.
    fn add_group_products(&mut self) {
        for op in [Op::GroupGemv, Op::GroupGemm] {
            for &packing in Packing::STORED {
                let kind = Kind::new(op).packing(packing).activation(Activation::I8);
                let choice = match self.settings.no_multiply {
                    true => None,
                    false => self.choice(kind),
                };
                if let Some(choice) = choice {
                    self.add_shapes(choice, &GROUPS, product_groups::run);
                }
            }
        }
    }

    /// Products by weights from memory.
    fn add_from_memory(&mut self) {
        let threads = match self.settings.threads {
            Some(threads) => vec![threads],
            None => up_to_two(),
        };
        for &packing in Packing::STORED {
            let Some(choice) = self.int8(Op::Gemv, packing) else {
                continue;
            };
            for pages in Pages::ALL.into_iter().filter(|pages| pages.are_given()) {
                for &threads in &threads {
                    let name = from_memory::name(&choice, pages);
                    let work = move |name: &str| from_memory::run(name, choice, pages, threads);
                    let bench = Bench::new(name, choice.backend(), work);
                    self.benches.push(bench.by(threads));
                }
            }
        }
    }

    /// A product by matrices of these shapes.
    fn add_shapes(
        &mut self,
        choice: Choice,
        shapes: &[(usize, usize)],
        run: fn(&str, Shape, usize) -> Result<Record, BenchError>,
    ) {
        for &shape in shapes {
            let shape = Shape::new(choice, shape);
            let columns = match shape.op {
                Op::Gemm => &COLUMNS[..],
                Op::GroupGemm => &COLUMNS[..2],
                _ => &[1],
            };
            for &tokens in columns {
                let work = move |name: &str| run(name, shape, tokens);
                self.push(shape.name(tokens), &choice, work);
            }
        }
    }
}

/// One thread, and two where there are as many CPUs.
fn up_to_two() -> Vec<usize> {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    (1..=cpus.min(2)).collect()
}

/// How products of int8 activations are formed, and the instructions for it on this machine.
fn int8(settings: &Settings) -> (Method, Isa) {
    let tier = settings.tier;
    if settings.no_multiply {
        return (Method::Lut, tier.baseline());
    }
    let product = Kind::new(Op::Gemv).packing(Packing::Int2);
    let found = atome_kernels::find(product.activation(Activation::I8), tier);
    (
        Method::Dot,
        found.map_or(tier.baseline(), |kernel| kernel.isa),
    )
}

fn add_model(benches: &mut Vec<Bench>, settings: &Settings, source: &Rc<Source>) {
    let backends = match settings.backend {
        BackendKind::Auto if BackendKind::Jit.check().is_err() => &[BackendKind::Aot][..],
        BackendKind::Auto => &[BackendKind::Jit, BackendKind::Aot],
        _ => std::slice::from_ref(&settings.backend),
    };
    let Source { shape, config, .. } = &**source;
    let (method, isa) = match config.activation() {
        Activation::F32 => (Method::Select, settings.tier.baseline()),
        Activation::I8 => int8(settings),
    };
    let whats = match (source.classes, config.activation()) {
        (Some(_), _) => vec![What::Classify, What::Load],
        (None, activation) => {
            let [few, many] = SESSIONS.map(What::Sessions);
            let open = (activation == Activation::I8).then_some(What::Open(OPENED));
            let first = [What::Step, What::Prefill, few, many].into_iter();
            first.chain(open).chain([What::Load]).collect()
        }
    };
    let family = match config.as_graph() {
        Some(graph) => graph.name(),
        None => config.architecture().name(),
    };
    for what in whats {
        let name = match what {
            What::Step => format!("step-{family}-{isa}/{shape}"),
            What::Prefill => format!("prefill-{family}-{isa}/{shape}/T={}", prompt(config)),
            What::Sessions(count) => format!("sessions-{family}-{isa}/{shape}/B={count}"),
            What::Open(count) => format!("open-{family}-{isa}/{shape}/S={count}"),
            What::Classify => format!("classify-{family}-{isa}/{shape}"),
            What::Load => format!("load-{family}-{isa}/{shape}"),
        };
        // Weights from memory are read by two threads faster than by one.
        let threads = match (settings.threads, what, config.activation()) {
            (Some(threads), ..) => vec![threads],
            (None, What::Step, Activation::I8) => up_to_two(),
            _ => vec![1],
        };
        for (&threads, &backend) in threads
            .iter()
            .flat_map(|n| backends.iter().map(move |b| (n, b)))
        {
            let options = Options {
                backend,
                tier: Some(settings.tier),
                threads: Some(threads),
                no_multiply: settings.no_multiply,
                tuning: settings.tuning.clone(),
                ..Options::default()
            };
            let source = Rc::clone(source);
            let bench = Bench::new(name.clone(), backend, move |name| {
                models::run(name, &source.model, what, (method, isa), &options)
            });
            benches.push(bench.by(threads));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atome::Tier;
    use atome::tune::Tuning;
    use std::collections::BTreeSet;

    fn settings(backend: BackendKind) -> Settings {
        Settings {
            tier: Tier::Portable,
            backend,
            threads: None,
            no_multiply: false,
            tuning: Tuning::Off,
            schedule: None,
            model: None,
        }
    }

    #[test]
    fn a_name_and_a_backend_are_one_benchmark() {
        let benches = suite(&settings(BackendKind::Auto)).unwrap();
        let all = benches
            .iter()
            .map(|bench| (&bench.name, bench.backend.name(), bench.threads));
        assert_eq!(all.collect::<BTreeSet<_>>().len(), benches.len());
        let interp = suite(&settings(BackendKind::Interp)).unwrap();
        assert!(
            interp
                .iter()
                .all(|bench| bench.backend == BackendKind::Interp)
        );
        assert!(
            interp
                .iter()
                .any(|bench| bench.name == "step-atome-portable/944k")
        );
    }

    #[cfg(feature = "jit")]
    #[test]
    fn a_schedule_chooses_the_kernels_that_have_its_fields() {
        let families = |schedule: &str| {
            let schedule = Some(schedule.parse().unwrap());
            let settings = Settings {
                schedule,
                ..settings(BackendKind::Auto)
            };
            let benches = suite(&settings).map_err(|error| error.to_string())?;
            assert!(benches.iter().all(|b| b.backend == BackendKind::Jit));
            let family = |bench: Bench| bench.name.rsplit_once('-').unwrap().0.to_owned();
            Ok::<_, String>(benches.into_iter().map(family).collect::<BTreeSet<_>>())
        };
        let of = |schedule| families(schedule).unwrap().into_iter().collect::<Vec<_>>();
        assert_eq!(
            of("mr=32,nr=2"),
            [
                "gemm-base3-i8",
                "gemm-int2-f32",
                "gemm-int2-i8",
                "group_gemm-base3-i8",
                "group_gemm-int2-i8"
            ]
        );
        assert_eq!(of("unroll=2"), ["gemm-int2-f32", "gemv-int2-f32"]);
        assert_eq!(of("prefetch=64"), ["embed-base3-f32", "embed-int2-f32"]);
        let dots = ["base3-i8", "int2-i8"];
        let dots = ["gemm", "gemv", "group_gemm", "group_gemv"]
            .map(|op| dots.map(|of| format!("{op}-{of}")));
        assert_eq!(of("method=dot fields=separate"), dots.concat());
        assert_eq!(
            families("mr=48").unwrap_err(),
            "no kernel that is timed can be laid out as `mr=48`: \
            `gemm`: `mr` of the schedule is 48, expected 16, 32 or 64"
        );
        assert_eq!(
            families("prefetch=64 nr=9").unwrap_err(),
            "no kernel that is timed can be laid out as `nr=9 prefetch=64`: \
            `gemm`: `nr` of the schedule is 9, expected 1, 2, 3, 4, 5, 6, 7 or 8"
        );
    }

    #[test]
    fn only_code_made_now_has_a_schedule() {
        for backend in [BackendKind::Aot, BackendKind::Interp] {
            let schedule = Some("mr=32".parse().unwrap());
            let error = suite(&Settings {
                schedule,
                ..settings(backend)
            });
            let said = error.err().unwrap().to_string();
            let expected =
                format!("a schedule lays out what the backends auto and jit make, not {backend}");
            assert_eq!(said, expected);
        }
    }
}
