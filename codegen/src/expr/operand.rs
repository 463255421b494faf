/// Something that an expression reads or writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operand {
    /// Its name in the statements.
    pub name: String,
    /// What it has values for.
    pub kind: OperandKind,
    /// Whether all channels of a head share a value.
    pub per_head: bool,
}

/// What an operand has values for, beside each channel or head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperandKind {
    /// Each token.
    Row,
    /// Nothing: the same for all tokens.
    Gain,
    /// Nothing: what a token leaves, the next one finds.
    State,
}

impl OperandKind {
    /// Every kind.
    pub const ALL: [OperandKind; 3] = [OperandKind::Row, OperandKind::Gain, OperandKind::State];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            OperandKind::Row => "row",
            OperandKind::Gain => "gain",
            OperandKind::State => "state",
        }
    }
}

impl Operand {
    /// An operand with a value for each channel.
    pub fn new(name: impl Into<String>, kind: OperandKind) -> Operand {
        Operand {
            name: name.into(),
            kind,
            per_head: false,
        }
    }

    /// The same with a value for each head.
    #[must_use]
    pub fn per_head(mut self) -> Operand {
        self.per_head = true;
        self
    }

    /// The dimension that says how far apart its rows are.
    pub(crate) fn stride(&self) -> Option<String> {
        (self.kind == OperandKind::Row).then(|| format!("{}_stride", self.name))
    }
}
