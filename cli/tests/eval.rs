//! `atome eval`: its numbers, their meaning, and what it refuses.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use support::{Fixture, published};

fn text() -> Vec<u8> {
    (0..300u32).map(|i| (i * i * 31 % 251) as u8).collect()
}

#[test]
fn the_numbers_agree_with_the_logits() {
    let fixture = Fixture::new();
    fixture.write("text", &text()[..20]);
    let answer = fixture.json(&["eval", "lm.bin", "--text", "text", "--json"]);
    let mut nats = 0.0;
    for at in 1..20 {
        let prefix: Vec<String> = text()[..at].iter().map(u8::to_string).collect();
        let logits = fixture.json(&["logits", "lm.bin", "--tokens", &prefix.join(",")]);
        let logits: Vec<f64> = serde_json::from_value(logits["logits"].clone()).unwrap();
        let sum: f64 = logits.iter().map(|l| l.exp()).sum();
        nats += sum.ln() - logits[usize::from(text()[at])];
    }
    let close = |key: &str, expected: f64| {
        let found = answer[key].as_f64().unwrap();
        assert!(
            (found / expected - 1.0).abs() < 1e-6,
            "{key}: {found}, {expected}"
        );
    };
    close("bits_per_byte", nats / 19.0 / std::f64::consts::LN_2);
    close("perplexity", (nats / 19.0).exp());
    let whole = [
        "bytes",
        "scored_bytes",
        "tokens",
        "scored_tokens",
        "window",
        "stride",
        "windows",
    ];
    let found = whole.map(|key| answer[key].as_u64().unwrap());
    assert_eq!(found, [20, 19, 20, 19, 24, 12, 1]);
}

#[test]
fn threads_and_backends_change_nothing() {
    let fixture = Fixture::new();
    fixture.write("text", &text());
    let numbers = |more: &[&str]| {
        let args = ["eval", "lm.bin", "--text", "text", "--json"];
        let answer = fixture.json(&[&args[..], more].concat());
        (
            answer["bits_per_byte"].clone(),
            answer["perplexity"].clone(),
        )
    };
    let expected = numbers(&["--threads", "1"]);
    assert_eq!(numbers(&["--threads", "3"]), expected);
    assert_eq!(
        numbers(&["--backend", "aot", "--cpu", "x86-64-v2"]),
        expected
    );
    assert_ne!(numbers(&["--window", "48", "--stride", "4"]), expected);

    let said = fixture.run_with_stdin(&["eval", "lm.bin", "--text", "-"], &text());
    assert_eq!(said.code, Some(0), "{said:?}");
    let bits = format!(
        "{:.4} bits a byte, perplexity ",
        expected.0.as_f64().unwrap()
    );
    assert!(said.out.starts_with(&bits), "{}", said.out);
    assert!(
        said.out
            .ends_with(", 300 bytes (windows of 24 tokens, stride 12)\n")
    );
    assert!(
        said.err.starts_with("299 tokens scored in "),
        "{}",
        said.err
    );
}

#[test]
fn what_is_refused() {
    let fixture = Fixture::new();
    for (name, bytes) in [("empty", &b""[..]), ("one", b"x"), ("text", b"some text")] {
        fixture.write(name, bytes);
    }
    insta::assert_snapshot!(
        "eval_refusals",
        fixture.transcript(&[
            &["eval", "lm.bin", "--text", "empty"],
            &["eval", "lm.bin", "--text", "one"],
            &["eval", "lm.bin", "--text", "gone"],
            &["eval", "lm.bin", "--text", "."],
            &["eval", "lm.bin", "--text", "text", "--window", "1"],
            &[
                "eval", "lm.bin", "--text", "text", "--window", "8", "--stride", "8"
            ],
            &["eval", "lm.bin", "--text", "text", "--stride", "0"],
            &["eval", "cl.bin", "--text", "text"],
            &["eval", "wide.bin", "--text", "text"],
            &["eval", "gone.bin", "--text", "text"],
        ])
    );
}

/// The published model was trained on English text and knows it from noise.
#[test]
fn the_published_model_prefers_english() {
    let Some(folder) = published() else { return };
    let fixture = Fixture::new();
    let english = "Once upon a time there was a little girl. She liked to play in the park with her friends. ";
    fixture.write("english", english.repeat(3).as_bytes());
    fixture.write("noise", &text());
    let model = folder.join("atome_944k.bin");
    let bits = |text: &str| {
        let args = ["eval", model.to_str().unwrap(), "--text", text, "--json"];
        fixture.json(&args)["bits_per_byte"].as_f64().unwrap()
    };
    assert!(bits("english") < 3.0, "{}", bits("english"));
    assert!(bits("noise") > 8.0, "{}", bits("noise"));
}
