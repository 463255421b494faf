//! Three trits as a number in base 3 name a sum of three activations, of 16 bits, in a table of 27. The
//! 48 trits of three words are sixteen of these.

use super::sixes::halves_of_groups;
use super::{GROUPS, LANES_U64, Limits};
use crate::ir::{Address, BinaryOp, Buffer, Builder, Compare, Lanes, PackedOp, ShiftOp, Value};

/// Words of codes of a step.
pub(super) const WORDS: usize = 3;
/// Triples of a byte of three words: two quads of the first or second word, and one of the third.
const TRIPLES: [[i32; WORDS]; 4] = [[0, 1, 8], [2, 3, 9], [4, 5, 10], [6, 7, 11]];
/// Where negatives of activations begin, and where there are none.
const NEGATIVES: i32 = 16;
const NONE: i32 = 12;

/// What tables and indices are made from.
pub(super) struct Triples {
    /// Halves of the same byte of all quads, and of their negatives, of 32 even bytes and as many odd ones.
    bytes: [Value; 2],
    /// What makes them signed.
    bias: Value,
    /// The halves of these that are added up for each triple.
    terms: [[Value; WORDS]; 4],
    /// Of two codes, four bits: the number of both in base 3; nine times the first, and the second.
    digits: Value,
    ninths: [Value; 2],
}

impl Triples {
    /// An entry has tables for two bytes, and indices of two pairs of groups.
    pub(super) const ENTRIES: u64 = 8;
    pub(super) const TABLE_LEN: u64 = 2 * LANES_U64;
    pub(super) const PANEL_LEN: u64 = 2 * LANES_U64;

    /// Sums of 16 bits hold 15 words.
    /// Tables of a pass stay in the first cache. Sums of 16 bits would hold 15 words.
    pub(super) const LIMITS: Limits = Limits {
        tokens: 16,
        blocks: 16,
        words: 6,
    };

    pub(super) fn new(b: &mut Builder) -> Triples {
        let digits = digits(b);
        let terms = TRIPLES.map(|quads| std::array::from_fn(|i| term(b, digits[i], quads[i])));
        let lanes = b.iota();
        let bytes = [0, 1].map(|half| {
            // Halves 2 l and 2 l + 1 come from 4 l and 4 l + 2 of both vectors, or from those next to them.
            let four = b.i32_like(lanes, 0x0004_0004);
            let halves = b.mul(lanes, four);
            let first = b.i32_like(lanes, 0x0002_0000 + 0x0001_0001 * half);
            b.add(halves, first)
        });
        // An activation is u - 128 and its negative ~u + 129.
        let eight = b.i32_like(lanes, 8);
        let is_positive = b.compare(Compare::Lt, lanes, eight);
        let positive = b.splat_i32(i32::from_le_bytes([0x80, 0xff, 0x80, 0xff]));
        let negative = b.splat_i32(0x0081_0081);
        let bias = b.select(is_positive, positive, negative);
        // Byte `i` of a quarter is `i & 3 + 3 (i >> 2)`.
        let three = b.i32_like(lanes, 3);
        let second = b.and(lanes, three);
        let each = b.i32_like(lanes, i32::from_le_bytes([1; 4]));
        let second = b.mul(second, each);
        let first = b.splat_i32(i32::from_le_bytes([0, 1, 2, 0]));
        let times = |b: &mut Builder, x, n| {
            let n = b.splat_i32(n);
            b.mul(x, n)
        };
        let threefold = times(b, second, 3);
        Triples {
            bytes,
            bias,
            terms,
            digits: b.binary(BinaryOp::Add, first, threefold),
            ninths: [times(b, first, 9), times(b, second, 9)],
        }
    }

    /// The tables of a step, of which so many lanes of activations there are.
    pub(super) fn make(
        &self,
        b: &mut Builder,
        (x, from, lanes): (Buffer, &Address, Lanes),
        tables: Buffer,
        at: &Address,
    ) {
        let x = b.load_vector(x, from.clone(), lanes);
        let flip = b.i32_like(x, i32::from_le_bytes([0x80; 4]));
        let unsigned = b.binary(BinaryOp::Xor, x, flip);
        let low = b.i32_like(x, 0x00ff_00ff);
        let even = b.and(unsigned, low);
        let odd = b.shift(ShiftOp::Right, unsigned, 8);
        let odd = b.and(odd, low);
        let bytes = [even, odd].map(|halves| {
            let ones = b.i32_like(x, -1);
            [halves, b.binary(BinaryOp::Xor, halves, ones)]
        });
        // Entries of the low half of words come before those of the high half.
        for half in 0..2 {
            let bytes = bytes.map(|halves| {
                let halves = b.shuffle16(halves, self.bytes[half]);
                b.packed(PackedOp::Add16, &[halves, self.bias])
            });
            for (triple, terms) in (0..).zip(self.terms) {
                for (byte, halves) in (0..).zip(bytes) {
                    let terms = terms.map(|term| b.shuffle16([halves; 2], term));
                    let sum = b.packed(PackedOp::Add16, &[terms[0], terms[1]]);
                    let sum = b.packed(PackedOp::Add16, &[sum, terms[2]]);
                    let table = 2 * (4 * half as u64 + triple) + byte;
                    let at = at.clone().offset(table * LANES_U64);
                    b.store(tables, at, sum, Lanes::All);
                }
            }
        }
    }

