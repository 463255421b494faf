use super::{eval, eval_scalar, f32_bits, lanes, run_words};
use crate::ir::{
    Access, Address, BinaryOp, Builder, Compare, Elem, Lanes, ReduceOp, ShiftOp, Size, UnaryOp,
};

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

fn binary_f32(op: BinaryOp, x: f32, y: f32) -> f32 {
    let (x, y) = (x.to_bits(), y.to_bits());
    let scalar = eval_scalar(Elem::F32, x, y, |b, x, y| b.binary(op, x, y));
    let vector = eval(Elem::F32, [x; 16], [y; 16], |b, x, y| b.binary(op, x, y));
    assert_eq!(vector, [scalar; 16]);
    f32::from_bits(scalar)
}

fn binary_i32(op: BinaryOp, x: i32, y: i32) -> i32 {
    let (x, y) = (x as u32, y as u32);
    let scalar = eval_scalar(Elem::I32, x, y, |b, x, y| b.binary(op, x, y));
    let vector = eval(Elem::I32, [x; 16], [y; 16], |b, x, y| b.binary(op, x, y));
    assert_eq!(vector, [scalar; 16]);
    scalar as i32
}

fn unary(op: UnaryOp, elem: Elem, x: u32) -> u32 {
    let scalar = eval_scalar(elem, x, 0, |b, x, _| b.unary(op, x));
    let vector = eval(elem, [x; 16], [0; 16], |b, x, _| b.unary(op, x));
    assert_eq!(vector, [scalar; 16]);
    scalar
}

#[test]
fn f32_arithmetic_rounds_to_nearest_even() {
    assert_eq!(binary_f32(BinaryOp::Add, 16_777_216.0, 1.0), 16_777_216.0);
    assert_eq!(binary_f32(BinaryOp::Add, 16_777_218.0, 1.0), 16_777_220.0);
    assert_eq!(binary_f32(BinaryOp::Add, -0.0, 0.0).to_bits(), 0);
    assert_eq!(binary_f32(BinaryOp::Add, -0.0, -0.0).to_bits(), 1 << 31);
    assert_eq!(binary_f32(BinaryOp::Sub, 1.5, 2.25), -0.75);
    assert_eq!(binary_f32(BinaryOp::Sub, 2.0, 2.0).to_bits(), 0);
    assert_eq!(binary_f32(BinaryOp::Mul, -1.5, 2.5), -3.75);
    assert_eq!(binary_f32(BinaryOp::Mul, 1e30, 1e30), INF);
    assert_eq!(binary_f32(BinaryOp::Mul, 1e-30, 1e-12).to_bits(), 714);
    assert_eq!(binary_f32(BinaryOp::Div, 1.0, 3.0).to_bits(), 0x3eaa_aaab);
    assert_eq!(binary_f32(BinaryOp::Div, -1.0, 0.0), -INF);
    assert!(binary_f32(BinaryOp::Div, 0.0, 0.0).is_nan());
}

#[test]
fn max_and_min_give_the_right_operand_unless_the_left_one_wins() {
    assert_eq!(binary_f32(BinaryOp::Max, 2.0, 1.0), 2.0);
    assert_eq!(binary_f32(BinaryOp::Max, 1.0, 2.0), 2.0);
    assert_eq!(binary_f32(BinaryOp::Max, 0.0, -0.0).to_bits(), 1 << 31);
    assert_eq!(binary_f32(BinaryOp::Max, NAN, 1.0), 1.0);
    assert!(binary_f32(BinaryOp::Max, 1.0, NAN).is_nan());
    assert_eq!(binary_f32(BinaryOp::Min, 2.0, 1.0), 1.0);
    assert_eq!(binary_f32(BinaryOp::Min, 1.0, 2.0), 1.0);
    assert_eq!(binary_f32(BinaryOp::Min, -0.0, 0.0).to_bits(), 0);
    assert_eq!(binary_f32(BinaryOp::Min, NAN, 1.0), 1.0);
    assert!(binary_f32(BinaryOp::Min, 1.0, NAN).is_nan());
}

#[test]
fn i32_arithmetic_wraps() {
    assert_eq!(binary_i32(BinaryOp::Add, i32::MAX, 1), i32::MIN);
    assert_eq!(binary_i32(BinaryOp::Sub, i32::MIN, 1), i32::MAX);
    assert_eq!(binary_i32(BinaryOp::Mul, 65_536, 65_537), 65_536);
    assert_eq!(binary_i32(BinaryOp::Mul, -3, 7), -21);
    assert_eq!(binary_i32(BinaryOp::And, 0b1100, 0b1010), 0b1000);
    assert_eq!(binary_i32(BinaryOp::Or, 0b1100, 0b1010), 0b1110);
    assert_eq!(binary_i32(BinaryOp::Xor, 0b1100, 0b1010), 0b0110);
}

