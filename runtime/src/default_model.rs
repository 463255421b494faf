//! The model inside this crate, trained by `atome train` and read from the program itself.

use crate::{LoadError, Model, Options};

/// The model's container, `default.safetensors` of this crate; its card lies beside it.
pub const DEFAULT_MODEL: &[u8] = include_bytes!("../default.safetensors");

impl Model {
    /// Loads the model inside this crate: a language model of bytes.
    ///
    /// # Errors
    /// As [`Model::from_bytes`].
    pub fn default_model(options: &Options) -> Result<Model, LoadError> {
        Model::from_bytes(DEFAULT_MODEL, options)
    }
}
