//! A position's key and value, into caches that are read from their first byte to their last.

use super::caches::Caches;
use super::{CAPACITY, CHUNK, LANES_U64};
use crate::ir::{Address, Buffer, Builder, Compare, Lanes, ReduceOp, Size, Value};
use crate::lower::dots::FOUR;
use crate::lower::{Lowering, half};
use crate::op::{Bound, BufferDef, Content, Def, Dims, dim, in_out, input};
use atome_spec::CacheType;
use atome_spec::numerics::CANONICAL_NAN;

pub(in crate::lower) const ATTEND_APPEND: Def = Def {
    numerics: "The key and the value of a position, `[kv_heads, head_dim]`, come into caches that lie head by head, in the \
        order in which `attend` reads them. Nothing is rounded. Keys are in blocks of 16 positions, a block in lines of \
        one element each: with `f = head_dim / 16` the element `16 * i + j` is line `((j % 4) * f + i) * 4 + j / 4` where \
        `i < f`, and where not its own number. Values are in chunks of 64 positions, a chunk in 64 columns at a time, \
        and what is left of them, which lie position by position.",
    dims: &[
        dim("kv_heads"),
        dim("head_dim"),
        CAPACITY,
        dim("slot").bound(Bound::Below("capacity")),
    ],
    buffers: |d| buffers(d, CacheType::F32),
    ..Def::of(|l| lower(l, CacheType::F32))
};

pub(in crate::lower) const ATTEND_APPEND_F16: Def = Def {
    numerics: "As `attend_append`, each element as the f16 nearest to it, ties to even. A line of keys is a word a \
        position, with the elements of lines `2 n` and `2 n + 1` of f32 in its low and its high half; a last line is an f32 \
        that is added to the position's scores: NaN where an element of its key or value is above 65,519.996 in magnitude, \
        or NaN, which are kept as 0, and else 0. The words of a value are tiles of 16, with 16 columns in their low halves \
        and the next in the high ones; what pads them is 0.",
    buffers: |d| buffers(d, CacheType::F16),
    lower: |l| lower(l, CacheType::F16),
    ..ATTEND_APPEND
};

fn buffers(d: &Dims<'_>, held: CacheType) -> Vec<BufferDef> {
    let row = d.get("kv_heads") * d.get("head_dim");
    let caches = Caches::of(held, d);
    let [keys, values] = caches.words().map(|words| d.get("kv_heads") * words);
    vec![
        input("k", Content::F32, &row),
        input("v", Content::F32, &row),
        in_out("keys", caches.content(), &keys),
        in_out("values", caches.content(), &values),
    ]
}

/// A position, and where it comes from.
struct Append {
    caches: Caches,
    slot: Size,
    k: Buffer,
    v: Buffer,
    keys: Buffer,
    values: Buffer,
}

fn lower(l: &mut Lowering<'_>, held: CacheType) {
    let [kv_heads, head_dim, slot] = ["kv_heads", "head_dim", "slot"].map(|name| l.dim(name));
    let [k, v, keys, values] = ["k", "v", "keys", "values"].map(|name| l.buffer(name));
    let append = Append {
        caches: Caches::of(held, &l.dims),
        slot,
        k,
        v,
        keys,
        values,
    };
    let [key_words, value_words] = append.caches.words();
    l.b.for_loop(kv_heads, &[], |b, head, _| {
        let from = Address::of(&[(head, head_dim.clone())]);
        let keys = Address::of(&[(head, key_words)]);
        append.key(b, &from, &keys);
        append.value(b, &from, &Address::of(&[(head, value_words)]));
        vec![]
    });
}

impl Append {
    /// The position's word in line 0 of its block.
    fn lane(&self, to: &Address) -> Address {
        let block = self.slot.clone().div(LANES_U64) * self.caches.key_words() * LANES_U64;
        to.clone().offset(block + self.slot.clone().rem(LANES_U64))
    }

