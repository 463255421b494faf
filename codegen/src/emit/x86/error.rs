use crate::ir::Violations;
use atome_spec::Isa;

/// Why no machine code was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The verifier rejected the function.
    #[error(transparent)]
    Invalid(Violations),
    /// The instruction set has no vectors of 256 or 512 bits.
    #[error("expected an instruction set of AVX2 or AVX-512, found {isa}")]
    NoCode {
        /// What was asked for.
        isa: Isa,
    },
}
