//! One test an instruction, on values worked out by hand.

mod arithmetic;
mod control;
mod memory;
mod traps;

use super::{Trap, run};
use crate::ir::{Access, Address, Builder, Elem, Lanes, Type, Value};

/// Sixteen lanes from a function of the lane number.
fn lanes<T>(f: impl FnMut(usize) -> T) -> [T; 16] {
    std::array::from_fn(f)
}

fn f32_bits(x: [f32; 16]) -> [u32; 16] {
    x.map(f32::to_bits)
}

/// Runs a function on buffers of words, one after the other in memory.
fn run_words(
    b: Builder,
    buffers: &mut [&mut [u32]],
    dims: &[u64],
    scalars: &[f32],
) -> Result<(), Trap> {
    let mut memory = Vec::new();
    let mut ranges = Vec::new();
    for words in buffers.iter() {
        let start = memory.len();
        memory.extend(words.iter().flat_map(|w| w.to_le_bytes()));
        ranges.push(start..memory.len());
    }
    let result = run(&b.finish(), &mut memory, &ranges, dims, scalars);
    for (words, range) in buffers.iter_mut().zip(ranges) {
        for (word, bytes) in words.iter_mut().zip(memory[range].as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
    }
    result
}

/// The bits of what `f` makes of two vectors of `elem`, by bits.
fn eval(
    elem: Elem,
    x: [u32; 16],
    y: [u32; 16],
    f: impl FnOnce(&mut Builder, Value, Value) -> Value,
) -> Vec<u32> {
    let mut b = Builder::new("eval");
    let inputs = [("x", x), ("y", y)].map(|(name, _)| b.buffer(name, Access::In, elem, 16));
    let [vx, vy] = inputs.map(|i| b.load_vector(i, Address::at(0), Lanes::All));
    let result = f(&mut b, vx, vy);
    let ty = b.type_of(result);
    let (elem, width) = (ty.elem().unwrap(), if ty.is_vector() { 16 } else { 1 });
    let out = b.buffer("out", Access::Out, elem, width);
    b.store(out, Address::at(0), result, Lanes::All);
    let (mut x, mut y, mut out) = (x, y, vec![0xdead_beef; width as usize]);
    run_words(b, &mut [&mut x, &mut y, &mut out], &[], &[]).unwrap();
    out
}

/// The same as a scalar: what `f` makes of the first lanes.
fn eval_scalar(
    elem: Elem,
    x: u32,
    y: u32,
    f: impl FnOnce(&mut Builder, Value, Value) -> Value,
) -> u32 {
    let out = eval(elem, [x; 16], [y; 16], |b, x, y| {
        let (x, y) = (b.extract(x, 0), b.extract(y, 0));
        let result = f(b, x, y);
        assert_eq!(
            b.type_of(result),
            Type::Scalar(b.type_of(result).elem().unwrap())
        );
        result
    });
    out[0]
}
