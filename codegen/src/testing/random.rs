use super::Rng;
use super::inputs::random_dim;
use crate::ir::{
    Access, Address, BinaryOp, Buffer, Builder, Elem, Function, Lanes, Size, Type, UnaryOp, Value,
};

/// What a generated value may be used as.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// An f32 of at most `2^limit` in magnitude, never NaN.
    F32 { limit: u32 },
    /// Any i32.
    I32,
    /// 0 or -1 in every lane.
    Mask,
    /// An index below `bound`.
    Index { bound: Size },
}

/// A value in scope.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) value: Value,
    pub(super) kind: Kind,
    pub(super) vector: bool,
}

/// An access to memory that may be repeated while its indices are in scope.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) buffer: usize,
    pub(super) address: Address,
    pub(super) lanes: Lanes,
    pub(super) vector: bool,
}

/// A buffer and the lengths that its accesses ask for.
pub(super) struct Memory {
    pub(super) buffer: Buffer,
    pub(super) access: Access,
    pub(super) elem: Elem,
    pub(super) needs: Vec<Size>,
}

pub(super) struct Generator {
    pub(super) rng: Rng,
    pub(super) dims: Vec<Size>,
    pub(super) memory: Vec<Memory>,
    /// Values in scope, outer ones first.
    pub(super) known: Vec<Known>,
    pub(super) sites: Vec<Site>,
    /// Scratch memory of i32, all of it written at the start.
    scratch: Buffer,
}

/// Elements of scratch memory.
const SCRATCH: u64 = 40;

/// A loop carries f32 values of at most this magnitude (a power of two), and memory keeps them.
pub(super) const KEPT_LIMIT: u32 = 20;

/// The function of a seed. It is valid, stays inside its buffers for every input that
/// [`super::random_inputs`] makes, and computes neither NaN nor infinity, so that everything
/// that runs it must leave the same bytes in memory.
///
/// A few dozen seeds together use every instruction; loops nest up to three deep, carry
/// values, ask for unrolling and have trip counts that are constant or not, 0 included;
/// vectors have tails; some functions have all dimensions bound, some none.
pub fn random_function(seed: u64) -> Function {
    let mut rng = Rng::new(seed);
    let mut b = Builder::new(format!("random_{seed}"));
    let names = ["n", "m", "k"];
    let dims: Vec<Size> = names[..1 + rng.below(3) as usize]
        .iter()
        .map(|n| b.dim(n))
        .collect();
    let mut memory = Vec::new();
    for access in [Access::In, Access::InOut, Access::Out] {
        for elem in [Elem::F32, Elem::I32] {
            let buffer = b.buffer(
                &format!("{access:?}_{elem}").to_lowercase(),
                access,
                elem,
                0,
            );
            let needs = Vec::new();
            memory.push(Memory {
                buffer,
                access,
                elem,
                needs,
            });
        }
    }
    let n = rng.pick(&dims);
    let from = b.buffer("walk_in", Access::In, Elem::F32, n.clone());
    let to = b.buffer("walk_out", Access::Out, Elem::F32, n.clone());
    let scratch = b.scratch("scratch", Elem::I32, SCRATCH);
    let mut generator = Generator {
        rng,
        dims,
        memory,
        known: Vec::new(),
        sites: Vec::new(),
        scratch,
    };
    generator.start(&mut b);
    generator.block(&mut b, 0);
    generator.walk(&mut b, (n, from, to));
    let mut function = b.finish();
    for memory in &generator.memory {
        let needs = memory.needs.iter().cloned();
        let param = &mut function.buffers[memory.buffer.0 as usize];
        param.len = needs.fold(param.len.clone(), |sum, need| sum + need);
    }
    generator.bind(&function)
}

