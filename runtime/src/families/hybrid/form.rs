//! What the models of an architecture have that others have not.

/// What layers are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// The architecture, by the name that files give it.
    pub(crate) name: &'static str,
    /// Whether most layers are gated delta nets.
    pub(super) has_delta_nets: bool,
    /// Whether each query has a gate, which multiplies what attention finds.
    pub(super) has_gates: bool,
    /// Whether queries and keys are normalised head by head.
    pub(super) has_head_norms: bool,
    /// Whether what attention finds, and what is between the products of the feed-forward, is normalised.
    pub(super) has_inner_norms: bool,
    /// The norm before the feed-forward.
    pub(super) feed_forward_norm: &'static str,
}

impl Form {
    /// Every one.
    pub(crate) const ALL: [Form; 3] = [Form::QWEN35, Form::QWEN3, Form::BITNET];

    /// Gated delta nets, and gated attention every few layers.
    pub(super) const QWEN35: Form = Form {
        name: "qwen35",
        has_delta_nets: true,
        has_gates: true,
        has_head_norms: true,
        has_inner_norms: false,
        feed_forward_norm: "post_attention_norm.weight",
    };

    /// Attention in every layer.
    const QWEN3: Form = Form {
        name: "qwen3",
        has_delta_nets: false,
        has_gates: false,
        has_head_norms: true,
        has_inner_norms: false,
        feed_forward_norm: "ffn_norm.weight",
    };

    /// Attention in every layer, with norms before its last products.
    pub(super) const BITNET: Form = Form {
        name: "bitnet",
        has_delta_nets: false,
        has_gates: false,
        has_head_norms: false,
        has_inner_norms: true,
        feed_forward_norm: "ffn_norm.weight",
    };

    /// That of an architecture.
    pub(crate) fn of(architecture: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.name == architecture)
    }
}
