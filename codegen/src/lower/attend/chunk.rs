//! A chunk of positions: its scores, their exponentials, and the values that they weigh, of a few query heads at
//! once.

use super::{CHUNK, COLUMNS, LANES_U64};
use crate::ir::{Address, BinaryOp, Buffer, Builder, Lanes, ReduceOp, Size, Value};
use crate::lower::any;
use crate::lower::attention::finite_or_first;
use crate::lower::dots::{Dots, Lines};
use crate::lower::math;
use crate::lower::softmax::keep_old;

/// Query heads that share a key head's keys and values, and the reading of them.
pub(super) struct Tile {
    /// The key head.
    pub(super) head: Value,
    /// The first one, by its number among those of the key head.
    pub(super) first: Address,
    /// The same by its number among all.
    pub(super) first_of_all: Address,
    pub(super) queries: u64,
}

/// Columns of a chunk's values that lie together, position by position.
struct Columns {
    /// Where they begin in the cache.
    values: Address,
    /// The first one, in a head.
    first: Address,
    width: Size,
}

impl Tile {
    fn own(&self) -> impl Iterator<Item = Address> {
        (0..self.queries).map(|n| self.first.clone().offset(n))
    }
}

/// A whole op.
pub(super) struct Attend {
    pub(super) q: Buffer,
    pub(super) keys: Buffer,
    pub(super) values: Buffer,
    pub(super) out: Buffer,
    /// Of a chunk and a tile, then their exponentials.
    pub(super) scores: Buffer,
    /// The greatest score of each query.
    pub(super) greatest: Buffer,
    /// The partial sums of each query.
    pub(super) sums: Buffer,
    /// Elements of a head in either cache.
    pub(super) cached: Size,
    pub(super) head_dim: Size,
    /// Of `head_dim`.
    pub(super) root: Value,
    /// Partial sums of a score that are added up at once, and vectors of values.
    pub(super) together: usize,
}

impl Attend {
    /// The `n` positions of a chunk.
    pub(super) fn chunk(&self, b: &mut Builder, tile: &Tile, chunk: &Address, n: &Size) {
        let best = self.score(b, tile, chunk, n);
        let weigh = |(query, best): (u64, Value)| self.weigh(b, tile, query, n, best);
        let factors: Vec<Value> = (0..).zip(best).map(weigh).collect();
        self.mix(b, tile, chunk, n, &factors);
    }

    /// Keeps the scores of a chunk, whole vectors of them, and gives the greatest of each query.
    fn score(&self, b: &mut Builder, tile: &Tile, chunk: &Address, n: &Size) -> Vec<Value> {
        let lowest = b.splat_f32(f32::NEG_INFINITY);
        let lowest = vec![lowest; tile.queries as usize];
        let best = b.for_each_vector(n, &lowest, |b, at, lanes, best| {
            let block = chunk.times(&CHUNK.into()).plus(&at).times(&self.head_dim);
            let dots = Dots {
                q: self.q,
                queries: (0..tile.queries).map(|n| self.element(tile, n)).collect(),
                keys: self.keys,
                block: self.head(tile).plus(&block),
                lines: Lines::AsRead,
            };
            let sums = dots.looped(b, &self.head_dim, self.together);
            let keep = |((query, sum), &best): ((u64, Value), &Value)| {
                let score = b.div(sum, self.root);
                let score = finite_or_first(b, score);
                b.store(
                    self.scores,
                    at.clone().offset(query * CHUNK),
                    score,
                    Lanes::All,
                );
                let next = b.binary(BinaryOp::Max, best, score);
                keep_old(b, &lanes, next, best)
            };
            (0..).zip(sums).zip(best).map(keep).collect()
        });
        let greatest = |best: &Value| b.reduce(ReduceOp::Max, *best);
        best.iter().map(greatest).collect()
    }

    /// The exponentials of a query's scores, added to its partial sums, and what is before is scaled by.
    fn weigh(&self, b: &mut Builder, tile: &Tile, query: u64, n: &Size, best: Value) -> Value {
        let own = tile.first.clone().offset(query);
        let old = b.load(self.greatest, own.clone());
        let best = b.binary(BinaryOp::Max, old, best);
        b.store(self.greatest, own.clone(), best, Lanes::All);
        let below = b.sub(old, best);
        let factor = math::exp(b, below);
        let (best, factor) = (b.splat(best), b.splat(factor));
        let own = own.times(&LANES_U64.into());
        let sums = b.load_vector(self.sums, own.clone(), Lanes::All);
        let sums = b.mul(sums, factor);
        let sums = b.for_each_vector(n, &[sums], |b, at, lanes, sums| {
            let at = at.offset(query * CHUNK);
            let score = b.load_vector(self.scores, at.clone(), Lanes::All);
            let below = b.sub(score, best);
            let e = math::exp(b, below);
            let e = b.keep(e, &lanes);
            b.store(self.scores, at, e, Lanes::All);
            vec![b.add(sums[0], e)]
        });
        b.store(self.sums, own, sums[0], Lanes::All);
        factor
    }

