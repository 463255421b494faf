//! Every kernel of this crate leaves the same bytes whether or not its dimensions are bound and
//! whether or not it was optimised.

use crate::ir::{Access, Elem, Function, verify};
use crate::passes::optimise;
use crate::testing::{Inputs, Rng, expression_specs};
use crate::{KernelSpec, lower, op, schedule};
use atome_spec::{Isa, Op};

/// A dimension, at or next to an edge of vectors, row blocks or loops.
fn value(op: Op, dim: &str, case: usize) -> u64 {
    let few = [1, 3, 4][case % 3];
    let wide = [[17, 64], [1, 65], [48, 37]][case % 3];
    match dim {
        "tokens" | "taps" | "k" | "pairs" | "blocks" => few,
        "groups" | "queries" | "repeats" | "key_heads" | "kv_heads" => few,
        "outer" | "inner" => few,
        "group" => [64, 128, 256][case % 3],
        "block" => [16, 32, 64][case % 3],
        "head_dim" if op == Op::GatedDelta => [16, 32, 32][case % 3],
        "rows" if op::dims(op).iter().any(|dim| dim.name == "width") => few,
        "capacity" => multiple_of(op, dim) * few,
        "slot" | "len" => 16 * few - 1,
        "rows" | "width" | "n" | "d_head" => wide[0],
        "out_stride" => wide[0] + few,
        name if op == Op::Map && name.ends_with("_stride") => wide[1] * wide[1] + few,
        _ => wide[1],
    }
}

/// What an op's dimension of that name is a multiple of.
fn multiple_of(op: Op, name: &str) -> u64 {
    let dims = op::dims(op);
    let found = dims.iter().find(|dim| dim.name == name);
    found.map_or(1, |dim| dim.multiple_of)
}

/// Tame numbers, any packed codes, and row numbers that exist.
fn inputs(function: &Function, dims: &[u64], rows: u64, rng: &mut Rng) -> Inputs {
    let (mut memory, mut buffers) = (Vec::new(), Vec::new());
    for param in &function.buffers {
        let start = memory.len();
        for _ in 0..param.len.eval(dims).unwrap() {
            let word = match (param.elem, param.name.as_str()) {
                // What no computation gives.
                _ if param.access == Access::Out => 0x7fd5_a5a5,
                (Elem::F32, _) => rng.tame_f32().to_bits(),
                (Elem::I32, "ids" | "chosen") => rng.below(rows) as u32,
                (Elem::I32, _) => rng.bits() as u32,
            };
            memory.extend(word.to_le_bytes());
        }
        buffers.push(start..memory.len());
    }
    Inputs {
        memory,
        buffers,
        dims: dims.to_vec(),
        scalars: function.scalars.iter().map(|_| rng.tame_f32()).collect(),
    }
}

fn check(spec: &KernelSpec, case: usize, isa: Isa) {
    let mut rng = Rng::new(case as u64);
    let known = spec.dims();
    let dims: Vec<(&str, u64)> = known
        .iter()
        .map(|dim| (&*dim.name, value(spec.op, &dim.name, case)))
        .collect();
    let values: Vec<u64> = dims.iter().map(|(_, n)| *n).collect();
    let rows = dims
        .iter()
        .find(|(d, _)| matches!(*d, "vocab" | "capacity"));
    let open = lower::lower(spec, &schedule::select(spec, isa));
    let inputs = inputs(&open, &values, rows.map_or(1, |(_, n)| *n), &mut rng);
    let expected = inputs.interpret(&open).unwrap();
    assert_ne!(expected, inputs.memory, "{spec:?} {dims:?} stores nothing");

    let bound_spec = dims
        .iter()
        .fold(spec.clone(), |s, (dim, n)| s.bind(dim, *n));
    let bound = lower::lower(&bound_spec, &schedule::select(&bound_spec, isa));
    for (mut function, dims) in [
        (open.clone(), values),
        (bound, vec![]),
        (open.bind(&dims), vec![]),
    ] {
        let inputs = Inputs {
            dims,
            ..inputs.clone()
        };
        assert!(
            inputs.interpret(&function).unwrap() == expected,
            "{isa:?} {function}"
        );
        optimise(&mut function);
        verify(&function).unwrap_or_else(|violations| panic!("{violations}\n{function}"));
        assert!(
            inputs.interpret(&function).unwrap() == expected,
            "{isa:?} {function}"
        );
    }
}

#[test]
fn kernels_keep_their_meaning() {
    let kinds = op::kinds().into_iter().map(KernelSpec::from);
    for spec in kinds.chain(expression_specs()) {
        for isa in [Isa::Avx512Vnni, Isa::Sse41, Isa::Portable] {
            (0..3).for_each(|case| check(&spec, case, isa));
        }
    }
}
