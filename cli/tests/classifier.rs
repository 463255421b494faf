//! Classifiers through the command: labelled texts in, names and how sure they are out.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use serde_json::Value as Json;
use std::fmt::Write as _;
use std::fs;
use support::{Fixture, Said};

/// Words of two invented languages, and of none.
fn labels(texts: usize) -> String {
    let languages = [
        (
            "north",
            ["skar", "hald", "brim", "tor", "vind"],
            ["en", "ar", "sk"],
        ),
        (
            "south",
            ["vela", "rosa", "mina", "cano", "luce"],
            ["ti", "ndo", "re"],
        ),
        ("?", ["xqz", "zzk", "qpw", "wvx", "kjq"], ["x", "q", "z"]),
    ];
    let mut state = 7u32;
    let mut pick = |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % n
    };
    let mut lines = String::new();
    for _ in 0..texts {
        let (name, stems, ends) = languages[pick(3)];
        let number = pick(100);
        let mut word = || format!("{}{}", stems[pick(5)], ends[pick(3)]);
        let (one, two) = (word(), word());
        writeln!(lines, "{name}\t{one} {two} {number}").unwrap();
    }
    lines
}

const SMALL: &[&str] = &[
    "--d-model",
    "16",
    "--n-layers",
    "1",
    "--batch",
    "16",
    "--warmup",
    "10",
];

/// A training of these labelled texts to `m.safetensors`.
fn train(fixture: &Fixture, labels: &str, more: &[&str]) -> Said {
    fixture.write("labels.tsv", labels.as_bytes());
    let args = ["train", "--labels", "labels.tsv", "--out", "m.safetensors"];
    fixture.run(&[&args[..], SMALL, more].concat())
}

