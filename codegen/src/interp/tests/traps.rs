use super::run_words;
use crate::interp::{Memory, Program, ProgramError, Span, Trap, run};
use crate::ir::{
    Access, Address, BinaryOp, Buffer, Builder, Elem, Inst, Lanes, Size, Stmt, Type, Value,
};
use std::ops::Range;

fn access(at: u64, lanes: Option<Lanes>, store: bool) -> Result<(), Trap> {
    let mut b = Builder::new("f");
    let x = b.buffer("x", Access::InOut, Elem::I32, 20);
    let at = Address::at(at);
    let iota = b.iota();
    match (lanes, store) {
        (Some(lanes), false) => drop(b.load_vector(x, at, lanes)),
        (Some(lanes), true) => b.store(x, at, iota, lanes),
        (None, false) => drop(b.load(x, at)),
        (None, true) => {
            let first = b.extract(iota, 0);
            b.store(x, at, first, Lanes::All);
        }
    }
    // Memory goes on after the buffer: the bound is the buffer's.
    let mut memory = vec![7; 400];
    let result = run(
        &b.finish(),
        &mut memory,
        std::slice::from_ref(&(100..180)),
        &[],
        &[],
    );
    assert!(memory[..100].iter().chain(&memory[180..]).all(|b| *b == 7));
    result
}

#[test]
fn accesses_beyond_the_end_trap() {
    let out_of_bounds = |index| {
        Err(Trap::OutOfBounds {
            buffer: "x".to_owned(),
            index,
            len: 20,
        })
    };
    let first = |n: u64| Some(Lanes::First(n.into()));
    for store in [false, true] {
        assert_eq!(access(19, None, store), Ok(()));
        assert_eq!(access(20, None, store), out_of_bounds(20));
        assert_eq!(access(4, Some(Lanes::All), store), Ok(()));
        assert_eq!(access(5, Some(Lanes::All), store), out_of_bounds(20));
        assert_eq!(access(50, Some(Lanes::All), store), out_of_bounds(50));
        assert_eq!(access(19, first(1), store), Ok(()));
        assert_eq!(access(19, first(2), store), out_of_bounds(20));
        assert_eq!(access(4, first(99), store), Ok(()));
        assert_eq!(access(u64::MAX, None, store), out_of_bounds(u64::MAX));
    }
}

#[test]
fn address_and_size_overflow_trap() {
    let mut b = Builder::new("f");
    let x = b.buffer("x", Access::In, Elem::I32, 1);
    b.for_loop(3, &[], |b, i, _| {
        b.load(x, Address::of(&[(i, Size::Const(u64::MAX))]));
        vec![]
    });
    // i = 1 is just out of bounds, i = 2 would overflow.
    let result = run_words(b, &mut [&mut [0]], &[], &[]);
    assert!(
        matches!(
            result,
            Err(Trap::OutOfBounds {
                index: u64::MAX,
                ..
            })
        ),
        "{result:?}"
    );

    let mut b = Builder::new("f");
    let x = b.buffer("x", Access::In, Elem::I32, 1);
    let two = b.i32(2);
    let two = b.to_index(two);
    b.load(x, Address::of(&[(two, Size::Const(u64::MAX))]));
    let overflow = Trap::AddressOverflow {
        buffer: "x".to_owned(),
    };
    assert_eq!(run_words(b, &mut [&mut [0]], &[], &[]), Err(overflow));

    let mut b = Builder::new("f");
    let n = b.dim("n");
    b.size_f32(&(n.clone() * n));
    let result = run_words(b, &mut [], &[1 << 32], &[]);
    assert!(
        matches!(result, Err(Trap::SizeOverflow { .. })),
        "{result:?}"
    );
}

