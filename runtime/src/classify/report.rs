use super::{Classifier, Labels, Verdict};
use crate::RunError;
use serde::Serialize;

/// Bins of a reliability figure.
const BINS: usize = 10;

/// A verdict, and what is true of the text; `None` of a text that is of none of the model's classes.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What is true.
    pub class: Option<usize>,
    /// What the model says.
    pub verdict: Verdict,
}

/// How good a classifier is on labelled texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Texts of the model's classes.
    pub texts: usize,
    /// Share of them whose likeliest class is theirs, sure or not.
    pub accuracy: f64,
    /// Mean of the classes' F1, of those that have texts.
    pub macro_f1: f64,
    /// Mean bits that the truth takes, by the probabilities.
    pub bits: f64,
    /// Share of them with a sure answer.
    pub coverage: f64,
    /// Share of the sure answers that are right.
    pub accuracy_when_sure: f64,
    /// Expected calibration error: how far probabilities are from how often they are right, on average.
    pub calibration_error: f64,
    /// Texts of none of the model's classes.
    pub others: usize,
    /// Share of them with an answer that is not sure.
    pub others_flagged: f64,
    /// Each class, in the model's order.
    pub classes: Vec<ClassReport>,
    /// `confusion[truth][said]`, by the likeliest class of all.
    pub confusion: Vec<Vec<usize>>,
    /// How often answers of a probability are right.
    pub reliability: Vec<Bin>,
}

/// How good a classifier is on texts of a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassReport {
    /// Its name.
    pub name: String,
    /// Texts of it.
    pub texts: usize,
    /// Share of what is said to be of it that is.
    pub precision: f64,
    /// Share of its texts that are said to be of it.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// Answers whose probabilities lie together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Answers.
    pub texts: usize,
    /// Their mean probability.
    pub probability: f64,
    /// Share of them that are right.
    pub right: f64,
}

impl Report {
    /// Asks a classifier about texts, each with what is true of it.
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub fn of<'t>(
        classifier: &mut Classifier,
        texts: impl IntoIterator<Item = (Option<usize>, &'t [u8])>,
    ) -> Result<Self, RunError> {
        let judged = texts.into_iter().map(|(class, text)| {
            let verdict = classifier.classify(text)?;
            Ok(Judged { class, verdict })
        });
        let judged: Vec<Judged> = judged.collect::<Result<_, RunError>>()?;
        Ok(Self::new(classifier.labels(), &judged))
    }

    /// Counts what was judged.
    ///
    /// # Panics
    /// If a class is none of the labels.
    #[must_use]
    pub fn new(labels: &Labels, judged: &[Judged]) -> Self {
        let classes = labels.names.len();
        let none = labels.none();
        let is_other = |class: Option<usize>| class.is_none() || class == none;
        let mut confusion = vec![vec![0; classes]; classes];
        let mut counts = Counts::default();
        let mut bins = vec![(0usize, 0.0, 0usize); BINS];
        for Judged { class, verdict } in judged {
            let likeliest = verdict.top(1)[0];
            if let Some(class) = class {
                confusion[*class][likeliest] += 1;
            }
            if is_other(*class) {
                counts.others += 1;
                counts.flagged += usize::from(verdict.class.is_none());
                continue;
            }
            let class = class.unwrap_or_default();
            let (right, p) = (likeliest == class, verdict.probabilities[likeliest]);
            counts.texts += 1;
            counts.right += usize::from(right);
            counts.bits -= verdict.probabilities[class].max(f64::MIN_POSITIVE).log2();
            if let Some(said) = verdict.class {
                counts.sure += 1;
                counts.sure_right += usize::from(said == class);
            }
            let bin = &mut bins[((p * BINS as f64) as usize).min(BINS - 1)];
            *bin = (bin.0 + 1, bin.1 + p, bin.2 + usize::from(right));
        }
        let reliability: Vec<Bin> = bins.into_iter().map(Bin::of).collect();
        let off = |bin: &Bin| bin.texts as f64 * (bin.probability - bin.right).abs();
        let tables: Vec<ClassReport> = (0..classes)
            .map(|class| ClassReport::of(&labels.names[class], class, &confusion))
            .collect();
        let named = || tables.iter().enumerate();
        let f1s = named().filter(|(class, table)| Some(*class) != none && table.texts > 0);
        let f1s: Vec<f64> = f1s.map(|(_, table)| table.f1).collect();
        Self {
            texts: counts.texts,
            accuracy: share(counts.right, counts.texts),
            // Of none the sum is -0.0.
            macro_f1: f1s.iter().fold(0.0, |sum, f1| sum + f1) / f1s.len().max(1) as f64,
            bits: counts.bits / counts.texts.max(1) as f64,
            coverage: share(counts.sure, counts.texts),
            accuracy_when_sure: share(counts.sure_right, counts.sure),
            calibration_error: reliability.iter().map(off).sum::<f64>()
                / counts.texts.max(1) as f64,
            others: counts.others,
            others_flagged: share(counts.flagged, counts.others),
            classes: tables,
            confusion,
            reliability,
        }
    }
}

