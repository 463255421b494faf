//! Invariant 12.

use super::faults_of;
use crate::ir::verify::Fault;
use crate::ir::{Access, Address, Builder, Elem, Lanes, Value, parse};

/// What the verifier finds in `body` with a buffer of 100 elements.
fn faults(body: &str) -> Vec<Fault> {
    let text = format!(
        "kernel k(n) {{ inout x: f32[100] in ids: i32[4] in open: f32[n]
         %0: f32x16 = load x[0] %1: i32 = load ids[3] %2: index = to_index %1
         {body} }}"
    );
    faults_of(&parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}")))
}

#[track_caller]
fn assert_outside(body: &str, last: u128) {
    let (buffer, len) = ("x".to_owned(), 100);
    assert_eq!(
        faults(body),
        [Fault::OutOfBounds { buffer, len, last }],
        "{body}"
    );
}

#[test]
fn the_last_element_decides() {
    assert_eq!(faults("%3: f32 = load x[99]"), []);
    assert_outside("%3: f32 = load x[100]", 100);
    assert_eq!(faults("store x[84] = %0"), []);
    assert_outside("store x[85] = %0", 100);
    assert_eq!(faults("store x[96] = %0 lanes 4"), []);
    assert_outside("store x[96] = %0 lanes 5", 100);
    assert_outside("store x[90] = %0 lanes 17", 105);
    assert_eq!(
        faults("for %3 in 0..10 { store x[%3 * 9] = %0 lanes 16 }"),
        []
    );
    assert_outside("for %3 in 0..10 { store x[%3 * 9 + 4] = %0 lanes 16 }", 100);
    assert_outside(
        "for %3 in 0..10 { for %4 in 0..11 { %5: f32 = load x[%3 * 10 + %4] } }",
        100,
    );
    assert_outside("for %3 in 0..10 { %5: f32 = load x[%3 * 6 + %3 * 6] }", 108);
    assert_outside(
        "for %3 in 0..18446744073709551615 { %5: f32 = load x[%3 * 18446744073709551615] }",
        (u128::from(u64::MAX) - 1) * u128::from(u64::MAX),
    );
}

#[test]
fn what_may_not_happen_is_not_reported() {
    for body in [
        "store x[1000] = %0 lanes 0",
        "for %3 in 0..0 { store x[1000] = %0 }",
        "for %3 in 0..n { store x[1000] = %0 }",
        "for %3 in 0..n { for %4 in 0..5 { store x[%4 * 1000] = %0 } }",
        "store x[1000] = %0 lanes n",
        "store x[n] = %0",
        "for %3 in 0..5 { store x[%3 * n] = %0 }",
        "%3: f32 = load open[1000]",
        "%3: f32 = load x[%2 * 1000]",
        "prefetch x[1000]",
    ] {
        assert_eq!(faults(body), [], "{body}");
    }
    // Whatever the data say, an index is not negative.
    assert_outside("%3: f32 = load x[%2 * 1000 + 100]", 100);
}

#[test]
fn a_counter_read_as_i32_fits() {
    assert_eq!(
        faults("for %3 in 0..2147483648 { %4: i32 = from_index %3 }"),
        []
    );
    assert_eq!(faults("for %3 in 0..n { %4: i32 = from_index %3 }"), []);
    let (index, greatest) = (Value(3), 2_147_483_648);
    assert_eq!(
        faults("for %3 in 0..2147483649 { %4: i32 = from_index %3 }"),
        [Fault::IndexTooGreat { index, greatest }]
    );
}

#[test]
fn binding_the_dimensions_decides_a_kernel() {
    let build = |stride: u64| {
        let mut b = Builder::new("rows");
        let (rows, cols) = (b.dim("rows"), b.dim("cols"));
        let x = b.buffer("x", Access::InOut, Elem::F32, rows.clone() * cols.clone());
        b.for_loop(rows, &[], |b, row, _| {
            b.for_each_vector(&cols, &[], |b, at, lanes, _| {
                let at = at.step(row, cols.clone() + stride);
                let v = b.load_vector(x, at.clone(), lanes.clone());
                b.store(x, at, v, lanes);
                vec![]
            });
            vec![]
        });
        b.finish()
    };
    for (rows, cols) in [(0, 3), (1, 0), (1, 1), (3, 15), (3, 16), (5, 17), (2, 48)] {
        let bind = [("rows", rows), ("cols", cols)];
        assert_eq!(faults_of(&build(0).bind(&bind)), [], "{rows} x {cols}");
        let strays = !faults_of(&build(1).bind(&bind)).is_empty();
        assert_eq!(strays, rows > 1 && cols > 0, "{rows} x {cols}");
    }
}

/// Against running the loops: reported exactly where an access leaves the buffer.
#[test]
fn constant_functions_are_decided_exactly() {
    let mut counts = [0, 0];
    for case in 0..20_000_u64 {
        let mut bits = case.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let mut below = |n: u64| {
            let taken = bits % n;
            bits /= n;
            taken
        };
        let (trips, strides) = ([below(4), below(5)], [below(6), below(9)]);
        let (base, lanes, len) = (below(7), below(19), 1 + below(50));
        let mut b = Builder::new("nest");
        let x = b.buffer("x", Access::In, Elem::F32, len);
        b.for_loop(trips[0], &[], |b, i, _| {
            b.for_loop(trips[1], &[], |b, j, _| {
                let terms = [(i, strides[0].into()), (j, strides[1].into())];
                let at = Address::of(&terms).offset(base);
                b.load_vector(x, at, Lanes::First(lanes.into()));
                vec![]
            });
            vec![]
        });
        let touched = (0..trips[0]).flat_map(|i| (0..trips[1]).map(move |j| (i, j)));
        let outside = touched
            .map(|(i, j)| base + i * strides[0] + j * strides[1])
            .any(|first| lanes > 0 && first + lanes.min(16) > len);
        let function = b.finish();
        assert_eq!(!faults_of(&function).is_empty(), outside, "{function}");
        counts[usize::from(outside)] += 1;
    }
    assert!(counts[0] > 1000 && counts[1] > 1000, "{counts:?}");
}
