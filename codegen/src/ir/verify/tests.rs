use super::{Fault, verify};
use crate::ir::{
    Access, Address, Buffer, Builder, Dim, Elem, Function, Inst, Lanes, Size, Stmt, Type, Value,
    VectorOp, parse, random,
};

mod bounds;
mod kernels;
mod types;

#[test]
fn random_functions_are_valid() {
    for seed in 0..1000 {
        let function = random::function(seed);
        if let Err(violations) = verify(&function) {
            panic!("seed {seed}: {violations}\n{function}");
        }
    }
}

/// What the verifier finds.
fn faults_of(function: &Function) -> Vec<Fault> {
    match verify(function) {
        Ok(()) => Vec::new(),
        Err(violations) => {
            let list = violations.as_slice().iter();
            list.map(|v| v.fault.clone()).collect()
        }
    }
}

const HEADER: &str = "kernel k(n) scalars(s) {
  in a: f32[n]
  in c: i32[n]
  out out: f32[n]
  inout both: f32[n]
";

/// A valid body with a value of each type: %0 to %4 are f32, i32, f32x16, i32x16, index.
const VALUES: &str = "%0: f32 = param s %1: i32 = const.i32 1 %2: f32x16 = splat %0
  %3: i32x16 = iota %4: index = to_index %1 ";

/// What the verifier finds in `body` after [`VALUES`].
fn faults(body: &str) -> Vec<Fault> {
    let text = format!("{HEADER}{VALUES}{body}\n}}");
    let function = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    faults_of(&function)
}

#[track_caller]
fn assert_fault(body: &str, fault: Fault) {
    assert_eq!(faults(body), [fault], "{body}");
}

/// [`VALUES`] with one more statement, for what text cannot say.
#[track_caller]
fn assert_stmt_fault(stmt: Stmt, ty: Type, fault: Fault) {
    let text = format!("{HEADER}{VALUES}\n}}");
    let mut function = parse(&text).expect("valid");
    function.types.push(ty);
    function.body.push(stmt);
    assert_eq!(faults_of(&function), [fault]);
}

const V: [Value; 6] = [Value(0), Value(1), Value(2), Value(3), Value(4), Value(5)];

#[test]
fn the_frame_of_these_tests_is_valid() {
    assert_eq!(faults(""), []);
}

// 1

#[test]
fn names_are_identifiers() {
    for name in ["", "1x", "a-b", "é", "_", "a b"] {
        for place in 0..4 {
            let text = format!("{HEADER}}}");
            let mut function = parse(&text).expect("valid");
            let target = match place {
                0 => &mut function.name,
                1 => &mut function.dims[0],
                2 => &mut function.buffers[0].name,
                _ => &mut function.scalars[0].name,
            };
            *target = name.to_owned();
            let name = name.to_owned();
            assert_eq!(faults_of(&function), [Fault::NotAName { name }]);
        }
    }
}

#[test]
fn names_are_unique() {
    for (dim, buffer, scalar) in [("x", "x", "y"), ("x", "y", "x"), ("y", "x", "x")] {
        let text = format!("kernel k({dim}) scalars({scalar}) {{ in {buffer}: f32[4] }}");
        let name = "x".to_owned();
        let function = parse(&text).expect("valid");
        assert_eq!(faults_of(&function), [Fault::NameTaken { name }], "{text}");
    }
}

// 2

#[test]
fn parameters_exist() {
    let size = Inst::SizeF32(Size::Dim(Dim(1)));
    let fault = Fault::NoSuchDim {
        number: 1,
        count: 1,
    };
    assert_stmt_fault(Stmt::Let(V[5], size), Type::F32, fault);
    let fault = Fault::NoSuchScalar {
        number: 1,
        count: 1,
    };
    assert_stmt_fault(Stmt::Let(V[5], Inst::Param(1)), Type::F32, fault);
    let fault = Fault::NoSuchBuffer {
        number: 4,
        count: 4,
    };
    let load = Inst::Load(Buffer(4), Address::at(0), Lanes::All);
    assert_stmt_fault(Stmt::Let(V[5], load), Type::F32, fault.clone());
    let prefetch = Stmt::Prefetch(Buffer(4), Address::at(0));
    assert_stmt_fault(prefetch, Type::F32, fault.clone());
    let store = Stmt::Store {
        buffer: Buffer(4),
        address: Address::at(0),
        value: V[0],
        lanes: Lanes::All,
    };
    assert_stmt_fault(store, Type::F32, fault);
}

