//! BitNet models from directories of model hubs: the bits of the GGUF file with the same weights.

use super::{ids, load};
use atome::{Model, Options};
use atome_gguf::{Gguf, Layout};
use atome_spec::Activation;
use atome_tests::published::hybrids_folder;
use atome_tests::runs::bits;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Bytes of a block of `TQ2_0` before its scale, and with it.
const CODES: usize = 64;
const BLOCK: usize = 66;
/// The scale of all matrices, and its bits in f16.
const SCALE: f32 = 0.0625;
const SCALE_F16: u16 = 0x2c00;

/// A tensor of a directory.
struct Stored {
    dtype: &'static str,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// How a directory has its matrices.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Latent,
    Times,
    Over,
}

/// The GGUF file with one scale in all blocks of trits.
fn one_scale(folder: &Path) -> Vec<u8> {
    let mut bytes = fs::read(folder.join("bitnet_tq2.gguf")).expect("the model");
    let mut places = Vec::new();
    {
        let file = Gguf::parse(&bytes).expect("a GGUF file");
        for tensor in file.tensors() {
            if let Ok(Layout::Ternary(_)) = tensor.layout() {
                let start = tensor.bytes().as_ptr() as usize - bytes.as_ptr() as usize;
                places.push(start..start + tensor.bytes().len());
            }
        }
    }
    for place in places {
        for block in bytes[place].chunks_exact_mut(BLOCK) {
            block[CODES..].copy_from_slice(&SCALE_F16.to_le_bytes());
        }
    }
    bytes
}

/// The name that a directory has for a tensor.
fn hub_name(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        ["token_embd", ..] => "model.embed_tokens.weight".to_owned(),
        ["output_norm", ..] => "model.norm.weight".to_owned(),
        ["blk", layer, name, _] => {
            let name = match name {
                "attn_norm" => "input_layernorm",
                "ffn_norm" => "post_attention_layernorm",
                "attn_sub_norm" => "self_attn.attn_sub_norm",
                "ffn_sub_norm" => "mlp.ffn_sub_norm",
                "attn_output" => "self_attn.o_proj",
                "attn_q" => "self_attn.q_proj",
                "attn_k" => "self_attn.k_proj",
                "attn_v" => "self_attn.v_proj",
                "ffn_gate" => "mlp.gate_proj",
                "ffn_up" => "mlp.up_proj",
                "ffn_down" => "mlp.down_proj",
                other => panic!("what is {other}?"),
            };
            format!("model.layers.{layer}.{name}.weight")
        }
        _ => panic!("what is {name}?"),
    }
}

/// A matrix and what is beside it.
fn matrix(name: &str, trits: &[f32], shape: [usize; 2], form: Form) -> Vec<(String, Stored)> {
    let [rows, cols] = shape;
    if form == Form::Latent {
        // The mean of absolute values is the scale.
        let used = trits.iter().filter(|t| **t != 0.0).count();
        let value = SCALE * trits.len() as f32 / used as f32;
        let bytes = trits.iter().flat_map(|t| (t * value).to_le_bytes());
        let stored = Stored {
            dtype: "F32",
            shape: shape.to_vec(),
            bytes: bytes.collect(),
        };
        return vec![(name.to_owned(), stored)];
    }
    let mut bytes = vec![0u8; rows.div_ceil(4) * cols];
    for (i, row) in trits.chunks_exact(cols).enumerate() {
        let (quarter, first) = (i / rows.div_ceil(4), i % rows.div_ceil(4) * cols);
        for (byte, trit) in bytes[first..].iter_mut().zip(row) {
            *byte |= ((*trit + 1.0) as u8) << (2 * quarter);
        }
    }
    let packed = Stored {
        dtype: "U8",
        shape: vec![rows.div_ceil(4), cols],
        bytes,
    };
    let scale = match form {
        Form::Over => 1.0 / SCALE,
        _ => SCALE,
    };
    let scale = Stored {
        dtype: "F32",
        shape: vec![1],
        bytes: scale.to_le_bytes().to_vec(),
    };
    vec![(name.to_owned(), packed), (format!("{name}_scale"), scale)]
}

/// The tensors of the file as a directory has them.
fn tensors(file: &Gguf<'_>, form: Form) -> BTreeMap<String, Stored> {
    let mut found = BTreeMap::new();
    for tensor in file.tensors() {
        let name = hub_name(tensor.name());
        let shape: Vec<usize> = tensor.dims().iter().rev().map(|n| *n as usize).collect();
        let layout = tensor.layout().expect("a known type");
        match layout {
            Layout::Ternary(_) => {
                let mut values = vec![0.0; shape.iter().product()];
                layout.dequantize_into(tensor.bytes(), &mut values);
                values.iter_mut().for_each(|value| *value /= SCALE);
                found.extend(matrix(&name, &values, [shape[0], shape[1]], form));
            }
            _ => {
                let dtype = if layout == Layout::F16 { "F16" } else { "F32" };
                let bytes = tensor.bytes().to_vec();
                found.insert(
                    name,
                    Stored {
                        dtype,
                        shape,
                        bytes,
                    },
                );
            }
        }
    }
    found
}

fn write_safetensors(path: &Path, tensors: &BTreeMap<String, Stored>) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, stored) in tensors {
        let ends = [data.len(), data.len() + stored.bytes.len()];
        let entry = json!({"dtype": stored.dtype, "shape": stored.shape, "data_offsets": ends});
        header.insert(name.clone(), entry);
        data.extend_from_slice(&stored.bytes);
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(data);
    fs::write(path, bytes).expect("a file");
}