#[test]
fn unary_operations() {
    let f32 = |op, x: f32| unary(op, Elem::F32, x.to_bits());
    assert_eq!(f32(UnaryOp::Neg, 0.0), 1 << 31);
    assert_eq!(f32(UnaryOp::Neg, -2.5), 2.5f32.to_bits());
    assert_eq!(unary(UnaryOp::Neg, Elem::F32, 0x7fc0_0001), 0xffc0_0001);
    assert_eq!(f32(UnaryOp::Abs, -0.0), 0);
    assert_eq!(unary(UnaryOp::Abs, Elem::F32, 0xffc0_0001), 0x7fc0_0001);
    assert_eq!(f32(UnaryOp::Sqrt, 2.25), 1.5f32.to_bits());
    assert_eq!(f32(UnaryOp::Sqrt, 2.0), 0x3fb5_04f3);
    assert_eq!(f32(UnaryOp::Sqrt, -0.0), 1 << 31);
    assert_eq!(f32(UnaryOp::ToBits, 1.0), 0x3f80_0000);
    let int = |op, x: i32| unary(op, Elem::I32, x as u32);
    assert_eq!(int(UnaryOp::FromBits, 0x3f80_0000), 1.0f32.to_bits());
    assert_eq!(int(UnaryOp::ToFloat, -7), (-7.0f32).to_bits());
    assert_eq!(int(UnaryOp::ToFloat, 16_777_217), 16_777_216f32.to_bits());
    assert_eq!(int(UnaryOp::ToFloat, 16_777_219), 16_777_220f32.to_bits());
    assert_eq!(int(UnaryOp::ToFloat, i32::MIN), (-2f32.powi(31)).to_bits());
}

#[test]
fn shifts() {
    let shift = |op, x: i32, bits| {
        let scalar = eval_scalar(Elem::I32, x as u32, 0, |b, x, _| b.shift(op, x, bits));
        let vector = eval(Elem::I32, [x as u32; 16], [0; 16], |b, x, _| {
            b.shift(op, x, bits)
        });
        assert_eq!(vector, [scalar; 16]);
        scalar as i32
    };
    assert_eq!(shift(ShiftOp::Left, 3, 30), -1 << 30);
    assert_eq!(shift(ShiftOp::Left, 3, 31), i32::MIN);
    assert_eq!(shift(ShiftOp::Right, -1, 28), 15);
    assert_eq!(shift(ShiftOp::RightSigned, -64, 4), -4);
    assert_eq!(shift(ShiftOp::RightSigned, i32::MIN, 31), -1);
}

#[test]
fn comparisons_make_masks_and_are_false_for_nan() {
    let x = lanes(|i| [1.0, 2.0, 3.0, NAN, 0.0, -INF, 2.0, 2.0][i % 8]);
    let y = lanes(|i| [2.0, 2.0, 2.0, 2.0, -0.0, INF, NAN, NAN][i % 8]);
    let f32 = |compare| {
        let mask = eval(Elem::F32, f32_bits(x), f32_bits(y), |b, x, y| {
            b.compare(compare, x, y)
        });
        assert!(mask.iter().all(|m| *m == 0 || *m == u32::MAX));
        (0..8).map(|i| mask[i] != 0).collect::<Vec<_>>()
    };
    let (no, yes) = (false, true);
    assert_eq!(f32(Compare::Lt), [yes, no, no, no, no, yes, no, no]);
    assert_eq!(f32(Compare::Le), [yes, yes, no, no, yes, yes, no, no]);
    assert_eq!(f32(Compare::Eq), [no, yes, no, no, yes, no, no, no]);
    let i32 = |compare, x: i32, y: i32| {
        eval_scalar(Elem::I32, x as u32, y as u32, |b, x, y| {
            b.compare(compare, x, y)
        })
    };
    assert_eq!(i32(Compare::Lt, -1, 0), u32::MAX);
    assert_eq!(i32(Compare::Lt, 0, 0), 0);
    assert_eq!(i32(Compare::Le, 0, 0), u32::MAX);
    assert_eq!(i32(Compare::Le, 1, -1), 0);
    assert_eq!(i32(Compare::Eq, -1, -1), u32::MAX);
}

#[test]
fn select_chooses_by_bits() {
    let x = lanes(|i| i as u32 + 100);
    let y = lanes(|i| i as u32 + 200);
    let chosen = eval(Elem::I32, x, y, |b, x, y| {
        let iota = b.iota();
        let five = b.i32_like(iota, 5);
        let mask = b.compare(Compare::Lt, iota, five);
        b.select(mask, x, y)
    });
    assert_eq!(chosen, lanes(|i| if i < 5 { x[i] } else { y[i] }));
    let bits = eval_scalar(Elem::I32, 0b1100, 0b1010, |b, x, y| {
        let mask = b.i32(0b0110);
        b.select(mask, x, y)
    });
    assert_eq!(bits, 0b1100);
}