// 3

/// A size in each of its places: a length, a trip count, a stride, a base, lanes, a constant.
fn functions_with_size(size: &Size) -> Vec<Function> {
    let header = |len: Size| {
        let mut b = Builder::new("sizes");
        let n = b.dim("n");
        let x = b.buffer("x", Access::InOut, Elem::F32, n + 1);
        b.buffer("y", Access::In, Elem::F32, len);
        let v = b.load_vector(x, Address::at(0), Lanes::All);
        (b, x, v)
    };
    let one = Size::ONE;
    let mut functions = vec![header(size.clone()).0.finish()];
    let mut place = |build: &dyn Fn(&mut Builder, Buffer, Value)| {
        let (mut b, x, v) = header(one.clone());
        build(&mut b, x, v);
        functions.push(b.finish());
    };
    let lanes = Lanes::First(size.clone());
    place(&|b, _, _| {
        b.for_loop(size.clone(), &[], |_, _, _| vec![]);
    });
    place(&|b, x, _| {
        b.for_loop(3, &[], |b, i, _| {
            b.prefetch(x, Address::of(&[(i, size.clone())]));
            vec![]
        });
    });
    place(&|b, x, _| {
        let terms = vec![];
        let base = size.clone();
        b.load(x, Address { terms, base });
    });
    place(&|b, x, _| {
        b.load_vector(x, Address::at(0), lanes.clone());
    });
    place(&|b, x, v| b.store(x, Address::at(0), v, lanes.clone()));
    place(&|b, _, v| {
        b.keep(v, &lanes);
    });
    place(&|b, _, _| {
        b.size_f32(size);
    });
    functions
}

#[test]
fn sizes_are_folded_and_finite() {
    let dim = || Box::new(Size::Dim(Dim(0)));
    let number = |n| Box::new(Size::Const(n));
    let n = Size::Dim(Dim(0));
    assert!(
        functions_with_size(&(n * 16 + 3))
            .iter()
            .all(|f| verify(f).is_ok())
    );
    for (size, fault) in [
        (
            Size::Rem(dim(), 0),
            Fault::DivisionByZero {
                size: "n % 0".into(),
            },
        ),
        (
            Size::Mul(Box::new(Size::Div(dim(), 0)), number(2)),
            Fault::DivisionByZero {
                size: "n / 0 * 2".into(),
            },
        ),
        (
            Size::Div(number(9), 2),
            Fault::NotFolded {
                size: "9 / 2".into(),
                folded: "4".into(),
            },
        ),
        (
            Size::Add(dim(), number(0)),
            Fault::NotFolded {
                size: "n + 0".into(),
                folded: "n".into(),
            },
        ),
        (
            Size::Const(u64::MAX) * 2,
            Fault::SizeOverflow {
                size: "18446744073709551615 * 2".into(),
            },
        ),
    ] {
        for function in functions_with_size(&size) {
            let found = faults_of(&function);
            assert_eq!(found, std::slice::from_ref(&fault), "{function}");
        }
    }
}

#[test]
fn scratch_memory_is_of_constant_length_and_little() {
    let with = |scratch: &str| {
        let text = format!("kernel k(n) {{ out out: f32[n] {scratch} }}");
        faults_of(&parse(&text).expect("it is a function"))
    };
    assert_eq!(with("scratch a: i32[32000] scratch b: f32[768]"), []);
    for (scratch, name) in [
        ("scratch a: i32[32000] scratch b: f32[769]", "b"),
        ("scratch a: i32[n]", "a"),
    ] {
        let name = name.to_owned();
        assert_eq!(with(scratch), [Fault::Scratch { name }], "{scratch}");
    }
    let taken = Fault::NameTaken {
        name: "out".to_owned(),
    };
    assert_eq!(with("scratch out: i32[1]"), [taken]);
    let mut read = parse("kernel k() { scratch a: i32[1] }").expect("it is a function");
    read.scratch[0].access = Access::In;
    let name = "a".to_owned();
    assert_eq!(faults_of(&read), [Fault::Scratch { name }]);
    let beyond = "kernel k() { scratch a: i32[16] %0: i32x16 = load a[1] }";
    let found = faults_of(&parse(beyond).expect("it is a function"));
    assert!(
        matches!(found[..], [Fault::OutOfBounds { .. }]),
        "{found:?}"
    );
}

