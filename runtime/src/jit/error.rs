use atome_codegen::emit::clif::EmitError;
use atome_codegen::emit::x86;
use cranelift_codegen::ir::Block;
use cranelift_codegen::verifier::VerifierErrors;
use cranelift_module::ModuleError;
use std::io;

/// Why machine code for a model could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JitError {
    /// No code for that instruction set.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// No code of wide x86-64 for a function.
    #[error(transparent)]
    Wide(#[from] x86::EmitError),
    /// The operating system lets this program write code, or execute it, not both.
    #[error("this system does not let a program make code for itself: {cause}")]
    NoExecutableMemory {
        /// What it said.
        cause: io::Error,
    },
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
        /// The feature, or the instruction set.
        feature: String,
    },
    /// A setting of the instruction set that code made at load cannot have.
    #[error("expected an instruction set without `{setting}`")]
    Setting {
        /// Cranelift's name of the setting.
        setting: &'static str,
    },
    /// A kernel that is called but neither compiled nor given an address.
    #[error("`{name}` is called but has no address")]
    UnknownSymbol {
        /// The kernel's name.
        name: String,
    },
    /// Two functions of one name.
    #[error("there is a function named `{name}` already")]
    Taken {
        /// The name.
        name: String,
    },
    /// A body calls what its builder did not make.
    #[error("`{name}` calls a function of another module")]
    ForeignFunction {
        /// The function with the body.
        name: String,
    },
    /// A block of a body goes nowhere.
    #[error("`{name}`: `{block}` does not end with a jump, a return or a trap")]
    OpenBlock {
        /// The function.
        name: String,
        /// The block.
        block: Block,
    },
    /// A body that is no valid CLIF.
    #[error("`{name}` is not valid")]
    Clif {
        /// The function.
        name: String,
        /// What Cranelift's verifier found.
        source: Box<VerifierErrors>,
    },
    /// Cranelift could not compile a function, or there is no room for it.
    #[error("`{name}` could not be compiled")]
    Function {
        /// The function's name.
        name: String,
        /// Cranelift's reason.
        source: Box<ModuleError>,
    },
    /// The code could not be made executable.
    #[error("the code could not be made executable")]
    Finalize(#[source] Box<ModuleError>),
}