impl Generator {
    /// At least one value of every kind that operands are picked from.
    fn start(&mut self, b: &mut Builder) {
        for name in ["p", "q"] {
            let value = b.scalar(name);
            self.learn(b, value, Kind::F32 { limit: 3 });
        }
        let x = b.i32(-3);
        self.learn(b, x, Kind::I32);
        let x = b.i32(-1);
        self.learn(b, x, Kind::Mask);
        let iota = b.iota();
        self.learn(b, iota, Kind::I32);
        let x = b.unary(UnaryOp::ToFloat, iota);
        self.learn(b, x, Kind::F32 { limit: 4 });
        let x = b.i32_like(iota, 0);
        self.learn(b, x, Kind::Mask);
        for at in [0, 16, SCRATCH - 16] {
            b.store(self.scratch, Address::at(at), iota, Lanes::All);
        }
    }

    /// Notes a value that is in scope from here.
    pub(super) fn learn(&mut self, b: &Builder, value: Value, kind: Kind) {
        let vector = b.type_of(value).is_vector();
        self.known.push(Known {
            value,
            kind,
            vector,
        });
    }

    /// A known value that `fits`, as often as not one of the latest.
    pub(super) fn pick(&mut self, fits: impl Fn(&Known) -> bool) -> Known {
        let fitting: Vec<&Known> = self.known.iter().filter(|k| fits(k)).collect();
        let recent = fitting.len().min(3);
        let from = if self.rng.one_in(2) {
            fitting.len() - recent
        } else {
            0
        };
        let at = from as u64 + self.rng.below((fitting.len() - from) as u64);
        fitting[at as usize].clone()
    }

    /// A trip count, a number of lanes or a stride, and more often than not a small one.
    pub(super) fn size(&mut self) -> Size {
        let dim = self.rng.pick(&self.dims);
        match self.rng.below(8) {
            0 => dim,
            1 => dim.div(3),
            2 => dim.rem(16),
            3 => dim.rem(4).sub(1),
            4 => dim.div_ceil(16),
            5 => Size::Const(self.rng.pick(&[0, 1, 15, 16, 17])),
            _ => Size::Const(self.rng.below(5)),
        }
    }

    fn block(&mut self, b: &mut Builder, depth: u64) {
        let statements = 3 + self.rng.below(12 - 3 * depth);
        for _ in 0..statements {
            match self.rng.below(12) {
                0 | 1 if depth < 3 => self.for_loop(b, depth),
                0..=2 => self.store(b),
                3 => self.prefetch(b),
                4 | 5 if self.rng.one_in(3) => self.scratch(b),
                4 | 5 => self.load(b),
                6 => self.index(b),
                _ => self.arithmetic(b),
            }
        }
    }

    /// A vector into scratch memory, or a vector or a scalar out of it.
    fn scratch(&mut self, b: &mut Builder) {
        let at = Address::at(self.rng.below(SCRATCH - 15));
        let loaded = match self.rng.below(3) {
            0 => {
                let x = self.pick(|k| k.kind == Kind::I32 && k.vector).value;
                let lanes = Lanes::First(self.size());
                let lanes = self.rng.pick(&[Lanes::All, lanes]);
                return b.store(self.scratch, at, x, lanes);
            }
            1 => b.load(self.scratch, at),
            _ => b.load_vector(self.scratch, at, Lanes::All),
        };
        self.learn(b, loaded, Kind::I32);
    }

    fn for_loop(&mut self, b: &mut Builder, depth: u64) {
        // Deep loops are short, so that a function runs in well under a millisecond.
        let trip = match depth {
            0 | 1 => self.size(),
            _ => Size::Const(self.rng.below(4)),
        };
        let unroll = self.rng.pick(&[1, 1, 2, 3, 4, 20]);
        let carried: Vec<Known> = (0..self.rng.below(4))
            .map(|_| {
                let init = self.pick(|k| !matches!(k.kind, Kind::Index { .. }));
                self.keep_limit(b, init)
            })
            .collect();
        let inits: Vec<Value> = carried.iter().map(|k| k.value).collect();
        let (scope, sites) = (self.known.len(), self.sites.len());
        let when = self.condition(b);
        let repeated = (trip.clone(), when);
        let results = b.repeat(repeated, unroll, &inits, |b, counter, params| {
            self.learn(b, counter, Kind::Index { bound: trip });
            for (param, init) in params.iter().zip(&carried) {
                self.learn(b, *param, init.kind.clone());
            }
            self.block(b, depth + 1);
            let nexts = carried.iter().map(|like| self.next(b, like)).collect();
            self.known.truncate(scope);
            self.sites.truncate(sites);
            nexts
        });
        for (result, like) in results.iter().zip(carried) {
            self.learn(b, *result, like.kind);
        }
    }

