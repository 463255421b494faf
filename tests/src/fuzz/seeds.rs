//! The corpus: what the project's own writers make of tiny models, and kernels as text.

use super::state::{MODELS, saved_after};
use crate::graphs;
use atome::Packing;
use atome::checkpoint::{
    Checkpoint, gguf_bytes, random_bit2, write_atome01, write_atome02, write_atomecl01,
    write_container, write_packed,
};
use atome::families::{AtomeConfig, BitMamba2Config, Config};
use atome::format::ContainerOptions;
use atome::graph::Graph;
use atome::tensor::{EmbeddingType, Tensor};
use atome_codegen::testing::random_function;
use atome_codegen::{KernelSpec, compile_for};
use atome_spec::{Activation, Isa, Op};
use serde_json::{Map, Value, json};

/// A file of the corpus, which its target takes.
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// The file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Every file, the same on every machine.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (target, files) in [
        ("atome", atome()),
        ("bit2", bit2()),
        ("container", container()),
        ("gguf", gguf()),
        ("floats", floats()),
        ("config", config()),
        ("tokenizer", tokenizer()),
        ("vocabulary", vocabulary()),
        ("state", state()),
        ("sessions", sessions()),
        ("kernel", kernel()),
        ("graph", graph()),
    ] {
        seeds.extend(files.into_iter().map(|(name, bytes)| Seed {
            target,
            name,
            bytes,
        }));
    }
    seeds
}

type Files = Vec<(String, Vec<u8>)>;

/// Texts of random graphs.
fn graph() -> Files {
    let text = |seed| graphs::random(seed).to_string().into_bytes();
    (0..20)
        .map(|seed| (format!("random_{seed}"), text(seed)))
        .collect()
}

/// Dimensions around the edges of vectors and bytes: fewer, as many, more.
fn atome_configs() -> Vec<AtomeConfig> {
    let dims = [
        [3, 1, 1, 1, 1, 1, 1],
        [5, 4, 1, 2, 2, 3, 4],
        [11, 7, 2, 3, 1, 2, 3],
        [17, 16, 1, 5, 9, 4, 4],
        [9, 21, 2, 17, 3, 5, 8],
    ];
    let config = |[
        vocab_size,
        d_model,
        n_layers,
        d_head,
        top_k,
        kernel_size,
        max_seq,
    ]: [usize; 7]| {
        AtomeConfig {
            vocab_size,
            d_model,
            n_layers,
            d_head,
            top_k,
            kernel_size,
            max_seq,
        }
    };
    dims.map(config).into()
}

/// Language models and classifiers.
fn atome_models() -> Vec<(String, Checkpoint)> {
    let mut models = Vec::new();
    for (i, config) in atome_configs().into_iter().enumerate() {
        for (kind, classes) in [("lm", None), ("classifier", Some(1 + 2 * i))] {
            let model = Checkpoint::random(config.clone(), classes, i as u64);
            models.push((format!("{kind}-{}", config.d_model), model));
        }
    }
    models
}

fn json(config: &Config) -> Vec<u8> {
    serde_json::to_vec(config).expect("numbers have a form in JSON")
}

fn atome() -> Files {
    let mut files = Vec::new();
    for (name, model) in atome_models() {
        let mut push = |format: &str, file: Vec<u8>| {
            let bytes = [json(model.config()), vec![0], file].concat();
            files.push((format!("{name}-{format}"), bytes));
        };
        push("atome01", write_atome01(&model).expect("an Atome model"));
        push("atome02", write_atome02(&model).expect("an Atome model"));
        if let Ok(file) = write_atomecl01(&model) {
            push("atomecl01", file);
        }
    }
    files
}

fn bitmamba2_configs() -> [BitMamba2Config; 4] {
    [[3, 4, 1, 1], [5, 4, 2, 2], [17, 12, 1, 3], [7, 20, 1, 5]].map(
        |[vocab_size, d_model, n_layers, n_heads]| BitMamba2Config {
            vocab_size,
            d_model,
            n_layers,
            n_heads,
        },
    )
}

