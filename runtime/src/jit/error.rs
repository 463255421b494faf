use atome_codegen::emit::clif::EmitError;
use cranelift_module::ModuleError;

/// Why machine code for a model could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JitError {
    /// No code for that instruction set.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The code is for another kind of machine.
    #[error("code for `{found}` cannot run on this machine, a `{host}`")]
    ForeignMachine {
        /// The instruction set asked for.
        found: String,
        /// That of this machine.
        host: String,
    },
    /// The code would use instructions that this machine lacks.
    #[error("this machine lacks `{feature}`, which the code may use")]
    MissingFeature {
        /// Cranelift's name of the feature.
        feature: String,
    },
    /// A kernel that is called but neither compiled nor given an address.
    #[error("`{name}` is called but has no address")]
    UnknownSymbol {
        /// The kernel's name.
        name: String,
    },
    /// Cranelift could not compile a function, or two have one name.
    #[error("`{name}` could not be compiled")]
    Function {
        /// The function's name.
        name: String,
        /// Cranelift's reason.
        source: Box<ModuleError>,
    },
    /// No address space for the code.
    #[error("no address space for {bytes} bytes of code")]
    Reserve {
        /// Bytes asked for.
        bytes: usize,
        /// The operating system's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The code could not be made executable.
    #[error("the code could not be made executable")]
    Finalize(#[source] Box<ModuleError>),
}