    /// Two numbers in base 3 a half, of the first two groups and of the next two, for each entry.
    pub(super) fn indices(&self, b: &mut Builder, codes: &[[Value; GROUPS]]) -> Vec<Value> {
        let words: Vec<[Value; GROUPS]> = codes
            .iter()
            .map(|codes| halves_of_groups(b, *codes))
            .collect();
        let mut indices = Vec::new();
        for half in 0..2 {
            let of_pairs = [0, 1].map(|pair| {
                let words: Vec<Value> = words.iter().map(|word| word[2 * half + pair]).collect();
                self.numbers(b, &words)
            });
            let [first, second] = of_pairs;
            indices.extend(first.into_iter().zip(second).flat_map(|(x, y)| [x, y]));
        }
        indices
    }

    /// The numbers of the triples of three words, two bytes a half.
    fn numbers(&self, b: &mut Builder, words: &[Value]) -> [Value; 4] {
        let nibble = b.splat_i32(0x0f0f_0f0f);
        let mut nibbles = |word| {
            let low = b.and(word, nibble);
            let high = b.shift(ShiftOp::Right, word, 4);
            [low, b.and(high, nibble)]
        };
        let [first, second, third] = [0, 1, 2].map(|i| nibbles(words[i]));
        let two = [first, second].as_flattened().to_vec();
        std::array::from_fn(|i| {
            let two = b.packed(PackedOp::Shuffle8, &[self.digits, two[i]]);
            let one = b.packed(PackedOp::Shuffle8, &[self.ninths[i % 2], third[i / 2]]);
            b.packed(PackedOp::Add8, &[two, one])
        })
    }
}

/// The three digits of the numbers of halves, as halves.
fn digits(b: &mut Builder) -> [Value; WORDS] {
    let lanes = b.iota();
    let two = b.i32_like(lanes, 0x0002_0002);
    let even = b.mul(lanes, two);
    let one = b.i32_like(lanes, 0x0001_0000);
    let number = b.add(even, one);
    // 11 / 32 is near enough to a third of what is below 32.
    let third = |b: &mut Builder, x| {
        let eleven = b.i32_like(x, 11);
        let x = b.mul(x, eleven);
        let x = b.shift(ShiftOp::Right, x, 5);
        let mask = b.i32_like(x, 0x001f_001f);
        b.and(x, mask)
    };
    let rest = |b: &mut Builder, x, third| {
        let three = b.i32_like(x, 3);
        let whole = b.mul(third, three);
        b.binary(BinaryOp::Sub, x, whole)
    };
    let [thirds, ninths] = [1, 2].map(|times| (0..times).fold(number, |x, _| third(b, x)));
    [rest(b, number, thirds), rest(b, thirds, ninths), ninths]
}

/// Which half of activations a digit takes: `half` for 2, its negative for 0, none for 1.
fn term(b: &mut Builder, digit: Value, half: i32) -> Value {
    let halves = |b: &mut Builder, half: i32| b.splat_i32(half * 0x0001_0001);
    let one = halves(b, 1);
    let none = halves(b, NONE);
    // -1 where the digit is 1, and where it is 0.
    let spread = |b: &mut Builder, bit| {
        let mask = b.i32_like(bit, 0xffff);
        b.mul(bit, mask)
    };
    let is_one = b.and(digit, one);
    let is_one = spread(b, is_one);
    let two = b.shift(ShiftOp::Right, digit, 1);
    let two = b.and(two, one);
    let is_two = spread(b, two);
    let [of, negative] = [half, half + NEGATIVES].map(|half| halves(b, half));
    let other = b.select(is_one, none, negative);
    b.select(is_two, of, other)
}

/// Sums of the first two groups and of the next two.
pub(super) fn add(
    b: &mut Builder,
    indices: &[Value],
    (tables, at): (Buffer, &Address),
    sums: &[Value],
) -> Vec<Value> {
    let mut sums = sums.to_vec();
    for byte in 0..2 {
        let at = at.clone().offset(byte * LANES_U64);
        let table = b.load_vector(tables, at, Lanes::All);
        for (index, sum) in indices.iter().zip(&mut sums) {
            let index = b.shift(ShiftOp::Right, *index, 8 * byte as u8);
            let found = b.shuffle16([table, table], index);
            *sum = b.packed(PackedOp::Add16, &[*sum, found]);
        }
    }
    sums
}
