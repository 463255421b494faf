//! The published models, where they are beside the workspace.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use serde_json::Value;
use std::fs;
use support::{atome, published, said};

#[test]
fn once_upon_a_time() {
    let Some(data) = published() else { return };
    for model in ["atome_944k.bin", "atome_944k.atome02"] {
        for backend in ["jit", "aot", "interp"] {
            let path = data.join(model);
            let args = [
                "-p",
                "Once upon a time",
                "-n",
                "40",
                "--greedy",
                "--backend",
                backend,
            ];
            let said = said(atome(&["run"]).arg(path).args(args));
            assert_eq!(said.code, Some(0), "{said:?}");
            assert_eq!(
                said.out, "Once upon a time, there was a little girl named Lily. Sh\n",
                "{model} on {backend}"
            );
        }
    }
}

#[test]
fn classes_of_a_head() {
    let Some(data) = published() else { return };
    let golden: Value =
        serde_json::from_slice(&fs::read(data.join("golden_water.json")).unwrap()).unwrap();
    for case in golden.as_array().unwrap() {
        let list: Vec<String> = case["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        let mut command = atome(&["classify", "--tokens", &list.join(",")]);
        command
            .arg(data.join("water.atomecl"))
            .arg("--config")
            .arg(data.join("atomecl.json"));
        let said = said(&mut command);
        let answer: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(answer["class"], case["class"], "{said:?}");
        assert_eq!(answer["tokens"], case["tokens"]);
    }
}
