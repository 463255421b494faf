//! Tokens, classes and vectors of texts.

use crate::support::{Running, inside, quiet, random};
use serde_json::json;

#[test]
fn texts_become_tokens_classes_and_vectors() {
    let server = Running::new(&random(2, Some(3)), quiet());
    let tokens = server.post("/tokenize", &json!({ "content": "hé" })).json();
    assert_eq!(tokens["tokens"], json!([104, 195, 169]));
    let text = server
        .post("/detokenize", &json!({ "tokens": [104, 195, 169] }))
        .json();
    assert_eq!(text["content"], "hé");
    let ask = json!({ "input": ["one", "two", "one"] });
    let classes = server.post("/v1/classify", &ask).json();
    let data = classes["data"].as_array().unwrap();
    let shares = data[0]["probabilities"].as_array().unwrap();
    let sum: f64 = shares.iter().map(|share| share.as_f64().unwrap()).sum();
    assert!(shares.len() == 3 && (sum - 1.0).abs() < 1e-5);
    assert_eq!(data[0]["logits"], data[2]["logits"]);
    assert_ne!(data[0]["logits"], data[1]["logits"]);
    let refused = server.post("/v1/completions", &json!({ "prompt": "a" }));
    assert!(refused.message().contains("does not continue text"));
    let vectors = server.post("/v1/embeddings", &ask).json();
    assert_eq!(vectors["data"][1]["embedding"], data[1]["probabilities"]);

    let server = Running::new(&inside(2), quiet());
    let floats = server
        .post("/v1/embeddings", &json!({ "input": "In the beginning" }))
        .json();
    let vector = floats["data"][0]["embedding"].as_array().unwrap();
    let length: f64 = vector.iter().map(|x| x.as_f64().unwrap().powi(2)).sum();
    assert!(
        vector.len() == 256 && (length - 1.0).abs() < 1e-5,
        "{length}"
    );
    let ask = json!({ "input": "In the beginning", "encoding_format": "base64" });
    let base64 = server.post("/v1/embeddings", &ask).json();
    assert_eq!(
        base64["data"][0]["embedding"].as_str().unwrap().len(),
        (256 * 4usize).div_ceil(3) * 4
    );
    assert!(
        server
            .post("/v1/classify", &json!({ "input": "a" }))
            .message()
            .contains("no classifier")
    );
}
