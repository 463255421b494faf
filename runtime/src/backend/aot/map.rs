//! Row-wise expressions without a compiler: for a few hundred channels at a time, one elementwise kernel after the
//! other over values that stay in the first cache, so that rows are read and written once.

use atome_codegen::expr::{Chain, Expr, MAX_OPERANDS, MAX_STEPS, OperandKind, Source};
use atome_kernels::{Kernel, find};
use atome_spec::{Op, Tier};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// Channels at a time.
const TILE: usize = 256;

/// Values of a tile in between: no expression has more steps and operands.
const SLOTS: usize = MAX_STEPS + MAX_OPERANDS;

/// An expression, ready to run.
pub(crate) struct Map {
    operands: Vec<Operand>,
    /// Each constant, a tile of it.
    numbers: Vec<[f32; TILE]>,
    steps: Vec<Step>,
    /// Slots that become values of operands when a tile is done.
    stores: Vec<(usize, usize)>,
    has_heads: bool,
}

struct Operand {
    is_row: bool,
    /// The slot into which values of heads are spread, if channels share them.
    spread: Option<usize>,
}

struct Step {
    kernel: &'static Kernel,
    /// What it reads, then what it writes.
    places: Vec<Place>,
}

/// Where a tile of values is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Number(usize),
    Operand(usize),
    Slot(usize),
}

/// How many of what: the kernel's dimensions, but for the strides.
struct Sizes {
    tokens: usize,
    channels: usize,
    head_dim: usize,
}

impl Map {
    /// Whether kernels of wide vectors, one after the other, are faster than one made now in vectors of 128 bits: where
    /// there is more to compute than to move.
    pub(crate) fn pays(expr: &Expr) -> bool {
        let is_long = |op| {
            let functions = [Op::Exp, Op::Tanh, Op::Softplus, Op::Silu, Op::Sigmoid];
            functions.contains(&op) || matches!(op, Op::Div | Op::Sqrt)
        };
        expr.chain().steps.iter().any(|step| is_long(step.op))
    }

    /// By the kernels of a tier; `None` if there are none.
    pub(crate) fn new(expr: &Expr, tier: Tier) -> Option<Map> {
        let mut slots = Slots::default();
        let operands = expr.operands().iter().map(|operand| Operand {
            is_row: operand.kind == OperandKind::Row,
            spread: operand.per_head.then(|| slots.take()),
        });
        let mut map = Map {
            operands: operands.collect(),
            numbers: Vec::new(),
            steps: Vec::new(),
            stores: Vec::new(),
            has_heads: expr.has_heads(),
        };
        let mut results = Vec::new();
        for (number, step) in expr.chain().steps.iter().enumerate() {
            let sources = step.sources.iter();
            let mut places: Vec<Place> = sources.map(|s| map.place(*s, &results)).collect();
            let to = result(expr.chain(), number).unwrap_or_else(|| Place::Slot(slots.take()));
            for source in &step.sources {
                slots.free(expr.chain(), *source, number, &results);
            }
            results.push(to);
            places.push(to);
            let kernel = find(step.op, tier)?;
            map.steps.push(Step { kernel, places });
        }
        for store in &expr.chain().stores {
            if let Place::Slot(slot) = results[store.step] {
                map.stores.push((slot, store.operand));
            } else if results[store.step] != Place::Operand(store.operand) {
                // Stored twice: the first one is where it is read from.
                let zero = map.number(-0.0);
                let places = vec![results[store.step], zero, Place::Operand(store.operand)];
                let kernel = find(Op::Add, tier)?;
                map.steps.push(Step { kernel, places });
            }
        }
        Some(map)
    }

    fn place(&mut self, source: Source, results: &[Place]) -> Place {
        match source {
            Source::Number(number) => self.number(number.value()),
            Source::Step(step) => results[step],
            Source::Operand(operand) => match self.operands[operand].spread {
                Some(slot) => Place::Slot(slot),
                None => Place::Operand(operand),
            },
        }
    }

    fn number(&mut self, value: f32) -> Place {
        let is_same = |tile: &[f32; TILE]| tile[0].to_bits() == value.to_bits();
        let known = self.numbers.iter().position(is_same);
        Place::Number(known.unwrap_or_else(|| {
            self.numbers.push([value; TILE]);
            self.numbers.len() - 1
        }))
    }

    /// Runs it over operands at these addresses, with the kernel's dimensions in order.
    ///
    /// # Panics
    /// If there are fewer addresses or dimensions than the expression asks for.
    ///
    /// # Safety
    /// As [`Kernel::call`] for the kernel of the expression: this machine runs the tier; each address is that of an
    /// operand as long as the dimensions say, whose provenance was exposed; what is written overlaps no other.
    pub(crate) unsafe fn run(&self, addresses: &[u64], dims: &[u64]) {
        let counts = if self.has_heads { 3 } else { 2 };
        let (counts, strides) = dims.split_at(counts);
        let sizes = match *counts {
            [tokens, heads, head_dim] => Sizes {
                tokens: tokens as usize,
                channels: (heads * head_dim) as usize,
                head_dim: head_dim as usize,
            },
            _ => Sizes {
                tokens: counts[0] as usize,
                channels: counts[1] as usize,
                head_dim: 1,
            },
        };
        let mut slots = [[MaybeUninit::<f32>::uninit(); TILE]; SLOTS];
        let slots = slots.as_mut_ptr().expose_provenance() as u64;
        let mut starts = [0; MAX_OPERANDS];
        let starts = &mut starts[..self.operands.len()];
        starts.copy_from_slice(&addresses[..self.operands.len()]);
        for t in 0..sizes.tokens {
            for first in (0..sizes.channels).step_by(TILE) {
                let tile = Tile {
                    starts,
                    slots,
                    first,
                    len: TILE.min(sizes.channels - first),
                };
                // SAFETY: the caller's promise, for the row of the token; slots are not used elsewhere.
                unsafe { self.tile(&tile, &sizes) };
            }
            if t + 1 < sizes.tokens {
                let mut strides = strides.iter();
                for (start, _) in starts
                    .iter_mut()
                    .zip(&self.operands)
                    .filter(|(_, o)| o.is_row)
                {
                    *start += 4 * strides.next().copied().unwrap_or(0);
                }
            }
        }
    }

