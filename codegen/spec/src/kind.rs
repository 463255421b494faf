use crate::{Activation, Method, Op, Packing};

/// Which kernel of an op: everything about it but shapes and machine.
///
/// ```
/// use atome_spec::{Activation, Kind, Op, Packing};
///
/// const PROJECTION: Kind = Kind::new(Op::Gemv).packing(Packing::Int2).activation(Activation::I8);
/// assert_eq!(PROJECTION.method, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// What it computes.
    pub op: Op,
    /// Packing of the weights; for ternary ops only.
    pub packing: Option<Packing>,
    /// Type of the activations.
    pub activation: Activation,
    /// Method of the ternary product; `None` for the one the schedule prefers.
    pub method: Option<Method>,
}

impl Kind {
    /// An op on f32, without a packing.
    pub const fn new(op: Op) -> Kind {
        Kind {
            op,
            packing: None,
            activation: Activation::F32,
            method: None,
        }
    }

    /// Sets the packing.
    #[must_use]
    pub const fn packing(mut self, packing: Packing) -> Kind {
        self.packing = Some(packing);
        self
    }

    /// Sets the type of the activations.
    #[must_use]
    pub const fn activation(mut self, activation: Activation) -> Kind {
        self.activation = activation;
        self
    }

    /// Sets the method.
    #[must_use]
    pub const fn method(mut self, method: Method) -> Kind {
        self.method = Some(method);
        self
    }
}

impl From<Op> for Kind {
    fn from(op: Op) -> Kind {
        Kind::new(op)
    }
}
