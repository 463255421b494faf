//! The kernels that may compute a product, and the fastest of them.

use super::bed::Bed;
use super::{Timed, TriedProduct};
use crate::error::BenchError;
#[cfg(feature = "jit")]
use atome::jit::{Maker, calls_ahead_of_time};
use atome::tune::{Choice, Product};
use atome::{BackendKind, Tier};
#[cfg(feature = "jit")]
use atome_codegen::schedule;
use atome_kernels::find;
use std::time::Instant;

/// What a candidate has to gain over the default.
const GAIN: f64 = 1.04;
/// How much slower than the best a first sample may be, for the candidate to be timed again.
const HOPEFUL: f64 = 1.3;
/// How much slower than the best one call may be, for a candidate to be sampled.
const HOPELESS: f64 = 2.0;
/// Samples of a candidate.
const SAMPLES: usize = 4;
/// Samples of the best one and of the default, in turn.
const PAIRS: usize = 15;
/// In so many of these it has to be faster.
const FASTER: usize = 12;

/// The default, and what else there is: kernels compiled ahead of time, then code made now.
pub(super) fn candidates(product: &Product, tier: Tier, backend: BackendKind) -> Vec<Choice> {
    let spec = product.spec();
    let usual = find(spec.kind(), tier).map(|kernel| Choice::Ahead(kernel.name));
    let ahead = product
        .kernels(tier)
        .map(|kernel| Choice::Ahead(kernel.name));
    let all: Vec<Choice> = usual.into_iter().chain(ahead).collect();
    let all = match backend {
        BackendKind::Auto | BackendKind::Jit if BackendKind::Jit.check().is_ok() => {
            with_made(product, tier, all)
        }
        _ => all,
    };
    let mut known = Vec::with_capacity(all.len());
    for choice in all {
        if !known.contains(&choice) {
            known.push(choice);
        }
    }
    known
}

/// The same and code made now, in the order in which a model takes them.
#[cfg(feature = "jit")]
fn with_made(product: &Product, tier: Tier, mut ahead: Vec<Choice>) -> Vec<Choice> {
    let (spec, maker) = (product.spec(), Maker::of(tier));
    let mut made = vec![maker.schedule(&spec)];
    made.extend(schedule::candidates(&spec, maker.isa()));
    let made = made.into_iter().map(Choice::Made);
    match calls_ahead_of_time(tier, &spec) {
        true => {
            ahead.extend(made);
            ahead
        }
        // Then code made at load is the default.
        false => made.chain(ahead).collect(),
    }
}

/// Nothing is made.
#[cfg(not(feature = "jit"))]
fn with_made(_: &Product, _: Tier, ahead: Vec<Choice>) -> Vec<Choice> {
    ahead
}

/// Times what may compute a product, the default first, until the deadline; the winner if it is not the default.
pub(super) fn try_kernels(
    mut bed: Bed,
    all: Vec<Choice>,
    product: Product,
    deadline: Instant,
) -> Result<(TriedProduct, Option<Choice>), BenchError> {
    let of = all.len();
    let mut tried = 0;
    let mut default = None;
    let mut best: Option<(Choice, f64, crate::kernels::Product)> = None;
    for choice in all {
        if tried > 0 && Instant::now() > deadline {
            break;
        }
        let kernel = bed.prepare(&choice)?;
        let once = bed.check(&kernel, &choice)?;
        tried += 1;
        if best.as_ref().is_some_and(|(_, ns, _)| once > HOPELESS * ns) {
            continue;
        }
        let mut ns = bed.sample(&kernel);
        let bar = best.as_ref().map_or(f64::INFINITY, |(_, ns, _)| *ns);
        if ns < HOPEFUL * bar {
            let more = (1..SAMPLES).map(|_| bed.sample(&kernel));
            ns = more.fold(ns, f64::min);
        }
        if default.is_none() {
            default = Some((choice, bed.prepare(&choice)?));
        }
        if ns < bar {
            best = Some((choice, ns, kernel));
        }
    }
    let ((first, by_default), (choice, _, kernel)) =
        default.zip(best).expect("every product has a kernel");
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let pairs = if choice == first { 1 } else { PAIRS };
    for _ in 0..pairs {
        before.push(bed.sample(&by_default));
        after.push(bed.sample(&kernel));
    }
    // Other work makes some samples long, and none short.
    let faster = before.iter().zip(&after).filter(|(b, a)| a < b).count();
    let [before, after] = [before, after].map(|all| all.into_iter().fold(f64::INFINITY, f64::min));
    let gains = choice != first && faster >= FASTER && after * GAIN < before;
    let timed = |by: &Choice, ns| Timed {
        by: by.to_string(),
        ns,
    };
    let default = timed(&first, before);
    let best = match gains {
        true => timed(&choice, after),
        false => default.clone(),
    };
    let row = TriedProduct {
        product: product.to_string(),
        tried,
        of,
        default,
        best,
    };
    Ok((row, gains.then_some(choice)))
}