fn bit2() -> Files {
    let file = |config: BitMamba2Config| {
        let name = format!("{}-{}", config.d_model, config.n_layers);
        (name, random_bit2(&config, 5))
    };
    bitmamba2_configs().map(file).into()
}

fn container() -> Files {
    let mut files = Vec::new();
    for packing in [Packing::Int2, Packing::Base3] {
        for (name, model) in atome_models().into_iter().take(6) {
            let options = ContainerOptions::packing(packing).provenance("a seed");
            let bytes = write_container(&model, &options).expect("a model of our own");
            files.push((format!("{name}-{packing}"), bytes));
        }
        let configs = bitmamba2_configs();
        let embeddings = [EmbeddingType::F32, EmbeddingType::F16, EmbeddingType::Int8];
        for (config, embedding) in configs.iter().zip(embeddings) {
            let name = format!("bitmamba2-{}-{packing}-{embedding}", config.d_model);
            files.push((name, packed(config, packing, embedding)));
        }
        for (seed, graph) in small_graphs().take(3) {
            let options = ContainerOptions::packing(packing);
            let model = Checkpoint::random(graph, None, seed);
            let bytes = write_container(&model, &options).expect("a model of our own");
            files.push((format!("graph-{seed}-{packing}"), bytes));
        }
    }
    files
}

/// Models of ours, and a vocabulary with tensors of every type.
fn gguf() -> Files {
    let mut files = Vec::new();
    for packing in [Packing::Int2, Packing::Base3] {
        let options = ContainerOptions::packing(packing).provenance("a seed");
        let mut push = |name: String, model: &Checkpoint| {
            let (bytes, _) = gguf_bytes(model, &options).expect("a model of our own");
            files.push((format!("{name}-{packing}"), bytes));
        };
        for (name, model) in atome_models().into_iter().take(6) {
            push(name, &model);
        }
        let wide = AtomeConfig {
            vocab_size: 3,
            d_model: 128,
            n_layers: 1,
            d_head: 2,
            top_k: 1,
            kernel_size: 2,
            max_seq: 2,
        };
        push("wide".into(), &Checkpoint::random(wide, None, 1));
        let config = bitmamba2_configs()[1].clone();
        push("bitmamba2".into(), &Checkpoint::random(config, None, 6));
        for (seed, graph) in small_graphs().take(2) {
            push(
                format!("graph-{seed}"),
                &Checkpoint::random(graph, None, seed),
            );
        }
    }
    files.push(("every-type".into(), every_type()));
    files
}

fn every_type() -> Vec<u8> {
    use atome_gguf::write::{ArrayBytes, Writer};
    use atome_gguf::{Layout, Value};
    let mut writer = Writer::new();
    writer.key("general.architecture", Value::String("other"));
    writer.key("general.alignment", Value::U32(64));
    let tokens = ArrayBytes::strings(["<s>", "a", "\u{120}b"]);
    writer.key("tokenizer.ggml.model", Value::String("gpt2"));
    writer.key("tokenizer.ggml.tokens", tokens.value());
    writer.key(
        "tokenizer.ggml.token_type",
        ArrayBytes::i32s([3, 1, 1]).value(),
    );
    writer.key(
        "tokenizer.ggml.scores",
        ArrayBytes::f32s([0.0, -1.0, -2.0]).value(),
    );
    for (index, layout) in Layout::ALL.into_iter().enumerate() {
        // One size of type 42 a file.
        if layout.name() != "Q2_0 (groups of 128)" {
            let bytes = vec![0x15; 3 * layout.bytes()];
            let dims = [layout.weights() as u64, 3];
            writer.tensor(&format!("w{index}.weight"), &dims, layout.type_id(), &bytes);
        }
    }
    writer.finish()
}

/// Random graphs of few parameters, by their seeds.
fn small_graphs() -> impl Iterator<Item = (u64, Graph)> {
    let graphs = (0..).map(|seed| (seed, graphs::random(seed)));
    graphs.filter(|(_, graph)| graph.parameters() < 2000)
}

