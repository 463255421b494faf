//! `atome bench`: what is timed, and the records of it.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use serde_json::Value;
use std::fs;
use support::Fixture;

#[test]
fn records_are_printed() {
    let fixture = Fixture::new();
    let names = fixture.ok(&["bench", "--list"]);
    for part in [
        "embed-base3-f32-",
        "/32000x4096/random",
        "gemm-int2-f32-",
        "load-atome-",
        "/98304x4096/4K",
        "limit-dram-",
    ] {
        assert!(names.contains(part), "{part} in {names}");
    }
    let lines = fixture.ok(&["bench", "--json", "--filter", "classify-atome"]);
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let backends: Vec<&Value> = records.iter().map(|record| &record["backend"]).collect();
    assert_eq!(backends, ["jit", "aot"]);
    for record in &records {
        let is_peak = record["limit"]["kind"] == "select_peak";
        let rate = if is_peak { "gmacs" } else { "gbps" };
        let number = |value: &Value| value.as_f64().unwrap();
        let part = number(&record[rate]) / number(&record["limit"]["value"]);
        assert!(
            (number(&record["of_limit"]) - part).abs() < 1e-3,
            "{record}"
        );
        assert!(record["tok_s"].as_f64().unwrap() > 0.0, "{record}");
        assert_eq!(record["method"], "select");
    }
    let table = fixture.ok(&[
        "bench",
        "--filter",
        "step-",
        "--model",
        "lm.bin",
        "--backend",
        "aot",
        "--cpu",
        "portable",
    ]);
    assert!(
        table.contains("step-atome-portable/lm ") && table.contains("tok/s"),
        "{table}"
    );
    let of_model = fixture.ok(&["bench", "--list", "--model", "lm.bin"]);
    let names = ["step-", "prefill-", "sessions-", "load-"];
    assert!(
        of_model
            .lines()
            .all(|name| names.iter().any(|n| name.starts_with(n))),
        "{of_model}"
    );
    // Of sessions, few and many.
    assert_eq!(of_model.lines().count(), names.len() + 1);
}