fn config(file: &Gguf<'_>, form: Form) -> Value {
    let key = |key: &str| {
        let found = file.metadata().u32(&format!("bitnet.{key}"));
        found.expect("a number").expect("the key")
    };
    let class = match form {
        Form::Over => "bitlinear",
        Form::Times | Form::Latent => "autobitlinear",
    };
    let mode = match form {
        Form::Latent => "online",
        Form::Times | Form::Over => "offline",
    };
    json!({
        "model_type": "bitnet", "hidden_act": "relu2", "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
        "vocab_size": 288, "hidden_size": key("embedding_length"),
        "intermediate_size": key("feed_forward_length"), "num_hidden_layers": key("block_count"),
        "num_attention_heads": key("attention.head_count"), "head_dim": 64,
        "num_key_value_heads": key("attention.head_count_kv"), "tie_word_embeddings": true,
        "quantization_config": {"quant_method": "bitnet", "linear_class": class, "quantization_mode": mode},
    })
}

fn write_folder(folder: &Path, bytes: &[u8], form: Form) {
    let file = Gguf::parse(bytes).expect("a GGUF file");
    write_safetensors(&folder.join("model.safetensors"), &tensors(&file, form));
    let config = config(&file, form).to_string();
    fs::write(folder.join("config.json"), config).expect("a file");
}

fn logits(model: &Model) -> Vec<f32> {
    let mut session = model.session().expect("a slot");
    session.prefill(&ids(17)).expect("tokens");
    session.logits().to_vec()
}

#[test]
fn a_directory_has_the_bits_of_the_file() {
    let Some(dense) = hybrids_folder("dense") else {
        return;
    };
    let bytes = one_scale(&dense);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("one.gguf"), &bytes).expect("a file");
    for activations in [Activation::F32, Activation::I8] {
        let options = Options {
            activations: Some(activations),
            ..Options::default()
        };
        let expected = logits(&load(folder.path(), "one", options.clone()));
        for form in [Form::Times, Form::Over, Form::Latent] {
            write_folder(folder.path(), &bytes, form);
            let model = Model::load(folder.path(), None, &options);
            let found = logits(&model.unwrap_or_else(|fault| panic!("{fault}")));
            // The mean of many equal numbers is rounded.
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * b.abs().max(1.0);
            match form {
                Form::Latent if activations == Activation::F32 => {
                    assert!(found.iter().zip(&expected).all(near));
                }
                Form::Latent => assert_eq!(found.len(), expected.len()),
                Form::Times | Form::Over => assert_eq!(bits(&found), bits(&expected)),
            }
        }
    }
}

/// What a directory lacks or has too much is said in a line, with its file.
#[test]
fn a_directory_that_is_no_such_model() {
    let Some(dense) = hybrids_folder("dense") else {
        return;
    };
    let bytes = one_scale(&dense);
    let folder = tempfile::tempdir().expect("a folder");
    let said = || match Model::load(folder.path(), None, &Options::default()) {
        Ok(_) => "it loads".to_owned(),
        Err(fault) => fault.to_string(),
    };
    write_folder(folder.path(), &bytes, Form::Times);
    let file = Gguf::parse(&bytes).expect("a GGUF file");
    let whole = tensors(&file, Form::Times);
    let damaged = |damage: &dyn Fn(&mut BTreeMap<String, Stored>)| {
        let mut tensors: BTreeMap<String, Stored> = BTreeMap::new();
        for (name, stored) in &whole {
            let Stored {
                dtype,
                shape,
                bytes,
            } = stored;
            let (shape, bytes) = (shape.clone(), bytes.clone());
            tensors.insert(
                name.clone(),
                Stored {
                    dtype,
                    shape,
                    bytes,
                },
            );
        }
        damage(&mut tensors);
        write_safetensors(&folder.path().join("model.safetensors"), &tensors);
        said()
    };
    const Q: &str = "model.layers.1.self_attn.q_proj.weight";
    let scale = format!("{Q}_scale");
    let text = damaged(&|tensors| tensors.get_mut(Q).expect("a matrix").bytes[300] |= 0b11);
    assert!(
        text.contains("found 3") && text.contains("model.safetensors"),
        "{text}"
    );
    let text = damaged(&|tensors| drop(tensors.remove(&scale)));
    assert!(text.contains(&scale) && text.contains("missing"), "{text}");
    let text = damaged(&|tensors| {
        let bytes = (-1.0f32).to_le_bytes().to_vec();
        tensors.get_mut(&scale).expect("a scale").bytes = bytes;
    });
    assert!(text.contains(&scale) && text.contains("-1"), "{text}");
    let text = damaged(&|tensors| {
        let (shape, bytes) = (vec![1], vec![0; 4]);
        tensors.insert(
            "lm_head.bias".into(),
            Stored {
                dtype: "F32",
                shape,
                bytes,
            },
        );
    });
    assert!(
        text.contains("lm_head.bias") && text.contains("no tensor"),
        "{text}"
    );
    assert_eq!(damaged(&|_| {}), "it loads");
    let good = config(&file, Form::Times);
    for (key, value) in [
        ("num_key_value_heads", json!(3)),
        ("hidden_size", json!(250)),
        ("num_attention_heads", json!(0)),
        ("hidden_act", json!("gelu")),
        ("rope_scaling", json!({"type": "yarn"})),
        ("rms_norm_eps", json!(-1.0)),
        ("attention_bias", json!(true)),
        ("intermediate_size", json!(520)),
        ("vocab_size", json!("many")),
        ("quantization_config", json!({"linear_class": "linear"})),
    ] {
        let mut config = good.clone();
        config[key] = value;
        fs::write(folder.path().join("config.json"), config.to_string()).expect("a file");
        let text = said();
        let inner = key == "quantization_config" && text.contains("linear_class");
        assert!(
            (text.contains(key) || inner) && text.contains("config.json"),
            "{key}: {text}"
        );
        assert!(!text.contains('\n'), "{text}");
    }
}