fn packed(config: &BitMamba2Config, packing: Packing, embedding: EmbeddingType) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    let mut options = ContainerOptions::packing(packing);
    options.embedding = Some(embedding);
    let model = Checkpoint::random(config.clone(), None, 6);
    write_packed(&model, &path, &options, &mut |_, _| {}).expect("a model of our own");
    std::fs::read(&path).expect("just written")
}

/// Float weights of the tensors of a model: a rule for scales, `top_k`, `max_seq`, a scale, the file.
fn floats() -> Files {
    let mut files = Vec::new();
    for (name, model) in atome_models().into_iter().take(5) {
        for (rule, dtype) in [(0, "F32"), (1, "F16"), (2, "BF16")] {
            let mut bytes = vec![rule, 2, 3];
            bytes.extend(0.75f32.to_le_bytes());
            bytes.extend(float_file(&model, dtype));
            files.push((format!("{name}-{dtype}"), bytes));
        }
    }
    files
}

fn float_file(model: &Checkpoint, dtype: &str) -> Vec<u8> {
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, tensor) in model.tensors() {
        let (shape, values) = match tensor {
            Tensor::Ternary(w) => {
                let w = w.read().expect("in memory");
                let values = w.trits.iter().map(|&trit| 0.25 * f32::from(trit));
                (vec![w.rows, w.cols], values.collect::<Vec<f32>>())
            }
            _ => {
                let values = model.floats(name).expect("in memory");
                (vec![values.len()], values)
            }
        };
        let begin = data.len();
        for value in values {
            match dtype {
                "F32" => data.extend(value.to_le_bytes()),
                // The upper half of an f32 is a bf16; as an f16 it is some other finite number.
                _ => data.extend(((value.to_bits() >> 16) as u16 & 0xbbff).to_le_bytes()),
            }
        }
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, data.len()]});
        header.insert(name.to_owned(), entry);
    }
    let mut text = Value::Object(header).to_string();
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend(text.bytes());
    file.extend(data);
    file
}

fn config() -> Files {
    let name = |config: &AtomeConfig| format!("{}-{}", config.d_model, config.d_head);
    let mut files: Files = atome_configs()
        .iter()
        .map(|config| (name(config), json(&config.clone().into())))
        .collect();
    let spaced = r#"{ "d_model": 33, "vocab_size": 2, "n_layers": 1, "note": ["x", {"y": null}],
        "d_head": 1, "top_k": 64, "kernel_size": 64, "max_seq": 2 }"#;
    files.push(("spaced".into(), spaced.into()));
    let largest = r#"{"vocab_size":16777216,"d_model":65536,"n_layers":4096,"d_head":65536,"top_k":4096,"kernel_size":64,"max_seq":1048576}"#;
    files.push(("largest".into(), largest.into()));
    files
}

/// A `tokenizer.json` of bytes and one of characters, with all parts that are read.
fn vocabulary() -> Files {
    let added = json!([
        {"id": 0, "content": "<s>", "special": true, "normalized": false},
        {"id": 9, "content": "<x>", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true}
    ]);
    let vocab = json!({
        "<s>": 0, "a": 1, "b": 2, "\u{120}": 3, "ab": 4, "\u{120}ab": 5, "\u{2581}": 6, "\u{2581}a": 7, "<0x0A>": 8
    });
    let letters = r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s+(?!\S)|\s+";
    let bytes = json!({
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFKD"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": letters}, "behavior": "Isolated", "invert": false},
            {"type": "Punctuation", "behavior": "Contiguous"},
            {"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "ignore_merges": true, "vocab": vocab, "merges": ["a b", "\u{120} ab"]}
    });
    let characters = json!({
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u{2581}"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "first", "split": true},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u{2581}"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "unk_token": "<s>", "byte_fallback": true, "fuse_unk": true, "vocab": vocab,
            "merges": [["a", "b"], ["\u{2581}", "a"]]}
    });
    let named = [("bytes", bytes), ("characters", characters)];
    let files = named.map(|(name, json)| (name.to_owned(), json.to_string().into_bytes()));
    files.into()
}

