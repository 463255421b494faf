//! A chunk of positions: its scores, their exponentials, and the values that they weigh, of a few query heads at
//! once.

use super::caches::{Caches, Columns, Tile};
use super::{CHUNK, LANES_U64};
use crate::ir::{Address, BinaryOp, Buffer, Builder, Lanes, ReduceOp, Size, UnaryOp, Value};
use crate::lower::attention::finite_or_first;
use crate::lower::dots::Dots;
use crate::lower::math;
use crate::lower::softmax::keep_old;

/// Query heads that share a key head's keys and values, and the reading of them.
pub(super) struct Queries {
    /// The key head.
    pub(super) head: Value,
    /// The first one, by its number among those of the key head.
    pub(super) first: Address,
    /// The same by its number among all.
    pub(super) first_of_all: Address,
    pub(super) count: u64,
}

impl Queries {
    fn own(&self) -> impl Iterator<Item = Address> {
        (0..self.count).map(|n| self.first.clone().offset(n))
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
    pub(super) caches: Caches,
    /// Of `head_dim`.
    pub(super) root: Value,
    /// Partial sums of a score that are added up at once, and vectors of values.
    pub(super) together: usize,
    /// Words that keys and values are asked for ahead; 0 for not at all.
    pub(super) ahead: u64,
}

impl Attend {
    /// The `n` positions of a chunk.
    pub(super) fn chunk(&self, b: &mut Builder, tile: &Queries, chunk: &Address, n: &Size) {
        let best = self.score(b, tile, chunk, n);
        let weigh = |(query, best): (u64, Value)| self.weigh(b, tile, query, n, best);
        let factors: Vec<Value> = (0..).zip(best).map(weigh).collect();
        self.mix(b, tile, chunk, n, &factors);
    }

    /// Keeps the scores of a chunk, whole vectors of them, and gives the greatest of each query.
    fn score(&self, b: &mut Builder, tile: &Queries, chunk: &Address, n: &Size) -> Vec<Value> {
        let lowest = b.splat_f32(f32::NEG_INFINITY);
        let lowest = vec![lowest; tile.count as usize];
        let (caches, keys) = (&self.caches, self.caches.words()[0].clone());
        let keys = Address::of(&[(tile.head, keys)]);
        let best = b.for_each_vector(n, &lowest, |b, at, lanes, best| {
            let block = chunk.times(&CHUNK.into()).plus(&at);
            let block = block.times(&caches.key_words()).plus(&keys);
            let dots = Dots {
                q: self.q,
                queries: (0..tile.count).map(|n| self.element(tile, n)).collect(),
                keys: self.keys,
                block: block.clone(),
                lines: caches.lines(),
                ahead: self.ahead,
            };
            let sums = dots.looped(b, &caches.head_dim, self.together);
            let fault = (caches.held.faults() > 0).then(|| {
                let at = block.offset(caches.fault_line() * LANES_U64);
                let fault = b.load_vector(self.keys, at, Lanes::All);
                b.unary(UnaryOp::FromBits, fault)
            });
            let keep = |((query, sum), &best): ((u64, Value), &Value)| {
                let score = b.div(sum, self.root);
                let score = match fault {
                    Some(fault) => b.add(score, fault),
                    None => score,
                };
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
    fn weigh(&self, b: &mut Builder, tile: &Queries, query: u64, n: &Size, best: Value) -> Value {
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
    fn mix(&self, b: &mut Builder, tile: &Queries, chunk: &Address, n: &Size, factors: &[Value]) {
        let caches = &self.caches;
        let chunk = chunk.times(&(caches.value_words() * CHUNK));
        let chunk = Address::of(&[(tile.head, caches.words()[1].clone())]).plus(&chunk);
        let together = (self.together / caches.held.per_word()) as u64;
        caches.for_each_columns(b, &|b, columns| {
            let first = columns.word.times(&CHUNK.into()).plus(&chunk);
            caches.for_each_tiles(b, (&columns.width, together), &|b, tiles| {
                self.add_values(b, tile, n, factors, (columns, &first, tiles));
            });
        });
    }

    /// The values of some tiles of columns.
    fn add_values(
        &self,
        b: &mut Builder,
        tile: &Queries,
        n: &Size,
        factors: &[Value],
        (columns, first, tiles): (&Columns, &Address, &[Tile]),
    ) {
        let mut places = Vec::new();
        for query in 0..tile.count {
            let own = self.element(tile, query).plus(&columns.column);
            for tile in tiles {
                for (n, lanes) in (0..).zip(&tile.lanes) {
                    let at = own.clone().plus(&tile.column).offset(n * LANES_U64);
                    places.push((at, lanes.clone()));
                }
            }
        }
        let of_one = places.len() / tile.count as usize;
        let scaled = |(i, (at, lanes)): (usize, &(Address, Lanes))| {
            let old = b.load_vector(self.out, at.clone(), lanes.clone());
            b.mul(old, factors[i / of_one])
        };
        let before: Vec<Value> = places.iter().enumerate().map(scaled).collect();
        let row_words = self.caches.row_words(&columns.width);
        let sums = b.for_loop(n.clone(), &before, |b, j, sums| {
            let row = first.clone().step(j, row_words);
            let mut values = Vec::new();
            for tile in tiles {
                let at = row.clone().plus(&tile.word);
                if self.ahead > 0 {
                    b.prefetch(self.values, at.clone().offset(self.ahead));
                }
                values.extend(self.caches.load(b, self.values, at, tile));
            }
            let mut next = Vec::new();
            for (query, sums) in (0..).zip(sums.chunks(of_one)) {
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
        for ((at, lanes), sum) in places.into_iter().zip(sums) {
            b.store(self.out, at, sum, lanes);
        }
    }

    /// The first element of a query of a tile, in `q` and in `out`.
    fn element(&self, tile: &Queries, query: u64) -> Address {
        tile.first_of_all
            .clone()
            .offset(query)
            .times(&self.caches.head_dim)
    }

    /// Before all chunks.
    pub(super) fn begin(&self, b: &mut Builder, tile: &Queries) {
        let (lowest, zero) = (b.f32(f32::NEG_INFINITY), b.splat_f32(0.0));
        for (query, own) in (0..).zip(tile.own()) {
            b.store(self.greatest, own.clone(), lowest, Lanes::All);
            b.store(self.sums, own.times(&LANES_U64.into()), zero, Lanes::All);
            let to = self.element(tile, query);
            b.for_each_vector(&self.caches.head_dim, &[], |b, at, lanes, _| {
                b.store(self.out, to.clone().plus(&at), zero, lanes);
                vec![]
            });
        }
    }

    /// After all chunks.
    pub(super) fn end(&self, b: &mut Builder, tile: &Queries) {
        for (query, own) in (0..).zip(tile.own()) {
            let sums = b.load_vector(self.sums, own.times(&LANES_U64.into()), Lanes::All);
            let sum = b.reduce(ReduceOp::Add, sums);
            let sum = b.splat(sum);
            let to = self.element(tile, query);
            b.for_each_vector(&self.caches.head_dim, &[], |b, at, lanes, _| {
                let at = to.clone().plus(&at);
                let all = b.load_vector(self.out, at.clone(), lanes.clone());
                let mean = b.div(all, sum);
                b.store(self.out, at, mean, lanes);
                vec![]
            });
        }
    }
}
