use super::check;
use crate::passes::dce::run;

#[test]
fn only_what_stores_and_prefetches_need_stays() {
    check(
        run,
        "%0: f32 = load x[0]
         %1: f32 = neg %0
         %2: f32 = abs %0
         %3: i32 = load i[0]
         %4: index = to_index %3
         %5: i32 = load i[1]
         %6: index = to_index %5
         prefetch x[%4]
         store y[0] = %2",
        "%0: f32 = load x[0]
         %2: f32 = abs %0
         %3: i32 = load i[0]
         %4: index = to_index %3
         prefetch x[%4]
         store y[0] = %2",
    );
}

#[test]
fn a_carried_value_that_only_feeds_itself_goes() {
    check(
        run,
        "%0: f32 = param p
         %20: f32, %21: f32, %22: f32 = for %1: index in 0..n carry %2: f32 = %0, %3: f32 = %0, %4: f32 = %0 {
           %5: f32 = mul %2, %0
           %6: f32 = add %3, %4
           %7: f32 = neg %4
           yield %5, %6, %7
         }
         store y[0] = %21",
        "%0: f32 = param p
         %21: f32, %22: f32 = for %1: index in 0..n carry %3: f32 = %0, %4: f32 = %0 {
           %6: f32 = add %3, %4
           %7: f32 = neg %4
           yield %6, %7
         }
         store y[0] = %21",
    );
}

#[test]
fn loops_that_do_nothing_go() {
    check(
        run,
        "%0: f32 = param p
         %9: f32 = for %1: index in 0..n carry %2: f32 = %0 {
           for %3: index in 0..m {
             %4: f32 = load s[%3]
           }
           %5: f32 = neg %2
           yield %5
         }
         for %6: index in 0..n { store s[%6] = %0 }",
        "%0: f32 = param p
         for %6: index in 0..n { store s[%6] = %0 }",
    );
}

#[test]
fn a_result_that_is_needed_keeps_its_loop() {
    let body = "%0: f32 = param p
         %1: f32 = load x[0]
         %9: f32 = for %2: index in 0..n carry %3: f32 = %0 { yield %1 }
         store y[0] = %9";
    check(run, body, body);
}
