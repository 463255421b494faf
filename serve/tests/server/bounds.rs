//! Who may ask, how many, how long, and the end.

use crate::support::{self, Answer, Running, inside, quiet, random};
use serde_json::json;
use std::io::{BufReader, Write};
use std::time::{Duration, Instant};

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