#[test]
fn arguments_must_fit_the_parameters() {
    let build = || {
        let mut b = Builder::new("f");
        let n = b.dim("n");
        b.buffer("x", Access::In, Elem::I32, n);
        b.scalar("s");
        b.finish()
    };
    let mut memory = vec![0; 40];
    let mut call = |range, dims: &[u64], scalars: &[f32]| {
        run(
            &build(),
            &mut memory,
            std::slice::from_ref(&range),
            dims,
            scalars,
        )
    };
    assert_eq!(call(0..40, &[10], &[1.0]), Ok(()));
    assert_eq!(call(0..40, &[9], &[1.0]), Ok(()));
    let arguments = |what, found| {
        Err(Trap::Arguments {
            what,
            expected: 1,
            found,
        })
    };
    assert_eq!(call(0..40, &[], &[1.0]), arguments("dimensions", 0));
    assert_eq!(call(0..40, &[10], &[1.0, 2.0]), arguments("scalars", 2));
    for (range, n) in [(0..40, 11), (0..44, 11), (4..40, 10), (0..40, u64::MAX)] {
        let result = call(range, &[n], &[1.0]);
        assert!(matches!(result, Err(Trap::Range { .. })), "{result:?}");
    }
    let message = call(4..40, &[10], &[1.0]).unwrap_err().to_string();
    assert_eq!(message, "buffer x: bytes 4..40 of 40, expected 40 bytes");
}

#[test]
fn indices_are_not_negative_and_numbers_not_too_great() {
    let mut b = Builder::new("f");
    let x = b.i32(-5);
    b.to_index(x);
    assert_eq!(
        run_words(b, &mut [], &[], &[]),
        Err(Trap::NegativeIndex(-5))
    );
}

#[test]
fn malformed_functions_do_not_compile() {
    let error = |change: &dyn Fn(&mut crate::ir::Function)| {
        let mut b = Builder::new("f");
        let x = b.f32(1.0);
        b.splat(x);
        let mut f = b.finish();
        change(&mut f);
        Program::new(&f).unwrap_err()
    };
    let push = |ty: Type, inst: Inst| {
        error(&|f| {
            let v = f.new_value(ty);
            f.body.push(Stmt::Let(v, inst.clone()));
        })
    };
    let (scalar, vector, itself) = (Value(0), Value(1), Value(2));
    assert_eq!(
        push(Type::F32, Inst::Binary(BinaryOp::Add, itself, scalar)),
        ProgramError::Undefined(itself)
    );
    assert_eq!(
        push(Type::F32, Inst::Binary(BinaryOp::Add, scalar, vector)),
        ProgramError::Type {
            value: vector,
            expected: "a scalar",
            found: Type::F32X16
        }
    );
    assert_eq!(
        push(Type::I32, Inst::Binary(BinaryOp::And, scalar, scalar)),
        ProgramError::Operation {
            op: BinaryOp::And,
            elem: Elem::F32
        }
    );
    assert_eq!(
        push(Type::F32, Inst::Param(0)),
        ProgramError::UnknownScalar(0)
    );
    assert_eq!(
        push(Type::F32, Inst::Load(Buffer(0), Address::at(0), Lanes::All)),
        ProgramError::UnknownBuffer(Buffer(0))
    );
    assert_eq!(
        push(Type::F32, Inst::Extract(vector, 16)),
        ProgramError::OutOfRange {
            what: "lane",
            most: 15,
            found: 16
        }
    );
    assert_eq!(
        push(Type::F32X16, Inst::F32(0)),
        ProgramError::Type {
            value: itself,
            expected: "a scalar",
            found: Type::F32X16
        }
    );
}

#[test]
fn ranges_that_are_none_trap() {
    let mut b = Builder::new("f");
    let x = b.buffer("x", Access::In, Elem::I32, Size::ZERO);
    b.load_vector(x, Address::at(0), Lanes::First(Size::ZERO));
    let function = b.finish();
    let call = |range| {
        run(
            &function,
            &mut [0; 8],
            std::slice::from_ref(&range),
            &[],
            &[],
        )
    };
    assert_eq!(call(8..8), Ok(()));
    for (start, end) in [(8, 4), (usize::MAX, 0), (9, 9), (0, usize::MAX)] {
        let range = Range { start, end };
        assert!(
            matches!(call(range.clone()), Err(Trap::Range { .. })),
            "{range:?}"
        );
    }

    let program = Program::new(&function).unwrap();
    let memory = Memory { parts: &mut [] };
    let span = Span {
        part: 3,
        bytes: 0..0,
    };
    let result = program.run_split(&mut program.registers(), memory, &[span], &[], &[]);
    assert!(matches!(result, Err(Trap::Range { .. })), "{result:?}");
}
