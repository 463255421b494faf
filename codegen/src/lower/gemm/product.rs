//! How the product of a quad of codes and a word of activations is formed.

use super::word::Word;
use crate::ir::{BinaryOp, Builder, PackedOp, ShiftOp, Value};
use crate::schedule::{Fields, Schedule, Sum};
use atome_spec::{Method, Packing, layout};

/// Bytes of a word.
const BYTES: u8 = 4;
/// The greatest sum of two products of a code with an activation.
const GREATEST_PAIR: u64 = 2 * 2 * 128;

/// A method and how it sums.
pub(super) struct Product {
    method: Method,
    fields: Fields,
    sum: Sum,
    /// Quads of a word.
    quads: usize,
}

/// A quad's codes of some groups of rows, as the method wants them.
pub(super) enum Codes {
    /// A code a byte, times a power of two.
    Bytes(Vec<Value>),
    /// Words with a code at this bit of each byte.
    Words(Vec<Value>, u8),
}

impl Codes {
    /// Groups of rows.
    pub(super) fn len(&self) -> usize {
        match self {
            Codes::Bytes(codes) | Codes::Words(codes, _) => codes.len(),
        }
    }
}

impl Product {
    pub(super) fn new(schedule: &Schedule, packing: Packing) -> Product {
        Product {
            method: schedule.method(),
            fields: schedule.fields(),
            sum: schedule.sum(),
            quads: layout::word_cols(packing) / usize::from(BYTES),
        }
    }

    /// Accumulators of a token and a group of rows.
    pub(super) fn sums(&self) -> usize {
        match self.method {
            Method::Dot => self.fields.sums(),
            Method::Select | Method::Lut => 1,
        }
    }

    /// How many words the accumulators hold before they have to be [flushed](Product::flush); `None`
    /// if they hold all that there are.
    pub(super) fn words_held(&self) -> Option<u64> {
        let sums = match self.sum {
            Sum::I32 => return None,
            Sum::I16 => 0..self.sums(),
        };
        let of_a_word = |sum| {
            let quads = (0..self.quads).filter(|q| self.fields.sum_of(q % 4) == sum);
            quads
                .map(|q| GREATEST_PAIR << self.fields.shift_of(q % 4))
                .sum::<u64>()
        };
        sums.map(of_a_word).max().map(|most| (1 << 15) / most)
    }

    /// Sums of a token and a group of rows that last for all columns.
    pub(super) fn totals(&self) -> usize {
        match self.sum {
            Sum::I32 => self.sums(),
            Sum::I16 => 1,
        }
    }

    /// Totals of so many groups of rows before anything is added.
    pub(super) fn none(&self, b: &mut Builder, groups: usize) -> Vec<Value> {
        vec![b.splat_i32(0); groups * self.totals()]
    }

    /// What sums begin with, for what the totals are.
    pub(super) fn begin(&self, b: &mut Builder, totals: &[Value]) -> Vec<Value> {
        match self.sum {
            Sum::I32 => totals.to_vec(),
            Sum::I16 => vec![b.splat_i32(0); totals.len() * self.sums()],
        }
    }

    /// The totals once sums that began with them are done.
    pub(super) fn end(&self, b: &mut Builder, sums: &[Value], totals: &[Value]) -> Vec<Value> {
        match self.sum {
            Sum::I32 => sums.to_vec(),
            Sum::I16 => self.flush(b, sums, totals),
        }
    }

    /// Adds accumulators of 16 bits to the totals, each times the power of two that makes it as great
    /// as the greatest.
    fn flush(&self, b: &mut Builder, sums: &[Value], totals: &[Value]) -> Vec<Value> {
        let each = sums.chunks(self.sums()).zip(totals);
        let added = each.map(|(sums, total)| {
            let greatest = sums.len() - 1;
            sums.iter().enumerate().fold(*total, |total, (i, sum)| {
                let power = b.i32_like(total, 0x0001_0001 << (2 * (greatest - i)));
                b.packed(PackedOp::Dot2, &[total, *sum, power])
            })
        });
        added.collect()
    }

    /// Whether a sum is of products with codes, so that it exceeds the one with trits by the
    /// sum of the activations.
    pub(super) fn sums_codes(&self) -> bool {
        self.method == Method::Dot
    }

    /// How many quads from `q` on are added at once, where all are there.
    pub(super) fn quads_from(&self, q: usize) -> usize {
        match self.method {
            Method::Lut if q < 4 => 2,
            Method::Lut | Method::Select | Method::Dot => 1,
        }
    }

    /// The codes of quad `q` of words, one of each group of rows.
    pub(super) fn codes(&self, b: &mut Builder, words: &[Word], q: usize) -> Codes {
        match self.method {
            Method::Dot => {
                let words = words.iter();
                Codes::Bytes(words.map(|w| w.bytes(b, self.fields, q)).collect())
            }
            Method::Select | Method::Lut => {
                let fields = words.iter().map(|word| word.field(q));
                let bit = words.first().map_or(0, |word| 2 * word.field(q).1 as u8);
                Codes::Words(fields.map(|(codes, _)| codes).collect(), bit)
            }
        }
    }

