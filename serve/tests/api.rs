//! What each path answers, right and wrong.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use atome::sampler::{Sampler, Sampling};
use serde_json::{Value, json};
use std::io::{BufReader, Write};
use std::time::{Duration, Instant};
use support::{Answer, Running, inside, quiet, random};

/// What the library makes of a prompt.
fn told(prompt: &str, sampling: Sampling, tokens: usize) -> String {
    let model = inside(1);
    let tokenizer = model.tokenizer().unwrap();
    let mut sampler = Sampler::new(sampling, model.vocab()).unwrap();
    let mut session = model.session().unwrap();
    session
        .prefill(&tokenizer.encode(prompt.as_bytes()))
        .unwrap();
    let ids: Result<Vec<u32>, _> = session.generate(&mut sampler).take(tokens).collect();
    tokenizer.decode(&ids.unwrap())
}

fn text(answer: &Value) -> &str {
    answer["choices"][0]["text"].as_str().unwrap()
}

#[test]
fn a_completion_is_what_the_library_makes() {
    let server = Running::new(&inside(4), quiet());
    assert_eq!(server.get("/health").json(), json!({ "status": "ok" }));
    let models = server.get("/v1/models").json();
    assert_eq!(models["data"][0]["id"], "atome");
    assert_eq!(server.get("/v1/models/atome").status, 200);
    assert_eq!(server.get("/v1/models/other").status, 404);
    let ask = json!({
        "model": "atome", "prompt": "And the king said", "max_tokens": 40, "seed": 7, "user": "me",
    });
    let answer = server.post("/v1/completions", &ask).json();
    let sampling = Sampling {
        seed: 7,
        ..Sampling::default()
    };
    let expected = told("And the king said", sampling, 40);
    assert_eq!(text(&answer), expected);
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["prompt_tokens"], 17);
    assert_eq!(answer["usage"]["completion_tokens"], 40);
    assert_eq!(answer["seed"], 7);
    // As it comes: the same text.
    let mut ask = ask;
    ask["stream"] = true.into();
    ask["stream_options"] = json!({ "include_usage": true });
    let events = server.stream("/v1/completions", &ask);
    assert_eq!(events.last().unwrap(), "[DONE]");
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    let (usage, parts) = chunks.split_last().unwrap();
    let streamed: String = parts.iter().map(text).collect();
    assert_eq!(streamed, expected);
    assert_eq!(usage["usage"]["completion_tokens"], 40);
    assert_eq!(usage["choices"], json!([]));
    // Without a seed, one is chosen, told, and makes the same again.
    let ask = json!({ "prompt": "And", "max_tokens": 20 });
    let first = server.post("/v1/completions", &ask).json();
    let again = json!({ "prompt": "And", "max_tokens": 20, "seed": first["seed"] });
    let again = server.post("/v1/completions", &again).json();
    assert_eq!(text(&first), text(&again));
    // Tokens in place of text, several prompts, several answers.
    let ids: Vec<u32> = b"And the king said".map(u32::from).to_vec();
    let several = json!({ "prompt": [ids, [72, 101]], "n": 2, "max_tokens": 40, "seed": 7 });
    let several = server.post("/v1/completions", &several).json();
    let choices = several["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 4);
    assert_eq!(choices[0]["text"], expected.as_str());
    let second = Sampling {
        seed: 8,
        ..sampling
    };
    assert_eq!(
        choices[1]["text"],
        told("And the king said", second, 40).as_str()
    );
    assert_eq!(choices[3]["text"], told("He", second, 40).as_str());
    server.end().unwrap();
}

#[test]
fn stops_penalties_and_biases_hold() {
    let server = Running::new(&inside(4), quiet());
    let greedy = |more: Value| {
        let mut ask = json!({ "prompt": "In the beginning", "max_tokens": 60, "temperature": 0 });
        ask.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        server.post("/v1/completions", &ask).json()
    };
    let whole = told("In the beginning", Sampling::GREEDY, 60);
    assert_eq!(text(&greedy(json!({}))), whole);
    let stop: String = whole.chars().skip(20).take(4).collect();
    let stopped = greedy(json!({ "stop": ["nowhere", stop] }));
    assert_eq!(text(&stopped), &whole[..whole.find(&stop).unwrap()]);
    assert_eq!(stopped["choices"][0]["finish_reason"], "stop");
    let penalty = Sampling {
        frequency_penalty: 0.5,
        presence_penalty: 0.25,
        ..Sampling::GREEDY
    };
    let punished = greedy(json!({ "frequency_penalty": 0.5, "presence_penalty": 0.25 }));
    assert_eq!(text(&punished), told("In the beginning", penalty, 60));
    assert_ne!(text(&punished), whole);
    let banned = greedy(json!({ "logit_bias": { "101": -1e9, "32": -1e9 } }));
    assert!(!text(&banned).contains(['e', ' ']));
}

