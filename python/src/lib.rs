//! The native part of the Python package `atome`. What each class and function takes, gives and raises is written where its
//! callers look, in `package/atome/_atome.pyi`.
//!
//! | file | concept |
//! |---|---|
//! | `error` | why a call failed: an exception with the command's line |
//! | `options` | how a model is loaded |
//! | `prompt` | what a model is given: text or token ids |
//! | `settings` | how tokens are chosen |
//! | `numbers` | numbers that Python reads without copying them |
//! | `model` | loaded models |
//! | `session` | sequences of tokens over a model |
//! | `sampler` | from logits to a token |
//! | `stream` | what follows a prompt, as it comes |
//! | `classes` | what a classifier says of a text |
//! | `pack` | float weights and files to model files |
//!
//! A call that may take long lets other threads of Python run. What several threads may share is behind a lock, which is never
//! waited for while Python waits.
#![deny(unsafe_code)]

mod classes;
mod error;
mod model;
mod numbers;
mod options;
mod pack;
mod prompt;
mod sampler;
mod session;
mod settings;
mod stream;

#[pyo3::pymodule]
mod _atome {
    #[pymodule_export]
    use super::classes::Verdict;
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::pack::{pack, quantize};
    #[pymodule_export]
    use super::sampler::Sampler;
    #[pymodule_export]
    use super::session::Session;
    #[pymodule_export]
    use super::stream::Stream;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
