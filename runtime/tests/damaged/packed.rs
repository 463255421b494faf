//! Containers of BitMamba-2 models.

use super::{Damaged, container};
use crate::support::{with_metadata, with_tensor};
use atome::Packing;
use atome::checkpoint::{Checkpoint, write_packed};
use atome::families::BitMamba2Config;
use atome::format::ContainerOptions;
use atome::tensor::EmbeddingType;

/// Widths that leave padding in words, tiles and tensors of every kind.
const CONFIG: BitMamba2Config = BitMamba2Config {
    vocab_size: 70,
    d_model: 36,
    n_layers: 2,
    n_heads: 6,
};

fn pack(packing: Packing, embedding: EmbeddingType) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let mut options = ContainerOptions::packing(packing);
    options.embedding = Some(embedding);
    let model = Checkpoint::random(CONFIG.clone(), None, 1);
    write_packed(&model, &path, &options, &mut |_, _| {}).expect("a model of our own");
    std::fs::read(&path).expect("just written")
}

pub(crate) fn damaged() -> Vec<Damaged> {
    let file = pack(Packing::Int2, EmbeddingType::F32);
    let mut files = container::entries(&file);
    files.extend(container::tensors(
        &file,
        ["norm_f", "lm_head.norm", "lm_head"],
    ));
    let mut add = |what: &str, bytes: Vec<u8>| files.push((what.to_owned(), bytes));
    for (key, value) in [
        ("embedding", None),
        ("embedding", Some("f8")),
        ("embedding", Some("f16")),
        ("packing", Some("base3")),
        ("layout", Some("dense")),
    ] {
        let what = format!("{key} {}", value.unwrap_or("missing"));
        add(&what, with_metadata(&file, key, value));
    }
    for config in [
        r#"{"vocab_size":70,"d_model":38,"n_layers":2,"n_heads":6}"#,
        r#"{"vocab_size":70,"d_model":36,"n_layers":2,"n_heads":5}"#,
        r#"{"vocab_size":99999999,"d_model":36,"n_layers":2,"n_heads":6}"#,
        r#"{"vocab_size":71,"d_model":36,"n_layers":2,"n_heads":6}"#,
        r#"{"vocab_size":70,"d_model":36,"n_layers":1,"n_heads":6}"#,
        r#"{"vocab_size":70,"d_model":36,"n_layers":0,"n_heads":6}"#,
        r#"{"vocab_size":70,"d_model":36,"n_layers":2,"n_heads":-6}"#,
        r#"{"vocab_size":70,"d_model":36,"n_layers":2,"n_heads":"6"}"#,
        r#"{"vocab_size":70,"d_model":36,"n_layers":2,"n_heads":6.5}"#,
        r#"{"vocab_size":70,"d_model":36,"n_layers":2,"n_heads":6,"n_heads":6}"#,
        r#"{"vocab_size":70,"d_model":36,"n_layers":2}"#,
        r#"[70,36,2,6]"#,
    ] {
        add(
            &format!("config {config}"),
            with_metadata(&file, "config", Some(config)),
        );
    }
    let f16 = pack(Packing::Int2, EmbeddingType::F16);
    let int8 = pack(Packing::Base3, EmbeddingType::Int8);
    let nan = |b: &mut [u8]| b[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    let negative = |b: &mut [u8]| b[..4].copy_from_slice(&(-1.0f32).to_le_bytes());
    add(
        "int2 of no trits",
        with_tensor(&file, "layers.1.in_proj", |b| b[4] = 0xff),
    );
    add(
        "base3 of no trits",
        with_tensor(&int8, "lm_head", |b| b[4] = 0x80),
    );
    add(
        "rows beyond the last",
        with_tensor(&file, "layers.0.out_proj", |b| b[4 * 47] = 0),
    );
    add(
        "padding behind a tensor",
        with_tensor(&file, "lm_head", |b| b[4 * 80 * 3] = 1),
    );
    add("f32 rows with NaN", with_tensor(&file, "embed", nan));
    add(
        "f16 rows with infinity",
        with_tensor(&f16, "embed", |b| b[128..130].copy_from_slice(&[0, 0x7c])),
    );
    add(
        "int8 rows with -128",
        with_tensor(&int8, "embed", |b| b[0] = 0x80),
    );
    add(
        "int8 rows with padding",
        with_tensor(&int8, "embed", |b| b[63] = 1),
    );
    add(
        "negative scales of rows",
        with_tensor(&int8, "embed.scales", negative),
    );
    add("a vector with NaN", with_tensor(&file, "norm_f", nan));
    files
}