// 4, 5

#[test]
fn values_have_a_type() {
    let add = Stmt::Let(V[5], Inst::Splat(Value(9)));
    let count = 6;
    let value = Value(9);
    assert_stmt_fault(add, Type::F32X16, Fault::NoType { value, count });
    let definition = Stmt::Let(Value(9), Inst::Iota);
    assert_stmt_fault(definition, Type::F32, Fault::NoType { value, count });
}

#[test]
fn values_are_defined_once() {
    for body in [
        "%1: i32 = const.i32 2",
        "for %4 in 0..n {}",
        "%5: i32 = for %6 in 0..n carry %1: i32 = %1 { yield %1 }",
        "%1: i32 = for %6 in 0..n carry %5: i32 = %1 { yield %5 }",
        "for %5 in 0..n { %1: i32 = const.i32 3 }",
    ] {
        let found = faults(body);
        let is_twice = |f: &Fault| matches!(f, Fault::DefinedTwice { .. });
        assert!(found.len() == 1 && is_twice(&found[0]), "{body}: {found:?}");
    }
    let twice = "for %5 in 0..n { %6: i32 = const.i32 3 } for %7 in 0..n { %6: i32 = const.i32 3 }";
    assert_fault(twice, Fault::DefinedTwice { value: Value(6) });
}

#[test]
fn values_are_used_where_they_are_visible() {
    let value = Value(9);
    for body in [
        "%5: f32x16 = splat %9",
        "%5: f32 = add %0, %9",
        "%5: f32 = add %9, %0",
        "%5: f32 = add %9, %9",
        "%5: f32 = select %1, %0, %9",
        "%5: f32 = select %9, %0, %0",
        "%5: f32x16 = trit_select %9, bit 0, %0",
        "store out[0] = %9",
        "prefetch a[%9 * 2]",
        "%5: f32 = for %6 in 0..n carry %7: f32 = %9 { yield %7 }",
        "%5: f32 = for %6 in 0..n carry %7: f32 = %0 { yield %9 }",
    ] {
        // A greater number, so that the type table has an entry for %9.
        let nowhere = format!("{body} %10: i32 = const.i32 0");
        assert_fault(&nowhere, Fault::Undefined { value });
        let later = format!("{body} %9: f32 = const.f32 1.0");
        assert_fault(&later, Fault::UsedEarly { value });
    }
    for inside in [
        "for %9 in 0..n {} prefetch a[%9]",
        "for %5 in 0..n { %9: f32 = const.f32 1.0 } store out[0] = %9",
        "%5: f32 = for %6 in 0..n carry %9: f32 = %0 { yield %9 } store out[0] = %9",
        "for %5 in 0..n { for %6 in 0..n { %9: f32 = const.f32 1.0 } store out[0] = %9 }",
    ] {
        assert_fault(inside, Fault::OutOfScope { value });
    }
    let own_result = "%9: f32 = for %6 in 0..n carry %7: f32 = %0 { store out[0] = %9 yield %7 }";
    assert_fault(own_result, Fault::UsedEarly { value });
    let own_init = "%5: f32 = for %6 in 0..n carry %9: f32 = %9 { yield %9 }";
    assert_fault(own_init, Fault::UsedEarly { value });
}

// 8, 9, 10

