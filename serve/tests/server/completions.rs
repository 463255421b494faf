//! Texts: what the library makes of a prompt, whole and as it comes, and what is told of their tokens.

use crate::support::{Running, inside, quiet};
use atome::sampler::{Sampler, Sampling};
use serde_json::{Value, json};

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
    // So does one that was told of a negative one.
    for seed in [json!(-5), json!(u64::MAX)] {
        let ask = |seed: &Value| json!({ "prompt": "And", "max_tokens": 20, "seed": seed });
        let first = server.post("/v1/completions", &ask(&seed)).json();
        let again = server.post("/v1/completions", &ask(&first["seed"])).json();
        assert_eq!(
            (text(&first), &first["seed"]),
            (text(&again), &again["seed"])
        );
    }
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
