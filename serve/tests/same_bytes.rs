//! Answers are the same bytes however they came about: alone, among others, from kept states or anew, from sessions that
//! were evicted to files, from two processes' worth of servers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use atome_serve::Settings;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Running, quiet, random};

/// Numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % n
    }
}

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
fn choices(server: &Running, number: usize) -> String {
    let (path, ask) = request(number);
    let answer = server.post(path, &ask);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["choices"].to_string()
}

/// The answers to requests that so many clients ask in an order of their own.
fn asked(server: &Running, count: usize, clients: usize, order: u64) -> HashMap<usize, String> {
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

/// `cargo test --release -p atome-serve --test same_bytes -- --ignored`
#[test]
#[ignore = "a minute"]
fn a_thousand_answers_do_not_depend_on_batches_and_kept_states() {
    same_bytes(1000);
}

#[test]
fn sessions_go_on_the_same_evicted_moved_or_not() {
    let turn = |server: &Running, id: &str, turn: usize| {
        let ask = json!({ "prompt": format!(" and{turn}"), "session": id, "max_tokens": 9, "seed": turn });
        let answer = server.post("/v1/completions", &ask);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["choices"].to_string()
    };
    let ids: Vec<String> = (0..12).map(|i| format!("s-{i}")).collect();
    let all = |server: &Running, turns: std::ops::Range<usize>| -> Vec<String> {
        let each = turns.flat_map(|t| ids.iter().map(move |id| (t, id)));
        each.map(|(t, id)| turn(server, id, t)).collect()
    };
    let memory = Running::new(&random(2, None), quiet());
    let expected = all(&memory, 0..4);
    // Room for two in memory; the others are in files.
    let folder = tempfile::tempdir().unwrap();
    let short = Settings {
        session_bytes: 100_000,
        sessions: Some(folder.path().to_owned()),
        ..quiet()
    };
    let evicting = Running::new(&random(2, None), short.clone());
    let mut found = all(&evicting, 0..2);
    evicting.end().unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), ids.len());
    // Another server of the same model goes on from the files.
    let again = Running::new(&random(3, None), short);
    found.extend(all(&again, 2..3));
    // And another, to which they are sent.
    let other = Running::new(&random(3, None), quiet());
    for id in &ids {
        let path = format!("/v1/sessions/{id}");
        let bytes = again.get(&path).body;
        assert_eq!(other.ask("PUT", &path, &[], &bytes).status, 200);
        let mut wrong = bytes.clone();
        wrong[60] ^= 1;
        assert_eq!(other.ask("PUT", &path, &[], &wrong).status, 400);
    }
    found.extend(all(&other, 3..4));
    assert_eq!(found, expected);
    let list = other.get("/v1/sessions").json();
    assert_eq!(list["data"].as_array().unwrap().len(), ids.len());
    assert_eq!(
        other.ask("DELETE", "/v1/sessions/s-0", &[], b"").status,
        200
    );
    assert_eq!(other.get("/v1/sessions/s-0").status, 404);
    assert_eq!(
        other.ask("POST", "/v1/sessions/s-1/save", &[], b"").status,
        400,
        "no folder"
    );
}

#[test]
fn a_chat_session_takes_new_messages_alone() {
    let server = Running::new(&random(2, None), quiet());
    let mut talk = Vec::new();
    for turn in 0..3 {
        let said = json!({ "role": "user", "content": format!("turn {turn}") });
        let ask = json!({ "messages": [said], "session": "talk", "max_tokens": 12, "seed": turn });
        let kept = server.post("/v1/chat/completions", &ask).json();
        talk.push(said);
        let ask = json!({ "messages": talk, "max_tokens": 12, "seed": turn });
        let whole = server.post("/v1/chat/completions", &ask).json();
        assert_eq!(kept["choices"], whole["choices"]);
        talk.push(whole["choices"][0]["message"].clone());
        talk.last_mut()
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove("refusal");
    }
}
