//! How likely tokens were: by the model's logits as they are, whatever the sampler made of them. The numbers are the same on
//! every machine: exponential and logarithm are integer-exact or from one library, and sums have one order.

use super::job::Token;
use atome_kernels::reference::math::exp;

/// The logarithm of what the exponentials of logits come to, in all.
fn log_total(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|l| f64::from(exp(l - most))).sum();
    f64::from(most) + libm::log(total)
}

/// What is told of a token: how likely it was, and the `top` likeliest, equal ones in order.
pub(super) fn token(id: u32, logits: &[f32], top: Option<usize>) -> Token {
    let Some(top) = top else {
        return Token {
            id,
            chance: 0.0,
            top: Vec::new(),
            output: Vec::new(),
        };
    };
    let total = log_total(logits);
    let chance = |id: u32| (f64::from(logits[id as usize]) - total) as f32;
    let mut best: Vec<u32> = Vec::with_capacity(top + 1);
    for (id, logit) in (0..).zip(logits) {
        let is_full = best.len() == top;
        let last = best.last().map(|id| logits[*id as usize]);
        if is_full && last.is_none_or(|last| *logit <= last) {
            continue;
        }
        let place = best.partition_point(|other| logits[*other as usize] >= *logit);
        best.insert(place, id);
        best.truncate(top);
    }
    Token {
        id,
        chance: chance(id),
        top: best.into_iter().map(|id| (id, chance(id))).collect(),
        output: Vec::new(),
    }
}

/// The probability of each class.
pub(crate) fn shares(logits: &[f32]) -> Vec<f32> {
    let total = log_total(logits);
    let share = |logit: &f32| exp((f64::from(*logit) - total) as f32);
    logits.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_those_of_the_softmax() {
        let logits = [1.0, 3.0, 3.0, -2.0, 0.5];
        let total: f64 = logits.iter().map(|l: &f32| f64::from(*l).exp()).sum();
        let told = token(4, &logits, Some(3));
        assert!((f64::from(told.chance) - (0.5 - total.ln())).abs() < 1e-6);
        let ids: Vec<u32> = told.top.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [1, 2, 0], "equal ones in order");
        assert_eq!(token(1, &logits, Some(0)).top, []);
        assert_eq!(token(1, &logits, Some(9)).top.len(), 5);
        let sum: f32 = shares(&logits).iter().sum();
        assert!((sum - 1.0).abs() < 1e-6);
        // Far apart, and far from 0.
        let told = token(0, &[-1e30, 3e38], Some(1));
        assert_eq!(told.top, [(1, 0.0)]);
        assert!(told.chance < -1e38 && told.chance.is_finite());
    }
}
