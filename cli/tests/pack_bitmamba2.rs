//! `atome pack` of BitMamba-2 models, and the other commands over what it writes.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome::checkpoint::random_bit2;
use atome::families::BitMamba2Config;
use std::fs;
use support::Fixture;

const CONFIG: BitMamba2Config = BitMamba2Config {
    vocab_size: 90,
    d_model: 20,
    n_layers: 2,
    n_heads: 4,
};

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write("bm.bin", &random_bit2(&CONFIG, 1));
    fixture
}

const LOGITS: &[&str] = &["--tokens", "3,1,4,1,5,9,2,6"];

#[test]
fn what_is_packed_gives_the_same_answers() {
    let fixture = fixture();
    let logits = |model| fixture.ok(&[&["logits", model][..], LOGITS].concat());
    let expected = logits("bm.bin");
    for packing in ["int2", "base3"] {
        fixture.ok(&["pack", "bm.bin", "a.safetensors", "--packing", packing]);
        assert_eq!(logits("a.safetensors"), expected);
        let info = fixture.json(&["inspect", "a.safetensors", "--json"]);
        assert_eq!(info["format"], "safetensors");
        assert!(info["mapped_bytes"].as_u64() > Some(0), "{info}");
        // From one packing to the other.
        fixture.ok(&[
            "pack",
            "a.safetensors",
            "i.safetensors",
            "--packing",
            "int2",
        ]);
        assert_eq!(logits("i.safetensors"), expected);
    }
    for embedding in ["f16", "int8"] {
        fixture.ok(&["pack", "bm.bin", "b.safetensors", "--embedding", embedding]);
        let rounded = logits("b.safetensors");
        assert_ne!(rounded, expected);
        // Kept unless another is asked for; the bits stay.
        fixture.ok(&[
            "pack",
            "b.safetensors",
            "c.safetensors",
            "--packing",
            "base3",
        ]);
        assert_eq!(logits("c.safetensors"), rounded);
    }
}

#[test]
fn the_report_counts_what_was_compared() {
    let fixture = fixture();
    let args = [
        "pack",
        "bm.bin",
        "a.safetensors",
        "--embedding",
        "int8",
        "--json",
    ];
    let report = fixture.json(&args);
    let (rows, heads) = (2 * 40 + 3 * 4, 4);
    let trits = 2 * (rows * 20 + 20 * 40) + 90 * 20;
    let floats = 90 * 20 + 2 * (20 + 40 * 4 + 40 + 2 * heads + 40 + 40) + 2 * 20;
    assert_eq!(report["verified"]["trits"], trits);
    assert_eq!(report["verified"]["floats"], floats);
    assert_eq!(report["parameters"], trits + floats);
    assert_eq!(report["verified"]["scales"], 5);
    let length = fs::metadata(fixture.path("a.safetensors")).unwrap().len();
    assert_eq!(report["bytes"], length);
    let length = fs::metadata(fixture.path("bm.bin")).unwrap().len();
    assert_eq!(report["source_bytes"], length);
    let tensors = report["tensors"].as_array().unwrap();
    let embed = tensors.iter().find(|t| t["name"] == "embed").unwrap();
    let error = embed["error"].as_f64().unwrap();
    assert!((1e-4..1e-2).contains(&error), "{error}");
}

#[test]
fn refusals() {
    let fixture = fixture();
    fixture.ok(&["pack", "bm.bin", "a.safetensors", "--quiet"]);
    let whole = fs::read(fixture.path("a.safetensors")).unwrap();
    fixture.write("third.safetensors", &whole[..whole.len() / 3]);
    fixture.write(
        "third.bin",
        &fs::read(fixture.path("bm.bin")).unwrap()[..3000],
    );
    let mut flipped = whole.clone();
    let last = flipped.len() - 9;
    flipped[last] ^= 4;
    fixture.write("flipped.safetensors", &flipped);
    let to = "out.safetensors";
    insta::assert_snapshot!(fixture.transcript(&[
        &["pack", "bm.bin", "out.bin"],
        &["pack", "bm.bin", to, "--format", "atome02"],
        &["pack", "bm.bin", to, "--scale", "exact"],
        &["pack", "bm.bin", to, "--config", "lm.json"],
        &["pack", "bm.bin", to, "--embedding", "bf16"],
        &["pack", "lm.bin", to, "--embedding", "f16"],
        &["pack", "third.bin", to],
        &["pack", "third.safetensors", to],
        &["run", "third.safetensors", "--tokens", "1"],
        &["logits", "flipped.safetensors", "--tokens", "1"],
        &["logits", "a.safetensors", "--tokens", "90"],
        &["pack", "bm.bin", "no/such/folder.safetensors"],
    ]));
    assert!(!fixture.path(to).exists());
}
