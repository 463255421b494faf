use super::verdict::softmax;

/// The range that temperatures are looked for in.
const RANGE: (f64, f64) = (0.05, 20.0);
/// Steps of the search; each leaves 0.618 of the range.
const STEPS: usize = 60;

/// The temperature by which logits give their classes the greatest likelihood; 1 of no logits.
///
/// It depends on the logits alone, not on their order in memory or time.
#[must_use]
pub fn fit_temperature(judged: &[(Vec<f32>, usize)]) -> f64 {
    if judged.is_empty() {
        return 1.0;
    }
    let loss = |log: f64| -> f64 {
        let temperature = log.exp();
        let nats = judged.iter().map(|(logits, class)| {
            let p = softmax(logits, temperature)[*class];
            -p.max(f64::MIN_POSITIVE).ln()
        });
        nats.sum()
    };
    // The loss has one minimum: golden sections.
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_a, mut at_b) = (loss(a), loss(b));
    for _ in 0..STEPS {
        if at_a <= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - golden * (high - low);
            at_a = loss(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + golden * (high - low);
            at_b = loss(b);
        }
    }
    (0.5 * (low + high)).exp()
}

/// The greatest threshold, from 0 to 1, that this share of the margins reaches.
#[must_use]
pub fn choose_threshold(margins: &[f64], coverage: f64) -> f64 {
    let mut sorted = margins.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let kept = (coverage * sorted.len() as f64).ceil() as usize;
    let least = sorted.get(kept.clamp(1, sorted.len().max(1)) - 1);
    least.copied().unwrap_or(0.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfident_logits_are_cooled() {
        // Three of four right, by logits that claim 0.982: the odds of 3 to 1 are ln 3.
        let logits = |class: usize| {
            if class == 0 {
                vec![4.0, 0.0]
            } else {
                vec![0.0, 4.0]
            }
        };
        let judged: Vec<_> = (0..100)
            .map(|i| (logits(i % 2), if i % 4 == 3 { 0 } else { i % 2 }))
            .collect();
        let temperature = fit_temperature(&judged);
        assert!(
            (temperature - 4.0 / 3f64.ln()).abs() < 1e-4,
            "{temperature}"
        );
        assert_eq!(fit_temperature(&[]), 1.0);
    }

    #[test]
    fn a_threshold_covers_what_it_should() {
        let margins: Vec<f64> = (0..10).map(|i| f64::from(i) / 10.0).collect();
        assert_eq!(choose_threshold(&margins, 0.9), 0.1);
        assert_eq!(choose_threshold(&margins, 1.0), 0.0);
        assert_eq!(choose_threshold(&margins, 0.1), 0.9);
        assert_eq!(choose_threshold(&[-0.5, -0.2], 0.9), 0.0);
        assert_eq!(choose_threshold(&[], 0.9), 0.0);
    }
}
