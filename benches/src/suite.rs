//! The list of benchmarks.

use crate::embed::{self, Rows, Tables};
use crate::error::BenchError;
use crate::kernels::{self, D_MODEL, GEMM, GEMV, Product, VOCAB};
use crate::models::{self, SESSIONS, What, prompt};
use crate::product;
use crate::product_i8;
use crate::record::Record;
use crate::source::{Source, sources};
use atome::format::Checkpoint;
use atome::{BackendKind, Options, Tier};
use atome_kernels::{Kind, Packing, dispatch};
use atome_spec::{Isa, Method, Op};
use std::rc::Rc;

/// Rows of a batch of lookups.
const BATCH: usize = 64;
/// Columns of products.
const COLUMNS: [usize; 3] = [8, 64, 512];
/// What to benchmark.
#[derive(Clone, Debug)]
pub struct Settings {
    /// CPU tier of the kernels and of the models.
    pub tier: Tier,
    /// Backend of the models; [`BackendKind::Auto`] for both `jit` and `aot`. The kernels are
    /// compiled ahead of time, so they are left out for another backend.
    pub backend: BackendKind,
    /// Threads of the models.
    pub threads: usize,
    /// As [`Options::no_multiply`].
    pub no_multiply: bool,
    /// The model to time, and nothing else; `None` for kernels and for random weights in the
    /// published shapes.
    pub model: Option<NamedModel>,
}

/// A model and what its shape is called in names of benchmarks.
#[derive(Clone, Debug)]
pub struct NamedModel {
    /// Shape: `944k`, or another word.
    pub shape: String,
    /// The model.
    pub model: Checkpoint,
}

/// A benchmark that can be run.
pub struct Bench {
    /// The name of its record.
    pub name: String,
    /// The backend of its record: more than one may run the same.
    pub backend: BackendKind,
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
            work: Box::new(work),
        }
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
pub fn suite(settings: &Settings) -> Vec<Bench> {
    let mut benches = Vec::new();
    let has_kernels = matches!(settings.backend, BackendKind::Auto | BackendKind::Aot);
    if has_kernels && settings.model.is_none() {
        add_embed(&mut benches, settings.tier);
        add_products(&mut benches, settings.tier);
        add_int8_products(&mut benches, settings);
    }
    for source in sources(settings) {
        add_model(&mut benches, settings, &Rc::new(source));
    }
    benches
}

fn add_embed(benches: &mut Vec<Bench>, tier: Tier) {
    let name = format!("memcpy-f32/{D_MODEL}");
    benches.push(Bench::new(name, BackendKind::Aot, |name| {
        Ok(embed::run_copy(name))
    }));
    for &packing in Packing::ALL {
        let tables = Tables::default();
        let cases = [
            ("hot".to_owned(), Rows::Hot),
            ("random".to_owned(), Rows::Random),
            (format!("batch={BATCH}"), Rows::Batch(BATCH)),
        ];
        for (case, rows) in cases {
            let (kernel, tables) = (kernels::embed(packing, tier), Rc::clone(&tables));
            let name = format!(
                "embed-{packing}-f32-{}/{VOCAB}x{D_MODEL}/{case}",
                tier.isa()
            );
            benches.push(Bench::new(name, BackendKind::Aot, move |name| {
                embed::run(name, kernel, rows, &tables)
            }));
        }
    }
}

fn add_products(benches: &mut Vec<Bench>, tier: Tier) {
    let isa = tier.isa();
    let kind = |op| Kind::new(op).packing(Packing::Int2);
    let mut add = |name: String, product, tokens| {
        let work = move |name: &str| product::run(name, product, tokens);
        benches.push(Bench::new(name, BackendKind::Aot, work));
    };
    for (rows, cols) in GEMV {
        let product = Product::new(kind(Op::Gemv), (rows, cols), tier);
        add(format!("gemv-int2-f32-{isa}/{rows}x{cols}"), product, 1);
    }
    for (rows, cols) in GEMM {
        let product = Product::new(kind(Op::Gemm), (rows, cols), tier);
        for tokens in COLUMNS {
            let name = format!("gemm-int2-f32-{isa}/{rows}x{cols}/T={tokens}");
            add(name, product, tokens);
        }
    }
}

