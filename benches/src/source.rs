//! The models that are timed.

use crate::settings::{NamedModel, Settings};
use atome::checkpoint::Checkpoint;
use atome::families::{AtomeConfig, BitMamba2Config, Config, HgrnBitConfig, Qwen35Dims};
use std::cell::LazyCell;

/// Seed of the models of random weights.
const SEED: u64 = 944;

/// The published language model's dimensions.
const ATOME_944K: AtomeConfig = AtomeConfig {
    vocab_size: 256,
    d_model: 256,
    n_layers: 8,
    d_head: 64,
    top_k: 4,
    kernel_size: 5,
    max_seq: 256,
};

/// The published classifiers' dimensions, and a number of classes like theirs.
const CLASSIFIER: (AtomeConfig, usize) = (
    AtomeConfig {
        vocab_size: 256,
        d_model: 32,
        n_layers: 2,
        d_head: 8,
        top_k: 4,
        kernel_size: 5,
        max_seq: 32,
    },
    5,
);

/// The published BitMamba-2 models' dimensions.
const BITMAMBA2: [(&str, BitMamba2Config); 2] = [
    (
        "255m",
        BitMamba2Config {
            vocab_size: 50_257,
            d_model: 1024,
            n_layers: 24,
            n_heads: 16,
        },
    ),
    (
        "1b",
        BitMamba2Config {
            vocab_size: 50_257,
            d_model: 2048,
            n_layers: 32,
            n_heads: 32,
        },
    ),
];

/// The published MatMul-free LMs: layers, `hidden_size` and `intermediate_size`.
const HGRN_BIT: [(&str, [usize; 3]); 3] = [
    ("24x1024", [24, 1024, 2816]),
    ("24x2048", [24, 2048, 5632]),
    ("32x2560", [32, 2560, 6912]),
];

/// The dimensions of a published MatMul-free LM.
const fn hgrn_bit(
    [num_hidden_layers, hidden_size, intermediate_size]: [usize; 3],
) -> HgrnBitConfig {
    HgrnBitConfig {
        vocab_size: 32_000,
        hidden_size,
        num_hidden_layers,
        intermediate_size,
        rms_norm_eps: 1e-6,
        use_lower_bound: true,
    }
}

/// Hybrids of gated delta nets and attention of the published sizes, with scales for 128 columns.
const QWEN35: [(&str, Qwen35Dims); 2] = [
    (
        "2b",
        Qwen35Dims {
            vocab_size: 248_320,
            embedding_length: 2048,
            block_count: 24,
            full_attention_interval: 4,
            feed_forward_length: 6144,
            head_count: 8,
            head_count_kv: 2,
            key_length: 256,
            rope_dimension_count: 64,
            key_heads: 16,
            value_heads: 16,
            state_size: 128,
            group: 128,
            hadamard_block: Some(2048),
            context: 4096,
        },
    ),
    (
        "4b",
        Qwen35Dims {
            vocab_size: 248_320,
            embedding_length: 2560,
            block_count: 32,
            full_attention_interval: 4,
            feed_forward_length: 9216,
            head_count: 16,
            head_count_kv: 4,
            key_length: 256,
            rope_dimension_count: 64,
            key_heads: 16,
            value_heads: 32,
            state_size: 128,
            group: 128,
            hadamard_block: Some(512),
            context: 4096,
        },
    ),
];

/// A model to be timed, made when it is first needed.
pub(crate) struct Source {
    /// What the shape is called in names of benchmarks.
    pub(crate) shape: String,
    pub(crate) config: Config,
    pub(crate) classes: Option<usize>,
    pub(crate) model: LazyCell<Checkpoint, Box<dyn FnOnce() -> Checkpoint>>,
}

impl Source {
    /// A model of random weights.
    fn random(shape: &str, config: impl Into<Config>, classes: Option<usize>) -> Source {
        let config = config.into();
        Source {
            shape: shape.to_owned(),
            config: config.clone(),
            classes,
            model: LazyCell::new(Box::new(move || Checkpoint::random(config, classes, SEED))),
        }
    }

    fn given(NamedModel { shape, model }: NamedModel) -> Source {
        Source {
            shape,
            config: model.config().clone(),
            classes: model.classes(),
            model: LazyCell::new(Box::new(move || model)),
        }
    }
}

/// The model of the settings, or those of the published shapes.
pub(crate) fn sources(settings: &Settings) -> Vec<Source> {
    if let Some(model) = &settings.model {
        return vec![Source::given(model.clone())];
    }
    published()
}

/// Those of the published shapes, of random weights.
pub(crate) fn published() -> Vec<Source> {
    let (config, classes) = CLASSIFIER;
    let atome = [
        Source::random("944k", ATOME_944K, None),
        Source::random("classifier", config, Some(classes)),
    ];
    let bitmamba2 = BITMAMBA2.map(|(shape, config)| Source::random(shape, config, None));
    let hgrn = HGRN_BIT.map(|(shape, dims)| Source::random(shape, hgrn_bit(dims), None));
    let qwen35 = QWEN35.map(|(shape, dims)| {
        let graph = dims
            .graph()
            .unwrap_or_else(|fault| panic!("{shape}: {fault}"));
        Source::random(shape, graph, None)
    });
    let all = atome.into_iter().chain(bitmamba2).chain(hgrn);
    all.chain(qwen35).collect()
}
