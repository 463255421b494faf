use super::Call;
use super::ball::{self, Ball};
use super::steps::{balls, judge_all};

pub(super) fn exp(call: &Call<'_>) -> Result<(), String> {
    elementwise(call, ball::exp)
}

pub(super) fn tanh(call: &Call<'_>) -> Result<(), String> {
    elementwise(call, ball::tanh)
}

pub(super) fn softplus(call: &Call<'_>) -> Result<(), String> {
    elementwise(call, ball::softplus)
}

pub(super) fn silu(call: &Call<'_>) -> Result<(), String> {
    elementwise(call, ball::silu)
}

fn elementwise(call: &Call<'_>, f: fn(Ball) -> Ball) -> Result<(), String> {
    let exact: Vec<Ball> = balls(&call.input("x")).into_iter().map(f).collect();
    judge_all(call, "out", &exact)
}