    /// Scales what was summed up, and adds the chunk's values.
    fn mix(&self, b: &mut Builder, tile: &Tile, chunk: &Address, n: &Size, factors: &[Value]) {
        let values = self
            .head(tile)
            .plus(&chunk.times(&(self.head_dim.clone() * CHUNK)));
        let columns = |b: &mut Builder, first: Address, width: Size| {
            let of = Columns {
                values: values.clone().plus(&first.times(&CHUNK.into())),
                first,
                width,
            };
            self.add_columns(b, tile, n, factors, &of);
        };
        let full = self.head_dim.clone().div(COLUMNS);
        b.for_loop(full.clone(), &[], |b, i, _| {
            columns(b, Address::of(&[(i, COLUMNS.into())]), COLUMNS.into());
            vec![]
        });
        let rest = self.head_dim.clone().rem(COLUMNS);
        b.for_loop(any(rest.clone(), COLUMNS), &[], |b, _, _| {
            columns(b, Address::at(full * COLUMNS), rest);
            vec![]
        });
    }

    /// The values of some columns, a few vectors at once.
    fn add_columns(&self, b: &mut Builder, tile: &Tile, n: &Size, factors: &[Value], of: &Columns) {
        let together = self.together as u64;
        let channels = together * LANES_U64;
        let full = of.width.clone().div(channels);
        b.for_loop(full.clone(), &[], |b, i, _| {
            let at = Address::of(&[(i, channels.into())]);
            self.add_vectors(b, tile, n, factors, (of, &at), (together, &Lanes::All));
            vec![]
        });
        let rest = of.width.clone().rem(channels);
        b.for_each_vector(&rest, &[], |b, at, lanes, _| {
            let at = at.offset(full.clone() * channels);
            self.add_vectors(b, tile, n, factors, (of, &at), (1, &lanes));
            vec![]
        });
    }

    /// Those of some vectors from the column `at` on.
    fn add_vectors(
        &self,
        b: &mut Builder,
        tile: &Tile,
        n: &Size,
        factors: &[Value],
        (of, at): (&Columns, &Address),
        (vectors, lanes): (u64, &Lanes),
    ) {
        let place = |query: u64, n: u64| {
            let first = self.element(tile, query).plus(&of.first);
            first.plus(at).offset(n * LANES_U64)
        };
        let mut before = Vec::new();
        for (query, &factor) in (0..).zip(factors) {
            for n in 0..vectors {
                let old = b.load_vector(self.out, place(query, n), lanes.clone());
                before.push(b.mul(old, factor));
            }
        }
        let sums = b.for_loop(n.clone(), &before, |b, j, sums| {
            let row = of.values.clone().plus(at).step(j, of.width.clone());
            let values: Vec<Value> = (0..vectors)
                .map(|n| {
                    b.load_vector(
                        self.values,
                        row.clone().offset(n * LANES_U64),
                        lanes.clone(),
                    )
                })
                .collect();
            let mut next = Vec::new();
            for (query, sums) in (0..).zip(sums.chunks(values.len())) {
                let e = Address::of(&[(j, Size::ONE)]).offset(query * CHUNK);
                let e = b.load(self.scores, e);
                let e = b.splat(e);
                for (&sum, &value) in sums.iter().zip(&values) {
                    let term = b.mul(e, value);
                    next.push(b.add(sum, term));
                }
            }
            next
        });
        for (query, sums) in (0..).zip(sums.chunks(vectors as usize)) {
            for (n, &sum) in (0..).zip(sums) {
                b.store(self.out, place(query, n), sum, lanes.clone());
            }
        }
    }

    /// What is cached of a tile's head.
    fn head(&self, tile: &Tile) -> Address {
        Address::of(&[(tile.head, self.cached.clone())])
    }

    /// The first element of a query of a tile, in `q` and in `out`.
    fn element(&self, tile: &Tile, query: u64) -> Address {
        tile.first_of_all
            .clone()
            .offset(query)
            .times(&self.head_dim)
    }

    /// Before all chunks.
    pub(super) fn begin(&self, b: &mut Builder, tile: &Tile) {
        let (lowest, zero) = (b.f32(f32::NEG_INFINITY), b.splat_f32(0.0));
        for (query, own) in (0..).zip(tile.own()) {
            b.store(self.greatest, own.clone(), lowest, Lanes::All);
            b.store(self.sums, own.times(&LANES_U64.into()), zero, Lanes::All);
            let to = self.element(tile, query);
            b.for_each_vector(&self.head_dim, &[], |b, at, lanes, _| {
                b.store(self.out, to.clone().plus(&at), zero, lanes);
                vec![]
            });
        }
    }

    /// After all chunks.
    pub(super) fn end(&self, b: &mut Builder, tile: &Tile) {
        for (query, own) in (0..).zip(tile.own()) {
            let sums = b.load_vector(self.sums, own.times(&LANES_U64.into()), Lanes::All);
            let sum = b.reduce(ReduceOp::Add, sums);
            let sum = b.splat(sum);
            let to = self.element(tile, query);
            b.for_each_vector(&self.head_dim, &[], |b, at, lanes, _| {
                let at = to.clone().plus(&at);
                let all = b.load_vector(self.out, at.clone(), lanes.clone());
                let mean = b.div(all, sum);
                b.store(self.out, at, mean, lanes);
                vec![]
            });
        }
    }
}
