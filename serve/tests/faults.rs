//! Clients that are slow, wrong or gone, and disks that are full: status codes, no panic, nothing that stays.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use atome_serve::Settings;
use serde_json::json;
use std::io::{BufReader, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Answer, Running, quiet, random, request};

const JSON: (&str, &str) = ("Content-Type", "application/json");

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

/// A request with something wrong with it, mostly.
fn malformed(seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let paths = [
        "/v1/completions",
        "/v1/chat/completions",
        "/tokenize",
        "/v1/embeddings",
        "/v1/sessions/a",
        "/props",
    ];
    let bodies = [
        r#"{"prompt":"a","max_tokens":2,"seed":1}"#,
        r#"{"messages":[{"role":"user","content":"a"}],"max_tokens":2,"n":2,"stream":true}"#,
        r#"{"content":"a","with_pieces":true}"#,
        r#"{"input":["a",  "b"]}"#,
    ];
    let method = ["POST", "GET", "PUT", "DELETE", "BREW"][numbers.below(5) * numbers.below(2)];
    let mut body = bodies[numbers.below(bodies.len())].as_bytes().to_vec();
    for _ in 0..numbers.below(4) {
        let at = numbers.below(body.len());
        match numbers.below(4) {
            0 => body[at] = numbers.below(256) as u8,
            1 => body.truncate(at + 1),
            2 => body.insert(at, b"{}[]\",:0-9e\xff\x00"[numbers.below(13)]),
            _ => drop(body.remove(at)),
        }
        if body.is_empty() {
            body.push(b'{');
        }
    }
    let mut bytes = request(method, paths[numbers.below(paths.len())], &[JSON], &body);
    for _ in 0..numbers.below(3) * numbers.below(2) {
        let at = numbers.below(bytes.len());
        match numbers.below(3) {
            0 => bytes[at] = numbers.below(256) as u8,
            1 => bytes.truncate(at + 1),
            _ => bytes.insert(at, b'\n'),
        }
    }
    bytes
}

fn survives(count: u64) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        sessions: Some(folder.path().to_owned()),
        client_timeout: Duration::from_millis(200),
        ..quiet()
    };
    let server = Running::new(&random(4, None), settings);
    let (next, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    let client = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count {
                return;
            }
            let answer = server.raw(&malformed(seed));
            if answer.is_empty() {
                // What never was whole is let go.
                continue;
            }
            answered.fetch_add(1, Ordering::Relaxed);
            let status: u16 = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
            let known = [200, 400, 403, 404, 405, 408, 413, 415, 422, 431, 501, 505];
            let told = String::from_utf8_lossy(&answer);
            assert!(known.contains(&status), "seed {seed}: {told}");
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(client);
        }
    });
    assert!(answered.into_inner() > count / 2);
    server.wait_for("atome_running", |n| n == 0.0);
    let answer = server.post("/v1/completions", &json!({ "prompt": "a", "seed": 1 }));
    assert_eq!(answer.status, 200);
    server.end().unwrap();
}

#[test]
fn malformed_requests_are_answered() {
    survives(500);
}

/// `cargo test --release -p atome-serve --test faults -- --ignored`
#[test]
#[ignore = "a minute"]
fn ten_thousand_malformed_requests_are_answered() {
    survives(10_000);
}

#[test]
fn slow_clients_and_floods_of_headers_are_let_go() {
    let settings = Settings {
        client_timeout: Duration::from_millis(400),
        ..quiet()
    };
    let server = Running::new(&random(2, None), settings);
    let many: String = (0..200).map(|i| format!("X-{i}: 1\r\n")).collect();
    let flood =
        server.raw(format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes());
    assert!(
        flood.starts_with(b"HTTP/1.1 431"),
        "{}",
        String::from_utf8_lossy(&flood)
    );
    let long = "a".repeat(100_000);
    let long = server.raw(format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    // It may close before all was sent, and then the answer is lost on the way.
    let told = String::from_utf8_lossy(&long);
    assert!(long.is_empty() || told.starts_with("HTTP/1.1 4"), "{told}");
    // Half of the headers, and then nothing.
    let start = Instant::now();
    let mut half = server.connect();
    half.write_all(b"GET /health HTTP/1.1\r\nHost: loc")
        .unwrap();
    let _ = half.read_to_end(&mut Vec::new());
    assert!(start.elapsed() < Duration::from_secs(5));
    // Half of the body.
    let mut half = server.connect();
    let whole = request("POST", "/v1/completions", &[JSON], br#"{"prompt":"a"}"#);
    half.write_all(&whole[..whole.len() - 5]).unwrap();
    let answer = Answer::read(&mut BufReader::new(half)).unwrap();
    assert_eq!(answer.status, 408);
    // A stream that nobody reads ends with its connection.
    let mut deaf = server.connect();
    let ask =
        json!({ "prompt": "a", "max_tokens": 4096, "n": 16, "stream": true, "details": true });
    let ask = request(
        "POST",
        "/v1/completions",
        &[JSON],
        ask.to_string().as_bytes(),
    );
    deaf.write_all(&ask).unwrap();
    server.wait_for("atome_running", |n| n > 0.0);
    server.wait_for("atome_running", |n| n == 0.0);
    assert_eq!(server.get("/health").status, 200);
}

/// A folder that takes no files is as a disk that is full.
#[test]
#[cfg(target_os = "linux")]
fn a_session_that_cannot_be_saved_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        sessions: Some(folder.path().to_owned()),
        ..quiet()
    };
    let server = Running::new(&random(2, None), settings);
    let ask = json!({ "prompt": "a", "session": "kept", "max_tokens": 3, "seed": 1 });
    assert_eq!(server.post("/v1/completions", &ask).status, 200);
    assert_eq!(
        server
            .ask("POST", "/v1/sessions/kept/save", &[], b"")
            .status,
        200
    );
    std::fs::remove_dir_all(folder.path()).unwrap();
    let refused = server.ask("POST", "/v1/sessions/kept/save", &[], b"");
    assert_eq!(refused.status, 507, "{}", refused.text());
    assert!(
        refused
            .message()
            .starts_with("session `kept` is not saved: ")
    );
    assert_eq!(server.post("/v1/completions", &ask).status, 200);
    std::fs::create_dir(folder.path()).unwrap();
    assert_eq!(
        server
            .ask("POST", "/v1/sessions/kept/save", &[], b"")
            .status,
        200
    );
    // A file that is damaged is refused, and named.
    let path = folder.path().join("broken.session");
    std::fs::write(&path, b"ATOMESES").unwrap();
    let ask = json!({ "prompt": "a", "session": "broken" });
    let refused = server.post("/v1/completions", &ask);
    assert_eq!(refused.status, 422, "{}", refused.text());
    server.end().unwrap();
}
