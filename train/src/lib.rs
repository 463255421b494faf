//! Trains ternary state-space language models of the Atome family on a CPU: byte tokens,
//! ternary weights with gradients straight through, and the runtime's own forward pass.
//!
//! ```text
//! text ── corpus ── batches ──┐
//!                             ▼
//! parameters ── quantise ── forward ── loss ── gradients ── update ─┐
//!      ▲                                                            │
//!      └────────────────────────────────────────────────────────────┘
//!      │
//!      ├── checkpoint    everything, for going on bit for bit
//!      └── export        the packed model that `atome run` reads
//! ```
//!
//! | module | concept |
//! |---|---|
//! | [`settings`] | what is trained and how |
//! | `data` | what is learned from: a text, or labelled texts |
//! | `corpus` | the text: training part, held-out part, batches |
//! | `examples` | labelled texts: those to train on, to choose by, to report on; batches |
//! | `calibrate` | what makes the answers of a classifier honest |
//! | `parameters` | latent weights by name, their initial values, the model they stand for |
//! | `ops` | the differentiable operations |
//! | `tape` | a computation recorded, and walked backwards |
//! | `forward` | from bytes to logits |
//! | `gradient` | the loss of a batch and its gradients, on several threads |
//! | `optimizer` | Muon and AdamW, clipping, the learning rate |
//! | `parallel` | work shared among threads |
//! | `memory` | what a training needs of it |
//! | `paths` | where a training leaves its files, and whether it may |
//! | `checkpoint` | saved and resumed training |
//! | [`trainer`] | one training, step by step |
//! | [`session`] | the whole training: evaluation, saving, stopping |
//! | `curve` | the loss curve as a picture |
//! | `figures` | a classifier's confusion matrix and reliability as pictures |
//!
//! ```
//! use atome_train::{Settings, Trainer};
//! use std::sync::Arc;
//!
//! let text = b"the cat sat on the mat. ".repeat(40);
//! let settings = Settings { d_model: 16, n_layers: 1, d_head: 8, sequence: 16, steps: 3, ..Settings::default() };
//! let mut trainer = Trainer::new(settings, Arc::<[u8]>::from(text))?;
//! let first = trainer.step()?;
//! assert!(first.bits > 0.0);
//! let model = trainer.model(); // an `atome::checkpoint::Checkpoint`, ready to run
//! assert_eq!(model.config().vocab_size(), 256);
//! # Ok::<(), atome_train::TrainError>(())
//! ```
#![deny(unsafe_code)]

mod calibrate;
mod checkpoint;
mod corpus;
mod curve;
mod data;
mod error;
mod examples;
mod figures;
mod forward;
mod gradient;
mod memory;
mod ops;
mod optimizer;
mod parallel;
mod parameters;
mod paths;
pub mod session;
pub mod settings;
mod tape;
pub mod trainer;

pub use checkpoint::Checkpoint;
pub use data::Source;
pub use error::TrainError;
pub use paths::{Claims, Paths};
pub use session::{Cadence, Observer, Outcome};
pub use settings::{MAX_STEPS, Settings};
pub use trainer::{Point, StepReport, Trainer};
