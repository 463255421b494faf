//! Kernels by themselves, and what the machine can do at most.

use super::{Bench, up_to_two};
use crate::attend;
use crate::code::Choice;
use crate::delta;
use crate::embed::{self, Rows, Tables};
use crate::error::BenchError;
use crate::from_memory;
use crate::kernels::{D_MODEL, GEMM, GEMV, GROUPS, Shape, VOCAB};
use crate::limits::Of;
use crate::map::{self, How};
use crate::pages::Pages;
use crate::record::Record;
use crate::settings::Settings;
use crate::text;
use crate::{product, product_groups, product_i8};
use atome::BackendKind;
use atome_codegen::schedule::{self, ScheduleError};
use atome_codegen::{KernelSpec, Schedule};
use atome_kernels::ops::ByteRows;
use atome_kernels::{Kind, Packing};
use atome_spec::{Activation, CacheType, Method, Op};
use std::rc::Rc;

/// Rows of a batch of lookups.
const BATCH: usize = 64;
/// Tokens of a chain of functions: its rows lie in the first cache, and in memory or the last one.
const MAP_TOKENS: [usize; 2] = [1, 512];
/// Cached positions: a layer's lie in the second cache, and those of all in memory.
const POSITIONS: [usize; 2] = [128, 8192];
/// Tokens of the gated delta rule: a step, and a block of a prompt.
const DELTA_TOKENS: [usize; 2] = [1, 32];
/// Columns of products.
const COLUMNS: [usize; 3] = [8, 64, 512];

/// Which rows are looked up, and what that is called.
fn embed_cases() -> [(String, Rows); 3] {
    [
        ("hot".to_owned(), Rows::Hot),
        ("random".to_owned(), Rows::Random),
        (format!("batch={BATCH}"), Rows::Batch(BATCH)),
    ]
}

/// The list of kernels as it grows.
pub(super) struct Kernels<'s> {
    settings: &'s Settings,
    /// How each kernel is made: now by a schedule, or ahead of time.
    pub(super) ways: Vec<Option<Schedule>>,
    pub(super) benches: Vec<Bench>,
    /// Why a kernel cannot be laid out as the settings say: the last that has the field, if one has.
    pub(super) refused: Option<ScheduleError>,
}

