//! `atome profile`: what is timed, and what is refused.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use serde_json::Value;
use support::Fixture;

fn calls(text: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(text).unwrap();
    answer["calls"].as_array().unwrap().clone()
}

#[test]
fn every_call_of_a_step_is_timed_by_both_backends() {
    let fixture = Fixture::new();
    let calls = calls(&fixture.ok(&["profile", "lm.bin", "--json", "--position", "3", "-q"]));
    let product = calls
        .iter()
        .find(|call| call["ahead"].as_str().unwrap().starts_with("gemv"))
        .unwrap();
    assert!(
        product["dims"][0][0] == "rows" && product["dims"][1][0] == "cols",
        "{product}"
    );
    for call in &calls {
        assert!(call["times"].as_u64().unwrap() > 0, "{call}");
        for ns in ["ahead_ns", "made_ns"] {
            assert!(call[ns].as_f64().unwrap() > 0.0, "{call}");
        }
    }
    // As many as the plan lists, of all layers together.
    let plan = fixture.ok(&["inspect", "lm.bin", "--plan"]);
    let (_, step) = plan.split_once("\n  block {\n").unwrap();
    let (step, _) = step.split_once("\n  rows {\n").unwrap();
    let listed = step.lines().filter(|line| line.ends_with(')')).count();
    let times: u64 = calls
        .iter()
        .map(|call| call["times"].as_u64().unwrap())
        .sum();
    assert_eq!(times, listed as u64);
}

#[test]
fn a_block_is_timed_by_the_backend_that_is_asked_for() {
    let fixture = Fixture::new();
    for (backend, there, absent) in [
        ("aot", "ahead_ns", "made_ns"),
        ("jit", "made_ns", "ahead_ns"),
    ] {
        let args = [
            "profile",
            "lm.bin",
            "--json",
            "--tokens",
            "5",
            "--backend",
            backend,
            "-q",
        ];
        for call in calls(&fixture.ok(&args)) {
            assert!(
                call[there].as_f64().unwrap() > 0.0 && call[absent].is_null(),
                "{call}"
            );
        }
    }
    let text = "graph g { %x = embedding e(64, 16) head { %l = linear u(%x, 64) } }";
    fixture.write("graph.txt", text.as_bytes());
    let of_graph = calls(&fixture.ok(&["profile", "--graph", "graph.txt", "--json", "-q"]));
    let names: Vec<&Value> = of_graph.iter().map(|call| &call["call"]).collect();
    assert_eq!(names, ["e", "u", "argmax"]);
    let table = fixture.ok(&["profile", "--random", "classifier", "--position", "0", "-q"]);
    let mut lines = table.lines();
    let heading: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(
        heading,
        ["call", "size", "times", "ahead", "made", "gain", "share"]
    );
    assert!(
        table.lines().last().unwrap().starts_with("all calls"),
        "{table}"
    );
}

#[test]
fn what_cannot_be_profiled_is_refused_in_a_line() {
    let fixture = Fixture::new();
    fixture.write("broken.txt", b"graf x {}");
    let huge = "graph g { %x = embedding e(16777216, 4096) head { %l = linear u(%x, 16) } }";
    fixture.write("huge.txt", huge.as_bytes());
    for (args, said) in [
        (
            &["lm.bin", "--backend", "interp"][..],
            "the interpreter has no profile",
        ),
        (&["none.bin"], "none.bin"),
        (&["--random", "7b"], "944k"),
        (&["lm.bin", "--random", "944k"], "cannot be used with"),
        (&["lm.bin", "--tokens", "0"], "0 is not in 1..=4096"),
        (&["lm.bin", "--position", "-1"], "-1"),
        (
            &["lm.bin", "--position", "1048577"],
            "1048577 is not in 0..=1048576",
        ),
        (&["--graph", "none.txt"], "none.txt"),
        (
            &["--graph", "huge.txt"],
            "the graph has 68719542272 parameters, expected at most 8589934592",
        ),
        (&["--graph", "broken.txt"], "broken.txt: graph: line 1"),
    ] {
        let refused = fixture.run(&[&["profile"], args].concat());
        assert_eq!(refused.code, Some(2), "{args:?}: {refused:?}");
        assert!(refused.err.contains(said), "{args:?}: {refused:?}");
    }
}