    /// A word of each line: of f16 that of two elements, of which the last may be missing.
    fn key(&self, b: &mut Builder, from: &Address, to: &Address) {
        let caches = &self.caches;
        let (lines, per_word) = (caches.lines(), caches.per_word());
        let lane = self.lane(to);
        let store = |b: &mut Builder, elements: &[Address], line: &Address| {
            let load = |at: &Address| b.load(self.k, from.clone().plus(at));
            let mut elements: Vec<Value> = elements.iter().map(load).collect();
            while elements.len() < per_word as usize {
                elements.push(b.f32(0.0));
            }
            let word = caches.word(b, &elements);
            let at = lane.clone().plus(&line.times(&LANES_U64.into()));
            b.store(self.keys, at, word, Lanes::All);
        };
        let full = caches.head_dim.clone().div(LANES_U64);
        b.for_loop(full.clone(), &[], |b, i, _| {
            // Those that share a word are what four partial sums add up next.
            for j in (0..LANES_U64).filter(|j| (j / FOUR).is_multiple_of(per_word)) {
                let own = |n| Address::of(&[(i, LANES_U64.into())]).offset(j + FOUR * n);
                let elements: Vec<Address> = (0..per_word).map(own).collect();
                store(b, &elements, &lines.of(i, j, &full).number);
            }
            vec![]
        });
        let rest = caches.head_dim.clone().rem(LANES_U64);
        let (before, line) = (full.clone() * LANES_U64, full * (LANES_U64 / per_word));
        b.for_loop(rest.clone().div(per_word), &[], |b, i, _| {
            let own = |n| Address::of(&[(i, per_word.into())]).offset(before.clone() + n);
            let elements: Vec<Address> = (0..per_word).map(own).collect();
            store(
                b,
                &elements,
                &Address::of(&[(i, Size::ONE)]).offset(line.clone()),
            );
            vec![]
        });
        if per_word > 1 {
            b.for_loop(rest.clone().rem(per_word), &[], |b, _, _| {
                let words = rest.div(per_word);
                let last = Address::at(before + words.clone() * per_word);
                store(b, &[last], &Address::at(line + words));
                vec![]
            });
        }
        if caches.held.faults() > 0 {
            let fault = self.fault(b, from);
            let line = caches.fault_line() * LANES_U64;
            b.store(self.keys, lane.offset(line), fault, Lanes::All);
        }
    }

    /// The word of the position's fault.
    fn fault(&self, b: &mut Builder, from: &Address) -> Value {
        let [zero, one] = [0.0, 1.0].map(|x| b.splat_f32(x));
        let found = b.for_each_vector(&self.caches.head_dim, &[zero], |b, at, lanes, found| {
            let [k, v] = [self.k, self.v].map(|buffer| {
                let x = b.load_vector(buffer, from.clone().plus(&at), lanes.clone());
                half::fits(b, x)
            });
            let fits = b.and(k, v);
            vec![b.select(fits, found[0], one)]
        });
        let found = b.reduce(ReduceOp::Max, found[0]);
        let none = b.f32(0.0);
        let fits = b.compare(Compare::Eq, found, none);
        let [none, fault] = [0, CANONICAL_NAN.cast_signed()].map(|bits| b.i32(bits));
        b.select(fits, none, fault)
    }

    fn value(&self, b: &mut Builder, from: &Address, to: &Address) {
        let caches = &self.caches;
        let (chunk, position) = (self.slot.clone().div(CHUNK), self.slot.clone().rem(CHUNK));
        let chunk = to.clone().offset(chunk * caches.value_words() * CHUNK);
        caches.for_each_columns(b, &|b, columns| {
            let row = columns.word.times(&CHUNK.into()).plus(&chunk);
            let row = row.offset(position.clone() * caches.row_words(&columns.width));
            caches.for_each_tiles(b, (&columns.width, 1), &|b, tiles| {
                let tile = &tiles[0];
                let from = from.clone().plus(&columns.column).plus(&tile.column);
                let load = |(n, lanes): (u64, &Lanes)| {
                    let at = from.clone().offset(n * LANES_U64);
                    b.load_vector(self.v, at, lanes.clone())
                };
                let vectors: Vec<Value> = (0..).zip(&tile.lanes).map(load).collect();
                let word = caches.word(b, &vectors);
                let at = row.clone().plus(&tile.word);
                b.store(self.values, at, word, tile.words.clone());
            });
        });
    }
}