fn tokenizer() -> Files {
    let texts: [(&str, &[u8]); 8] = [
        ("empty", b""),
        (
            "words",
            b"It's we'll they've I'm he'd can't you're 'tis O'Neill's ''s",
        ),
        ("code", b"fn main() {\n    println!(\"{}\", 1_000);\n}\n"),
        (
            "blanks",
            "  \t\n\r\n  x \u{a0}\u{2003} y\u{3000}\u{3000}z   ".as_bytes(),
        ),
        (
            "letters",
            "Gr\u{fc}\u{df}e, \u{4f60}\u{597d} \u{2014} e\u{301} \u{bd} \u{2167} \u{663}"
                .as_bytes(),
        ),
        (
            "emoji",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}".as_bytes(),
        ),
        (
            "broken",
            b"a\xffb\xe2\x82z\xf0\x9f\x98\xc3\xa9\xed\xa0\x80\xf4\x90\xe2\x82\xf0\x9f",
        ),
        (
            "end-of-text",
            b"<|endoftext|> and \x50\xc4\x00\x00\x51\xc4\x00\x00",
        ),
    ];
    texts.map(|(name, text)| (name.into(), text.into())).into()
}

/// The number of a model and a state: before its window is full, when it is, and beyond.
fn state() -> Files {
    let mut files = Vec::new();
    for model in 0..MODELS.len() {
        for seen in [0u32, 1, 4, 6, 13] {
            let tokens: Vec<u32> = (0..seen).map(|i| i * 5 % 19).collect();
            let bytes = [vec![model as u8], saved_after(model, &tokens)].concat();
            files.push((format!("model-{model}-after-{seen}"), bytes));
        }
    }
    files
}

/// Options and a script.
fn sessions() -> Files {
    let scripts: [(&str, &[u8]); 5] = [
        ("steps", &[0, 2, 1, 2, 2, 2, 3, 2, 18]),
        (
            "blocks",
            &[
                0, 0x33, 1, 2, 3, 4, 5, 6, 7, 0x93, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                15, 16, 17, 18, 0,
            ],
        ),
        ("forks", &[0, 0x1b, 1, 2, 3, 4, 4, 2, 5, 10, 6, 1, 0, 2, 7]),
        (
            "states",
            &[0, 0, 0x23, 1, 2, 3, 4, 5, 5, 1, 10, 9, 2, 8, 6, 2, 3],
        ),
        (
            "batches",
            &[0, 0, 0, 2, 4, 7, 1, 2, 3, 7, 4, 5, 6, 1, 7, 2, 2, 15, 9, 9],
        ),
    ];
    let mut files = Vec::new();
    for (name, script) in scripts {
        for model in 0..3u8 {
            let numbers = [[3u64, 4, 1], [1, 3, 2], [1 << 20, 6, 1]][usize::from(model)];
            let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            // Ahead of time, interpreted and compiled, in each packing.
            bytes.extend([model, [4, 1, 0][usize::from(model)], 4 * model]);
            bytes.extend(script);
            files.push((format!("{name}-{model}"), bytes));
        }
    }
    files
}

/// The text of kernels and of random functions that is short.
fn kernel() -> Files {
    const MAX_BYTES: usize = 6 << 10;
    // What they read, or a dimension, says where they go next, and random numbers are no rows of a table or cache.
    const INDEXED: [Op; 8] = [
        Op::AttendAppend,
        Op::AttendAppendF16,
        Op::AttnMix,
        Op::GroupEmbed,
        Op::KvAppend,
        Op::LookupF16,
        Op::LookupF32,
        Op::LookupI8,
    ];
    let mut files = Vec::new();
    for &op in Op::ALL.iter().filter(|op| !INDEXED.contains(op)) {
        for packing in [None, Some(Packing::Int2), Some(Packing::Base3)] {
            for activation in [Activation::F32, Activation::I8] {
                let mut spec = KernelSpec::new(op).activation(activation);
                spec.packing = packing;
                let Ok(function) = compile_for(&spec, Isa::Sse41) else {
                    continue;
                };
                files.push((spec.name(), function.to_string().into_bytes()));
            }
        }
    }
    for seed in 0..24 {
        let function = random_function(seed);
        files.push((function.name.clone(), function.to_string().into_bytes()));
    }
    files.retain(|(_, text)| text.len() <= MAX_BYTES);
    files
}
