//! Two trits name a sum of two activations, 0 to 512 with 256 added: its low five bits in one table of
//! sixteen bytes, the others in another. Bytes sum up over the eight pairs of a word.

use super::{GROUPS, LANES_U64, Limits};
use crate::ir::{Address, BinaryOp, Buffer, Builder, Compare, Lanes, PackedOp, ShiftOp, Value};

/// The low byte of each half.
const LOW: i32 = 0x00ff_00ff;
/// Bits of a sum that are in the first table.
const BITS: u8 = 5;
/// Pairs of a word.
const OF_WORD: u64 = 8;

/// What tables are made from: vectors of halves, the same in every quarter. Half `i` of a quarter is for
/// the entries `2 i`, of codes `2 i & 3` and `i >> 1`, and `2 i + 1`, whose first code is 1 (or 3, which
/// is no code).
pub(super) struct Pairs {
    /// The byte of a word whose number is the quarter's, as halves.
    byte: Value,
    /// -1 where the first code is 0.
    first: Value,
    /// -1 where the second code is 0.
    second: Value,
    /// -1 where the second code is 0 or 2.
    second_counts: Value,
    /// What is added to entries, even and odd.
    more: [Value; 2],
}

impl Pairs {
    /// Four vectors: tables of the low bits and of the others of the first two quads, and of the next two.
    pub(super) const TABLE_LEN: u64 = 4 * LANES_U64;
    pub(super) const PANEL_LEN: u64 = OF_WORD * LANES_U64;
    /// 256 a pair.
    pub(super) const EXCESS: i32 = OF_WORD as i32 * 256;

    /// Sums of 16 bits without a sign would hold 15 words.
    pub(super) const LIMITS: Limits = Limits {
        tokens: 8,
        blocks: 16,
        words: 7,
    };

    pub(super) fn new(b: &mut Builder) -> Pairs {
        let lanes = b.iota();
        let quarter = b.shift(ShiftOp::Right, lanes, 2);
        let high = b.shift(ShiftOp::Left, quarter, 16);
        let byte = b.binary(BinaryOp::Or, quarter, high);
        let none = b.splat_i32(i32::from_le_bytes([0, 0x80, 0, 0x80]));
        let byte = b.binary(BinaryOp::Or, byte, none);
        // Lanes hold halves 2 l and 2 l + 1: the first code of the low one is 0, of the high one 2, and
        // the second code of both is l.
        let three = b.i32_like(lanes, 3);
        let code = b.and(lanes, three);
        let zero = b.splat_i32(0);
        let one = b.i32_like(lanes, 1);
        let odd = b.and(code, one);
        let second = b.compare(Compare::Eq, code, zero);
        let second_counts = b.compare(Compare::Eq, odd, zero);
        let first = b.splat_i32(0x0000_ffff);
        // An activation is u - 128 and its negative ~u + 129.
        let bias = b.splat_i32(0x0100_0100);
        let negative = b.splat_i32(0x0081_0081);
        let positive = b.splat_i32(i32::from_le_bytes([0x80, 0xff, 0x80, 0xff]));
        let of_second = b.select(second, negative, positive);
        let of_second = b.and(of_second, second_counts);
        let odd = b.packed(PackedOp::Add16, &[bias, of_second]);
        let of_first = b.splat_i32(i32::from_le_bytes([0x81, 0, 0x80, 0xff]));
        let even = b.packed(PackedOp::Add16, &[odd, of_first]);
        Pairs {
            byte,
            first,
            second,
            second_counts,
            more: [even, odd],
        }
    }

    /// The tables of pairs of quads, a quarter each byte's.
    pub(super) fn make(&self, b: &mut Builder, u: [Value; 4], tables: Buffer, at: &Address) {
        let halves = u.map(|u| b.packed(PackedOp::Shuffle8, &[u, self.byte]));
        for (pair, u) in (0..).zip(halves.chunks(2)) {
            let first = b.binary(BinaryOp::Xor, u[0], self.first);
            let second = b.binary(BinaryOp::Xor, u[1], self.second);
            let second = b.and(second, self.second_counts);
            let odd = b.packed(PackedOp::Add16, &[second, self.more[1]]);
            let both = b.packed(PackedOp::Add16, &[first, second]);
            let even = b.packed(PackedOp::Add16, &[both, self.more[0]]);
            let at = at.clone().offset(pair * 2 * LANES_U64);
            let low = low_bits(b, even, odd);
            b.store(tables, at.clone(), low, Lanes::All);
            let high = high_bits(b, even, odd);
            b.store(tables, at.offset(LANES_U64), high, Lanes::All);
        }
    }
}

