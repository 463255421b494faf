//! Two trits name a sum of two activations, 0 to 512 with 256 added: its low five bits in one table of
//! sixteen bytes, the others in another. Bytes sum up over the eight pairs of a word.

use super::{GROUPS, LANES_U64, Limits};
use crate::ir::{Address, BinaryOp, Buffer, Builder, Compare, Lanes, PackedOp, ShiftOp, Value};

/// The low byte of each half.
const LOW: i32 = 0x00ff_00ff;
/// Bits of a sum that are in the first table.
const BITS: u8 = 5;
/// Bytes of a word, of two pairs each.
pub(super) const BYTES: u64 = 4;
const OF_WORD: u64 = 2 * BYTES;

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
    /// Whether indices are made where they are used.
    one_token: bool,
}

impl Pairs {
    /// Four vectors: tables of the low bits and of the others of the first two quads, and of the next two.
    pub(super) const TABLE_LEN: u64 = 4 * LANES_U64;
    /// 256 a pair.
    pub(super) const EXCESS: i32 = OF_WORD as i32 * 256;

    /// Of several tokens. Sums of 16 bits without a sign would hold 15 words.
    const LIMITS: Limits = Limits {
        tokens: 8,
        blocks: 16,
        words: 7,
    };
    /// Of one.
    const ONE_TOKEN: Limits = Limits {
        tokens: 1,
        blocks: 32,
        words: 15,
    };

    pub(super) fn new(b: &mut Builder, one_token: bool) -> Pairs {
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
            one_token,
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        match self.one_token {
            true => Pairs::ONE_TOKEN,
            false => Pairs::LIMITS,
        }
    }

    /// Elements of the indices of a word, if they are kept.
    pub(super) const fn panel_len(&self) -> u64 {
        match self.one_token {
            true => 0,
            false => OF_WORD * LANES_U64,
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

/// What has the pairs of each byte, those of the first quads and those of the next: byte `g` of lane `l` is of row `l` of
/// group `g`, as words that are sorted have it.
pub(super) type Indices<'a> = dyn FnMut(&mut Builder, u64) -> [Value; 2] + 'a;

/// The pairs of bytes.
pub(super) fn indices(b: &mut Builder, bytes: Value) -> [Value; 2] {
    let nibble = b.splat_i32(0x0f0f_0f0f);
    let high = b.shift(ShiftOp::Right, bytes, 4);
    [b.and(bytes, nibble), b.and(high, nibble)]
}

/// A sum of 32 bits, of which byte 0 and byte 2 are the first ones of two halves, and sums of 16 bits of odd bytes.
pub(super) fn add(
    b: &mut Builder,
    indices: &mut Indices<'_>,
    (tables, at): (Buffer, &Address),
    sums: &[Value],
) -> Vec<Value> {
    let mut parts = [None; 2];
    for byte in 0..BYTES {
        // One byte's after the other's, so that few are in registers.
        for (pair, index) in (0..).zip(indices(b, byte)) {
            for (part, sum) in (0..).zip(&mut parts) {
                // Four tables a vector, one a byte.
                let table = (2 * pair + part) * LANES_U64 + 4 * byte;
                let table = b.load_vector(tables, at.clone().offset(table), Lanes::All);
                let table = b.spread(table);
                let found = b.packed(PackedOp::Shuffle8, &[table, index]);
                *sum = Some(match *sum {
                    None => found,
                    Some(sum) => b.packed(PackedOp::Add8, &[sum, found]),
                });
            }
        }
    }
    let zero = b.splat_i32(0);
    let [low, high] = parts.map(|sum| sum.unwrap_or(zero));
    let all = b.shift(ShiftOp::Left, high, BITS);
    let all = b.add(low, all);
    let odd = b.shift(ShiftOp::Right, low, 8);
    let mask = b.i32_like(low, LOW);
    let odd = b.and(odd, mask);
    let odd_high = b.shift(ShiftOp::Right, high, 8 - BITS);
    let mask = b.i32_like(low, LOW << BITS);
    let odd_high = b.and(odd_high, mask);
    let odd = b.packed(PackedOp::Add16, &[odd, odd_high]);
    vec![
        b.add(sums[0], all),
        b.packed(PackedOp::Add16, &[sums[1], odd]),
    ]
}

/// The sums of odd bytes are in those of all, times 256, and what overflows is in neither.
pub(super) fn of_groups(b: &mut Builder, sums: &[Value]) -> [Value; GROUPS] {
    let times = b.shift(ShiftOp::Left, sums[1], 8);
    let even = b.binary(BinaryOp::Sub, sums[0], times);
    let mask = b.i32_like(even, 0xffff);
    let mut halves = |sum| [b.and(sum, mask), b.shift(ShiftOp::Right, sum, 16)];
    let [even, odd] = [even, sums[1]].map(&mut halves);
    [even[0], odd[0], even[1], odd[1]]
}