#[test]
fn labelled_texts_become_names() {
    let fixture = Fixture::new();
    let said = train(&fixture, &labels(900), &["--steps", "150", "--json", "-q"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let answer: Json = serde_json::from_str(&said.out).unwrap();
    let report = &answer["report"];
    assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{answer}");
    assert!(report["others_flagged"].as_f64().unwrap() > 0.8, "{answer}");
    assert_eq!(report["confusion"].as_array().unwrap().len(), 3);
    let picture = fs::read_to_string(fixture.path("m.report.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("south"));

    let line = fixture.ok(&["classify", "m.safetensors", "-p", "skaren torsk 5"]);
    assert!(
        line.starts_with("north 0.") || line.starts_with("north 1."),
        "{line}"
    );
    let line = fixture.ok(&[
        "classify",
        "m.safetensors",
        "-p",
        "qpwx xqzq 5",
        "--top",
        "3",
    ]);
    assert!(
        line.starts_with("not sure (") && line.contains("north"),
        "{line}"
    );
    let json = fixture.json(&[
        "classify",
        "m.safetensors",
        "-p",
        "rosati minare 7",
        "--json",
        "--top",
        "2",
    ]);
    assert_eq!(
        (&json["name"], &json["sure"]),
        (&"south".into(), &true.into())
    );
    assert_eq!(json["top"].as_array().unwrap().len(), 2);
    assert_eq!(
        json["tokens"].as_array().unwrap().len(),
        "rosati minare 7".len()
    );
    for key in ["probability", "margin", "entropy", "router_entropy"] {
        assert!(json[key].is_number(), "{key}: {json}");
    }
    // Ids as ever.
    let ids: Vec<String> = b"rosati minare 7".iter().map(u8::to_string).collect();
    let plain = fixture.json(&["classify", "m.safetensors", "--tokens", &ids.join(",")]);
    assert_eq!(
        (&plain["logits"], &plain["class"]),
        (&json["logits"], &json["class"])
    );
    assert_eq!(plain.as_object().unwrap().len(), 3);

    // A line each, from a file and from a pipe.
    let texts = "skaren torsk 5\n\nrosati minare 7\r\n";
    fixture.write("texts", texts.as_bytes());
    let lines = fixture.ok(&["classify", "m.safetensors", "--file", "texts"]);
    let names: Vec<&str> = lines
        .lines()
        .map(|l| l.split(' ').next().unwrap())
        .collect();
    assert_eq!(names, ["north", "", "south"]);
    for args in [
        &["classify", "m.safetensors", "-"][..],
        &["classify", "m.safetensors", "--file", "-"],
    ] {
        assert_eq!(fixture.run_with_stdin(args, texts.as_bytes()).out, lines);
    }
    let json = fixture.ok(&["classify", "m.safetensors", "--file", "texts", "--json"]);
    assert_eq!(json.lines().nth(1), Some("null"));

    // On labelled texts, those of no class among them.
    let eval = fixture.json(&["eval", "m.safetensors", "--labels", "labels.tsv", "--json"]);
    assert!(eval["accuracy"].as_f64().unwrap() > 0.9, "{eval}");
    let table = fixture.ok(&["eval", "m.safetensors", "--labels", "labels.tsv", "-q"]);
    for part in [
        "accuracy 0.9",
        "macro-F1 ",
        "sure of ",
        "texts of no class: not sure of ",
        "class ",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    fixture.write("other.tsv", b"east\tx\neast\ty\n");
    let said = fixture.run(&["eval", "m.safetensors", "--labels", "other.tsv"]);
    let expected = "error: other.tsv: the model has no class `east`: it has ?, north, south\n";
    assert_eq!((said.code, &*said.err), (Some(2), expected));

    // Names go with it into every file that has a place for them.
    fixture.ok(&["pack", "m.safetensors", "m.gguf", "-q"]);
    fixture.ok(&["pack", "m.gguf", "again.safetensors", "-q"]);
    let asked = |model| fixture.ok(&["classify", model, "-p", "rosati minare 7", "--json"]);
    assert_eq!(asked("m.gguf"), asked("m.safetensors"));
    assert_eq!(asked("again.safetensors"), asked("m.safetensors"));
    let said = fixture.run(&["pack", "m.safetensors", "m.atomecl"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.err
            .contains("ATOMECL01 has no place for the names of classes"),
        "{said:?}"
    );
    let args = ["classify", "m.atomecl", "--tokens", &ids.join(",")];
    assert_eq!(fixture.json(&args), plain);
    let inspect = fixture.ok(&["inspect", "m.safetensors"]);
    assert!(inspect.contains("north"), "{inspect}");
}

/// Stopped and resumed, and by any number of threads, it is the same file.
#[test]
fn a_classifier_is_the_same_to_the_bit() {
    let fixture = Fixture::new();
    let labels = labels(600);
    let model = || fs::read(fixture.path("m.safetensors")).unwrap();
    let steps = ["--steps", "40", "--evaluate-every", "20", "-q"];
    assert_eq!(
        train(
            &fixture,
            &labels,
            &[&steps[..], &["--threads", "1"]].concat()
        )
        .code,
        Some(0)
    );
    let whole = model();
    let more = [&steps[..], &["--threads", "3", "--restart"]].concat();
    assert_eq!(train(&fixture, &labels, &more).code, Some(0));
    assert!(model() == whole);
    let said = train(&fixture, &labels, &["--steps", "40", "--resume", "-q"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(model() == whole);
    let hex: String = labels
        .lines()
        .map(|line| {
            let (label, text) = line.split_once('\t').unwrap();
            let digits: String = text.bytes().map(|b| format!("{b:02x}")).collect();
            format!("{label}\t{digits}\n")
        })
        .collect();
    let more = [&steps[..], &["--hex", "--restart"]].concat();
    assert_eq!(train(&fixture, &hex, &more).code, Some(0));
    let ask =
        |text| fixture.json(&["classify", "m.safetensors", "-p", text, "--json"])["logits"].clone();
    let of_hex = ask("skaren");
    fixture.write("m.safetensors", &whole);
    assert_eq!(ask("skaren"), of_hex);
}

#[test]
fn labels_that_are_none_are_one_line_or_counted() {
    let fixture = Fixture::new();
    for (labels, expected) in [
        ("", "expected labelled texts, found none"),
        (
            "a\tx\na\ty\n",
            "expected texts of two labels or more, all are `a`",
        ),
        (
            "a\tx\nb y\n",
            "line 2: expected a label, a tab and a text, found no tab",
        ),
        (
            "{\"label\": 3}\n",
            "line 1: expected {\"label\": \"..\", \"text\": \"..\"}, found invalid type",
        ),
    ] {
        let said = train(&fixture, labels, &["--steps", "5"]);
        assert_eq!(said.code, Some(2), "{said:?}");
        let start = format!("error: labels.tsv: {expected}");
        assert!(
            said.err.starts_with(&start) && said.err.lines().count() == 1,
            "{said:?}"
        );
    }
    let said = train(&fixture, "a\tx\nb\ty\n", &["--steps", "5"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("expected labelled texts to "), "{said:?}");
    let odd = labels(400) + "north\t\nnorth\tsame\nnorth\tsame\nsouth\tsame\nalone\tword\n";
    let said = train(&fixture, &odd, &["--steps", "5", "--evaluate-every", "5"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for part in [
        "warning: 1 line without a text: left away",
        "there before with the same label: left away",
        "warning: 1 text with more than one label",
        "warning: 1 label of one text alone",
    ] {
        assert!(said.err.contains(part), "{part}: {said:?}");
    }
    for args in [
        &[
            "train",
            "--labels",
            "labels.tsv",
            "--text",
            "labels.tsv",
            "--out",
            "x",
        ][..],
        &["train", "--out", "x"],
        &["train", "--text", "labels.tsv", "--hex", "--out", "x"],
        &["eval", "lm.bin", "--labels", "labels.tsv"],
        &["classify", "cl.bin", "-", "-p", "x"],
    ] {
        assert_eq!(fixture.run(args).code, Some(2), "{args:?}");
    }
}
