//! Answers are the same bytes however they came about: alone, among others, from kept states or anew, from sessions that
//! were evicted to files, from two processes' worth of servers.
use crate::support::{Client, Numbers, Process, Role, Running, quiet, random};
use atome_serve::Settings;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A path and a request with a fixed seed.
fn request(number: usize) -> (&'static str, Value) {
    let mut numbers = Numbers(number as u64);
    let words = [
        "In the ",
        "beginning",
        " the king",
        " said",
        " unto",
        " them",
        ", and",
    ];
    let mut text = String::new();
    for _ in 0..1 + numbers.below(60) {
        text.push_str(words[numbers.below(words.len())]);
    }
    let mut ask = json!({
        "seed": number,
        "max_tokens": 1 + numbers.below(40),
        "temperature": ([0.0, 0.7, 1.3][numbers.below(3)]),
        "top_k": ([0, 5, 40][numbers.below(3)]),
        "top_p": ([1.0, 0.9][numbers.below(2)]),
        "frequency_penalty": ([0.0, 0.5][numbers.below(2)]),
    });
    if numbers.below(3) == 0 {
        let system =
            json!({ "role": "system", "content": "Speak as in the old book, and briefly." });
        let user = json!({ "role": "user", "content": text });
        ask["messages"] = json!([system, user]);
        ask["logprobs"] = (numbers.below(2) == 0).into();
        return ("/v1/chat/completions", ask);
    }
    ask["prompt"] = text.into();
    ask["stop"] = json!(["qq", "e the"]);
    ask["n"] = (1 + numbers.below(2)).into();
    ask["logprobs"] = 2.into();
    ("/v1/completions", ask)
}

/// What is the same of an answer: its choices.
fn choices(server: &Client, number: usize) -> String {
    let (path, ask) = request(number);
    let answer = server.post(path, &ask);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["choices"].to_string()
}

/// The answers to requests that so many clients ask in an order of their own.
fn asked(server: &Client, count: usize, clients: usize, order: u64) -> HashMap<usize, String> {
    let mut all: Vec<usize> = (0..count).collect();
    let mut numbers = Numbers(order);
    for i in (1..count).rev() {
        all.swap(i, numbers.below(i + 1));
    }
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(HashMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                while let Some(number) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = choices(server, *number);
                    answers.lock().unwrap().insert(*number, answer);
                }
            });
        }
    });
    answers.into_inner().unwrap()
}

fn same_bytes(count: usize) {
    let alone = Running::new(
        &random(1, None),
        Settings {
            cache_bytes: 0,
            ..quiet()
        },
    );
    let expected = asked(&alone, count, 1, 1);
    drop(alone);
    for (places, cache_bytes, clients) in [(8, 0, 16), (5, 1 << 20, 16), (32, 64 << 20, 40)] {
        let server = Running::new(
            &random(places, None),
            Settings {
                cache_bytes,
                ..quiet()
            },
        );
        for round in 0..2 {
            let found = asked(&server, count, clients, 7 + round);
            for number in 0..count {
                assert_eq!(
                    found[&number], expected[&number],
                    "request {number}, {places} places"
                );
            }
        }
    }
}

#[test]
fn answers_do_not_depend_on_batches_and_kept_states() {
    same_bytes(60);
}

#[test]
fn answers_of_two_processes_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let one = Process::new(Role::default(), folder.path());
    let expected = asked(&one, 40, 3, 1);
    let wider = Role {
        places: 9,
        ..Role::default()
    };
    let other = Process::new(wider, folder.path());
    assert_eq!(asked(&other, 40, 12, 2), expected);
    let whole = |server: &Client| {
        let ask = json!({ "prompt": "In the", "max_tokens": 9, "seed": 3, "session": "moved" });
        let mut answer = server.post("/v1/completions", &ask).json();
        // All but when it was asked for, and as what.
        answer["id"].take();
        answer["created"].take();
        answer
    };
    let (first, same) = (whole(&one), whole(&other));
    assert_eq!(first, same);
    assert!(first["system_fingerprint"].is_string());
    // A session goes from one to the other, and on.
    let bytes = one.get("/v1/sessions/moved").body;
    assert_eq!(other.get("/v1/sessions/moved").body, bytes);
    let gone_on = whole(&one);
    assert_ne!(gone_on["choices"], first["choices"]);
    assert_eq!(whole(&other), gone_on);
    assert_eq!(
        other.ask("PUT", "/v1/sessions/moved", &[], &bytes).status,
        200
    );
    assert_eq!(whole(&other), gone_on);
    assert_eq!((one.end(), other.end()).0.find("error"), None);
}

/// `cargo test --release -p atome-serve --test server a_thousand -- --ignored`
#[test]
#[ignore = "a minute"]
fn a_thousand_answers_do_not_depend_on_batches_and_kept_states() {
    same_bytes(1000);
}
