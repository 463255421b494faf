//! Headers of safetensors files, and containers of Atome models.

use super::{Damaged, cut, with};
use crate::support::{data_start, edited, with_metadata, with_tensor};
use atome::Packing;
use atome::checkpoint::{Checkpoint, write_container};
use atome::format::ContainerOptions;
use serde_json::{Value, json};

fn pack(classes: Option<usize>, packing: Packing) -> Vec<u8> {
    let model = Checkpoint::random(super::atome::CONFIG, classes, 1);
    write_container(&model, &ContainerOptions::packing(packing)).expect("a model of our own")
}

pub(crate) fn file() -> Vec<u8> {
    pack(None, Packing::Base3)
}

/// A file with this header and as many bytes behind it.
fn with_header(json: &str, data: usize) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// What is wrong with a header before anybody asks what it means.
pub(crate) fn headers() -> Vec<Damaged> {
    let tensor = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let empty = r#""t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    let overlap = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}}"#;
    let cases: Vec<(&str, String, usize)> = vec![
        ("no tensors", "{}".into(), 0),
        ("no tensors but bytes", "{}".into(), 5),
        ("a file of others", tensor("F32", "[2]", "[0,8]"), 8),
        ("cut", tensor("F32", "[2]", "[0,8]"), 7),
        ("a byte more", tensor("F32", "[2]", "[0,8]"), 9),
        ("a hole", tensor("F32", "[2]", "[4,12]"), 12),
        ("too few bytes", tensor("F32", "[2]", "[0,7]"), 7),
        ("backwards", tensor("F32", "[2]", "[8,0]"), 8),
        ("an overlap", overlap.into(), 7),
        ("an unknown type", tensor("Q4", "[2]", "[0,8]"), 8),
        ("a type in small letters", tensor("f32", "[2]", "[0,8]"), 8),
        (
            "a type with a line's end",
            tensor("F\\n32", "[2]", "[0,8]"),
            8,
        ),
        (
            "too many elements",
            tensor("F32", "[9999999999999,9999999999999]", "[0,8]"),
            8,
        ),
        (
            "too many bytes",
            tensor("F32", "[4611686018427387904]", "[0,8]"),
            8,
        ),
        ("a negative dimension", tensor("F32", "[-2]", "[0,8]"), 8),
        (
            "a fraction as a dimension",
            tensor("F32", "[2.5]", "[0,8]"),
            8,
        ),
        ("a text as a shape", tensor("F32", "\"2\"", "[0,8]"), 8),
        ("three offsets", tensor("F32", "[2]", "[0,8,9]"), 8),
        ("one offset", tensor("F32", "[2]", "[0]"), 8),
        (
            "no type",
            r#"{"t":{"shape":[0],"data_offsets":[0,0]}}"#.into(),
            0,
        ),
        (
            "no shape",
            r#"{"t":{"dtype":"U8","data_offsets":[0,0]}}"#.into(),
            0,
        ),
        (
            "no offsets",
            r#"{"t":{"dtype":"U8","shape":[0]}}"#.into(),
            0,
        ),
        (
            "a key more",
            r#"{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}"#.into(),
            0,
        ),
        (
            "a key of a tensor twice",
            r#"{"t":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#.into(),
            0,
        ),
        ("a tensor that is a number", r#"{"t":7}"#.into(), 0),
        ("a tensor twice", format!("{{{empty},{empty}}}"), 0),
        (
            "a tensor without a name",
            tensor("F32", "[2]", "[0,8]").replace("\"t\"", "\"\""),
            7,
        ),
        (
            "a name with a line's end",
            tensor("F32", "[2]", "[0,8]").replace("\"t\"", "\"a\\nb\""),
            7,
        ),
        ("an open brace", "{".into(), 0),
        ("more behind it", "{} x".into(), 0),
        (
            "metadata twice",
            r#"{"__metadata__":{},"__metadata__":{}}"#.into(),
            0,
        ),
        (
            "a key of the metadata twice",
            r#"{"__metadata__":{"a":"b","a":"c"}}"#.into(),
            0,
        ),
        (
            "a number in the metadata",
            r#"{"__metadata__":{"a":1}}"#.into(),
            0,
        ),
        (
            "metadata that is a list",
            r#"{"__metadata__":[]}"#.into(),
            0,
        ),
        (
            "nested too deep",
            format!("{{\"t\":{}", "[".repeat(1000)),
            0,
        ),
    ];
    let header =
        |(what, json, data): (&str, String, usize)| (what.to_owned(), with_header(&json, data));
    let mut files: Vec<Damaged> = cases.into_iter().map(header).collect();
    let mut broken = with_header("{\"x\":{}}", 0);
    broken[10] = 0xff;
    files.push(("no UTF-8".into(), broken));
    for length in [0, 1, 3, 1 << 20, (16 << 20) + 1, u64::MAX] {
        let file = with(&with_header("{}", 0), 0, &length.to_le_bytes());
        files.push((format!("a length of {length}"), file));
    }
    files.extend(cut(&with_header("{}", 0), &[0, 7, 8, 9]));
    files
}

/// What is wrong with every container, of whatever family.
pub(super) fn entries(file: &[u8]) -> Vec<Damaged> {
    let changes: [(&str, Option<&str>); 17] = [
        ("format", None),
        ("format", Some("pt")),
        ("format_version", None),
        ("format_version", Some("2")),
        ("architecture", None),
        ("architecture", Some("rwkv")),
        ("packing", None),
        ("packing", Some("int3")),
        ("layout", None),
        ("layout", Some("sparse")),
        ("config", None),
        ("config", Some("{}")),
        ("config", Some("{\"vocab_size\":")),
        ("tokenizer", None),
        ("scales", None),
        ("crc32", None),
        ("crc32", Some("0123456x")),
    ];
    let change = |(key, value): (&str, Option<&str>)| {
        let what = match value {
            None => format!("no {key}"),
            Some(value) => format!("{key} {value:?}"),
        };
        (what, with_metadata(file, key, value))
    };
    let mut files: Vec<Damaged> = changes.into_iter().map(change).collect();
    for (what, scales) in scale_lists(file) {
        files.push((what.into(), with_metadata(file, "scales", Some(&scales))));
    }
    let long = "y".repeat(300);
    files.push((
        "a long layout".into(),
        with_metadata(file, "layout", Some(&long)),
    ));
    let sums = metadata(file, "crc32");
    let fewer = with_metadata(file, "crc32", Some(&sums[8..]));
    files.push(("a checksum less".into(), fewer));
    let unsealed = edited(file, |json| json["__metadata__"]["provenance"] = "x".into());
    files.push(("metadata without its checksum".into(), unsealed));
    let none = edited(file, |json| {
        let entries = json["__metadata__"].as_object_mut();
        entries.expect("metadata").remove("metadata_crc32");
    });
    files.push(("no checksum of the metadata".into(), none));
    let wrong = edited(file, |json| {
        json["__metadata__"]["metadata_crc32"] = "1".into()
    });
    files.push(("a checksum that is none".into(), wrong));
    files.push((
        "another number".into(),
        with_metadata(file, "more", Some("is ignored")),
    ));
    files.extend(cut(
        file,
        &[
            9,
            100,
            data_start(file),
            data_start(file) + 30,
            file.len() - 1,
        ],
    ));
    let flipped = with(file, data_start(file), &[file[data_start(file)] ^ 1]);
    files.push(("a flipped bit".into(), flipped));
    files
}

fn metadata(file: &[u8], key: &str) -> String {
    let json: Value = serde_json::from_slice(&file[8..data_start(file)]).expect("a header");
    json["__metadata__"][key]
        .as_str()
        .expect("a text")
        .to_owned()
}

fn scale_lists(file: &[u8]) -> Vec<(&'static str, String)> {
    let good = metadata(file, "scales");
    let (first, rest) = good.split_once(' ').expect("several scales");
    let (name, _) = first.split_once('=').expect("a name");
    vec![
        ("no scale", String::new()),
        ("a scale less", rest.to_owned()),
        ("a scale more", format!("{good} x=1.0")),
        ("a blank more", format!("{good} ")),
        ("a scale of another name", format!("x=1.0 {rest}")),
        ("a scale without a number", format!("{name}= {rest}")),
        ("a scale of NaN", format!("{name}=NaN {rest}")),
        ("an infinite scale", format!("{name}=inf {rest}")),
        ("a negative scale", format!("{name}=-1.0 {rest}")),
        ("a scale of -0", format!("{name}=-0.0 {rest}")),
        ("a scale of 0", format!("{name}=0.0 {rest}")),
    ]
}

/// What is wrong with the tensors of any container; `a` and `b` are two of one type and shape, `packed` is of U8.
pub(super) fn tensors(file: &[u8], [a, b, packed]: [&str; 3]) -> Vec<Damaged> {
    let swapped = edited(file, |json| {
        let place = json[a]["data_offsets"].take();
        json[a]["data_offsets"] = json[b]["data_offsets"].take();
        json[b]["data_offsets"] = place;
    });
    let renamed = edited(file, |json| {
        let tensors = json.as_object_mut().expect("tensors");
        let tensor = tensors.remove(a).expect("a tensor");
        tensors.insert("renamed".into(), tensor);
    });
    let more = edited(file, |json| {
        let tensors = json.as_object_mut().expect("tensors");
        let ends = tensors
            .values()
            .filter_map(|t| t["data_offsets"][1].as_u64());
        let end = ends.max().expect("tensors");
        let empty = json!({"dtype": "U8", "shape": [0], "data_offsets": [end, end]});
        tensors.insert("zzz".into(), empty);
    });
    [
        ("two tensors swapped", swapped),
        ("a tensor renamed", renamed),
        ("a tensor more", more),
        (
            "another type",
            edited(file, |json| json[packed]["dtype"] = "I8".into()),
        ),
        (
            "another shape",
            edited(file, |json| json[a]["shape"] = json!([1, 1])),
        ),
        (
            "one dimension more",
            edited(file, |json| {
                let shape = json[a]["shape"].as_array_mut();
                shape.expect("a shape").insert(0, 1.into());
            }),
        ),
    ]
    .map(|(what, bytes)| (what.to_owned(), bytes))
    .into()
}

pub(crate) fn damaged() -> Vec<Damaged> {
    let file = file();
    let mut files = entries(&file);
    files.extend(tensors(&file, ["norm.gamma", "norm.beta", "embed"]));
    let mut add = |what: &str, bytes: Vec<u8>| files.push((what.to_owned(), bytes));
    let nan = |bytes: &mut [u8]| bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    add(
        "a vector with NaN",
        with_tensor(&file, "blocks.0.norm.gamma", nan),
    );
    add("a byte of 250", with_tensor(&file, "embed", |b| b[2] = 250));
    add(
        "padding that is none",
        with_tensor(&file, "embed", |b| b[15] = 0),
    );
    let int2 = pack(None, Packing::Int2);
    add("the code 10", with_tensor(&int2, "embed", |b| b[2] = 0x80));
    add(
        "the other packing",
        with_metadata(&file, "packing", Some("int2")),
    );
    add(
        "the other layout",
        with_metadata(&file, "layout", Some("tiled")),
    );
    let config = |from: &str, to: &str| {
        let config = metadata(&file, "config").replacen(from, to, 1);
        with_metadata(&file, "config", Some(&config))
    };
    add("a wider model", config("\"d_model\":7", "\"d_model\":8"));
    add(
        "a larger vocabulary",
        config("\"vocab_size\":11", "\"vocab_size\":12"),
    );
    add("a layer less", config("\"n_layers\":2", "\"n_layers\":1"));
    add("no layer", config("\"n_layers\":2", "\"n_layers\":0"));
    add("a layer more", config("\"n_layers\":2", "\"n_layers\":3"));
    let classifier = pack(Some(3), Packing::Base3);
    for classes in ["0", "4", "65537", "x", "3"] {
        let what = format!("{classes} classes of 3");
        add(&what, with_metadata(&classifier, "classes", Some(classes)));
    }
    add(
        "a head without classes",
        with_metadata(&classifier, "classes", None),
    );
    add(
        "classes without a head",
        with_metadata(&file, "classes", Some("3")),
    );
    files
}