fn add_int8_products(benches: &mut Vec<Bench>, settings: &Settings) {
    let (method, isa) = int8(settings);
    for product in kernels::int8_products(method, settings.tier) {
        let columns: &[usize] = if product.op == Op::Gemm {
            &COLUMNS
        } else {
            &[1]
        };
        for &tokens in columns {
            let name = product_i8::name(isa, &product, tokens);
            let work = move |name: &str| product_i8::run(name, isa, product, method, tokens);
            benches.push(Bench::new(name, BackendKind::Aot, work));
        }
    }
}

/// How products of int8 activations are formed, and the instructions for it on this machine.
fn int8(settings: &Settings) -> (Method, Isa) {
    let tier = settings.tier;
    if settings.no_multiply {
        return (Method::Lut, tier.baseline());
    }
    let extension = |isa: &Isa| isa.is_extension() && dispatch::has(*isa);
    let found = tier.isas().find(extension);
    (Method::Dot, found.unwrap_or(tier.baseline()))
}

fn add_model(benches: &mut Vec<Bench>, settings: &Settings, source: &Rc<Source>) {
    let backends = match settings.backend {
        BackendKind::Auto if BackendKind::Jit.check().is_err() => &[BackendKind::Aot][..],
        BackendKind::Auto => &[BackendKind::Jit, BackendKind::Aot],
        _ => std::slice::from_ref(&settings.backend),
    };
    let Source { family, shape, .. } = &**source;
    let (method, isa) = match *family {
        "atome" => (Method::Select, settings.tier.baseline()),
        _ => int8(settings),
    };
    let whats = match (*family, source.is_classifier) {
        (_, true) => &[What::Classify, What::Load][..],
        ("atome", _) => &[What::Step, What::Prefill, What::Load],
        _ => &[What::Step, What::Prefill, What::Sessions, What::Load],
    };
    for &what in whats {
        let name = match what {
            What::Step => format!("step-{family}-{isa}/{shape}"),
            What::Prefill => format!("prefill-{family}-{isa}/{shape}/T={}", prompt(family)),
            What::Sessions => format!("sessions-{family}-{isa}/{shape}/B={SESSIONS}"),
            What::Classify => format!("classify-{family}-{isa}/{shape}"),
            What::Load => format!("load-{family}-{isa}/{shape}"),
        };
        for &backend in backends {
            let options = Options {
                backend,
                tier: Some(settings.tier),
                threads: Some(settings.threads),
                no_multiply: settings.no_multiply,
                ..Options::default()
            };
            let source = Rc::clone(source);
            benches.push(Bench::new(name.clone(), backend, move |name| {
                models::run(name, &source.model, what, (method, isa), &options)
            }));
        }
    }
}

/// Compares an answer with the reference's, bit for bit.
pub(crate) fn same(name: &str, expected: &[f32], found: &[f32]) -> Result<(), BenchError> {
    let bits = |x: &f32| x.to_bits();
    let differ = |(a, b): (&f32, &f32)| bits(a) != bits(b);
    match expected.iter().zip(found).position(differ) {
        None => Ok(()),
        Some(index) => Err(BenchError::WrongAnswer {
            name: name.to_owned(),
            index,
            expected: expected[index],
            found: found[index],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn settings(backend: BackendKind) -> Settings {
        let tier = Tier::Portable;
        Settings {
            tier,
            backend,
            threads: 1,
            no_multiply: false,
            model: None,
        }
    }

    #[test]
    fn a_name_and_a_backend_are_one_benchmark() {
        let benches = suite(&settings(BackendKind::Auto));
        let all = benches
            .iter()
            .map(|bench| (&bench.name, bench.backend.name()));
        assert_eq!(all.collect::<BTreeSet<_>>().len(), benches.len());
        let interp = suite(&settings(BackendKind::Interp));
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

    #[test]
    fn answers_are_compared_bit_for_bit() {
        assert!(same("x", &[1.0, f32::NAN], &[1.0, f32::NAN]).is_ok());
        let fault = same("x", &[1.0, 0.0], &[1.0, -0.0]).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "x: element 1 is -0, the reference gives 0"
        );
    }
}
