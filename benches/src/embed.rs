//! Looking up rows of the specification's table, 32,000 by 4,096.

use crate::answer::same;
use crate::code::Choice;
use crate::error::BenchError;
use crate::kernels::{D_MODEL, Embed, EmbedBytes, VOCAB};
use crate::limit;
use crate::line::Lines;
use crate::random::Random;
use crate::record::{Measured, Record, rounded};
use crate::time::time_of;
use atome_kernels::ops::ByteRows;
use atome_kernels::{Packing, packing, reference};
use std::cell::OnceCell;
use std::hint::black_box;
use std::rc::Rc;

/// Tables among which rows are looked up at random: together far larger than a cache.
const COPIES: usize = 4;
/// Rows that are checked against the reference.
const CHECKED: usize = 64;
/// Bytes of a row in f32.
const ROW_BYTES: usize = 4 * D_MODEL;
const SCALE: f32 = 0.0375;
const SEED: u64 = 0xe11e;

/// Which rows are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// One, over and over: it is in the nearest cache.
    Hot,
    /// One at a time, each from memory.
    Random,
    /// So many at a time, each from memory.
    Batch(usize),
}

/// Tables of random trits, made when first needed and shared by the benchmarks of a packing.
pub(crate) type Tables = Rc<OnceCell<Vec<Lines<u32>>>>;

/// The benchmark called `name` of one packing.
pub(crate) fn run(
    name: &str,
    choice: &Choice,
    packing: Packing,
    rows: Rows,
    tables: &Tables,
) -> Result<Record, BenchError> {
    let kernel = &Embed::new(choice, packing)?;
    let tables = match tables.get() {
        Some(tables) => tables,
        None => {
            let made = make_tables(packing)?;
            tables.get_or_init(|| made)
        }
    };
    let look_up = |copy: usize, ids: &[i32], out: &mut [f32]| {
        kernel.call(&tables[copy], ids, SCALE, out);
    };
    check(name, look_up)?;
    let measured = measure(rows, tables.len(), look_up);
    Ok(measured.kernel(name, choice, bits_per_weight(packing)))
}

/// The benchmark called `name` of a table whose trits are bytes, four times as large as one of `int2`.
pub(crate) fn run_bytes(
    name: &str,
    by: ByteRows,
    rows: Rows,
    table: &Rc<OnceCell<Vec<i8>>>,
) -> Result<Record, BenchError> {
    let table = table.get_or_init(|| (0..VOCAB).flat_map(row_trits).collect());
    let kernel = EmbedBytes(by);
    let look_up = |_: usize, ids: &[i32], out: &mut [f32]| kernel.call(table, ids, SCALE, out);
    check(name, look_up)?;
    Ok(Record {
        bits_per_weight: Some(8.0),
        ..measure(rows, 1, look_up).record(name)
    })
}

/// Times lookups, which are told the copy of the table that they are in.
fn measure(rows: Rows, copies: usize, look_up: impl Fn(usize, &[i32], &mut [f32])) -> Measured {
    let tokens = if let Rows::Batch(tokens) = rows {
        tokens
    } else {
        1
    };
    let limit = limit::store(tokens * ROW_BYTES);
    let ns = match rows {
        Rows::Hot => time_hot(look_up),
        Rows::Random | Rows::Batch(_) => time_random(copies, tokens, look_up),
    };
    Measured::of_bytes(ns, tokens * ROW_BYTES, limit)
}

/// A copy of a row's bytes, the yardstick of the lookups.
pub(crate) fn run_copy(name: &str) -> Record {
    let limit = limit::store(ROW_BYTES);
    let ns = limit::copy(ROW_BYTES);
    Measured::of_bytes(ns, ROW_BYTES, limit).record(name)
}

/// Bits that a weight of the table takes, padding included.
fn bits_per_weight(packing: Packing) -> f64 {
    rounded((packing::embed::row_words(packing, D_MODEL) * 32) as f64 / D_MODEL as f64)
}

/// The trits of a row; any row can be made again for a check.
fn row_trits(row: usize) -> Vec<i8> {
    Random::new(SEED ^ ((row as u64) << 32)).trits(D_MODEL)
}

fn make_tables(packing: Packing) -> Result<Vec<Lines<u32>>, BenchError> {
    let row_words = packing::embed::row_words(packing, D_MODEL);
    let mut table = vec![0u32; VOCAB * row_words];
    for (row, words) in table.chunks_exact_mut(row_words).enumerate() {
        packing::embed::pack_into(packing, &row_trits(row), 1, D_MODEL, words)?;
    }
    Ok((0..COPIES).map(|_| Lines::of(&table)).collect())
}

/// Holds some lookups to the scalar reference, bit for bit.
fn check(name: &str, look_up: impl Fn(usize, &[i32], &mut [f32])) -> Result<(), BenchError> {
    let mut random = Random::new(SEED);
    let ids: Vec<i32> = (0..CHECKED).map(|_| random.below(VOCAB) as i32).collect();
    let mut out = vec![f32::NAN; CHECKED * D_MODEL];
    look_up(0, &ids, &mut out);
    let mut expected = vec![0.0; D_MODEL];
    for (id, out) in ids.iter().zip(out.chunks_exact(D_MODEL)) {
        let trits = row_trits(*id as usize);
        let row = reference::Ternary::new(&trits, 1, D_MODEL, SCALE);
        reference::embed(row, &[0], &mut expected);
        same(name, &expected, out)?;
    }
    Ok(())
}

fn time_hot(look_up: impl Fn(usize, &[i32], &mut [f32])) -> f64 {
    let mut out = Lines::zeroed(D_MODEL);
    let ids = [17];
    time_of(|| look_up(0, black_box(&ids), black_box(&mut out[..])))
}

/// Walks over every row of all tables in random order, `tokens` at a time.
fn time_random(copies: usize, tokens: usize, look_up: impl Fn(usize, &[i32], &mut [f32])) -> f64 {
    let mut out = Lines::zeroed(tokens * D_MODEL);
    let mut random = Random::new(SEED);
    let orders: Vec<_> = (0..copies)
        .map(|_| random.permutation(VOCAB as i32))
        .collect();
    let mut call = 0;
    time_of(|| {
        let (copy, batch) = (call % copies, call / copies % (VOCAB / tokens));
        call += 1;
        let ids = &orders[copy][batch * tokens..][..tokens];
        look_up(copy, black_box(ids), black_box(&mut out[..]));
    })
}
