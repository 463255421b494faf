//! Three trits are six bits of a code word as it is: they name a sum of three activations, of 16 bits, in
//! a table of 64. The eight trits of half a word are two of these, and two trits more.

use super::{GROUPS, LANES_U64, Limits};
use crate::ir::{Address, BinaryOp, Buffer, Builder, Compare, Lanes, PackedOp, ShiftOp, Value};

/// Vectors of the tables of half a word: two of 64 entries, and one of sixteen twice.
const OF_HALF: u64 = 5;

/// What tables are made from: vectors of halves. Half `h` is for the entries `h`, of codes `h & 3`,
/// `h >> 2 & 3` and `h >> 4`, and `h + 32`, whose third code is greater by 2.
pub(super) struct Sixes {
    /// Byte `i` of a word, as halves.
    bytes: [Value; 4],
    /// -1 where a code is 0, of the first two.
    negative: [Value; 2],
    /// -1 where a code is 0 or 2, of all three.
    counts: [Value; 3],
    /// What is added to the sums of the first two.
    more: Value,
    /// To that of the third, where it is 0 or 1, and where it is 2.
    third: [Value; 2],
}

impl Sixes {
    pub(super) const TABLE_LEN: u64 = 2 * OF_HALF * LANES_U64;

    /// Sums of 16 bits hold 15 words.
    pub(super) const LIMITS: Limits = Limits {
        tokens: 1,
        blocks: 32,
        words: 15,
    };

    pub(super) fn new(b: &mut Builder) -> Sixes {
        let bytes = [0u8, 1, 2, 3].map(|i| b.splat_i32(i32::from_le_bytes([i, 0x80, i, 0x80])));
        // A lane holds halves 2 l and 2 l + 1: their first codes are 0 and 1, or 2 and 3.
        let lanes = b.iota();
        let zero = b.splat_i32(0);
        let bit = |b: &mut Builder, bit: i32| {
            let bit = b.i32_like(lanes, bit);
            let bit = b.and(lanes, bit);
            b.compare(Compare::Eq, bit, zero)
        };
        let [first_low, second_even, second_low, third_even] = [1, 2, 4, 8].map(|i| bit(b, i));
        let even = b.splat_i32(0xffff);
        let first = b.and(first_low, even);
        let second = b.and(second_low, second_even);
        // An activation is u - 128 and its negative ~u + 129.
        let negative = b.splat_i32(0x0081_0081);
        let positive = b.splat_i32(i32::from_le_bytes([0x80, 0xff, 0x80, 0xff]));
        let more = |b: &mut Builder, is_negative, counts| {
            let more = b.select(is_negative, negative, positive);
            b.and(more, counts)
        };
        let of_first = more(b, first, even);
        let of_second = more(b, second, second_even);
        let both = b.packed(PackedOp::Add16, &[of_first, of_second]);
        let low = b.and(negative, third_even);
        let high = b.and(positive, third_even);
        Sixes {
            bytes,
            negative: [first, second],
            counts: [even, second_even, third_even],
            more: both,
            third: [low, high],
        }
    }

    pub(super) fn make(&self, b: &mut Builder, u: [Value; 4], tables: Buffer, at: &Address) {
        for half in 0..2 {
            let u = [2 * half, 2 * half + 1]
                .map(|byte| u.map(|u| b.packed(PackedOp::Shuffle8, &[u, self.bytes[byte]])));
            let u = u.as_flattened();
            let mut made = Vec::new();
            for u in u[..6].chunks(3) {
                let two = self.two(b, u);
                let ones = b.splat_i32(-1);
                let negated = b.binary(BinaryOp::Xor, u[2], ones);
                for (third, more) in [negated, u[2]].into_iter().zip(self.third) {
                    let third = b.and(third, self.counts[2]);
                    let third = b.packed(PackedOp::Add16, &[third, more]);
                    made.push(b.packed(PackedOp::Add16, &[two, third]));
                }
            }
            made.push(self.two(b, &u[6..]));
            for (i, table) in (half as u64 * OF_HALF..).zip(made) {
                let at = at.clone().offset(i * LANES_U64);
                b.store(tables, at, table, Lanes::All);
            }
        }
    }

    /// The sums of the first two of activations.
    fn two(&self, b: &mut Builder, u: &[Value]) -> Value {
        let mut sum = self.more;
        for ((u, negative), counts) in u.iter().zip(self.negative).zip(self.counts) {
            let term = b.binary(BinaryOp::Xor, *u, negative);
            let term = b.and(term, counts);
            sum = b.packed(PackedOp::Add16, &[sum, term]);
        }
        sum
    }
}

/// The low halves of `x` and of `y`, and the high ones.
fn halves_of(b: &mut Builder, x: Value, y: Value) -> [Value; 2] {
    let mask = b.i32_like(x, 0xffff);
    let low = b.and(x, mask);
    let from_low = b.shift(ShiftOp::Left, y, 16);
    let from_high = b.shift(ShiftOp::Right, x, 16);
    let mask = b.i32_like(x, !0xffff);
    let high = b.and(y, mask);
    [
        b.binary(BinaryOp::Or, low, from_low),
        b.binary(BinaryOp::Or, from_high, high),
    ]
}

/// The low halves of the first two groups' words, of the next two's, and the high ones.
pub(super) fn halves_of_groups(b: &mut Builder, codes: [Value; GROUPS]) -> [Value; GROUPS] {
    let [x, y, z, w] = codes;
    let (first, second) = (halves_of(b, x, y), halves_of(b, z, w));
    [first[0], second[0], first[1], second[1]]
}

/// Sums of the first two groups and of the next two.
pub(super) fn add(
    b: &mut Builder,
    indices: &[Value],
    (tables, at): (Buffer, &Address),
    sums: &[Value],
) -> Vec<Value> {
    let mut sums = sums.to_vec();
    for (half, indices) in (0..).zip(indices.chunks(2)) {
        for (first, last, bit) in [(0, 1, 0), (2, 3, 6), (4, 4, 12)] {
            let load = |b: &mut Builder, i| {
                let at = at.clone().offset((half * OF_HALF + i) * LANES_U64);
                b.load_vector(tables, at, Lanes::All)
            };
            let low = load(b, first);
            let high = match first == last {
                true => low,
                false => load(b, last),
            };
            for (index, sum) in indices.iter().zip(&mut sums) {
                let index = b.shift(ShiftOp::Right, *index, bit);
                let found = b.shuffle16([low, high], index);
                *sum = b.packed(PackedOp::Add16, &[*sum, found]);
            }
        }
    }
    sums
}

/// Two groups are the halves of a sum.
pub(super) fn of_groups(b: &mut Builder, sums: &[Value]) -> [Value; GROUPS] {
    let halves = |b: &mut Builder, sum| {
        let low = b.shift(ShiftOp::Left, sum, 16);
        [
            b.shift(ShiftOp::RightSigned, low, 16),
            b.shift(ShiftOp::RightSigned, sum, 16),
        ]
    };
    let (first, second) = (halves(b, sums[0]), halves(b, sums[1]));
    [first[0], first[1], second[0], second[1]]
}