/// The kernel is compiled as asked, its answer is checked, and its record says how it was laid out.
#[test]
fn a_schedule_is_timed_and_named() {
    let fixture = Fixture::new();
    let bench = ["bench", "--schedule"];
    let names = fixture.ok(&[&bench[..], &["mr=32,nr=3", "--list"]].concat());
    let are = |op: &str| names.lines().filter(|name| name.starts_with(op)).count();
    let (all, groups) = (are("gemm-"), are("group_gemm-"));
    assert!(
        all > 0 && groups > 0 && all + groups == names.lines().count(),
        "{names}"
    );
    let small = ["unroll=2 mr=16", "--filter", "gemv-int2-f32", "--json"];
    let lines = fixture.ok(&[&bench[..], &small].concat());
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 6, "{lines}");
    for record in &records {
        let schedule = record["schedule"].as_str().unwrap();
        let asked = schedule.starts_with("method=select mr=16 nr=1 fields=");
        assert!(asked && schedule.ends_with(" unroll=2"), "{record}");
        assert_eq!(
            (&record["backend"], &record["method"]),
            (&"jit".into(), &"select".into())
        );
        assert!(record["gmacs"].as_f64().unwrap() > 0.0, "{record}");
    }
    let none = ["--no-multiply", "--filter", "gemv-", "--list"];
    let without = fixture.ok(&[&bench[..], &["mr=16"], &none].concat());
    // Which of the two depends on the instruction set.
    let is_looked_up = |line: &&str| {
        ["gemv-int2-i8-", "gemv-sorted-i8-"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let looked_up: Vec<&str> = without.lines().filter(is_looked_up).collect();
    let shape = |name: &'static str| move |line: &&&str| line.split('/').nth(1) == Some(name);
    let [cached, from_memory] =
        ["1024x4096", "98304x4096"].map(|name| looked_up.iter().filter(shape(name)).count());
    assert!(cached == 1 && from_memory > 0, "{without}");
    assert_eq!(looked_up.len(), 1 + from_memory, "{without}");
}

#[test]
fn a_schedule_of_no_kernel_is_refused_in_a_line() {
    let fixture = Fixture::new();
    let refused = |args: &[&str]| {
        let said = fixture.run(&[&["bench", "--schedule"], args].concat());
        assert_eq!((said.code, &*said.out), (Some(2), ""), "{said:?}");
        said.err
    };
    assert_eq!(
        refused(&["mr=48"]),
        "error: no kernel that is timed can be laid out as `mr=48`: \
        `gemm`: `mr` of the schedule is 48, expected 16, 32 or 64\n"
    );
    let multiplies = refused(&["method=dot", "--no-multiply"]);
    assert!(
        multiplies.contains("`method` of the schedule is dot, expected lut"),
        "{multiplies}"
    );
    let ahead = refused(&["mr=32", "--backend", "aot"]);
    assert!(ahead.contains("not aot"), "{ahead}");
    let field = refused(&["kc=4"]);
    assert!(field.contains("a schedule has no field `kc`"), "{field}");
    let model = fixture.run(&["bench", "--schedule", "mr=32", "--model", "lm.bin"]);
    assert_eq!(model.code, Some(2), "{model:?}");
}

/// Records go to a file with the machine, and later ones stand beside them.
#[test]
fn older_records_are_shown_beside() {
    let fixture = Fixture::new();
    let copy = ["bench", "--quiet", "--filter", "memcpy"];
    let with = |args: &[&str]| fixture.run(&[&copy[..], args].concat());
    assert_eq!(with(&["--record", "old.jsonl"]).code, Some(0));
    let old = fs::read(fixture.path("old.jsonl")).unwrap();
    let old = String::from_utf8(old).unwrap();
    let lines: Vec<Value> = old
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{old}");
    assert!(
        lines[0]["machine"]["isas"]
            .as_array()
            .unwrap()
            .contains(&"portable".into())
    );
    assert_eq!(lines[1]["name"], "memcpy-f32/4096");

    let gone = old
        .lines()
        .last()
        .unwrap()
        .replace("memcpy-f32", "memcpy-f16");
    fixture.write("old.jsonl", format!("{old}{gone}\n").as_bytes());
    let rows = fixture.ok(&[&copy[..], &["--compare", "old.jsonl", "--json"]].concat());
    let rows: Vec<Value> = rows
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows[0]["old_ns"], lines[1]["ns"]);
    let number = |value: &Value| value.as_f64().unwrap();
    let ratio = number(&rows[0]["old_ns"]) / number(&rows[0]["ns"]);
    assert!((ratio - number(&rows[0]["ratio"])).abs() < 1e-3, "{rows:?}");
    assert_eq!(
        (&rows[1]["name"], &rows[1]["ns"]),
        (&"memcpy-f16/4096".into(), &Value::Null)
    );
    let table = fixture.ok(&[&copy[..], &["--compare", "old.jsonl"]].concat());
    let rest = table.split_once("only in the older records:\n").unwrap().1;
    assert!(rest.starts_with("memcpy-f16/4096"), "{table}");

    let noted = |text: &str| {
        fixture.write("other.jsonl", text.as_bytes());
        let said = fixture.run(&["bench", "--filter", "memcpy", "--compare", "other.jsonl"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.err
    };
    let features = r#""features":["#;
    let other = noted(&old.replacen(features, &format!(r#"{features}"tbm","#), 1));
    assert!(other.contains("of another CPU, "), "{other}");
    let bare = noted(&gone);
    assert!(bare.contains("do not say of which CPU they are"), "{bare}");
    assert!(!noted(&old).contains("CPU, "));

    let refused = |args: &[&str], expected: &str| {
        let said = with(args);
        assert_eq!((said.code, &*said.out), (Some(2), ""), "{said:?}");
        assert!(
            said.err.contains(expected) && said.err.lines().count() == 1,
            "{said:?}"
        );
    };
    fixture.write("bad.jsonl", b"memcpy 12 us\n");
    refused(
        &["--compare", "bad.jsonl"],
        "`bad.jsonl`: line 1: expected a record of a benchmark: ",
    );
    fixture.write("bad.jsonl", b"");
    refused(&["--compare", "bad.jsonl"], "it has no records");
    refused(
        &["--compare", "none.jsonl"],
        "cannot compare with `none.jsonl`: No such file",
    );
    refused(
        &["--compare", "old.jsonl", "--record", "./old.jsonl"],
        "the output would replace what is read",
    );
    refused(&["--record", "lm.json"], "`atome bench` did not write it");
    // Before anything is timed or lost.
    refused(&["--plot", "lm.bin"], "`atome bench` did not write it");
}

#[test]
fn what_multiplies_is_drawn_under_its_roofs() {
    let fixture = Fixture::new();
    let name = "gemv-int2-f32-portable/256x256";
    let draw = [
        "bench", "--quiet", "--cpu", "portable", "--filter", name, "--plot", "roof.svg",
    ];
    for _ in 0..2 {
        let table = fixture.ok(&draw);
        assert!(
            table.contains("limit-l2-portable") && table.contains(name),
            "{table}"
        );
    }
    let picture = String::from_utf8(fs::read(fixture.path("roof.svg")).unwrap()).unwrap();
    assert!(
        picture.starts_with("<svg ") && picture.contains(">gemv 256x256</text>"),
        "{picture}"
    );
    // Which bandwidths a busy machine keeps apart, nobody knows.
    assert!(picture.contains(" GB/s</text>"), "{picture}");
    fixture.write("roof.svg", b"<svg></svg>");
    let said = fixture.run(&draw);
    assert!(
        said.code == Some(2) && said.err.contains("replace it with --force"),
        "{said:?}"
    );
    assert_eq!(fs::read(fixture.path("roof.svg")).unwrap(), b"<svg></svg>");
    fixture.ok(&[&draw[..], &["--force"]].concat());
    assert_ne!(fs::read(fixture.path("roof.svg")).unwrap(), b"<svg></svg>");
}

/// What a CPU of another kind would run is found on this one.
#[cfg(target_arch = "x86_64")]
#[test]
fn features_are_done_without() {
    let fixture = Fixture::new();
    let names = fixture.ok(&["bench", "--list", "--without", "avx2,sse4.2"]);
    assert!(names.contains("gemv-int2-i8-portable/"), "{names}");
    for isa in ["avx", "sse"] {
        assert!(!names.contains(&format!("gemv-int2-i8-{isa}")), "{names}");
    }
    let said = fixture.run(&["bench", "--list", "--without", "avx3"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("avx3"), "{said:?}");
}
