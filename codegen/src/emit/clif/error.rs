use crate::ir::Violations;
use atome_spec::Target;
use cranelift_codegen::settings::SetError;
use cranelift_codegen::{CodegenError, isa::LookupError};
use thiserror::Error;

/// Why no Cranelift code could be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The verifier rejects the function.
    #[error(transparent)]
    Invalid(Violations),
    /// The target is not a machine that Cranelift compiles for.
    #[error("target `{target}` has no Cranelift back end")]
    NoBackend {
        /// The target asked for.
        target: Target,
    },
    /// Cranelift does not know this machine.
    #[error("this machine has no Cranelift back end: {reason}")]
    UnknownHost {
        /// Cranelift's words.
        reason: &'static str,
    },
    /// Cranelift was built without the back end.
    #[error(
        "the back end for target `{target}` is not built in: feature `arm64`, `riscv64` or `x86`"
    )]
    MissingBackend {
        /// The target asked for.
        target: Target,
        /// Cranelift's reason.
        source: LookupError,
    },
    /// A setting was refused: this crate and its Cranelift disagree.
    #[error("Cranelift refused a setting")]
    Setting(#[from] SetError),
    /// A set of settings that Cranelift cannot compile with.
    #[error("Cranelift refused its settings for target `{target}`")]
    Settings {
        /// The target asked for.
        target: Target,
        /// Cranelift's reason.
        source: Box<CodegenError>,
    },
    /// Cranelift could not compile a function.
    #[error("Cranelift could not compile `{function}`")]
    Compile {
        /// The function's name.
        function: String,
        /// Cranelift's reason.
        source: Box<CodegenError>,
    },
    /// An object file could not be written.
    #[cfg(feature = "object")]
    #[error("the object file could not be written")]
    Object(#[source] Box<cranelift_module::ModuleError>),
    /// The object writer failed.
    #[cfg(feature = "object")]
    #[error("the object file could not be encoded")]
    Encode(#[from] cranelift_object::object::write::Error),
}

impl EmitError {
    /// Whether a machine was asked for that there is no code for here.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(
            self,
            Self::NoBackend { .. } | Self::UnknownHost { .. } | Self::MissingBackend { .. }
        )
    }
}

#[cfg(feature = "object")]
impl From<cranelift_module::ModuleError> for EmitError {
    fn from(source: cranelift_module::ModuleError) -> EmitError {
        EmitError::Object(Box::new(source))
    }
}
