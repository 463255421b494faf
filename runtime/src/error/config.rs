use super::one_line;
use std::path::PathBuf;

/// Why there are no dimensions of a model, or none that can be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A config for a model whose graph says it all.
    #[error("expected no config: the model's graph has its dimensions")]
    Graph,
    /// No config was named and there is none beside the model.
    #[error(
        "the file stores no dimensions, no config was given and `{}` does not exist",
        tried.display()
    )]
    Missing {
        /// Where the config was looked for.
        tried: PathBuf,
    },
    /// No config was given for bytes in memory that need one.
    #[error("the model stores no dimensions, and no config was given")]
    NotGiven,
    /// The config is far longer than seven numbers need.
    #[error("expected a config of at most {max} bytes, found {found}")]
    TooLong {
        /// The file's length in bytes.
        found: u64,
        /// The longest config that is read, in bytes.
        max: u64,
    },
    /// The config is not JSON, lacks a key, or has a value of the wrong type.
    #[error("not a model config: {}{}", at(key), one_line(cause))]
    Json {
        /// The key whose value is wrong; empty for a fault of the whole object.
        key: String,
        /// The JSON reader's reason, with line and column.
        cause: serde_json::Error,
    },
    /// A dimension is outside the range this crate accepts.
    #[error("config: expected `{key}` {expected}, found {found}")]
    Dimension {
        /// The config's key.
        key: &'static str,
        /// The accepted values.
        expected: String,
        /// The config's value.
        found: usize,
    },
    /// A model of this kind is not one that this crate runs.
    #[error("config: expected `{key}` {expected}, found {found}")]
    Value {
        /// The config's key.
        key: &'static str,
        /// The accepted values.
        expected: String,
        /// The config's value.
        found: String,
    },
    /// A config was given and says something else than the file.
    #[error("the config says `{key}` is {config}, the file says {file}")]
    Differs {
        /// The dimension.
        key: &'static str,
        /// The config's value.
        config: usize,
        /// The file's value.
        file: usize,
    },
    /// No tensor's shape tells a dimension, and nobody else did.
    #[error("no shape tells `{key}`: give a config, or the number itself")]
    Untold {
        /// The dimension.
        key: &'static str,
    },
    /// The scale that was given for float weights is none.
    #[error("scale: expected a finite number above 0, found {found}")]
    Scale {
        /// The given number.
        found: f32,
    },
}

fn at(key: &str) -> String {
    match key {
        "" => String::new(),
        key => format!("key `{}`: ", key.escape_debug()),
    }
}
