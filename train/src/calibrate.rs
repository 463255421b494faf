//! What makes the answers of a trained classifier honest: chosen on texts that it was not trained on, by the runtime.

use crate::TrainError;
use crate::examples::Examples;
use atome::checkpoint::Checkpoint;
use atome::classify::{Classifier, Labels, Verdict, choose_threshold, fit_temperature};
use atome::{BackendKind, Model, Options};

/// The names of a model's classes, its temperature, and the threshold that this share of texts of a named class reaches.
pub(crate) fn calibrated(
    model: &Checkpoint,
    examples: &Examples,
    coverage: f64,
) -> Result<Labels, TrainError> {
    let dataset = examples.dataset();
    let mut labels = Labels {
        names: dataset.names.clone(),
        dataset: format!("{} bytes, CRC-32 {:08x}", dataset.bytes, dataset.crc32),
        ..Labels::numbered(0)
    };
    let options = Options {
        backend: BackendKind::Aot,
        threads: Some(1),
        ..Options::default()
    };
    let model = Model::from_checkpoint(model, &options).map_err(TrainError::Sample)?;
    let mut classifier = Classifier::new(&model).map_err(TrainError::Classify)?;
    let mut judged = Vec::new();
    for i in examples.choosing() {
        classifier.classify(&dataset.examples[*i].text)?;
        judged.push((classifier.logits().to_vec(), examples.class(*i)));
    }
    labels.temperature = fit_temperature(&judged);
    choose(&mut labels, &judged, coverage);
    Ok(labels)
}

/// Chooses a threshold that this share of judged texts of a named class reaches.
///
/// Whoever meets texts of any kind meets many of none: as many as of all classes together or, where so many texts of
/// these would no longer be answered, half as many, and so on.
fn choose(labels: &mut Labels, judged: &[(Vec<f32>, usize)], coverage: f64) {
    let none = labels.none();
    if none.is_some() {
        labels.none_weight = (labels.names.len() - 1).max(1) as f64;
    }
    loop {
        let named = judged.iter().filter(|(_, class)| Some(*class) != none);
        let margins = named.map(|(logits, _)| Verdict::new(labels, logits, &[]).margin);
        let margins: Vec<f64> = margins.collect();
        labels.threshold = choose_threshold(&margins, coverage);
        let reached = margins
            .iter()
            .filter(|margin| **margin >= labels.threshold)
            .count();
        if labels.none_weight <= 1.0 || reached as f64 >= coverage * margins.len() as f64 {
            return;
        }
        labels.none_weight = (labels.none_weight / 2.0).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of four classes and of none.
    fn labels() -> Labels {
        Labels {
            names: ["a", "b", "c", "d", "?"].map(str::to_owned).to_vec(),
            ..Labels::numbered(0)
        }
    }

    /// A text of the first class, which is likelier than none by so many nats.
    fn text(nats: f32) -> (Vec<f32>, usize) {
        (vec![nats, -9.0, -9.0, -9.0, 0.0], 0)
    }

    #[test]
    fn none_is_as_common_as_all_classes_where_enough_is_answered() {
        let mut chosen = labels();
        let judged: Vec<_> = (0..10).map(|i| text(2.0 + i as f32)).collect();
        choose(&mut chosen, &judged, 0.9);
        assert_eq!(chosen.none_weight, 4.0);
        let sure = |nats| Verdict::new(&chosen, &text(nats).0, &[]).class.is_some();
        // The least likely of ten is not sure, those above are; by probability alone both would be far from even.
        assert_eq!((sure(2.0), sure(3.0)), (false, true));
    }

    #[test]
    fn none_is_less_common_where_too_little_would_be_answered() {
        // ln 1.5: with none twice as common it would be the likelier.
        let judged: Vec<_> = (0..10).map(|i| text(1.5f32.ln() + i as f32)).collect();
        let mut chosen = labels();
        choose(&mut chosen, &judged, 1.0);
        assert_eq!(chosen.none_weight, 1.0);
        assert!(chosen.threshold > 0.0);
        choose(&mut chosen, &judged, 0.9);
        assert_eq!(chosen.none_weight, 4.0);
    }

    #[test]
    fn without_a_class_of_none_nothing_is_weighed() {
        let mut chosen = Labels {
            names: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(),
            ..Labels::numbered(0)
        };
        choose(&mut chosen, &[text(1.0), text(2.0)], 0.9);
        assert_eq!(chosen.none_weight, 1.0);
    }
}
