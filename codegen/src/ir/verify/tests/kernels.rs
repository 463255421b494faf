//! The kernels of this crate are valid: with open dimensions, and at the edges of their
//! tiles with all dimensions bound, where invariant 12 decides every address.

use crate::ir::{parse, verify};
use crate::testing::expression_specs;
use crate::{KernelSpec, lower, op, schedule};
use atome_spec::{Isa, Op};

/// Around the widths of vectors, row blocks and embedding tiles.
const EDGES: [u64; 11] = [1, 2, 15, 16, 17, 48, 63, 65, 257, 320, 321];
/// Dimensions that count a few: tokens, taps, rows of a norm, slots.
const FEW: [u64; 4] = [1, 3, 4, 17];

/// `spec` with every dimension bound; `case` chooses the numbers.
fn bound(spec: &KernelSpec, case: usize) -> KernelSpec {
    let mut spec = spec.clone();
    let mut values: Vec<(String, u64)> = Vec::new();
    for (i, dim) in spec.dims().into_iter().enumerate() {
        let (dim, multiple_of) = (dim.name, dim.multiple_of);
        let mixed = case / (1 + 5 * i) + 3 * i;
        let few = FEW[mixed % FEW.len()];
        let value = |name: &str| {
            values
                .iter()
                .find(|(n, _)| n == name)
                .map_or(0, |(_, v)| *v)
        };
        let value = match &*dim {
            "tokens" | "taps" | "k" => few,
            "rows" if spec.dims().iter().any(|dim| dim.name == "width") => few,
            "capacity" => multiple_of * few,
            "slot" => EDGES[mixed % EDGES.len()].min(value("capacity")) - 1,
            "len" => EDGES[mixed % EDGES.len()].min(value("capacity")),
            "groups" | "queries" | "repeats" | "key_heads" | "kv_heads" => few,
            "group" => [64, 128, 256][mixed % 3],
            "block" => 16 << (mixed % 6),
            "head_dim" if spec.op == Op::GatedDelta => 16 * few,
            "pairs" => value("head_dim") / 2,
            "stride" => value("head_dim") * value("heads").max(1) + few,
            "out_stride" => value("rows") + few,
            name if spec.expr.is_some() && name.ends_with("_stride") => {
                value("channels") + value("heads") * value("head_dim") + few
            }
            _ => EDGES[mixed % EDGES.len()],
        };
        spec = spec.bind(&dim, value);
        values.push((dim.into_owned(), value));
    }
    spec
}

#[test]
fn kernels_are_valid_open_and_bound() {
    let kinds = op::kinds().into_iter().map(KernelSpec::from);
    for open in kinds.chain(expression_specs()) {
        for isa in [Isa::Avx512, Isa::Avx512Vnni, Isa::Sse41, Isa::Portable] {
            let bound = (0..60).map(|case| bound(&open, case));
            for spec in std::iter::once(open.clone()).chain(bound) {
                spec.check().unwrap_or_else(|e| panic!("{spec:?}: {e}"));
                let function = lower::lower(&spec, &schedule::select(&spec, isa));
                if let Err(violations) = verify(&function) {
                    panic!("{isa:?} {spec:?}: {violations}");
                }
                assert_eq!(parse(&function.to_string()), Ok(function), "{spec:?}");
            }
        }
    }
}

#[test]
fn a_slot_outside_the_cache_is_found() {
    let shape = [
        ("d_head", 8),
        ("d_model", 32),
        ("capacity", 16),
        ("slot", 16),
    ];
    let open = KernelSpec::new(Op::KvAppend);
    let spec = shape.iter().fold(open, |spec, (dim, n)| spec.bind(dim, *n));
    let function = lower::lower(&spec, &schedule::select(&spec, Isa::Portable));
    let violations = verify(&function).expect_err("the slot is outside");
    let is_outside = |buffer: &str| {
        let text = format!("of `{buffer}`, which has");
        violations
            .as_slice()
            .iter()
            .any(|v| v.fault.to_string().contains(&text))
    };
    assert!(is_outside("keys") && is_outside("values"), "{violations}");
}
