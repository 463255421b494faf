//! Dot products of queries with the keys of a cache.
//!
//! Keys lie in blocks of 16 positions, so that a lane is a position and the 16 partial sums of a product are 16
//! vectors: the fixed tree needs no shuffles, and a block is one stream. An element of sixteen keys is a line.

use super::{any, half};
use crate::ir::{Address, Buffer, Builder, Lanes, Size, Value};
use atome_spec::LANES;

const LANES_U64: u64 = LANES as u64;

/// Dot products of queries with the sixteen keys of a block at once, a vector a query. Queries share the
/// reading of the keys.
pub(super) struct Dots {
    pub(super) q: Buffer,
    /// Each query's first element.
    pub(super) queries: Vec<Address>,
    pub(super) keys: Buffer,
    /// The block's.
    pub(super) block: Address,
    pub(super) lines: Lines,
    /// Words that keys are asked for ahead; 0 for not at all.
    pub(super) ahead: u64,
}

/// The order of a block's lines.
#[derive(Clone, Copy)]
pub(super) enum Lines {
    /// That of the elements.
    InOrder,
    /// That in which [`looped`](Dots::looped) reads them, four partial sums together, but for the elements that fill no
    /// vector.
    AsRead,
    /// Two such lines of f16 in one of words, the first in the low halves.
    Halves,
}

/// Partial sums whose lines lie together where they lie [as they are read](Lines::AsRead), and the number of such fours.
pub(super) const FOUR: u64 = 4;

/// Where sixteen keys have an element.
pub(super) struct Line {
    /// The number of the vector.
    pub(super) number: Address,
    /// First bit of an f16.
    bit: Option<u8>,
}

impl Lines {
    /// That of the element `16 * i + j`, where elements fill `full` vectors.
    pub(super) fn of(self, i: Value, j: u64, full: &Size) -> Line {
        let (per_line, four) = (self.per_line(), j / FOUR);
        let number = match self {
            Lines::InOrder => Address::of(&[(i, LANES_U64.into())]).offset(j),
            Lines::AsRead | Lines::Halves => {
                let of_one = FOUR / per_line;
                let before = full.clone() * (j % FOUR * of_one) + four / per_line;
                Address::of(&[(i, of_one.into())]).offset(before)
            }
        };
        self.line(number, four)
    }

    /// That of element `j` of those behind `full` vectors.
    fn left(self, j: u64, full: &Size) -> Line {
        let per_line = self.per_line();
        let number = full.clone() * (LANES_U64 / per_line) + j / per_line;
        self.line(Address::at(number), j)
    }

    /// The vector of that number, of which an element that is the `nth` of some is in this half.
    fn line(self, number: Address, nth: u64) -> Line {
        let bit = match self {
            Lines::InOrder | Lines::AsRead => None,
            Lines::Halves => Some((nth % 2 * 16) as u8),
        };
        Line { number, bit }
    }

    fn per_line(self) -> u64 {
        match self {
            Lines::InOrder | Lines::AsRead => 1,
            Lines::Halves => 2,
        }
    }
}

impl Dots {
    /// All of `n` elements one by one.
    pub(super) fn unrolled(&self, b: &mut Builder, n: u64) -> Vec<Value> {
        tree(b, (0, 1), LANES_U64, &|b, first| {
            let zero = b.splat_f32(0.0);
            let mut sums = vec![zero; self.queries.len()];
            for i in (first..n).step_by(LANES) {
                let own = self.lines.left(i, &Size::ZERO);
                sums = self.add_products(b, &sums, (Address::at(i), own));
            }
            sums
        })
    }

    /// In loops, for a head that is long or not known. So many partial sums of each query are carried through one
    /// at once: a power of two up to 16.
    pub(super) fn looped(&self, b: &mut Builder, n: &Size, together: usize) -> Vec<Value> {
        let step = LANES_U64 / together as u64;
        tree(b, (0, 1), step, &|b, first| {
            self.together(b, n, first, step)
        })
    }

    /// The subtree over the partial sums `first`, `first + step`, and so on.
    fn together(&self, b: &mut Builder, n: &Size, first: u64, step: u64) -> Vec<Value> {
        let numbers: Vec<u64> = (first..LANES_U64).step_by(step as usize).collect();
        let of_one = self.queries.len();
        let zero = b.splat_f32(0.0);
        let zeros = vec![zero; numbers.len() * of_one];
        let full = n.clone().div(LANES_U64);
        let mut sums = b.for_loop(full.clone(), &zeros, |b, i, sums| {
            let add = |(&j, sums): (&u64, &[Value])| {
                let element = Address::of(&[(i, LANES_U64.into())]).offset(j);
                self.add_products(b, sums, (element, self.lines.of(i, j, &full)))
            };
            numbers
                .iter()
                .zip(sums.chunks(of_one))
                .flat_map(add)
                .collect()
        });
        let rest = n.clone().rem(LANES_U64);
        for (&j, sums) in numbers.iter().zip(sums.chunks_mut(of_one)) {
            let there = any(rest.clone().sub(j), LANES_U64);
            let next = b.for_loop(there, sums, |b, _, sums| {
                let element = Address::at(full.clone() * LANES_U64 + j);
                self.add_products(b, sums, (element, self.lines.left(j, &full)))
            });
            sums.copy_from_slice(&next);
        }
        tree(b, (0, 1), numbers.len() as u64, &|_, number| {
            sums[number as usize * of_one..][..of_one].to_vec()
        })
    }

    /// `sum + q[i] * keys[i]` of each query, where `i` is an element that has this line.
    fn add_products(
        &self,
        b: &mut Builder,
        sums: &[Value],
        (element, line): (Address, Line),
    ) -> Vec<Value> {
        let at = line.number.times(&LANES_U64.into());
        let at = self.block.clone().plus(&at);
        if self.ahead > 0 && line.bit.is_none_or(|bit| bit == 0) {
            b.prefetch(self.keys, at.clone().offset(self.ahead));
        }
        let key = b.load_vector(self.keys, at, Lanes::All);
        let key = match line.bit {
            Some(bit) => half::decode(b, key, bit),
            None => key,
        };
        let add = |(query, &sum): (&Address, &Value)| {
            let query = b.load(self.q, query.clone().plus(&element));
            let query = b.splat(query);
            let product = b.mul(key, query);
            b.add(sum, product)
        };
        self.queries.iter().zip(sums).map(add).collect()
    }
}

/// The fixed tree over vectors of values that lie `step` apart from `first` on, `leaf` of each where they are `stop`
/// apart. Depth first, few of them are alive at once.
fn tree(
    b: &mut Builder,
    (first, step): (u64, u64),
    stop: u64,
    leaf: &dyn Fn(&mut Builder, u64) -> Vec<Value>,
) -> Vec<Value> {
    if step == stop {
        return leaf(b, first);
    }
    let low = tree(b, (first, 2 * step), stop, leaf);
    let high = tree(b, (first + step, 2 * step), stop, leaf);
    low.iter()
        .zip(high)
        .map(|(&low, high)| b.add(low, high))
        .collect()
}