impl<'s> Kernels<'s> {
    pub(super) fn new(settings: &'s Settings, ways: Vec<Option<Schedule>>) -> Kernels<'s> {
        Kernels {
            settings,
            ways,
            benches: Vec::new(),
            refused: None,
        }
    }

    /// The kernels of a kind, each of those that can be laid out as is asked for.
    fn choices(&mut self, kind: Kind) -> Vec<Choice> {
        let tier = self.settings.tier;
        let choices = self.ways.iter().map(|way| Choice::new(kind, tier, *way));
        let mut made = Vec::new();
        for choice in choices {
            match choice {
                Ok(choice) => made.push(choice),
                Err(error) => {
                    if error.has_field() || self.refused.is_none() {
                        self.refused = Some(error);
                    }
                }
            }
        }
        made
    }

    /// What runs kernels.
    fn backends(&self) -> impl Iterator<Item = BackendKind> {
        self.ways.iter().map(|way| match way {
            Some(_) => BackendKind::Jit,
            None => BackendKind::Aot,
        })
    }

    fn push(
        &mut self,
        name: String,
        choice: &Choice,
        work: impl Fn(&str) -> Result<Record, BenchError> + 'static,
    ) {
        self.benches.push(Bench::new(name, choice.backend(), work));
    }

    pub(super) fn add(&mut self) {
        self.add_embed();
        self.add_from_memory();
        self.add_group_products();
        self.add_products();
        self.add_int8_products();
    }

    /// What the machine can do at most.
    pub(super) fn add_limits(&mut self) {
        let threads = self.settings.threads.unwrap_or(1);
        for of in Of::all(self.settings.tier) {
            let work = move |name: &str| Ok(of.record(name, threads));
            let bench = Bench::new(of.name(), BackendKind::Aot, work);
            self.benches.push(bench.by(threads));
        }
    }

    /// The yardstick of the lookups.
    pub(super) fn add_copy(&mut self) {
        let name = format!("memcpy-f32/{D_MODEL}");
        let copy = |name: &str| Ok(embed::run_copy(name));
        self.benches.push(Bench::new(name, BackendKind::Aot, copy));
    }

    /// Chains of functions, in one pass and function by function.
    pub(super) fn add_maps(&mut self) {
        let tier = self.settings.tier;
        for tokens in MAP_TOKENS {
            let rows = format!("{tier}/{}/T={tokens}", map::CHANNELS);
            let fused = self.backends().map(|backend| (How::Fused, backend));
            let apart = self.backends().map(|backend| (How::Apart, backend));
            for (how, backend) in fused.chain(apart).collect::<Vec<_>>() {
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
    pub(super) fn add_attention(&mut self) {
        let tier = self.settings.tier;
        for positions in POSITIONS {
            for &held in CacheType::ALL {
                for backend in self.backends().collect::<Vec<_>>() {
                    let of = (held, positions);
                    let work = move |name: &str| attend::run(name, of, (backend, tier));
                    let name = attend::name(held, tier, positions);
                    self.benches.push(Bench::new(name, backend, work));
                }
            }
        }
    }

    /// The states of a hybrid.
    pub(super) fn add_deltas(&mut self) {
        let tier = self.settings.tier;
        for tokens in DELTA_TOKENS {
            for backend in self.backends().collect::<Vec<_>>() {
                let work = move |name: &str| delta::run(name, tokens, (backend, tier));
                let name = delta::name(tier, tokens);
                self.benches.push(Bench::new(name, backend, work));
            }
        }
    }

    /// Texts to tokens.
    pub(super) fn add_texts(&mut self) {
        for (name, run) in text::BENCHES {
            self.benches
                .push(Bench::new(name.to_owned(), BackendKind::Aot, run));
        }
    }

    fn add_embed(&mut self) {
        for &packing in Packing::STORED {
            let choices = self.choices(Kind::new(Op::Embed).packing(packing));
            let tables = Tables::default();
            for (case, rows) in embed_cases() {
                for &choice in &choices {
                    let (isa, tables) = (choice.isa(), Rc::clone(&tables));
                    let name = format!("embed-{packing}-f32-{isa}/{VOCAB}x{D_MODEL}/{case}");
                    self.push(name, &choice, move |name| {
                        embed::run(name, &choice, packing, rows, &tables)
                    });
                }
            }
        }
    }

    /// The specification's primitive, which no schedule lays out.
    pub(super) fn add_embed_bytes(&mut self) {
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
            let choices = self.choices(Kind::new(op).packing(Packing::Int2));
            self.add_shapes(&choices, shapes, product::run);
        }
    }

    /// The kernels of an int8 product by a matrix that models have in a packing.
    fn int8(&mut self, op: Op, packing: Packing) -> Vec<Choice> {
        let kind = Kind::new(op).activation(Activation::I8);
        self.choices(match self.settings.no_multiply {
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
                let choices = self.int8(op, packing);
                let is_dot = |choice: &Choice| choice.method() == Method::Dot;
                let shapes = match op {
                    Op::Gemv if choices.iter().all(is_dot) => &GEMV[..],
                    _ if choices.iter().all(is_dot) => &GEMM,
                    _ => &GEMM[..1],
                };
                self.add_shapes(&choices, shapes, product_i8::run);
            }
        }
    }

    /// Products by matrices whose groups of columns have scales, which are not looked up.
    fn add_group_products(&mut self) {
        for op in [Op::GroupGemv, Op::GroupGemm] {
            for &packing in Packing::STORED {
                let kind = Kind::new(op).packing(packing).activation(Activation::I8);
                if !self.settings.no_multiply {
                    let choices = self.choices(kind);
                    self.add_shapes(&choices, &GROUPS, product_groups::run);
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
            // What reads from memory is the same however it was made.
            let Some(choice) = self.int8(Op::Gemv, packing).pop() else {
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
        choices: &[Choice],
        shapes: &[(usize, usize)],
        run: fn(&str, Shape, usize) -> Result<Record, BenchError>,
    ) {
        for &shape in shapes {
            let choices = choices.iter().map(|choice| Shape::new(*choice, shape));
            let choices: Vec<Shape> = choices.collect();
            let columns = match choices.first().map(|shape| shape.op) {
                Some(Op::Gemm) => &COLUMNS[..],
                Some(Op::GroupGemm) => &COLUMNS[..2],
                _ => &[1],
            };
            for &tokens in columns {
                for &shape in &choices {
                    let work = move |name: &str| run(name, shape, tokens);
                    self.push(shape.name(tokens), &shape.choice, work);
                }
            }
        }
    }
}
