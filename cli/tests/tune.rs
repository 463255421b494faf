//! `atome tune`: what is measured, kept, found again, and left aside.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use support::{Fixture, Said};

/// A model and a folder for what is found.
struct Tuned {
    fixture: Fixture,
}

impl Tuned {
    fn new() -> Tuned {
        Tuned {
            fixture: Fixture::new(),
        }
    }

    fn run(&self, args: &[&str]) -> Said {
        let mut command = self.fixture.command(args);
        support::said(command.env("ATOME_TUNE", self.fixture.path("found")))
    }

    fn ok(&self, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        said
    }

    /// The only file of the folder.
    fn file(&self) -> PathBuf {
        let all = fs::read_dir(self.fixture.path("found")).unwrap();
        let all: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    }

    /// Lets every product of one vector be by plain Rust.
    fn pin(&self) -> String {
        let text = fs::read_to_string(self.file()).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap();
        let choice = "aot gemv-int2-f32-portable";
        let products: serde_json::Map<String, Value> = ["20x20", "6x20", "256x20"]
            .map(|shape| (format!("gemv-int2-f32/{shape}"), choice.into()))
            .into_iter()
            .collect();
        file["products"] = products.into();
        file["threads"] = Value::Object(serde_json::Map::new());
        let text = serde_json::to_string(&file).unwrap();
        fs::write(self.file(), &text).unwrap();
        text
    }
}

const QUICK: [&str; 5] = ["tune", "lm.bin", "--seconds", "1", "--quiet"];

#[test]
fn what_is_found_is_kept_and_runs() {
    let tuned = Tuned::new();
    let said = tuned.ok(&[&QUICK[..], &["--json"]].concat());
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    let products = answer["products"].as_array().unwrap();
    assert!(products.len() >= 4, "{answer}");
    for product in products {
        assert!(product["tried"].as_u64().unwrap() >= 1, "{product}");
        let ns = |of: &str| product[of]["ns"].as_f64().unwrap();
        assert!(ns("best") > 0.0 && ns("best") <= ns("default"), "{product}");
    }
    let file = tuned.file();
    assert!(file.ends_with(answer["file"].as_str().unwrap().rsplit('/').next().unwrap()));

    let logits = |args: &[&str]| {
        tuned
            .ok(&[&["logits", "lm.bin", "--tokens", "1,2,3,4,5"], args].concat())
            .out
    };
    let expected = logits(&["--no-tune"]);
    tuned.pin();
    for backend in ["auto", "aot", "interp"] {
        assert_eq!(logits(&["--backend", backend]), expected, "{backend}");
    }
    let plan = tuned
        .ok(&["inspect", "lm.bin", "--plan", "--threads", "1"])
        .out;
    let first = "; tuned: gemv-int2-f32/6x20 by aot gemv-int2-f32-portable\n";
    assert!(plan.starts_with(first), "{plan}");
    let kernels = |args: &[&str]| {
        tuned
            .ok(&[&["inspect", "lm.bin", "--json", "--threads", "1"], args].concat())
            .out
    };
    assert!(kernels(&[]).contains(r#""kernel":"gemv-int2-f32-portable""#));
    let without: Value = serde_json::from_str(&kernels(&["--no-tune"])).unwrap();
    assert_eq!(without.get("tuned"), None);
    assert!(
        !tuned
            .ok(&["inspect", "lm.bin", "--plan", "--no-tune"])
            .out
            .contains("tuned")
    );

    // A table for people, of which nothing is kept.
    fs::remove_file(tuned.file()).unwrap();
    let table = tuned.ok(&[&QUICK[..], &["--no-tune"]].concat()).out;
    assert!(
        table.contains("product ") && table.lines().all(|line| line.len() <= 100),
        "{table}"
    );
    assert_eq!(
        fs::read_dir(tuned.fixture.path("found")).unwrap().count(),
        0
    );
}

#[test]
fn what_does_not_fit_is_left_aside_with_a_note() {
    let tuned = Tuned::new();
    tuned.ok(&QUICK);
    let whole = tuned.pin();
    let logits = ["logits", "lm.bin", "--tokens", "1,2,3"];
    let expected = tuned.ok(&logits);
    assert_eq!(expected.err, "");
    let noted = |text: &[u8], expected_note: &str| {
        fs::write(tuned.file(), text).unwrap();
        let said = tuned.ok(&logits);
        assert_eq!(said.out, expected.out);
        let is_one = said.err.lines().count() == 1 && said.err.contains("` is left aside: ");
        assert!(is_one && said.err.contains(expected_note), "{said:?}");
        assert_eq!(tuned.ok(&[&logits[..], &["--quiet"]].concat()).err, "");
        assert_eq!(tuned.ok(&[&logits[..], &["--no-tune"]].concat()).err, "");
    };
    let changed = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from} in {whole}");
        whole.replacen(from, to, 1).into_bytes()
    };
    noted(
        &changed(r#""cpu":""#, r#""cpu":"Zilog Z80 "#),
        "it is of another CPU, `Zilog Z80 ",
    );
    noted(
        &changed(r#""kernels":""#, r#""kernels":"0"#),
        "measured with other kernels",
    );
    noted(
        &changed(r#""atome_tune":1"#, r#""atome_tune":9"#),
        "its version is 9, expected 1",
    );
    noted(
        &changed("f32-portable", "f64-portable"),
        "cannot be by `aot gemv-int2-f64-portable`",
    );
    noted(&whole.as_bytes()[..whole.len() / 2], "EOF");
    noted(b"", "EOF");
    noted(&[0xff; 100], "cannot read it");
    noted(&vec![b' '; 2 << 20], "expected at most 1048576");
    let file = tuned.file();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let said = tuned.ok(&logits);
    assert!(
        said.err.contains("expected a file, found a directory"),
        "{said:?}"
    );
    fs::remove_dir(&file).unwrap();
    // Tuning again mends it.
    fs::write(&file, b"{").unwrap();
    tuned.ok(&QUICK);
    assert_eq!(tuned.ok(&logits).err, "");
}

#[test]
fn wrong_input_is_refused_in_a_line() {
    let tuned = Tuned::new();
    let refused = |args: &[&str], expected: &str| {
        let said = tuned.run(args);
        assert_eq!((said.code, &*said.out), (Some(2), ""), "{said:?}");
        assert!(said.err.contains(expected), "{said:?}");
    };
    refused(&["tune", "none.bin", "--config", "lm.json"], "none.bin");
    refused(&["tune", "lm.bin", "--seconds", "0"], "0 is not in 1..=600");
    refused(&["tune", "lm.bin", "--threads", "0"], "from 1 to 1024");
    // Where there is no folder, the answer still comes.
    let said = tuned
        .fixture
        .run(&["tune", "lm.bin", "--seconds", "1", "--threads", "1"]);
    assert!(
        said.code == Some(0) && said.err.contains("kept nowhere"),
        "{said:?}"
    );
    // A file stands where the folder should be: the system's answer, once.
    tuned.fixture.write("found", b"");
    let said = tuned.run(&QUICK);
    assert!(
        said.code != Some(0) && said.err.lines().count() == 1,
        "{said:?}"
    );
}