#[test]
fn constants_splat_iota_extract_keep() {
    let out = eval(Elem::I32, [0; 16], [0; 16], |b, _, _| {
        let iota = b.iota();
        let seven = b.i32(-7);
        let seven = b.splat(seven);
        let x = b.add(iota, seven);
        let last = b.extract(x, 15);
        let last = b.splat(last);
        let x = b.mul(x, last);
        b.keep(x, &Lanes::First(Size::Const(3)))
    });
    assert_eq!(
        out,
        lanes(|i| if i < 3 { (i as i32 - 7) * 8 } else { 0 } as u32)
    );
    for (n, kept) in [(0, 0), (1, 1), (15, 15), (16, 16), (u64::MAX, 16)] {
        let out = eval(Elem::F32, [7; 16], [0; 16], |b, x, _| {
            b.keep(x, &Lanes::First(Size::Const(n)))
        });
        assert_eq!(out, lanes(|i| if i < kept { 7 } else { 0 }));
    }
}

#[test]
fn reduce_is_the_fixed_tree() {
    // Magnitudes far apart, so that the order shows.
    let x = lanes(|i| (i * 7 % 16) as f32 * 1234.567 + 1.0 / (i + 1) as f32);
    let sum = |x: [f32; 16]| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| (x[i] + x[i + 8]) + (x[i + 4] + x[i + 12]));
        (a + c) + (b + d)
    };
    assert_ne!(sum(x), x.iter().sum::<f32>());
    let reduce = |op, x| eval(Elem::F32, f32_bits(x), [0; 16], |b, x, _| b.reduce(op, x))[0];
    assert_eq!(reduce(ReduceOp::Add, x), sum(x).to_bits());
    assert_eq!(reduce(ReduceOp::Max, x), x[7 * 15 % 16].to_bits());
    // A NaN on the right of the first step stays; one on the left goes.
    let nan_at = |lane| lanes(|i| if i == lane { NAN } else { 1.0 });
    assert_eq!(reduce(ReduceOp::Max, nan_at(0)), 1f32.to_bits());
    assert_eq!(reduce(ReduceOp::Max, nan_at(8)), 1f32.to_bits());
    assert!(f32::from_bits(reduce(ReduceOp::Max, nan_at(15))).is_nan());
}

#[test]
fn trit_select_adds_drops_or_subtracts() {
    for bit in [0, 6, 30] {
        let codes = lanes(|i| (i as u32 % 4) << bit | !(3 << bit));
        for x in [1.5f32, 0.0, -0.0, f32::MIN_POSITIVE] {
            let out = eval(Elem::I32, codes, [0; 16], |b, codes, _| {
                let x = b.f32(x);
                b.trit_select(codes, bit, x)
            });
            let expected = lanes(|i| [-x, 0.0, x, 0.0][i % 4].to_bits());
            assert_eq!(out, expected, "bit {bit}, x {x}");
        }
    }
}

#[test]
fn look_ups_across_quarters() {
    let x = lanes(|i| 100 + i as u32);
    let spread = eval(Elem::I32, x, [0; 16], |b, x, _| b.spread(x));
    assert_eq!(spread, lanes(|i| 100 + i as u32 % 4));
    // Half `i` of 64 is `i`; bits above the sixth do not matter.
    let table = |first: u32| lanes(|i| (first + 2 * i as u32) * 0x0001_0001 + 0x0001_0000);
    let index = lanes(|i| (4 * i as u32) | (4 * i as u32 + 3) << 16 | 0xff40_ffc0);
    let found = eval(Elem::I32, table(0), index, |b, low, index| {
        let more = b.i32_like(low, 0x0020_0020);
        let high = b.add(low, more);
        b.shuffle16([low, high], index)
    });
    assert_eq!(found, lanes(|i| index[i] & 0x003f_003f));
}

#[test]
fn parameters_and_sizes() {
    let mut b = Builder::new("f");
    let n = b.dim("n");
    let (p, q) = (b.scalar("p"), b.scalar("q"));
    let size = b.size_f32(&(n.clone() * 2));
    let out = b.buffer("out", Access::Out, Elem::F32, 3);
    for (i, v) in [p, q, size].into_iter().enumerate() {
        b.store(out, Address::at(i as u64), v, Lanes::All);
    }
    let mut out = [0; 3];
    run_words(b, &mut [&mut out], &[8_388_609], &[1.5, -2.0]).unwrap();
    assert_eq!(out.map(f32::from_bits), [1.5, -2.0, 16_777_218.0]);
}

#[test]
fn indices_convert() {
    let mut b = Builder::new("f");
    let x = b.buffer("x", Access::In, Elem::I32, 4);
    let out = b.buffer("out", Access::Out, Elem::I32, 4);
    b.for_loop(4, &[], |b, i, _| {
        let row = b.load(x, Address::of(&[(i, 1.into())]));
        let row = b.to_index(row);
        let number = b.from_index(i);
        b.store(out, Address::of(&[(row, 1.into())]), number, Lanes::All);
        vec![]
    });
    let (mut x, mut out) = ([2, 0, 3, 1], [9; 4]);
    run_words(b, &mut [&mut x, &mut out], &[], &[]).unwrap();
    assert_eq!(out, [1, 3, 0, 2]);
}
