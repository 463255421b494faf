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
    let none = labels.none();
    let named = judged.iter().filter(|(_, class)| Some(*class) != none);
    let margins = named.map(|(logits, _)| Verdict::new(&labels, logits, &[]).margin);
    labels.threshold = choose_threshold(&margins.collect::<Vec<f64>>(), coverage);
    Ok(labels)
}
