//! Embeddings that are the head too: in memory once, whatever type they have, and sound when a model is loaded.

use super::{ids, load};
use atome::checkpoint;
use atome::format::ContainerOptions;
use atome::tensor::EmbeddingType;
use atome::{Model, Options, Packing};
use atome_tests::published::hybrids_folder;
use atome_tests::runs::{self, bits};
use std::fs;

fn packed(embedding: Option<EmbeddingType>) -> Option<Vec<u8>> {
    let path = hybrids_folder("dense")?.join("bitnet_tq2.gguf");
    let source = checkpoint::load(&path, None).expect("reads");
    assert_eq!(source.table_type(), EmbeddingType::F16);
    let mut options = ContainerOptions::packing(Packing::Int2);
    options.embedding = embedding;
    Some(checkpoint::write_container(&source, &options).expect("packs"))
}

/// Halves have the bits of the source as f16 and as f32; those of int8 are the same on every backend.
#[test]
fn a_table_of_any_type_multiplies_on_every_backend() {
    let Some(folder) = hybrids_folder("dense") else {
        return;
    };
    let source = load(&folder, "bitnet_tq2", Options::default());
    let mut source = source.session().expect("a slot");
    source.prefill(&ids(20)).expect("tokens");
    for embedding in [
        None,
        Some(EmbeddingType::F32),
        Some(EmbeddingType::F16),
        Some(EmbeddingType::Int8),
    ] {
        let Some(bytes) = packed(embedding) else {
            return;
        };
        let mut found = Vec::new();
        for run in runs::all() {
            let model = Model::from_bytes_with(&bytes, None, &run.options);
            let mut session = model.expect("loads").session().expect("a slot");
            for part in ids(20).chunks(9) {
                session.prefill(part).expect("tokens");
            }
            found.push(bits(session.logits()));
        }
        assert!(found.iter().all(|of| *of == found[0]), "{embedding:?}");
        let is_same = found[0] == bits(source.logits());
        assert_eq!(is_same, embedding != Some(EmbeddingType::Int8));
    }
}

#[test]
fn tied_weights_are_there_once() {
    for (folder, name) in [("qwen35", "q2_tied"), ("dense", "bitnet_tq2")] {
        let Some(folder) = hybrids_folder(folder) else {
            return;
        };
        let source = checkpoint::load(&folder.join(format!("{name}.gguf")), None).expect("reads");
        let names: Vec<&str> = source.tensors().map(|(name, _)| name).collect();
        assert!(names.contains(&"token_embd.weight"));
        assert!(!names.contains(&"output.weight"), "{names:?}");
    }
}

/// No token asks for the rows that are multiplied, so a file that stays mapped is checked when it is loaded.
#[test]
fn a_damaged_table_that_multiplies_is_refused_at_load() {
    let Some(bytes) = packed(None) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let text = String::from_utf8_lossy(&bytes[..1 << 16]).into_owned();
    let header = text.split_once("\"token_embd.weight\"").expect("a table").1;
    let offsets = header.split_once("data_offsets\":[").expect("offsets").1;
    let first: usize = offsets
        .split(',')
        .next()
        .expect("one")
        .parse()
        .expect("a number");
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().expect("eight")) as usize;
    let mut damaged = bytes.clone();
    damaged[start + first + 77] ^= 4;
    for (bytes, is_sound) in [(&bytes, true), (&damaged, false)] {
        fs::write(&path, bytes).expect("written");
        let loaded = Model::load(&path, None, &Options::default());
        assert_eq!(loaded.is_ok(), is_sound);
        if let Err(fault) = loaded {
            let fault = fault.to_string();
            assert!(fault.contains("token_embd.weight"), "{fault}");
            assert_eq!(fault.lines().count(), 1, "{fault}");
        }
    }
}
