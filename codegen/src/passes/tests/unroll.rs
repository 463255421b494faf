use super::{check, function};
use crate::ir::Stmt;
use crate::passes::unroll::{STATEMENTS, run};
use crate::passes::walk::statements;

#[test]
fn a_loop_that_never_runs_gives_its_initial_values() {
    check(
        run,
        "%0: f32 = param p
         %9: f32 = for %1: index in 0..0 carry %2: f32 = %0 {
           %3: f32 = neg %2
           yield %3
         }
         store y[0] = %9",
        "%0: f32 = param p
         store y[0] = %0",
    );
}

#[test]
fn a_single_iteration_takes_the_place_of_its_loop() {
    check(
        run,
        "%0: f32 = param p
         %9: f32 = for %1: index in 0..1 carry %2: f32 = %0 {
           %3: f32 = neg %2
           store y[%1 + 5] = %3
           yield %3
         }
         store y[0] = %9",
        "%0: f32 = param p
         %3: f32 = neg %0
         store y[5] = %3
         store y[0] = %3",
    );
}

#[test]
fn few_iterations_become_straight_code_if_the_loop_asks() {
    check(
        run,
        "%0: f32 = param p
         %9: f32 = for %1: index in 0..3 unroll 4 carry %2: f32 = %0 {
           %3: f32 = load x[%1 * 2 + 1]
           %4: f32 = add %2, %3
           yield %4
         }
         store y[0] = %9
         for %5: index in 0..3 { store y[%5] = %0 }",
        "%0: f32 = param p
         %1: f32 = load x[1]
         %2: f32 = add %0, %1
         %3: f32 = load x[3]
         %4: f32 = add %2, %3
         %5: f32 = load x[5]
         %6: f32 = add %4, %5
         store y[0] = %6
         for %7: index in 0..3 { store y[%7] = %0 }",
    );
}

#[test]
fn a_counter_that_is_read_becomes_a_number() {
    check(
        run,
        "for %0: index in 0..2 unroll 2 {
           %1: i32 = from_index %0
           store z[%0] = %1
         }",
        "%1: i32 = const.i32 0
         store z[0] = %1
         %2: i32 = const.i32 1
         %3: i32 = add %1, %2
         store z[1] = %3
         %4: i32 = const.i32 1
         %5: i32 = add %3, %4",
    );
}

#[test]
fn many_iterations_become_a_main_loop_and_a_straight_rest() {
    check(
        run,
        "%0: f32 = param p
         %9: f32 = for %1: index in 0..9 unroll 4 carry %2: f32 = %0 {
           %3: f32 = load x[%1 * 3 + 1]
           %4: f32 = add %2, %3
           yield %4
         }
         store y[0] = %9",
        "%0: f32 = param p
         %20: f32 = for %1: index in 0..2 carry %2: f32 = %0 {
           %3: f32 = load x[%1 * 12 + 1]
           %4: f32 = add %2, %3
           %5: f32 = load x[%1 * 12 + 4]
           %6: f32 = add %4, %5
           %7: f32 = load x[%1 * 12 + 7]
           %8: f32 = add %6, %7
           %9: f32 = load x[%1 * 12 + 10]
           %10: f32 = add %8, %9
           yield %10
         }
         %21: f32 = load x[25]
         %22: f32 = add %20, %21
         store y[0] = %22",
    );
}

#[test]
fn an_open_trip_count_leaves_a_second_loop() {
    check(
        run,
        "for %0: index in 0..n unroll 2 {
           %1: i32 = from_index %0
           for %2: index in 0..m { store t[%2 * n + %0 * m] = %1 }
         }",
        "%0: i32 = const.i32 0
         %20: i32 = for %1: index in 0..n / 2 carry %2: i32 = %0 {
           for %3: index in 0..m { store t[%3 * n + %1 * (m * 2)] = %2 }
           %4: i32 = const.i32 1
           %5: i32 = add %2, %4
           for %6: index in 0..m { store t[%6 * n + %1 * (m * 2) + m] = %5 }
           %7: i32 = const.i32 1
           %8: i32 = add %5, %7
           yield %8
         }
         %21: i32 = for %10: index in 0..n % 2 carry %11: i32 = %20 {
           for %12: index in 0..m { store t[%12 * n + %10 * m + m * (n / 2 * 2)] = %11 }
           %13: i32 = const.i32 1
           %14: i32 = add %11, %13
           yield %14
         }",
    );
}

#[test]
fn inner_loops_come_first() {
    check(
        run,
        "%0: f32 = param p
         for %1: index in 0..2 unroll 2 {
           for %2: index in 0..2 unroll 2 { store y[%1 * 8 + %2] = %0 }
         }",
        "%0: f32 = param p
         store y[0] = %0
         store y[1] = %0
         store y[8] = %0
         store y[9] = %0",
    );
}

#[test]
fn a_carried_counter_keeps_its_loop() {
    check(
        run,
        "%0: f32 = param p
         for %1: index in 0..4 unroll 2 {
           %9: index = for %2: index in 0..n carry %3: index = %1 { yield %2 }
           store y[%9] = %0
         }",
        "%0: f32 = param p
         for %1: index in 0..4 {
           %9: index = for %2: index in 0..n carry %3: index = %1 { yield %2 }
           store y[%9] = %0
         }",
    );
}

#[test]
fn copies_stay_below_the_limit() {
    // Five statements in the body, so 2048 / 5 = 409 copies at the most.
    let body = |trip| {
        format!(
            "for %0: index in 0..{trip} unroll 4000 {{
               %1: f32 = load x[%0 * 0]
               %2: f32 = neg %1
               %3: f32 = neg %2
               %4: f32 = neg %3
               store y[%0 * 0] = %4
             }}"
        )
    };
    let mut f = function(&body(409));
    run(&mut f);
    assert_eq!(statements(&f.body), 409 * 5);
    let mut f = function(&body(1000));
    run(&mut f);
    let Stmt::For(main) = &f.body[0] else {
        panic!("a loop is left:\n{f}")
    };
    assert_eq!(
        (main.trip.as_const(), statements(&main.body)),
        (Some(2), 409 * 5)
    );
    assert!(statements(&main.body) <= STATEMENTS);
    assert_eq!(statements(&f.body), 1 + 409 * 5 + (1000 - 818) * 5);
}