#[test]
fn chances_are_told() {
    let server = Running::new(&inside(4), quiet());
    let ask = json!({ "prompt": "In the", "max_tokens": 8, "temperature": 0, "logprobs": 3 });
    let answer = server.post("/v1/completions", &ask).json();
    let told = &answer["choices"][0]["logprobs"];
    let tokens = told["tokens"].as_array().unwrap();
    let whole: String = tokens.iter().map(|token| token.as_str().unwrap()).collect();
    assert_eq!(whole, text(&answer));
    for (at, token) in tokens.iter().enumerate() {
        let top = told["top_logprobs"][at].as_object().unwrap();
        assert_eq!(top.len(), 3);
        let best = top
            .values()
            .map(|v| v.as_f64().unwrap())
            .fold(f64::MIN, f64::max);
        assert_eq!(
            told["token_logprobs"][at], best,
            "greedy takes the likeliest"
        );
        assert_eq!(top[token.as_str().unwrap()], best);
    }
    let talk = json!([{ "role": "user", "content": "hi" }]);
    let ask = json!({
        "messages": talk, "max_completion_tokens": 5, "logprobs": true, "top_logprobs": 2, "seed": 1,
        "details": true,
    });
    let whole = server.post("/v1/chat/completions", &ask).json();
    let content = whole["choices"][0]["logprobs"]["content"]
        .as_array()
        .unwrap();
    assert_eq!(content.len(), 5);
    assert!(
        content
            .iter()
            .all(|token| token["top_logprobs"].as_array().unwrap().len() == 2)
    );
    let details = whole["choices"][0]["details"].as_array().unwrap();
    let router: f64 = details[0]["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w.as_f64().unwrap())
        .sum();
    assert!(
        (router - 1.0).abs() < 1e-5,
        "the router's weights: {router}"
    );
}

#[test]
fn conversations_are_kept_and_go_on() {
    let server = Running::new(&inside(4), quiet());
    let mut talk = vec![json!({ "role": "system", "content": "Be brief." })];
    for (turn, said) in ["Who art thou?", "And then?", "Go."]
        .into_iter()
        .enumerate()
    {
        talk.push(json!({ "role": "user", "content": [{ "type": "text", "text": said }] }));
        let ask = json!({ "messages": talk, "max_tokens": 30, "seed": turn });
        let answer = server.post("/v1/chat/completions", &ask).json();
        let message = answer["choices"][0]["message"].clone();
        let cached = answer["usage"]["prompt_tokens_details"]["cached_tokens"]
            .as_u64()
            .unwrap();
        assert_eq!(cached > 30 * turn as u64, turn > 0, "turn {turn}: {answer}");
        talk.push(message);
    }
    // Nothing depends on it: the last answer again, without its beginning being there.
    let fresh = Running::new(
        &inside(2),
        atome_serve::Settings {
            cache_bytes: 0,
            ..quiet()
        },
    );
    let last = talk.pop().unwrap();
    let ask = json!({ "messages": talk, "max_tokens": 30, "seed": 2 });
    let again = fresh.post("/v1/chat/completions", &ask).json();
    assert_eq!(again["choices"][0]["message"]["content"], last["content"]);
    assert_eq!(again["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    let refused = json!({ "messages": [{ "role": "user", "content": "refuse" }] });
    let refused = server.post("/v1/chat/completions", &refused);
    assert_eq!(
        (refused.status, refused.message()),
        (400, "`messages`: this is not said here".into())
    );
}

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

#[test]
fn keys_hosts_and_origins_are_checked() {
    let settings = atome_serve::Settings {
        keys: vec!["first".into(), "second".into()],
        origins: vec!["https://example.org".into()],
        ..quiet()
    };
    let server = Running::new(&random(2, None), settings);
    let status = |headers: &[(&str, &str)]| server.ask("GET", "/v1/models", headers, b"").status;
    assert_eq!(status(&[]), 401);
    for (key, expected) in [
        ("Bearer first", 200),
        ("Bearer second", 200),
        ("Bearer third", 401),
        ("Bearer ", 401),
        ("Bearer firs", 401),
        ("first", 401),
        ("Bearer firstsecond", 401),
    ] {
        assert_eq!(status(&[("Authorization", key)]), expected, "{key}");
    }
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/").status, 200);
    assert_eq!(server.get("/metrics").status, 401);
    let headers = [
        ("Origin", "https://example.org"),
        ("Access-Control-Request-Method", "POST"),
    ];
    let answer = server.ask("OPTIONS", "/v1/models", &headers, b"");
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://example.org")
    );
    let other = server.ask("GET", "/health", &[("Origin", "https://example.com")], b"");
    assert_eq!(other.header("access-control-allow-origin"), None);

    let open = Running::new(&random(2, None), quiet());
    let host = |host: &str| {
        let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut stream = open.connect();
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut BufReader::new(stream)).unwrap().status
    };
    for mine in [
        "localhost",
        "localhost:8080",
        "127.0.0.1:1",
        "[::1]:80",
        "10.0.0.1",
    ] {
        assert_eq!(host(mine), 200, "{mine}");
    }
    for other in [
        "evil.example",
        "localhost.evil.example:8080",
        "127.0.0.1.evil.example",
    ] {
        assert_eq!(host(other), 403, "{other}");
    }
    let cors = open.ask("GET", "/health", &[("Origin", "https://example.org")], b"");
    assert_eq!(cors.header("access-control-allow-origin"), None);
}

#[test]
fn who_is_too_many_is_told_when_to_come_again() {
    let settings = atome_serve::Settings {
        queue: 1,
        max_tokens: 1 << 20,
        ..quiet()
    };
    let server = Running::new(&inside(1), settings);
    let long = json!({ "prompt": "a", "max_tokens": 1 << 20, "stream": true }).to_string();
    let json = [("Content-Type", "application/json")];
    let begin = || {
        let mut stream = server.connect();
        let request = support::request("POST", "/v1/completions", &json, long.as_bytes());
        stream.write_all(&request).unwrap();
        stream
    };
    let first = begin();
    server.wait_for("atome_running", |n| n == 1.0);
    let second = begin();
    server.wait_for("atome_waiting", |n| n == 1.0);
    let refused = server.post("/v1/completions", &json!({ "prompt": "a" }));
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    // Whoever leaves costs nothing more.
    drop((first, second));
    server.wait_for("atome_running", |n| n == 0.0);
    server.wait_for("atome_left_total", |n| n == 2.0);
    let written = server.metric("atome_written_tokens_total");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.metric("atome_written_tokens_total"), written);
    assert_eq!(
        server
            .post("/v1/completions", &json!({ "prompt": "a" }))
            .status,
        200
    );
}

