//! The scalar exp, tanh, softplus, silu and sigmoid are at most 2 ulp from the correctly
//! rounded result.
//!
//! The normal run takes a sample and all boundaries. Over all 2^32 inputs:
//! `cargo test --release -p atome-tests --test numerics_ulp -- --ignored --nocapture`.

use std::thread;

use atome_kernels::reference::math;
use atome_tests::ulp::{self, Deviation, Function, boundaries, distance, each, measure, strided};

const MAX_DISTANCE: u32 = 2;

/// A prime, so that the low bits of the sampled inputs take every value.
const SAMPLE_STRIDE: usize = 1427;

fn scalar(function: Function) -> fn(f32) -> f32 {
    match function {
        Function::Exp => math::exp,
        Function::Tanh => math::tanh,
        Function::Softplus => math::softplus,
        Function::Silu => math::silu,
        Function::Sigmoid => math::sigmoid,
    }
}

fn check(function: Function, deviation: Deviation) {
    println!("{function:?}: {deviation}");
    assert!(
        deviation.distance <= MAX_DISTANCE,
        "{function:?}: {deviation}"
    );
}

#[test]
fn sample_is_within_two_ulp() {
    for function in Function::ALL {
        check(
            function,
            measure(function, strided(SAMPLE_STRIDE), each(scalar(function))),
        );
    }
}

#[test]
fn boundaries_are_within_two_ulp() {
    for function in Function::ALL {
        check(
            function,
            measure(function, boundaries(), each(scalar(function))),
        );
    }
}

#[test]
fn special_values() {
    const INF: f32 = f32::INFINITY;
    let cases = [
        (Function::Exp, 0.0, 1.0),
        (Function::Exp, -0.0, 1.0),
        (Function::Exp, INF, INF),
        (Function::Exp, -INF, 0.0),
        (Function::Exp, f32::from_bits(0x42b1_7218), INF),
        (Function::Tanh, 0.0, 0.0),
        (Function::Tanh, -0.0, -0.0),
        (Function::Tanh, INF, 1.0),
        (Function::Tanh, -INF, -1.0),
        (Function::Tanh, f32::from_bits(1), f32::from_bits(1)),
        (Function::Softplus, INF, INF),
        (Function::Softplus, -INF, 0.0),
        (Function::Softplus, f32::MAX, f32::MAX),
        (Function::Silu, 0.0, 0.0),
        (Function::Silu, -0.0, -0.0),
        (Function::Silu, INF, INF),
        (Function::Silu, -INF, -0.0),
        (Function::Silu, f32::MAX, f32::MAX),
        (Function::Silu, f32::MIN, -0.0),
        (Function::Sigmoid, 0.0, 0.5),
        (Function::Sigmoid, -0.0, 0.5),
        (Function::Sigmoid, INF, 1.0),
        (Function::Sigmoid, f32::MAX, 1.0),
        (Function::Sigmoid, -INF, 0.0),
        (Function::Sigmoid, f32::MIN, 0.0),
    ];
    for (function, input, expected) in cases {
        let result = scalar(function)(input);
        assert_eq!(
            result.to_bits(),
            expected.to_bits(),
            "{function:?}({input:e}) = {result:e}"
        );
    }
}

#[test]
fn every_nan_becomes_the_canonical_one() {
    let payloads = [
        0x7fc0_0000,
        0x7f80_0001,
        0x7fff_ffff,
        0xffc0_0000,
        0xff80_0001,
        0xffff_ffff,
    ];
    for function in Function::ALL {
        for bits in payloads {
            let result = scalar(function)(f32::from_bits(bits));
            assert_eq!(
                result.to_bits(),
                ulp::CANONICAL_NAN,
                "{function:?} of {bits:#010x}"
            );
        }
    }
}

#[test]
fn tanh_is_odd() {
    for x in strided(SAMPLE_STRIDE)
        .chain(boundaries())
        .filter(|x| !x.is_nan())
    {
        assert_eq!(
            math::tanh(-x).to_bits(),
            (-math::tanh(x)).to_bits(),
            "tanh({x:e})"
        );
    }
}

#[test]
fn distance_counts_steps() {
    let one_up = f32::from_bits(1.0f32.to_bits() + 1);
    assert_eq!(distance(1.0, one_up), 1);
    assert_eq!(distance(f32::MAX, f32::INFINITY), 1);
    assert_eq!(distance(0.0, f32::from_bits(3)), 3);
    assert_eq!(distance(0.0, -0.0), u32::MAX);
    assert_eq!(distance(f32::NAN, f32::NAN), u32::MAX);
}

#[test]
fn a_wrong_implementation_is_noticed() {
    let off_by_three = |_: f32| f32::from_bits(1.0f32.to_bits() + 3);
    assert_eq!(
        measure(Function::Exp, [0.0], each(off_by_three)).distance,
        3
    );
    let payload_kept = measure(Function::Exp, [f32::from_bits(0x7fc0_0001)], each(|x| x));
    assert_eq!(payload_kept.distance, u32::MAX);
}

/// Measures all 2^32 inputs, half of them on each of two threads.
fn check_all_inputs(function: Function) {
    let half = |first: u32| {
        let inputs = (first..=first | 0x7fff_ffff).map(f32::from_bits);
        measure(function, inputs, each(scalar(function)))
    };
    let deviation = thread::scope(|scope| {
        let negative = scope.spawn(|| half(0x8000_0000));
        let positive = half(0);
        positive.merge(
            negative
                .join()
                .expect("the measuring thread does not panic"),
        )
    });
    assert_eq!(deviation.inputs, 1 << 32);
    check(function, deviation);
}

#[test]
#[ignore = "minutes: all 2^32 inputs"]
fn exp_is_within_two_ulp_everywhere() {
    check_all_inputs(Function::Exp);
}

#[test]
#[ignore = "minutes: all 2^32 inputs"]
fn tanh_is_within_two_ulp_everywhere() {
    check_all_inputs(Function::Tanh);
}

#[test]
#[ignore = "minutes: all 2^32 inputs"]
fn softplus_is_within_two_ulp_everywhere() {
    check_all_inputs(Function::Softplus);
}

#[test]
#[ignore = "minutes: all 2^32 inputs"]
fn silu_is_within_two_ulp_everywhere() {
    check_all_inputs(Function::Silu);
}

#[test]
#[ignore = "minutes: all 2^32 inputs"]
fn sigmoid_is_within_two_ulp_everywhere() {
    check_all_inputs(Function::Sigmoid);
}