#[derive(Default)]
struct Counts {
    texts: usize,
    right: usize,
    bits: f64,
    sure: usize,
    sure_right: usize,
    others: usize,
    flagged: usize,
}

impl Bin {
    fn of((texts, sum, right): (usize, f64, usize)) -> Self {
        Self {
            texts,
            probability: sum / texts.max(1) as f64,
            right: share(right, texts),
        }
    }
}

impl ClassReport {
    fn of(name: &str, class: usize, confusion: &[Vec<usize>]) -> Self {
        let texts: usize = confusion[class].iter().sum();
        let said: usize = confusion.iter().map(|row| row[class]).sum();
        let right = confusion[class][class];
        let (precision, recall) = (share(right, said), share(right, texts));
        Self {
            name: name.to_owned(),
            texts,
            precision,
            recall,
            f1: share(2 * right, said + texts),
        }
    }
}

fn share(part: usize, of: usize) -> f64 {
    match of {
        0 => 0.0,
        of => part as f64 / of as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_what_was_judged() {
        let labels = Labels {
            names: ["a", "b", "?"].map(str::to_owned).to_vec(),
            threshold: 0.5,
            ..Labels::numbered(0)
        };
        let judged = |class, p: [f64; 3]| Judged {
            class,
            verdict: Verdict::new(&labels, &p.map(|p| p.ln() as f32), &[]),
        };
        let report = Report::new(
            &labels,
            &[
                judged(Some(0), [0.9, 0.05, 0.05]),
                judged(Some(0), [0.3, 0.6, 0.1]),
                judged(Some(1), [0.1, 0.8, 0.1]),
                judged(Some(1), [0.2, 0.3, 0.5]),
                judged(Some(2), [0.1, 0.1, 0.8]),
                judged(None, [0.95, 0.03, 0.02]),
            ],
        );
        assert_eq!((report.texts, report.others), (4, 2));
        assert_eq!((report.accuracy, report.coverage), (0.5, 0.5));
        assert_eq!(
            (report.accuracy_when_sure, report.others_flagged),
            (1.0, 0.5)
        );
        assert_eq!(report.confusion, [[1, 1, 0], [0, 1, 1], [0, 0, 1]]);
        assert_eq!(report.classes[0].precision, 1.0);
        assert_eq!(report.classes[0].recall, 0.5);
        assert!((report.classes[0].f1 - 2.0 / 3.0).abs() < 1e-12);
        assert!((report.macro_f1 - (2.0 / 3.0 + 0.5) / 2.0).abs() < 1e-12);
        let binned: usize = report.reliability.iter().map(|bin| bin.texts).sum();
        assert_eq!((binned, report.reliability.len()), (4, BINS));
        assert!(report.calibration_error > 0.1 && report.calibration_error < 0.6);
    }
}
