//! What was measured on this CPU: which kernel runs a product, and how many threads a model is worth.
//!
//! `atome tune` measures, and keeps the outcome in a file for the CPU, the tier and this version of the kernels
//! ([`Tuned::path`]). Loading a model finds it ([`Tuning::Find`]); a file that is stale, foreign or damaged is left aside, and
//! [`ModelInfo::tune_ignored`](crate::ModelInfo::tune_ignored) says why. Every choice gives the same bits.
//!
//! | file | concept |
//! |---|---|
//! | `product` | what there is a choice for |
//! | `file` | the text, and what is refused |
//! | `cpu` | whom it is for |

mod cpu;
mod file;
mod product;

pub use cpu::Cpu;
pub use file::TuneError;
pub use product::{NoProduct, Product};

use crate::cores;
use crate::plan::{Entry, Plan, Stage};
use atome_codegen::Schedule;
#[cfg(feature = "jit")]
use atome_kernels::Kernel;
use atome_spec::Tier;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Whether a model is run as was found best.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tuning {
    /// As the file of this CPU says, if there is one.
    #[default]
    Find,
    /// By the defaults.
    Off,
    /// As this says.
    Given(Arc<Tuned>),
}

/// What runs a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The kernel of this name, compiled ahead of time.
    Ahead(&'static str),
    /// Code made at load, laid out so. Products that threads share, and the backend `aot`, keep their defaults.
    Made(Schedule),
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Ahead(name) => write!(f, "aot {name}"),
            Choice::Made(schedule) => write!(f, "jit {schedule}"),
        }
    }
}

/// Threads of a model, and how many there could have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Threads {
    threads: usize,
    of: usize,
}

/// What was found best on a CPU, with the kernels of a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuned {
    tier: Tier,
    products: BTreeMap<Product, Choice>,
    /// By the [`model_key`].
    threads: BTreeMap<String, Threads>,
}

impl Tuned {
    /// Nothing found yet for the kernels of a tier.
    pub fn new(tier: Tier) -> Tuned {
        Tuned {
            tier,
            products: BTreeMap::new(),
            threads: BTreeMap::new(),
        }
    }

    /// What runs a product, if not the default.
    pub fn choice(&self, product: &Product) -> Option<Choice> {
        self.products.get(product).copied()
    }

    /// The kernels compiled ahead of time that were chosen.
    #[cfg(feature = "jit")]
    pub(crate) fn kernels(&self) -> impl Iterator<Item = &'static Kernel> {
        self.products
            .iter()
            .filter_map(|(product, choice)| match choice {
                Choice::Ahead(name) => product
                    .kernels(self.tier)
                    .find(|kernel| kernel.name == *name),
                Choice::Made(_) => None,
            })
    }

    /// Notes what runs a product; `None` for the default.
    ///
    /// # Panics
    /// If that does not compute it on this machine.
    pub fn choose(&mut self, product: Product, choice: Option<Choice>) {
        match choice {
            Some(choice) => {
                assert!(
                    product.fits(&choice, self.tier),
                    "{choice} computes {product}"
                );
                self.products.insert(product, choice);
            }
            None => _ = self.products.remove(&product),
        }
    }

    /// Threads of the model with a [key](crate::Model::tune_key), if they were measured with as many cores as there are now.
    pub fn threads(&self, model: &str) -> Option<usize> {
        let found = self.threads.get(model)?;
        (found.of == cores::physical()).then_some(found.threads)
    }

    /// Notes the threads of the model with a key; `None` for the default.
    pub fn choose_threads(&mut self, model: &str, threads: Option<usize>) {
        let of = cores::physical();
        match threads {
            Some(threads) => {
                _ = self
                    .threads
                    .insert(model.to_owned(), Threads { threads, of })
            }
            None => _ = self.threads.remove(model),
        }
    }

    /// Whether nothing differs from the defaults.
    pub fn is_empty(&self) -> bool {
        self.products.is_empty() && self.threads.is_empty()
    }
}

/// The products of a plan, each once, as backends call them.
pub(crate) fn products(plan: &Plan) -> BTreeSet<Product> {
    let entries = [
        (Entry::Block, true),
        (Entry::Block, false),
        (Entry::Head, true),
        (Entry::Sessions, false),
        (Entry::Rows, false),
    ];
    let calls = entries.into_iter().flat_map(|(entry, one_token)| {
        let calls = plan.stages(entry).iter().flat_map(Stage::kernels);
        calls.map(move |call| crate::backend::form(call, one_token))
    });
    calls.filter_map(|call| Product::of(&call)).collect()
}

/// What tells models apart whose steps take as long: their products, and how often they come.
pub(crate) fn model_key(plan: &Plan) -> String {
    let mut counts: BTreeMap<Product, usize> = BTreeMap::new();
    for call in plan
        .stages(Entry::Block)
        .iter()
        .chain(plan.stages(Entry::Head))
        .flat_map(Stage::kernels)
    {
        if let Some(product) = Product::of(&call.for_one_token()) {
            *counts.entry(product).or_default() += 1;
        }
    }
    let text: String = counts
        .iter()
        .map(|(product, n)| format!("{n} {product}\n"))
        .collect();
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}
