//! Directories of float weights.

use crate::support::edited;
use crate::support::folder::{self, Files};
use safetensors::Dtype;
use serde_json::{Value, json};

const INDEX: &str = "model.safetensors.index.json";
const FIRST: &str = "model-00001-of-00002.safetensors";
const SECOND: &str = "model-00002-of-00002.safetensors";
const FILE: &str = "model.safetensors";
const EMBEDDINGS: &str = "model.embeddings.weight";
const BOUNDS: &str = "model.lower_bounds";

/// What was changed, and the files.
pub(crate) type Damaged = (String, Files);

fn json_of(files: &Files, name: &str) -> Value {
    serde_json::from_slice(&files[name]).expect("JSON")
}

/// The directory with a JSON file edited.
fn with_json(files: &Files, name: &str, edit: impl FnOnce(&mut Value)) -> Files {
    let mut json = json_of(files, name);
    edit(&mut json);
    with(files, name, json.to_string().into_bytes())
}

fn with(files: &Files, name: &str, bytes: Vec<u8>) -> Files {
    let mut files = files.clone();
    files.insert(name.to_owned(), bytes);
    files
}

fn without(files: &Files, name: &str) -> Files {
    let mut files = files.clone();
    files.remove(name).expect("a file");
    files
}

pub(crate) fn damaged() -> Vec<Damaged> {
    let mut all = Vec::new();
    for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
        all.push((format!("good, {dtype}"), folder::whole(dtype)));
        all.push((format!("good, {dtype}, two files"), folder::sharded(dtype)));
    }
    all.extend(configs());
    all.extend(shards());
    all.extend(files());
    all
}

fn configs() -> Vec<Damaged> {
    let files = folder::whole(Dtype::F32);
    let mut all = vec![
        ("no config".into(), without(&files, "config.json")),
        (
            "an empty config".into(),
            with(&files, "config.json", Vec::new()),
        ),
    ];
    for (key, value) in [
        ("model_type", json!("llama")),
        ("attn_mode", json!("chunk")),
        ("expand_ratio", json!(2)),
        ("use_short_conv", json!(true)),
        ("attention_bias", json!(true)),
        ("hidden_size", json!(7)),
        ("num_hidden_layers", json!(3)),
        ("num_hidden_layers", json!(1)),
        ("intermediate_size", json!(null)),
        ("use_lower_bound", json!(false)),
        ("vocab_size", json!("eleven")),
    ] {
        let changed = with_json(&files, "config.json", |json| json[key] = value.clone());
        all.push((format!("{key} is {value}"), changed));
    }
    all
}

/// Changes of an index and of the files that it names.
fn shards() -> Vec<Damaged> {
    let files = folder::sharded(Dtype::F32);
    let mut all = vec![
        ("a missing file".into(), without(&files, SECOND)),
        ("no index".into(), without(&files, INDEX)),
        ("an empty index".into(), with(&files, INDEX, Vec::new())),
        (
            "an index without a map".into(),
            with(&files, INDEX, b"{\"metadata\": {}}".to_vec()),
        ),
        (
            "a name twice in the index".into(),
            with(
                &files,
                INDEX,
                format!("{{\"weight_map\": {{\"a\": \"{FIRST}\", \"a\": \"{SECOND}\"}}}}").into(),
            ),
        ),
        (
            "a tensor in two files".into(),
            with(&files, SECOND, files[FIRST].clone()),
        ),
    ];
    for place in [
        "absent.safetensors",
        "../outside.safetensors",
        "/etc/passwd",
        "..",
        ".",
        "",
        "sub/model.safetensors",
        "a\\b",
        "new\nline",
        "config.json",
        SECOND,
    ] {
        let moved = with_json(&files, INDEX, |json| {
            json["weight_map"][EMBEDDINGS] = place.into();
        });
        all.push((format!("embeddings in {place:?}"), moved));
    }
    all.push((
        "a tensor that is not in the index".into(),
        with_json(&files, INDEX, |json| {
            let map = json["weight_map"].as_object_mut().expect("a map");
            map.remove(BOUNDS).expect("a tensor");
        }),
    ));
    let cut = files[FIRST].len() - 3;
    all.push((
        "a file cut short".into(),
        with(&files, FIRST, files[FIRST][..cut].to_vec()),
    ));
    all
}

/// Changes of the one file.
fn files() -> Vec<Damaged> {
    let files = folder::whole(Dtype::F32);
    let mut all = vec![("no weights".into(), without(&files, FILE))];
    for length in [0, 7, 20] {
        let cut = files[FILE][..length].to_vec();
        all.push((format!("{length} bytes of it"), with(&files, FILE, cut)));
    }
    let mut change = |what: &str, edit: &dyn Fn(&mut Value)| {
        let file = edited(&files[FILE], edit);
        all.push((what.to_owned(), with(&files, FILE, file)));
    };
    change("integers", &|json| json[EMBEDDINGS]["dtype"] = "I32".into());
    change("another shape", &|json| {
        json[EMBEDDINGS]["shape"] = json!([6, 11])
    });
    change("flat bounds", &|json| json[BOUNDS]["shape"] = json!([12]));
    let rename = |from: &'static str, to: &'static str| {
        move |json: &mut Value| {
            let tensors = json.as_object_mut().expect("tensors");
            let tensor = tensors.remove(from).expect("a tensor");
            tensors.insert(to.into(), tensor);
        }
    };
    change(
        "a bias for a weight",
        &rename("lm_head.norm.weight", "lm_head.bias"),
    );
    change("no lower bounds", &rename(BOUNDS, "model.other"));
    change(
        "a head without weights, but something else",
        &rename("lm_head.weight", "lm_head.bias"),
    );
    let mut tied = folder::tensors();
    tied.remove("lm_head.weight").expect("a tensor");
    let tied = with(&files, FILE, folder::file(Dtype::F32, &tied));
    all.push(("good, a tied head".into(), tied));
    for name in [
        EMBEDDINGS,
        BOUNDS,
        "lm_head.weight",
        "model.norm.weight",
        "model.layers.1.attn.o_proj.weight",
    ] {
        for x in [f32::NAN, f32::INFINITY] {
            let mut tensors = folder::tensors();
            tensors.get_mut(name).expect("a tensor").1[3] = x;
            let file = folder::file(Dtype::F32, &tensors);
            all.push((format!("{x} in {name}"), with(&files, FILE, file)));
        }
    }
    all
}
