use super::check;
use crate::passes::cse::run;

#[test]
fn equal_expressions_are_computed_once() {
    check(
        run,
        "%0: f32x16 = load x[0]
         %1: f32x16 = load x[0]
         %2: f32x16 = add %0, %1
         %3: f32x16 = add %1, %0
         %4: f32x16 = sub %2, %3
         store y[0] = %4",
        "%0: f32x16 = load x[0]
         %2: f32x16 = add %0, %0
         %4: f32x16 = sub %2, %2
         store y[0] = %4",
    );
}

#[test]
fn a_scalar_and_a_vector_at_one_address_differ() {
    let body = "%0: f32x16 = load x[0]
         %1: f32 = load x[0]
         %2: f32x16 = load x[0] lanes 15
         %3: f32x16 = splat %1
         %4: f32x16 = add %0, %3
         %5: f32x16 = add %4, %2
         store y[0] = %5";
    check(run, body, body);
}

#[test]
fn only_integers_commute() {
    check(
        run,
        "%0: i32 = load i[0]
         %1: i32 = load i[1]
         %2: i32 = add %0, %1
         %3: i32 = add %1, %0
         %4: i32 = sub %0, %1
         %5: i32 = sub %1, %0
         store z[0] = %2  store z[1] = %3  store z[2] = %4  store z[3] = %5
         %6: f32 = load x[0]
         %7: f32 = load x[1]
         %8: f32 = add %6, %7
         %9: f32 = add %7, %6
         store y[0] = %8  store y[1] = %9",
        "%0: i32 = load i[0]
         %1: i32 = load i[1]
         %2: i32 = add %0, %1
         %4: i32 = sub %0, %1
         %5: i32 = sub %1, %0
         store z[0] = %2  store z[1] = %2  store z[2] = %4  store z[3] = %5
         %6: f32 = load x[0]
         %7: f32 = load x[1]
         %8: f32 = add %6, %7
         %9: f32 = add %7, %6
         store y[0] = %8  store y[1] = %9",
    );
}

#[test]
fn a_buffer_that_is_written_is_read_again() {
    let body = "%0: f32 = load s[0]
         %1: f32 = param p
         store s[0] = %1
         %2: f32 = load s[0]
         store y[0] = %0
         store y[1] = %2";
    check(run, body, body);
}

#[test]
fn what_is_outside_a_loop_serves_inside_but_not_the_other_way_round() {
    check(
        run,
        "%0: f32 = param p
         %1: f32 = neg %0
         for %2: index in 0..n {
           %3: f32 = neg %0
           %4: f32 = abs %0
           %5: f32 = add %3, %4
           store y[%2] = %5
         }
         for %6: index in 0..n {
           %7: f32 = abs %0
           store y[%6] = %7
         }
         %8: f32 = abs %0
         store y[0] = %8
         store y[1] = %1",
        "%0: f32 = param p
         %1: f32 = neg %0
         for %2: index in 0..n {
           %4: f32 = abs %0
           %5: f32 = add %1, %4
           store y[%2] = %5
         }
         for %6: index in 0..n {
           %7: f32 = abs %0
           store y[%6] = %7
         }
         %8: f32 = abs %0
         store y[0] = %8
         store y[1] = %1",
    );
}
