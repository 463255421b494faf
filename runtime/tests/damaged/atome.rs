//! `ATOME01`, `ATOME02` and `ATOMECL01` files, and configs.

use super::{Damaged, cut, with};
use atome::checkpoint::{Checkpoint, write_atome01, write_atome02, write_atomecl01};
use atome::families::AtomeConfig;

/// Widths that leave padding in the last byte of every ternary tensor, in both packings.
pub(crate) const CONFIG: AtomeConfig = AtomeConfig {
    vocab_size: 11,
    d_model: 7,
    n_layers: 2,
    d_head: 3,
    top_k: 2,
    kernel_size: 3,
    max_seq: 8,
};

/// A valid file of each format by name.
pub(crate) fn files() -> [(&'static str, Vec<u8>); 3] {
    let model = Checkpoint::random(CONFIG, None, 1);
    let classifier = Checkpoint::random(CONFIG, Some(3), 1);
    [
        ("atome01", write_atome01(&model).expect("a model")),
        ("atome02", write_atome02(&model).expect("a model")),
        ("atomecl01", write_atomecl01(&classifier).expect("a head")),
    ]
}

pub(crate) fn damaged(format: &str, file: &[u8]) -> Vec<Damaged> {
    let scale = if format == "atomecl01" { 13 } else { 7 };
    let trits = scale + 4;
    // 77 trits of the embedding, then the first vector.
    let gamma = trits + if format == "atome02" { 16 } else { 20 };
    let mut files = cut(file, &[0, 1, 7, 10, 30, 100, file.len() - 1]);
    let mut add = |what: &str, bytes: Vec<u8>| files.push((what.to_owned(), bytes));
    add("another magic", with(file, 5, b"9"));
    for x in [f32::NAN, f32::INFINITY, -1.0, -0.0] {
        let what = format!("a scale of {x:?}");
        add(&what, with(file, scale, &x.to_le_bytes()));
    }
    add(
        "a vector with NaN",
        with(file, gamma + 8, &f32::NAN.to_le_bytes()),
    );
    let infinity = f32::NEG_INFINITY.to_le_bytes();
    add("a vector with infinity", with(file, gamma, &infinity));
    add("a byte of 0x80", with(file, trits + 1, &[0x80]));
    add("a byte of 0xff", with(file, trits + 1, &[0xff]));
    add("padding that is none", with(file, gamma - 1, &[4]));
    if format == "atomecl01" {
        for n in [0, -1, 2, 4, 65_537] {
            let what = format!("{n} classes");
            add(&what, with(file, 9, &i32::to_le_bytes(n)));
        }
    }
    files
}

/// Configs for the first of [`files`].
pub(crate) fn configs() -> Vec<Damaged> {
    let good = serde_json::to_string(&CONFIG).expect("numbers have a form in JSON");
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    [
        ("good", good.clone()),
        ("empty", String::new()),
        ("blank", " \n ".into()),
        ("a list", "[1, 2]".into()),
        ("a number", "7".into()),
        ("cut", good[..30].into()),
        ("more behind it", format!("{good} {{}}")),
        ("no d_head", changed(r#""d_head":3,"#, "")),
        ("nothing in it", "{}".into()),
        (
            "text for a number",
            changed(r#""top_k":2"#, r#""top_k":"two""#),
        ),
        ("a fraction", changed(r#""d_model":7"#, r#""d_model":7.5"#)),
        ("null", changed(r#""d_model":7"#, r#""d_model":null"#)),
        ("negative", changed(r#""d_model":7"#, r#""d_model":-7"#)),
        (
            "beyond 64 bits",
            changed(r#""d_model":7"#, r#""d_model":99999999999999999999"#),
        ),
        ("zero", changed(r#""max_seq":8"#, r#""max_seq":0"#)),
        (
            "too large",
            changed(r#""kernel_size":3"#, r#""kernel_size":65"#),
        ),
        ("given twice", changed("{", r#"{"n_layers":2,"#)),
        ("other keys", changed("{", r#"{"name":["x",{"y":null}],"#)),
        ("a key's case", changed("d_model", "D_model")),
        ("nested too deep", format!("{{\"x\":{}", "[".repeat(1000))),
        ("no text", "{\"d_model\u{0}".into()),
        ("wider", changed(r#""d_model":7"#, r#""d_model":8"#)),
        ("narrower", changed(r#""d_model":7"#, r#""d_model":6"#)),
        (
            "the widest",
            changed(r#""d_model":7"#, r#""d_model":65536"#),
        ),
        (
            "more layers",
            changed(r#""n_layers":2"#, r#""n_layers":4096"#),
        ),
        (
            "fewer layers",
            changed(r#""n_layers":2"#, r#""n_layers":1"#),
        ),
    ]
    .map(|(what, json)| (what.to_owned(), json.into_bytes()))
    .into()
}