    /// What decides whether a loop runs; of most, nothing.
    fn condition(&mut self, b: &mut Builder) -> Option<Value> {
        if self.rng.below(3) != 0 {
            return None;
        }
        let number = self.pick(|k| k.kind == Kind::I32 && !k.vector).value;
        let bit = b.i32(1);
        // Of numbers as they are hardly one is 0.
        Some(match self.rng.below(3) {
            0 => number,
            _ => b.and(number, bit),
        })
    }

    /// A value to carry on, of the kind of `like`.
    fn next(&mut self, b: &mut Builder, like: &Known) -> Value {
        let same = |k: &Known| {
            let kind = std::mem::discriminant(&k.kind) == std::mem::discriminant(&like.kind);
            kind && k.vector == like.vector
        };
        let next = self.pick(same);
        self.keep_limit(b, next).value
    }

    /// `known` with an f32 limited to what loops carry and memory keeps.
    pub(super) fn keep_limit(&mut self, b: &mut Builder, known: Known) -> Known {
        let Kind::F32 { limit } = known.kind else {
            return known;
        };
        let value = if limit > KEPT_LIMIT {
            self.clamp(b, known.value, KEPT_LIMIT)
        } else {
            known.value
        };
        let kind = Kind::F32 { limit: KEPT_LIMIT };
        Known {
            value,
            kind,
            ..known
        }
    }

    /// A pass over two buffers of exactly `n` elements, tail included: the idiom of kernels.
    fn walk(&mut self, b: &mut Builder, (n, from, to): (Size, Buffer, Buffer)) {
        let factor = self
            .pick(|k| !k.vector && matches!(k.kind, Kind::F32 { limit } if limit <= KEPT_LIMIT));
        // Neutral for some zeros only.
        let op = self.rng.pick(&[BinaryOp::Add, BinaryOp::Sub]);
        let neutral = self.rng.pick(&[0.0, -0.0]);
        b.for_each_vector(&n, &[], |b, at, lanes, _| {
            let x = b.load_vector(from, at.clone(), lanes.clone());
            let factor = b.splat(factor.value);
            let x = b.mul(x, factor);
            let neutral = b.f32_like(x, neutral);
            let x = b.binary(op, x, neutral);
            b.store(to, at, x, lanes);
            vec![]
        });
    }

    /// Binds none, some or all of the dimensions.
    fn bind(&mut self, function: &Function) -> Function {
        let all = self.rng.one_in(3);
        let mut bound = Vec::new();
        for name in &function.dims {
            if all || self.rng.one_in(4) {
                bound.push((name.as_str(), random_dim(&mut self.rng)));
            }
        }
        function.bind(&bound)
    }

    /// A conversion between indices and numbers, or an index's number.
    fn index(&mut self, b: &mut Builder) {
        let has_index = self
            .known
            .iter()
            .any(|k| matches!(k.kind, Kind::Index { .. }));
        if has_index && self.rng.one_in(2) {
            let index = self.pick(|k| matches!(k.kind, Kind::Index { .. }));
            let x = b.from_index(index.value);
            self.learn(b, x, Kind::I32);
        } else {
            let x = self.pick(|k| !k.vector && k.kind == Kind::I32);
            debug_assert_eq!(b.type_of(x.value), Type::I32);
            let mask = self.rng.pick(&[0, 1, 7, 15]);
            let low = b.i32(mask);
            let x = b.and(x.value, low);
            let index = b.to_index(x);
            let bound = Size::Const(mask as u64 + 1);
            self.learn(b, index, Kind::Index { bound });
        }
    }
}
