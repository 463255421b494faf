use super::run_words;
use crate::interp::{Memory, Part, Program, Registers, Span, Trap, run};
use crate::ir::{Access, Address, Builder, Elem, Lanes, Size};

#[test]
fn tails_touch_only_their_lanes() {
    for n in [0u64, 1, 15, 16, 20] {
        let lanes = n.min(16) as usize;
        let build = |size: Option<u64>| {
            let mut b = Builder::new("copy");
            let n = size.map_or_else(|| b.dim("n"), Size::Const);
            // Buffers that end where the tail ends.
            let x = b.buffer("x", Access::In, Elem::I32, lanes as u64);
            let out = b.buffer("out", Access::Out, Elem::I32, 16);
            let tail = b.buffer("tail", Access::Out, Elem::I32, lanes as u64);
            let v = b.load_vector(x, Address::at(0), Lanes::First(n.clone()));
            b.store(out, Address::at(0), v, Lanes::All);
            b.store(tail, Address::at(0), v, Lanes::First(n));
            b
        };
        let expected: Vec<u32> = (0..16)
            .map(|i| if i < lanes { 50 + i as u32 } else { 0 })
            .collect();
        for open in [false, true] {
            let mut x: Vec<u32> = (0..lanes as u32).map(|i| 50 + i).collect();
            let (mut out, mut tail) = (vec![9; 16], vec![9; lanes]);
            let dims: &[u64] = if open { &[n] } else { &[] };
            let b = build((!open).then_some(n));
            run_words(b, &mut [&mut x, &mut out, &mut tail], dims, &[]).unwrap();
            assert_eq!(out, expected, "{n} lanes");
            assert_eq!(tail, x, "{n} lanes");
        }
    }
}

#[test]
fn a_partial_store_leaves_the_rest() {
    let mut b = Builder::new("f");
    let out = b.buffer("out", Access::InOut, Elem::I32, 16);
    let iota = b.iota();
    b.store(out, Address::at(2), iota, Lanes::First(3.into()));
    let mut out = [77; 16];
    run_words(b, &mut [&mut out], &[], &[]).unwrap();
    assert_eq!(out[..6], [77, 77, 0, 1, 2, 77]);
    assert_eq!(out[6..], [77; 10]);
}

#[test]
fn no_lane_is_no_access_wherever_the_address_points() {
    let mut b = Builder::new("f");
    let x = b.buffer("x", Access::InOut, Elem::F32, 1);
    let v = b.load_vector(x, Address::at(1000), Lanes::First(0.into()));
    b.store(x, Address::at(1000), v, Lanes::First(0.into()));
    run_words(b, &mut [&mut [5]], &[], &[]).unwrap();
}

#[test]
fn addresses_are_affine() {
    // out[c, r] = x[r, c]
    let mut b = Builder::new("transpose");
    let (rows, cols) = (b.dim("rows"), b.dim("cols"));
    let area = rows.clone() * cols.clone();
    let x = b.buffer("x", Access::In, Elem::F32, area.clone());
    let out = b.buffer("out", Access::Out, Elem::F32, area + 1);
    b.for_loop(rows.clone(), &[], |b, r, _| {
        b.for_loop(cols.clone(), &[], |b, c, _| {
            let v = b.load(x, Address::of(&[(r, cols.clone()), (c, 1.into())]));
            let at = Address::of(&[(c, rows.clone())]).step(r, 1).offset(1);
            b.prefetch(x, at.clone());
            b.store(out, at, v, Lanes::All);
            vec![]
        });
        vec![]
    });
    let (mut x, mut out) = ([1, 2, 3, 4, 5, 6], [0; 7]);
    run_words(b, &mut [&mut x, &mut out], &[2, 3], &[]).unwrap();
    assert_eq!(out, [0, 1, 4, 2, 5, 3, 6]);
}

#[test]
fn elements_are_little_endian_at_any_alignment() {
    let mut b = Builder::new("f");
    let x = b.buffer("x", Access::InOut, Elem::I32, 1);
    let v = b.load(x, Address::at(0));
    let v = b.add(v, v);
    b.store(x, Address::at(0), v, Lanes::All);
    let mut memory = vec![0xff, 0xff, 0xff, 0x01, 0x02, 0x03, 0x04, 0xff];
    run(
        &b.finish(),
        &mut memory,
        std::slice::from_ref(&(3..7)),
        &[],
        &[],
    )
    .unwrap();
    assert_eq!(memory, [0xff, 0xff, 0xff, 0x02, 0x04, 0x06, 0x08, 0xff]);
}

#[test]
fn one_set_of_registers_serves_many_programs() {
    let program = |vectors: i32| {
        let mut b = Builder::new("f");
        let out = b.buffer("out", Access::Out, Elem::I32, 16);
        let values: Vec<_> = (0..vectors)
            .map(|i| {
                let x = b.i32(i);
                b.splat(x)
            })
            .collect();
        let sum = values.into_iter().reduce(|x, y| b.add(x, y)).unwrap();
        b.store(out, Address::at(0), sum, Lanes::All);
        Program::new(&b.finish()).unwrap()
    };
    let mut registers = Registers::default();
    let mut memory = vec![0; 64];
    for (vectors, sum) in [(4, 6u32), (40, 780), (2, 1)] {
        let program = program(vectors);
        program
            .run(
                &mut registers,
                &mut memory,
                std::slice::from_ref(&(0..64)),
                &[],
                &[],
            )
            .unwrap();
        assert_eq!(memory[..4], sum.to_le_bytes());
    }
}

#[test]
fn a_memory_of_two_parts() {
    // y = x + x, where x is in the shared part and y in the own one.
    let mut b = Builder::new("double");
    let x = b.buffer("x", Access::In, Elem::I32, 2);
    let y = b.buffer("y", Access::Out, Elem::I32, 2);
    for at in 0..2 {
        let v = b.load(x, Address::at(at));
        let v = b.add(v, v);
        b.store(y, Address::at(at), v, Lanes::All);
    }
    let program = Program::new(&b.finish()).unwrap();
    let shared = [0, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0];
    let mut own = [9; 9];
    let mut call = |x: Span, y: Span| {
        let parts = &mut [Part::Shared(&shared), Part::Own(&mut own)];
        let memory = Memory { parts };
        program.run_split(&mut program.registers(), memory, &[x, y], &[], &[])
    };
    let span = |part, bytes| Span { part, bytes };
    assert_eq!(call(span(0, 4..12), span(1, 1..9)), Ok(()));
    // Bytes 4..12 are in the shared part, but not in the own one.
    let outside = call(span(1, 4..12), span(1, 1..9));
    assert!(matches!(outside, Err(Trap::Range { memory: 9, .. })));
    let buffer = "y".to_owned();
    let read_only = Err(Trap::ReadOnly { buffer });
    assert_eq!(call(span(0, 4..12), span(0, 0..8)), read_only);
    assert_eq!(own, [9, 6, 0, 0, 0, 10, 0, 0, 0]);
}
