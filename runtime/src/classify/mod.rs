//! Classifiers of texts: the names of their classes, what they say of a text and how sure they are of it, labelled texts,
//! and how good a classifier is on them.
//!
//! | type | concept |
//! |---|---|
//! | [`Labels`] | what a model's file says of its classes |
//! | [`Classifier`] | a loaded model that is asked about texts |
//! | [`Verdict`] | its answer: classes with probabilities, and whether it is sure |
//! | [`Dataset`] | labelled texts from a file |
//! | [`Report`] | accuracy, F1, confusion and calibration on such |
//! | [`bin`] | a number of a sensor as a byte |
//! | [`fit_temperature`], [`choose_threshold`] | what is chosen on texts that were not trained on |
//!
//! ```no_run
//! use atome::classify::Classifier;
//! use atome::{Model, Options};
//!
//! let model = Model::load("language.safetensors".as_ref(), None, &Options::default())?;
//! let mut classifier = Classifier::new(&model)?;
//! let verdict = classifier.classify(b"guten Morgen")?;
//! match verdict.class {
//!     Some(class) => println!("{} {:.2}", classifier.labels().names[class], verdict.probability),
//!     None => println!("not sure"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bins;
mod calibrate;
mod classifier;
mod dataset;
mod labels;
mod report;
mod verdict;

pub use bins::bin;
pub use calibrate::{choose_threshold, fit_temperature};
pub use classifier::{Classifier, ClassifyError};
pub use dataset::{Dataset, DatasetError, DatasetFault, Encoding, Example, Warnings};
pub use labels::{Labels, NONE};
pub use report::{Bin, ClassReport, Judged, Report};
pub use verdict::Verdict;
