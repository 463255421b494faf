use super::{check, function};
use crate::ir::Stmt;
use crate::passes::hoist::{LOADS, run};
use std::fmt::Write;

#[test]
fn invariants_leave_as_many_loops_as_they_can() {
    check(
        run,
        "for %0: index in 0..n {
           %1: f32 = load s[%0]
           for %2: index in 0..m {
             %3: f32 = param p
             %4: f32 = mul %3, %3
             %5: f32 = add %1, %4
             %6: f32 = load s[%2]
             %7: f32 = add %5, %6
             store s[%2] = %7
           }
         }",
        "%3: f32 = param p
         %4: f32 = mul %3, %3
         for %0: index in 0..n {
           %1: f32 = load s[%0]
           %5: f32 = add %1, %4
           for %2: index in 0..m {
             %6: f32 = load s[%2]
             %7: f32 = add %5, %6
             store s[%2] = %7
           }
         }",
    );
}

#[test]
fn what_may_fail_leaves_only_loops_that_surely_run() {
    check(
        run,
        "%4: i32 = load t[0]
         for %0: index in 0..2 {
           for %1: index in 0..n {
             for %2: index in 0..3 {
               %3: f32 = load x[0]
               %5: index = to_index %4
               store s[%5 + %2] = %3
             }
           }
           for %6: index in 0..4 {
             %7: f32 = load x[1]
             %8: f32 = load s[1]
             %9: f32 = add %7, %8
             store s[%6] = %9
           }
         }",
        "%4: i32 = load t[0]
         %7: f32 = load x[1]
         for %0: index in 0..2 {
           for %1: index in 0..n {
             %3: f32 = load x[0]
             %5: index = to_index %4
             for %2: index in 0..3 {
               store s[%5 + %2] = %3
             }
           }
           for %6: index in 0..4 {
             %8: f32 = load s[1]
             %9: f32 = add %7, %8
             store s[%6] = %9
           }
         }",
    );
}

#[test]
fn carried_values_and_what_depends_on_them_stay() {
    let body = "%0: f32 = param p
         %1: f32 = for %2: index in 0..n carry %3: f32 = %0 {
           %4: f32 = neg %3
           %5: i32 = from_index %2
           %6: f32 = to_float %5
           %7: f32 = add %4, %6
           yield %7
         }
         store y[0] = %1";
    check(run, body, body);
}

#[test]
fn what_a_condition_decides_about_stays_inside() {
    let conditional = |inner: &str| {
        format!(
            "%0: f32 = param p
             %1: i32 = const.i32 0
             for %2: index in 0..4 {{
               for %3: index in 0..1 when %1 {{
                 {inner}
               }}
             }}"
        )
    };
    check(
        run,
        &conditional("for %4: index in 0..4 { %5: f32 = neg %0 store y[%4] = %5 }"),
        &conditional("%5: f32 = neg %0 for %4: index in 0..4 { store y[%4] = %5 }"),
    );
}

#[test]
fn loads_leave_only_as_far_as_registers_go() {
    let mut body = String::from("for %0: index in 0..2 {\n");
    for i in 1..=LOADS + 3 {
        writeln!(body, "%{i}: f32 = load x[{i}] store y[%0 + {i}] = %{i}").unwrap();
    }
    let mut f = function(&(body + "}"));
    run(&mut f);
    let outside = f.body.iter().filter(|s| matches!(s, Stmt::Let(..)));
    assert_eq!(outside.count(), LOADS as usize);
}
