use serde::Serialize;

/// A family of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Architecture {
    /// Embedding, three pathways a block, router.
    Atome,
    /// Mamba-2 with ternary projections and int8 activations.
    BitMamba2,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 2] = [Self::Atome, Self::BitMamba2];

    /// Returns the name, as containers state it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Atome => "atome",
            Self::BitMamba2 => "bitmamba2",
        }
    }
}
