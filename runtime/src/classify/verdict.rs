use super::Labels;

/// What a classifier says of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The class, if the answer is sure.
    pub class: Option<usize>,
    /// The likeliest class with a name of its own.
    pub best: usize,
    /// Its probability.
    pub probability: f64,
    /// How much likelier it is than any other class, or less likely than that of texts that are of none, were these as
    /// common as [`Labels::none_weight`] says.
    pub margin: f64,
    /// Entropy of the classes' probabilities, in bits.
    pub entropy: f64,
    /// Entropy of the shares that the last block's router gave its pathways, in bits; of models that have one.
    pub router_entropy: Option<f64>,
    /// A probability for each class.
    pub probabilities: Vec<f64>,
}

impl Verdict {
    /// What logits and a router's shares mean.
    ///
    /// # Panics
    /// If there are not as many logits as names, or none.
    #[must_use]
    pub fn new(labels: &Labels, logits: &[f32], router: &[f32]) -> Self {
        assert_eq!(logits.len(), labels.names.len(), "a name for each logit");
        let probabilities = softmax(logits, labels.temperature);
        let none = labels.none();
        let greatest = |but: Option<usize>| {
            let classes = (0..probabilities.len()).filter(|class| Some(*class) != but);
            classes.reduce(
                |best, class| match probabilities[class] > probabilities[best] {
                    true => class,
                    false => best,
                },
            )
        };
        // A model of that class alone has no other.
        let best = greatest(none).or(none).unwrap_or_default();
        let probability = probabilities[best];
        let margin = margin(
            &probabilities,
            best,
            none.map(|none| (none, labels.none_weight)),
        );
        Self {
            class: (margin >= labels.threshold && Some(best) != none).then_some(best),
            best,
            probability,
            margin,
            entropy: entropy(probabilities.iter().copied()),
            router_entropy: (!router.is_empty())
                .then(|| entropy(router.iter().map(|share| f64::from(*share)))),
            probabilities,
        }
    }

    /// The classes with the greatest probabilities, greatest first, at most so many.
    #[must_use]
    pub fn top(&self, most: usize) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..self.probabilities.len()).collect();
        classes.sort_by(|a, b| self.probabilities[*b].total_cmp(&self.probabilities[*a]));
        classes.truncate(most);
        classes
    }
}

/// What the probability of a class has more than that of any other, with one of them so many times as common.
fn margin(probabilities: &[f64], class: usize, weighed: Option<(usize, f64)>) -> f64 {
    let (of, weight) = weighed.unwrap_or((0, 1.0));
    let share = |other: usize| match other == of {
        true => weight * probabilities[other],
        false => probabilities[other],
    };
    let others = (0..probabilities.len()).filter(|other| *other != class);
    let all = 1.0 + (weight - 1.0) * probabilities[of];
    (share(class) - others.map(share).fold(0.0, f64::max)) / all
}

/// Probabilities of logits that are divided by a temperature.
pub(super) fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let scaled = logits.iter().map(|logit| f64::from(*logit) / temperature);
    let max = scaled.clone().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scaled.map(|x| (x - max).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

fn entropy(shares: impl Iterator<Item = f64>) -> f64 {
    let bits = |p: f64| match p > 0.0 {
        true => -p * p.log2(),
        false => 0.0,
    };
    shares.map(bits).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str], threshold: f64) -> Labels {
        Labels {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            threshold,
            ..Labels::numbered(0)
        }
    }

    #[test]
    fn margins_and_entropies_are_those_of_the_probabilities() {
        let ln = |p: f64| p.ln() as f32;
        let logits = [ln(0.5), ln(0.25), ln(0.25)];
        let verdict = Verdict::new(&labels(&["a", "b", "c"], 0.2), &logits, &[1.0, 0.0, 0.0]);
        assert!((verdict.probability - 0.5).abs() < 1e-6);
        assert!((verdict.margin - 0.25).abs() < 1e-6);
        assert!((verdict.entropy - 1.5).abs() < 1e-6);
        assert_eq!(verdict.router_entropy, Some(0.0));
        assert_eq!((verdict.class, verdict.best), (Some(0), 0));
        assert_eq!(verdict.top(2), [0, 1]);
        let unsure = Verdict::new(&labels(&["a", "b", "c"], 0.3), &logits, &[]);
        assert_eq!((unsure.class, unsure.best), (None, 0));
        assert_eq!(unsure.router_entropy, None);
        // Who is likeliest of none is not sure, whatever the threshold.
        let none = Verdict::new(&labels(&["?", "b", "c"], 0.0), &logits, &[]);
        assert_eq!((none.class, none.best), (None, 1));
        assert!((none.margin + 0.25).abs() < 1e-6);
        // Four times as common, it has four sevenths.
        let common = Labels {
            none_weight: 4.0,
            ..labels(&["b", "c", "?"], 0.0)
        };
        let common = Verdict::new(&common, &logits, &[]);
        assert_eq!((common.class, common.best), (None, 0));
        assert!((common.probability - 0.5).abs() < 1e-6);
        assert!((common.margin - (2.0 - 4.0) / 7.0).abs() < 1e-6);
        let cold = Labels {
            temperature: 0.01,
            ..labels(&["a", "b", "c"], 0.9)
        };
        assert_eq!(Verdict::new(&cold, &logits, &[]).class, Some(0));
    }
}