#[test]
fn small_numbers_are_in_range() {
    for shift in ["shl", "shr", "sar"] {
        assert_eq!(faults(&format!("%5: i32 = {shift} %1, 31")), []);
        assert_fault(
            &format!("%5: i32 = {shift} %1, 32"),
            Fault::ShiftBits { bits: 32 },
        );
    }
    assert_eq!(faults("%5: f32x16 = trit_select %3, bit 30, %0"), []);
    for bit in [1, 31, 32] {
        let body = format!("%5: f32x16 = trit_select %3, bit {bit}, %0");
        assert_fault(&body, Fault::TritBit { bit });
    }
    assert_eq!(faults("%5: i32x16 = lookup %3, %3, bit 31"), []);
    let body = "%5: i32x16 = lookup %3, %3, bit 32";
    assert_fault(
        body,
        Fault::VectorBit {
            op: VectorOp::Lookup,
            bit: 32,
        },
    );
    assert_eq!(faults("%5: f32 = extract %2, 15"), []);
    assert_fault("%5: f32 = extract %2, 16", Fault::NoSuchLane { lane: 16 });
}

#[test]
fn only_vectors_have_lanes() {
    assert_fault("%5: f32 = load a[0] lanes 1", Fault::ScalarLanes);
    assert_fault("store out[0] = %0 lanes n", Fault::ScalarLanes);
    assert_eq!(faults("store out[0] = %2 lanes n"), []);
}

#[test]
fn buffers_are_used_as_declared() {
    let buffer = || "out".to_owned();
    assert_fault(
        "%5: f32 = load out[0]",
        Fault::NotReadable { buffer: buffer() },
    );
    let buffer = "a".to_owned();
    assert_fault("store a[0] = %0", Fault::NotWritable { buffer });
    assert_eq!(
        faults("prefetch out[0] %5: f32 = load both[0] store both[0] = %5"),
        []
    );
}

// 11

#[test]
fn carried_values_keep_their_type() {
    for (role, value, body) in [
        (
            "initial value",
            1,
            "%7: f32 = for %5 in 0..n carry %6: f32 = %1 { yield %6 }",
        ),
        (
            "next value",
            1,
            "%7: f32 = for %5 in 0..n carry %6: f32 = %0 { yield %1 }",
        ),
        (
            "result",
            7,
            "%7: i32 = for %5 in 0..n carry %6: f32 = %0 { yield %6 }",
        ),
    ] {
        let fault = Fault::CarriedType {
            role,
            value: Value(value),
            expected: Type::F32,
            found: Type::I32,
        };
        assert_fault(body, fault);
    }
}

#[test]
fn counters_are_indices_and_bodies_are_wanted() {
    let (counter, found) = (Value(5), Type::I32);
    assert_fault(
        "for %5: i32 in 0..n {}",
        Fault::CounterType { counter, found },
    );
    assert_fault("for %5 in 0..n unroll 0 {}", Fault::NoCopies);
}

#[test]
fn conditions_are_numbers_that_are_there() {
    let (condition, found) = (Value(0), Type::F32);
    assert_fault(
        "for %5 in 0..n when %0 {}",
        Fault::ConditionType { condition, found },
    );
    assert_eq!(
        faults("%5: i32 = const.i32 0 for %6 in 0..n when %5 {}"),
        []
    );
}

#[test]
fn all_violations_are_reported_with_their_places() {
    let body = "for %5 in 0..n { %6: i32 = shl %1, 40 store a[0] = %6 } %7: f32 = add %6, %6";
    let function = parse(&format!("{HEADER}{VALUES}{body}\n}}")).expect("valid");
    let expected = "\
`k` is not a valid function
  statement 5.0, `%6: i32 = shl %1, 40`: a shift by 40 bits, expected at most 31
  statement 5.1, `store a[0] = %6`: value %6 is i32, expected f32 or f32x16
  statement 5.1, `store a[0] = %6`: `a` is only read, but written here
  statement 6, `%7: f32 = add %6, %6`: %6 is defined in a loop that has ended";
    let violations = verify(&function).expect_err("not valid");
    assert_eq!(violations.to_string(), expected);
    let function = parse("kernel k() { in x: f32[4] in x: f32[18446744073709551615 * 2] }");
    let violations = verify(&function.expect("valid")).expect_err("not valid");
    let expected = "\
`k` is not a valid function
  header, `kernel k`: another parameter is named `x` too
  header, `in x: f32[18446744073709551615 * 2]`: the size `18446744073709551615 * 2` does not fit 64 bits";
    assert_eq!(violations.to_string(), expected);
}
