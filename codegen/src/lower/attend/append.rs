//! A position's key and value, into caches that are read from their first byte to their last.

use super::{CAPACITY, CHUNK, COLUMNS, LANES_U64, cache_len};
use crate::ir::{Address, Builder, Lanes, Size, Value};
use crate::lower::dots::Lines;
use crate::lower::{Lowering, any};
use crate::op::{Bound, Content, Def, dim, in_out, input};

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
    buffers: |d| {
        let row = d.get("kv_heads") * d.get("head_dim");
        vec![
            input("k", Content::F32, &row),
            input("v", Content::F32, &row),
            in_out("keys", Content::F32, &cache_len(d)),
            in_out("values", Content::F32, &cache_len(d)),
        ]
    },
    ..Def::of(lower)
};

fn lower(l: &mut Lowering<'_>) {
    let [kv_heads, head_dim, slot] = ["kv_heads", "head_dim", "slot"].map(|name| l.dim(name));
    let cached = l.dims.get("capacity") * head_dim.clone();
    let [k, v, keys, values] = ["k", "v", "keys", "values"].map(|name| l.buffer(name));
    let b = &mut l.b;
    b.for_loop(kv_heads, &[], |b, head, _| {
        let from = Address::of(&[(head, head_dim.clone())]);
        let to = Address::of(&[(head, cached)]);
        let block = slot.clone().div(LANES_U64) * head_dim.clone() * LANES_U64;
        let lane = to.clone().offset(block + slot.clone().rem(LANES_U64));
        for_each_line(b, &head_dim, &mut |b, element, line| {
            let element = b.load(k, from.clone().plus(&element));
            b.store(
                keys,
                lane.clone().plus(&line.times(&LANES_U64.into())),
                element,
                Lanes::All,
            );
        });
        let chunk = slot.clone().div(CHUNK) * head_dim.clone() * CHUNK;
        let columns = |b: &mut Builder, first: Address, width: &Size| {
            let row = to.clone().plus(&first.times(&CHUNK.into()));
            let row = row.offset(chunk.clone() + slot.clone().rem(CHUNK) * width.clone());
            b.for_each_vector(width, &[], |b, at, lanes, _| {
                let place = from.clone().plus(&first).plus(&at);
                let value = b.load_vector(v, place, lanes.clone());
                b.store(values, row.clone().plus(&at), value, lanes);
                vec![]
            });
        };
        let full = head_dim.clone().div(COLUMNS);
        b.for_loop(full.clone(), &[], |b, i, _| {
            columns(b, Address::of(&[(i, COLUMNS.into())]), &COLUMNS.into());
            vec![]
        });
        let rest = head_dim.clone().rem(COLUMNS);
        b.for_loop(any(rest.clone(), COLUMNS), &[], |b, _, _| {
            columns(b, Address::at(full * COLUMNS), &rest);
            vec![]
        });
        vec![]
    });
}

/// Calls `each` with the number of every element of a key, and that of its line.
fn for_each_line(
    b: &mut Builder,
    head_dim: &Size,
    each: &mut dyn FnMut(&mut Builder, Address, Address),
) {
    let full = head_dim.clone().div(LANES_U64);
    b.for_loop(full.clone(), &[], |b, i, _| {
        for j in 0..LANES_U64 {
            let element = Address::of(&[(i, LANES_U64.into())]).offset(j);
            each(b, element, Lines::AsRead.of(i, j, &full));
        }
        vec![]
    });
    b.for_loop(head_dim.clone().rem(LANES_U64), &[], |b, i: Value, _| {
        let own = Address::of(&[(i, Size::ONE)]).offset(full * LANES_U64);
        each(b, own.clone(), own);
        vec![]
    });
}
