//! What cannot be done is said by field, in one line.

use crate::support::{Running, quiet, random};
use serde_json::json;

#[test]
fn what_cannot_be_done_is_said_by_field() {
    let settings = atome_serve::Settings {
        max_prompt: 100,
        max_body: 2000,
        ..quiet()
    };
    let server = Running::new(&random(2, None), settings);
    let talk = json!([{ "role": "user", "content": "a" }]);
    for (path, body, status, part) in [
        (
            "/v1/completions",
            json!({}),
            400,
            "`prompt`: expected a text",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "" }),
            400,
            "the prompt is empty",
        ),
        (
            "/v1/completions",
            json!({ "prompt": [] }),
            400,
            "expected 1 to 16 answers in all, found 0",
        ),
        (
            "/v1/completions",
            json!({ "prompt": [1, 256] }),
            400,
            "token 256 is out of range",
        ),
        (
            "/v1/completions",
            json!({ "prompt": 7 }),
            400,
            "`prompt`: expected a text, token ids",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "top_kk": 7 }),
            400,
            "unknown field `top_kk`",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "n": 0 }),
            400,
            "`n`: expected 1 to 16, found 0",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "n": 4_000_000_000u64 }),
            400,
            "`n`: expected 1 to 16",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "n": -1 }),
            400,
            "`n`: invalid value",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "max_tokens": 0 }),
            400,
            "`max_tokens`: expected 1 to 4096",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "max_tokens": 1.5 }),
            400,
            "expected a whole number",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "seed": 0.5 }),
            400,
            "`seed`: expected a whole number of 64 bits, found 0.5",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "temperature": -1 }),
            400,
            "temperature",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "top_p": 0 }),
            400,
            "expected top-p above 0",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "min_p": 2 }),
            400,
            "expected min-p from 0 to 1",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "presence_penalty": 1e39 }),
            400,
            "presence",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "logit_bias": { "x": 1 } }),
            400,
            "`logit_bias`: expected token ids",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "logit_bias": { "256": 1 } }),
            400,
            "for a token from 0 to 255",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "logprobs": true }),
            400,
            "`logprobs`: expected a whole number",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "logprobs": 21 }),
            400,
            "at most 20",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "stop": vec!["x"; 17] }),
            400,
            "`stop`: expected at most 16",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "echo": true }),
            400,
            "`echo`: not supported",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a".repeat(101) }),
            400,
            "101 tokens, expected at most 100",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a".repeat(3000) }),
            413,
            "at most 2000 bytes",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "model": "gpt" }),
            404,
            "no model \"gpt\": this server has `atome`",
        ),
        (
            "/v1/completions",
            json!({ "messages": talk }),
            400,
            "a completion has a `prompt`",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "stream_options": {} }),
            400,
            "`stream` to be true",
        ),
        (
            "/v1/completions",
            json!({ "prompt": "a", "session": "a/b" }),
            400,
            "`session`: expected 1 to 64",
        ),
        (
            "/v1/chat/completions",
            json!({ "prompt": "a" }),
            400,
            "a chat has `messages`",
        ),
        (
            "/v1/chat/completions",
            json!({ "messages": [] }),
            400,
            "expected at least one",
        ),
        (
            "/v1/chat/completions",
            json!({ "messages": [{ "role": "tool", "content": "a" }] }),
            400,
            "\"tool\"",
        ),
        (
            "/v1/chat/completions",
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] }),
            400,
            "\"image_url\"",
        ),
        (
            "/v1/chat/completions",
            json!({ "messages": talk, "tools": [{}] }),
            400,
            "`tools`: not supported",
        ),
        (
            "/v1/chat/completions",
            json!({ "messages": talk, "response_format": { "type": "json_object" } }),
            400,
            "`response_format`",
        ),
        (
            "/v1/chat/completions",
            json!({ "messages": talk, "top_logprobs": 2 }),
            400,
            "`logprobs` to be true",
        ),
        (
            "/v1/embeddings",
            json!({ "input": "a", "dimensions": 7 }),
            400,
            "vectors of 32 numbers",
        ),
        (
            "/v1/embeddings",
            json!({ "input": [] }),
            400,
            "expected 1 to 16 texts",
        ),
        (
            "/detokenize",
            json!({ "tokens": [256] }),
            400,
            "out of range",
        ),
    ] {
        let answer = server.post(path, &body);
        let message = answer.message();
        assert_eq!(answer.status, status, "{path} {body}: {message}");
        assert!(
            message.contains(part) && !message.contains('\n'),
            "{path} {body}: {message}"
        );
    }
    assert_eq!(server.get("/nothing").status, 404);
    for path in ["/v1/models/%ff", "/v1/sessions/%00%ff"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404);
        assert!(answer.message().contains("UTF-8"), "{path}");
    }
    assert_eq!(server.get("/v1/completions").status, 405);
    let plain = server.ask("POST", "/v1/completions", &[], b"{}");
    assert_eq!(plain.status, 415);
    let json = [("Content-Type", "application/json; charset=utf-8")];
    for body in [
        &b"{"[..],
        b"[]",
        b"{\"prompt\": \"\xff\"}",
        b"{} {}",
        b"",
        b"{\"prompt\": NaN}",
    ] {
        let answer = server.ask("POST", "/v1/completions", &json, body);
        assert_eq!(answer.status, 400, "{body:?}");
        assert!(!answer.message().is_empty());
    }
    assert!(server.metric("atome_requests_total{path=\"none\",status=\"404\"}") >= 1.0);
    server.end().unwrap();
}