#[test]
fn time_and_the_end_are_bounded() {
    let settings = atome_serve::Settings {
        timeout: Duration::from_millis(300),
        max_tokens: 1 << 20,
        ..quiet()
    };
    let server = Running::new(&inside(1), settings);
    let long = json!({ "prompt": "a", "max_tokens": 1 << 20 });
    assert_eq!(server.post("/v1/completions", &long).status, 504);
    let settings = atome_serve::Settings {
        grace: Duration::from_millis(300),
        max_tokens: 1 << 20,
        ..quiet()
    };
    let server = Running::new(&inside(2), settings);
    let json = [("Content-Type", "application/json")];
    let mut stream = server.connect();
    let request = support::request(
        "POST",
        "/v1/completions",
        &json,
        long.to_string().as_bytes(),
    );
    stream.write_all(&request).unwrap();
    server.wait_for("atome_running", |n| n == 1.0);
    let start = Instant::now();
    server.end().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    let answer = Answer::read(&mut BufReader::new(stream)).unwrap();
    assert_eq!(
        (answer.status, answer.message()),
        (503, "the server is stopping".into())
    );
}

#[test]
fn the_page_takes_nothing_from_elsewhere() {
    let server = Running::new(&random(1, None), quiet());
    for (path, kind) in [
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").unwrap().starts_with(kind));
        let text = answer.text();
        assert!(!text.contains("://") && !text.contains("@import"), "{path}");
    }
    let policy = server
        .get("/")
        .header("content-security-policy")
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
}
