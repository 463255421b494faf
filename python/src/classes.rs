//! What a classifier says of a text.

use super::error::Failure;
use atome::RunError;
use atome::classify::Labels;
use pyo3::prelude::*;

/// Which class a text is of, and how sure that is.
#[pyclass(frozen, get_all, module = "atome")]
pub(super) struct Verdict {
    /// The name of the class; None where the answer is not sure.
    label: Option<String>,
    /// The name of the likeliest class.
    name: String,
    /// Its number.
    index: usize,
    /// Its probability.
    probability: f64,
    /// How much likelier it is than any other.
    margin: f64,
    /// Entropy of the classes' probabilities, in bits.
    entropy: f64,
    /// Entropy of the shares of the last block's router, in bits; None of models without one.
    router_entropy: Option<f64>,
    /// A probability for each class.
    probabilities: Vec<f64>,
}

impl Verdict {
    /// What a model says of tokens.
    pub(super) fn of(model: &atome::Model, tokens: &[u32]) -> Result<Verdict, Failure> {
        let labels = labels(model).ok_or(RunError::NotAClassifier)?;
        let mut session = model.session()?;
        session.classify(tokens)?;
        let found = atome::classify::Verdict::new(&labels, session.logits(), session.output());
        let name = |class: usize| labels.names[class].clone();
        Ok(Verdict {
            label: found.class.map(name),
            name: name(found.best),
            index: found.best,
            probability: found.probability,
            margin: found.margin,
            entropy: found.entropy,
            router_entropy: found.router_entropy,
            probabilities: found.probabilities,
        })
    }
}

/// The names of a classifier's classes, or their numbers; `None` of a language model.
pub(super) fn labels(model: &atome::Model) -> Option<Labels> {
    let classes = model.classes()?;
    Some(
        model
            .labels()
            .cloned()
            .unwrap_or_else(|| Labels::numbered(classes)),
    )
}

#[pymethods]
impl Verdict {
    /// The likeliest classes and their probabilities, at most so many, the likeliest first.
    #[pyo3(signature = (most=5))]
    fn top(&self, most: usize) -> Vec<(usize, f64)> {
        let mut ranked: Vec<(usize, f64)> =
            self.probabilities.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.truncate(most);
        ranked
    }

    fn __repr__(&self) -> String {
        let sure = match self.label {
            Some(_) => "",
            None => ", not sure",
        };
        format!(
            "<atome.Verdict {} {:.3}{sure}>",
            self.name, self.probability
        )
    }
}
