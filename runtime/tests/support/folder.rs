//! A directory of float weights as model hubs have them: a small MatMul-free LM of random numbers.

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Files of a directory by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A tensor: shape and numbers.
pub(crate) type Numbers = (Vec<usize>, Vec<f32>);

const VOCAB: usize = 11;
const WIDTH: usize = 6;
const INNER: usize = 10;
const LAYERS: usize = 2;

/// `config.json`.
pub(crate) fn config() -> Value {
    json!({
        "architectures": ["HGRNBitForCausalLM"], "attn_mode": "fused_recurrent", "expand_ratio": 1,
        "hidden_act": "swish", "hidden_ratio": 4, "hidden_size": WIDTH, "intermediate_size": INNER,
        "model_type": "hgrn_bit", "num_heads": 1, "num_hidden_layers": LAYERS, "rms_norm_eps": 1e-6,
        "use_lower_bound": true, "use_short_conv": false, "vocab_size": VOCAB,
    })
}

/// The tensors by name.
pub(crate) fn tensors() -> BTreeMap<String, Numbers> {
    let mut state = 1u64;
    let mut number = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut tensors = BTreeMap::new();
    let mut add = |name: String, shape: &[usize]| {
        let numbers = (0..shape.iter().product()).map(|_| number());
        tensors.insert(name, (shape.to_vec(), numbers.collect()));
    };
    add("model.embeddings.weight".into(), &[VOCAB, WIDTH]);
    add("model.lower_bounds".into(), &[LAYERS, WIDTH]);
    add("model.norm.weight".into(), &[WIDTH]);
    let mut product = |name: &str, [rows, cols]: [usize; 2]| {
        add(format!("{name}.weight"), &[rows, cols]);
        add(format!("{name}.norm.weight"), &[cols]);
    };
    product("lm_head", [VOCAB, WIDTH]);
    for layer in 0..LAYERS {
        let layer = format!("model.layers.{layer}");
        for name in ["i", "f", "g", "o"] {
            product(&format!("{layer}.attn.{name}_proj"), [WIDTH, WIDTH]);
        }
        product(&format!("{layer}.mlp.gate_proj"), [2 * INNER, WIDTH]);
        product(&format!("{layer}.mlp.down_proj"), [WIDTH, INNER]);
    }
    for layer in 0..LAYERS {
        for norm in ["attn_norm", "attn.g_norm", "mlp_norm"] {
            add(format!("model.layers.{layer}.{norm}.weight"), &[WIDTH]);
        }
    }
    tensors
}

/// A safetensors file.
pub(crate) fn file<'t>(
    dtype: Dtype,
    tensors: impl IntoIterator<Item = (&'t String, &'t Numbers)>,
) -> Vec<u8> {
    let encoded = tensors.into_iter().map(|(name, (shape, numbers))| {
        let bytes: Vec<u8> = match dtype {
            Dtype::F16 => {
                let halves = numbers.iter().map(|x| f16::from_f32(*x).to_le_bytes());
                halves.flatten().collect()
            }
            Dtype::BF16 => {
                let halves = numbers.iter().map(|x| bf16::from_f32(*x).to_le_bytes());
                halves.flatten().collect()
            }
            _ => numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
        };
        (name, shape, bytes)
    });
    let encoded: Vec<_> = encoded.collect();
    let views = encoded.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(dtype, shape.to_vec(), bytes);
        (name.as_str(), view.expect("as many bytes as the shape has"))
    });
    safetensors::serialize(views, None).expect("a file")
}

/// A directory with one file.
pub(crate) fn whole(dtype: Dtype) -> Files {
    BTreeMap::from([
        ("config.json".to_owned(), config().to_string().into_bytes()),
        ("model.safetensors".to_owned(), file(dtype, &tensors())),
    ])
}

/// A directory with two files and their index.
pub(crate) fn sharded(dtype: Dtype) -> Files {
    let tensors = tensors();
    let mut places = BTreeMap::new();
    let mut files = BTreeMap::from([("config.json".to_owned(), config().to_string().into_bytes())]);
    let of = |number: usize| format!("model-0000{number}-of-00002.safetensors");
    for number in [1, 2] {
        let is_here = |i: usize| i.is_multiple_of(2) == (number == 1);
        let here = tensors.iter().enumerate().filter(|(i, _)| is_here(*i));
        let here: Vec<_> = here.map(|(_, tensor)| tensor).collect();
        places.extend(here.iter().map(|(name, _)| ((*name).clone(), of(number))));
        files.insert(of(number), file(dtype, here));
    }
    let index = json!({ "metadata": { "total_size": 1 }, "weight_map": places });
    let index = index.to_string().into_bytes();
    files.insert("model.safetensors.index.json".to_owned(), index);
    files
}

/// Writes the files to a directory.
pub(crate) fn put(folder: &Path, files: &Files) {
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("written");
    }
}
