use super::run_words;
use crate::ir::{Access, Address, Builder, Elem, Lanes, Value};

/// What `f` stores to a buffer of `N` i32, for the trip count `n`.
fn loop_of<const N: usize>(
    n: u64,
    f: impl FnOnce(&mut Builder, crate::ir::Size) -> Vec<Value>,
) -> [i32; N] {
    let mut b = Builder::new("f");
    let dim = b.dim("n");
    let out = b.buffer("out", Access::Out, Elem::I32, N as u64);
    let results = f(&mut b, dim);
    for (i, v) in results.into_iter().enumerate() {
        b.store(out, Address::at(i as u64), v, Lanes::All);
    }
    let mut words = [0; N];
    run_words(b, &mut [&mut words], &[n], &[]).unwrap();
    words.map(|w| w as i32)
}

#[test]
fn carried_values_start_at_their_inits_and_end_at_their_last_nexts() {
    let sum_and_power = |n| {
        loop_of::<2>(n, |b, dim| {
            let (zero, one) = (b.i32(0), b.i32(1));
            b.for_loop(dim, &[zero, one], |b, i, carried| {
                let i = b.from_index(i);
                let sum = b.add(carried[0], i);
                let power = b.add(carried[1], carried[1]);
                vec![sum, power]
            })
        })
    };
    assert_eq!(sum_and_power(0), [0, 1]);
    assert_eq!(sum_and_power(1), [0, 2]);
    assert_eq!(sum_and_power(5), [10, 32]);
}

#[test]
fn a_loop_whose_condition_is_0_leaves_what_it_carries() {
    let counted = |n, condition| {
        loop_of::<2>(n, |b, dim| {
            let (zero, condition) = (b.i32(0), b.i32(condition));
            let repeated = b.repeat((dim, Some(condition)), 1, &[zero], |b, _, carried| {
                let one = b.i32(1);
                vec![b.add(carried[0], one)]
            });
            let once = b.when(condition, &repeated, |b, carried| {
                let hundred = b.i32(100);
                vec![b.add(carried[0], hundred)]
            });
            vec![repeated[0], once[0]]
        })
    };
    assert_eq!(counted(3, 0), [0, 0]);
    assert_eq!(counted(0, -1), [0, 100]);
    assert_eq!(counted(1, 1), [1, 101]);
    assert_eq!(counted(3, i32::MIN), [3, 103]);
}

#[test]
fn carried_values_advance_all_at_once() {
    let rotate = |n| {
        loop_of::<3>(n, |b, dim| {
            let inits = [b.i32(1), b.i32(2), b.i32(3)];
            b.for_loop(dim, &inits, |_, _, carried| {
                vec![carried[1], carried[2], carried[0]]
            })
        })
    };
    assert_eq!(rotate(0), [1, 2, 3]);
    assert_eq!(rotate(1), [2, 3, 1]);
    assert_eq!(rotate(2), [3, 1, 2]);
    assert_eq!(rotate(3), [1, 2, 3]);
    let fibonacci = |n| {
        loop_of::<2>(n, |b, dim| {
            let inits = [b.i32(0), b.i32(1)];
            b.for_loop(dim, &inits, |b, _, carried| {
                let next = b.add(carried[0], carried[1]);
                vec![carried[1], next]
            })
        })
    };
    assert_eq!(fibonacci(10), [55, 89]);
}

#[test]
fn an_inner_loop_starts_afresh_each_time() {
    // Sum over i of (3 + sum of j below n), with a value of the outer body used after the inner loop.
    let nested = |n| {
        loop_of::<1>(n, |b, dim| {
            let zero = b.i32(0);
            let three = b.i32(3);
            b.for_loop(dim.clone(), &[zero], |b, i, carried| {
                let before = b.from_index(i);
                let inner = b.for_loop(dim, &[three], |b, j, inner| {
                    let j = b.from_index(j);
                    vec![b.add(inner[0], j)]
                });
                let sum = b.add(carried[0], inner[0]);
                let sum = b.add(sum, before);
                vec![b.sub(sum, before)]
            })
        })
    };
    assert_eq!(nested(0), [0]);
    assert_eq!(nested(1), [3]);
    assert_eq!(nested(4), [4 * (3 + 6)]);
}

#[test]
fn a_value_from_before_a_loop_lives_through_it() {
    // Twenty registers' worth of temporaries in the body must not overwrite `seed`.
    let out = loop_of::<1>(7, |b, dim| {
        let seed = b.i32(1000);
        let zero = b.i32(0);
        b.for_loop(dim, &[zero], |b, i, carried| {
            let mut x = b.from_index(i);
            for k in 0..20 {
                let k = b.i32(k);
                let y = b.add(x, k);
                x = b.sub(y, k);
            }
            let sum = b.add(carried[0], x);
            vec![b.add(sum, seed)]
        })
    });
    assert_eq!(out, [7000 + 21]);
}

#[test]
fn vectors_are_carried_too() {
    let out = loop_of::<1>(5, |b, dim| {
        let iota = b.iota();
        let sum = b.for_loop(dim, &[iota], |b, _, carried| {
            let iota = b.iota();
            vec![b.add(carried[0], iota)]
        });
        vec![b.extract(sum[0], 3)]
    });
    assert_eq!(out, [18]);
}

#[test]
fn for_each_vector_visits_each_element_once() {
    for n in [0u64, 1, 15, 16, 17, 32, 33] {
        let mut b = Builder::new("increment");
        let dim = b.dim("n");
        let x = b.buffer("x", Access::InOut, Elem::I32, dim.clone());
        b.for_each_vector(&dim, &[], |b, at, lanes, _| {
            let v = b.load_vector(x, at.clone(), lanes.clone());
            let one = b.i32_like(v, 1);
            let v = b.add(v, one);
            b.store(x, at, v, lanes);
            vec![]
        });
        let mut words: Vec<u32> = (0..n as u32).collect();
        run_words(b, &mut [&mut words], &[n], &[]).unwrap();
        assert_eq!(words, (1..=n as u32).collect::<Vec<_>>());
    }
}