    /// Adds the products of quad `q` of a word, and of the next one, with four activations of
    /// `x` each to the sums of each group.
    pub(super) fn add(
        &self,
        b: &mut Builder,
        codes: &Codes,
        q: usize,
        x: &[Value],
        acc: &mut [Value],
    ) {
        match codes {
            Codes::Bytes(codes) => {
                // The fifth quad's codes are where the lowest field's are.
                let sum = self.fields.sum_of(q % 4);
                let x = b.splat(x[0]);
                for (codes, acc) in codes.iter().zip(acc.chunks_mut(self.sums())) {
                    acc[sum] = self.add_products(b, acc[sum], *codes, x);
                }
            }
            Codes::Words(codes, bit) => {
                for byte in 0..BYTES {
                    let x: Vec<Value> = x.iter().map(|&x| signed_byte(b, x, byte)).collect();
                    let table = self.table(b, &x);
                    for (&codes, acc) in codes.iter().zip(acc.iter_mut()) {
                        let term = self.term(b, &table, codes, 8 * byte + bit);
                        *acc = b.add(*acc, term);
                    }
                }
            }
        }
    }

    /// Adds the products of codes, a byte each, with the activations of a word.
    pub(super) fn add_bytes(&self, b: &mut Builder, sum: Value, codes: Value, x: Value) -> Value {
        let x = b.splat(x);
        self.add_products(b, sum, codes, x)
    }

    fn add_products(&self, b: &mut Builder, sum: Value, codes: Value, x: Value) -> Value {
        match self.sum {
            Sum::I32 => b.dot4(sum, codes, x),
            Sum::I16 => {
                let products = b.packed(PackedOp::Pairs, &[codes, x]);
                b.packed(PackedOp::Add16, &[sum, products])
            }
        }
    }

    /// What the products of an activation with any code, or of two with any two, are made from.
    fn table(&self, b: &mut Builder, x: &[Value]) -> Table {
        if self.method != Method::Lut {
            return Table::Signs(Signs::new(b, x[0]));
        }
        let numbers = b.iota();
        let mut entries = None;
        for (i, &x) in x.iter().enumerate() {
            let products = Signs::new(b, x).select(b, numbers, 2 * i as u8);
            entries = Some(match entries {
                Some(entries) => b.add(entries, products),
                None => products,
            });
        }
        Table::Entries(entries.unwrap_or(numbers))
    }

    /// The products by the code, or the two, at `bit` of each word.
    fn term(&self, b: &mut Builder, table: &Table, codes: Value, bit: u8) -> Value {
        match table {
            Table::Entries(entries) => b.lookup(*entries, codes, bit),
            Table::Signs(signs) => signs.select(b, codes, bit),
        }
    }

    /// The sum of a group's totals.
    pub(super) fn total(&self, b: &mut Builder, sums: &[Value]) -> Value {
        let mut total = sums[0];
        if self.sum == Sum::I16 {
            return b.shift(ShiftOp::RightSigned, total, 2 * (self.sums() - 1) as u8);
        }
        for (i, &sum) in sums.iter().enumerate().skip(1) {
            let sum = b.shift(ShiftOp::RightSigned, sum, 2 * i as u8);
            total = b.add(total, sum);
        }
        total
    }
}

enum Table {
    /// The sums by four bits, one code or two.
    Entries(Value),
    Signs(Signs),
}

/// An activation, ready to be selected.
struct Signs {
    /// `-x` in all lanes.
    negated: Value,
    /// What turns it into `x`.
    differ: Value,
}

impl Signs {
    fn new(b: &mut Builder, x: Value) -> Signs {
        let zero = b.i32(0);
        let negated = b.binary(BinaryOp::Sub, zero, x);
        let (x, negated) = (b.splat(x), b.splat(negated));
        let differ = b.binary(BinaryOp::Xor, x, negated);
        Signs { negated, differ }
    }

    /// `-x`, 0 or `x` by the code at `bit`: its high bit chooses the sign, its low bit clears.
    fn select(&self, b: &mut Builder, codes: Value, bit: u8) -> Value {
        let high = b.shift(ShiftOp::Left, codes, 30 - bit);
        let positive = b.shift(ShiftOp::RightSigned, high, 31);
        let flips = b.and(positive, self.differ);
        let term = b.binary(BinaryOp::Xor, self.negated, flips);
        let low = b.shift(ShiftOp::Left, codes, 31 - bit);
        let clear = b.shift(ShiftOp::RightSigned, low, 31);
        let zero = b.i32_like(term, 0);
        b.select(clear, zero, term)
    }
}

/// Byte `byte` of a word, with its sign.
fn signed_byte(b: &mut Builder, word: Value, byte: u8) -> Value {
    let high = b.shift(ShiftOp::Left, word, 24 - 8 * byte);
    b.shift(ShiftOp::RightSigned, high, 24)
}