/// The low bits of even and odd entries, as bytes.
fn low_bits(b: &mut Builder, even: Value, odd: Value) -> Value {
    let bits = b.i32_like(even, 0x001f_001f);
    let even = b.and(even, bits);
    let odd = b.and(odd, bits);
    let odd = b.shift(ShiftOp::Left, odd, 8);
    b.binary(BinaryOp::Or, even, odd)
}

/// The other bits.
fn high_bits(b: &mut Builder, even: Value, odd: Value) -> Value {
    let even = b.shift(ShiftOp::Right, even, BITS);
    let bits = b.i32_like(even, 0x001f_001f);
    let even = b.and(even, bits);
    let odd = b.shift(ShiftOp::Left, odd, 8 - BITS);
    let bits = b.i32_like(odd, 0x1f00_1f00);
    let odd = b.and(odd, bits);
    b.binary(BinaryOp::Or, even, odd)
}

/// The pairs of each byte, those of the first quads and those of the next: byte `g` of lane `l` is of row
/// `l` of group `g`.
pub(super) fn indices(b: &mut Builder, codes: [Value; GROUPS]) -> Vec<Value> {
    let [a, c, d, e] = codes;
    let [first, third] = halves_of(b, a, d);
    let [second, fourth] = halves_of(b, c, e);
    let bytes = [(first, second), (third, fourth)].map(|(x, y)| bytes_of(b, x, y));
    let nibble = b.splat_i32(0x0f0f_0f0f);
    let bytes = bytes.as_flattened();
    let low = bytes.iter().map(|bytes| b.and(*bytes, nibble));
    let mut indices: Vec<Value> = low.collect();
    for bytes in bytes {
        let high = b.shift(ShiftOp::Right, *bytes, 4);
        indices.push(b.and(high, nibble));
    }
    indices
}

/// The low halves of `x` and of `y`, and the high ones.
pub(super) fn halves_of(b: &mut Builder, x: Value, y: Value) -> [Value; 2] {
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

/// The low bytes of each half of `x` and of `y`, and the high ones.
fn bytes_of(b: &mut Builder, x: Value, y: Value) -> [Value; 2] {
    let mask = b.i32_like(x, LOW);
    let low = b.and(x, mask);
    let from_low = b.and(y, mask);
    let from_low = b.shift(ShiftOp::Left, from_low, 8);
    let from_high = b.shift(ShiftOp::Right, x, 8);
    let from_high = b.and(from_high, mask);
    let mask = b.i32_like(x, !LOW);
    let high = b.and(y, mask);
    [
        b.binary(BinaryOp::Or, low, from_low),
        b.binary(BinaryOp::Or, from_high, high),
    ]
}

/// Sums of 16 bits: of even bytes and of odd ones.
pub(super) fn add(
    b: &mut Builder,
    indices: &[Value],
    tables: Buffer,
    at: &Address,
    sums: &[Value],
) -> Vec<Value> {
    let zero = b.splat_i32(0);
    let mut parts = [zero; 2];
    for (i, index) in (0..).zip(indices) {
        for (part, sum) in (0..).zip(&mut parts) {
            // Four tables a vector, one a byte.
            let table = (2 * (i / 4) + part) * LANES_U64 + 4 * (i % 4);
            let table = b.load_vector(tables, at.clone().offset(table), Lanes::All);
            let table = b.spread(table);
            let found = b.packed(PackedOp::Shuffle8, &[table, *index]);
            *sum = match i {
                0 => found,
                _ => b.packed(PackedOp::Add8, &[*sum, found]),
            };
        }
    }
    let [low, high] = parts;
    let mask = b.i32_like(low, LOW);
    let even = b.and(low, mask);
    let even_high = b.and(high, mask);
    let even_high = b.shift(ShiftOp::Left, even_high, BITS);
    let odd = b.shift(ShiftOp::Right, low, 8);
    let odd = b.and(odd, mask);
    let odd_high = b.shift(ShiftOp::Right, high, 8 - BITS);
    let mask = b.i32_like(low, LOW << BITS);
    let odd_high = b.and(odd_high, mask);
    let mut added = Vec::new();
    for (sum, more) in sums.iter().zip([[even, even_high], [odd, odd_high]]) {
        let more = b.packed(PackedOp::Add16, &more);
        added.push(b.packed(PackedOp::Add16, &[*sum, more]));
    }
    added
}

/// Bytes 0 and 2 of lanes are the halves of the first sum.
pub(super) fn of_groups(b: &mut Builder, sums: &[Value]) -> [Value; GROUPS] {
    let mask = b.i32_like(sums[0], 0xffff);
    let mut halves = |sum| [b.and(sum, mask), b.shift(ShiftOp::Right, sum, 16)];
    let [even, odd] = [0, 1].map(|i| halves(sums[i]));
    [even[0], odd[0], even[1], odd[1]]
}
