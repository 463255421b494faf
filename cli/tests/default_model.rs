//! The model inside the command: what it says when nothing is asked of it.
#![cfg(feature = "default-model")]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use support::Fixture;

#[test]
fn nothing_at_all_prints_a_sample() {
    let fixture = Fixture::new();
    let nothing = fixture.run(&[]);
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    assert!(
        nothing.out.starts_with("In the beginning"),
        "{}",
        nothing.out
    );
    assert!(
        nothing.out.len() > 150 && nothing.out.is_ascii(),
        "{}",
        nothing.out
    );
    assert!(nothing.err.contains("tok/s"), "{}", nothing.err);
    // The same text every time, and on every backend.
    assert_eq!(fixture.ok(&["run"]), nothing.out);
    assert_eq!(fixture.ok(&["run", "--backend", "aot", "-q"]), nothing.out);
    let other = fixture.ok(&["run", "--seed", "1", "-p", "And the LORD said"]);
    assert!(other.starts_with("And the LORD said") && other.len() > 150);
}

#[test]
fn the_model_is_inspected_and_measured() {
    let fixture = Fixture::new();
    let info = fixture.json(&["inspect", "--json"]);
    assert_eq!(info["format"], "safetensors");
    assert_eq!(info["config"]["vocab_size"], 256);
    let verse = "And God said, Let there be light: and there was light. And God saw the light, \
        that it was good: and God divided the light from the darkness. ";
    fixture.write("verse", verse.as_bytes());
    fixture.write("noise", verse.to_uppercase().replace(' ', "#").as_bytes());
    let bits = |text| {
        let answer = fixture.json(&["eval", "--text", text, "--json"]);
        answer["bits_per_byte"].as_f64().unwrap()
    };
    assert!(bits("verse") < 2.5, "{}", bits("verse"));
    assert!(bits("noise") > bits("verse") + 1.0);
}