    /// # Safety
    /// As [`Map::run`], for the rows that begin at the tile's addresses.
    unsafe fn tile(&self, tile: &Tile<'_>, sizes: &Sizes) {
        for (operand, start) in self.operands.iter().zip(tile.starts) {
            if let Some(slot) = operand.spread {
                let values = std::ptr::with_exposed_provenance::<f32>(*start as usize);
                let to = std::ptr::with_exposed_provenance_mut::<f32>(tile.slot(slot) as usize);
                let mut done = 0;
                while done < tile.len {
                    let (head, channel) = (tile.first + done, tile.first + done);
                    let (head, channel) = (head / sizes.head_dim, channel % sizes.head_dim);
                    let len = (sizes.head_dim - channel).min(tile.len - done);
                    // SAFETY: a value a head, and a slot as long as a tile.
                    unsafe {
                        std::slice::from_raw_parts_mut(to.add(done), len).fill(*values.add(head))
                    };
                    done += len;
                }
            }
        }
        for step in &self.steps {
            let mut args = [0; 6];
            for (arg, place) in args.iter_mut().zip(&step.places) {
                *arg = match *place {
                    Place::Number(number) => {
                        self.numbers[number].as_ptr().expose_provenance() as u64
                    }
                    Place::Operand(operand) => tile.operand(operand),
                    Place::Slot(slot) => tile.slot(slot),
                };
            }
            let count = step.places.len();
            args[count] = tile.len as u64;
            // SAFETY: every place has as many values as the tile, those that are read were written before; a step
            // writes what none of its sources is.
            unsafe { step.kernel.call(&args[..=count]) };
        }
        for &(slot, operand) in &self.stores {
            let [from, to] = [tile.slot(slot), tile.operand(operand)].map(|at| at as usize);
            let from = std::ptr::with_exposed_provenance::<f32>(from);
            let to = std::ptr::with_exposed_provenance_mut::<f32>(to);
            // SAFETY: both have as many values as the tile, and a slot is no operand.
            unsafe { std::ptr::copy_nonoverlapping(from, to, tile.len) };
        }
    }
}

/// The C form of [`Map::run`], for compiled plans: the operands' addresses, then the dimensions.
///
/// # Safety
/// `map` is one that was made, `args` as many numbers as both counts say; as [`Map::run`] for these.
#[cfg(feature = "jit")]
pub(in crate::backend) unsafe extern "C" fn run_map(
    map: *const Map,
    args: *const u64,
    operands: u64,
    dims: u64,
) {
    // SAFETY: the caller's promise.
    let (map, args) = unsafe {
        let count = (operands + dims) as usize;
        (&*map, std::slice::from_raw_parts(args, count))
    };
    let (operands, dims) = args.split_at(operands as usize);
    // SAFETY: the caller's promise, passed on.
    unsafe { map.run(operands, dims) }
}

/// The expressions of a plan, each made once.
#[derive(Default)]
pub(in crate::backend) struct Maps(BTreeMap<Arc<Expr>, Arc<Map>>);

impl Maps {
    /// By the kernels of a tier; `None` if there are none.
    pub(in crate::backend) fn get(&mut self, expr: &Arc<Expr>, tier: Tier) -> Option<Arc<Map>> {
        if let Some(known) = self.0.get(expr) {
            return Some(Arc::clone(known));
        }
        let map = Arc::new(Map::new(expr, tier)?);
        self.0.insert(Arc::clone(expr), Arc::clone(&map));
        Some(map)
    }

    #[cfg(feature = "jit")]
    pub(in crate::backend) fn into_values(self) -> Vec<Arc<Map>> {
        self.0.into_values().collect()
    }
}

/// The operand that the result of a step becomes, if nothing reads the old value from this step on.
fn result(chain: &Chain, number: usize) -> Option<Place> {
    let store = chain.stores.iter().find(|store| store.step == number)?;
    let old = Source::Operand(store.operand);
    let mut rest = chain.steps[number..].iter();
    let is_read = rest.any(|step| step.sources.contains(&old));
    (!is_read).then_some(Place::Operand(store.operand))
}

/// Which slots hold nothing that is still read.
#[derive(Default)]
struct Slots {
    count: usize,
    free: Vec<usize>,
}

impl Slots {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }

    /// Frees the slot of a source of step `number`, if that is the last to need it.
    fn free(&mut self, chain: &Chain, source: Source, number: usize, results: &[Place]) {
        let Source::Step(step) = source else { return };
        let Place::Slot(slot) = results[step] else {
            return;
        };
        let mut later = chain.steps[number + 1..].iter();
        let is_read = later.any(|step| step.sources.contains(&source));
        let is_stored = chain.stores.iter().any(|store| store.step == step);
        if !is_read && !is_stored && !self.free.contains(&slot) {
            self.free.push(slot);
        }
    }
}

/// Some channels of a token.
struct Tile<'t> {
    /// Where the token's row of each operand begins.
    starts: &'t [u64],
    slots: u64,
    first: usize,
    len: usize,
}

impl Tile<'_> {
    fn operand(&self, operand: usize) -> u64 {
        self.starts[operand] + 4 * self.first as u64
    }

    fn slot(&self, slot: usize) -> u64 {
        self.slots + (4 * TILE * slot) as u64
    }
}
