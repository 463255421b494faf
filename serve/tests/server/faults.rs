//! Clients that are slow, wrong or gone, and disks that are full: status codes, no panic, nothing that stays.
use crate::support::{
    Answer, Client, Numbers, Process, Role, Running, can_mount, quiet, random, request,
};
use atome_serve::Settings;
use serde_json::json;
use std::io::{BufReader, Read, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const JSON: (&str, &str) = ("Content-Type", "application/json");

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

/// A server in a process of its own takes them, and nothing of them stays: no text, connection, descriptor or memory.
fn survives(count: u64) {
    let folder = tempfile::tempdir().unwrap();
    let role = Role {
        places: 4,
        patience_ms: 200,
        ..Role::default()
    };
    let server = Process::new(role, folder.path());
    // What is there once is not counted.
    let warm = count / 5;
    malformed_are_answered(&server, 0..warm);
    let before = stays(&server);
    malformed_are_answered(&server, warm..count);
    let after = stays(&server);
    assert_eq!(before.0, after.0, "descriptors");
    assert!(after.1 < before.1 + 16e6, "memory: {before:?}, {after:?}");
    let answer = server.post("/v1/completions", &json!({ "prompt": "a", "seed": 1 }));
    assert_eq!(answer.status, 200);
    let said = server.end();
    assert!(
        !said.contains("panicked") && !said.contains("error"),
        "{said}"
    );
}

/// Descriptors of a server that does nothing, and its memory but for what it is to keep.
fn stays(server: &Client) -> (f64, f64) {
    server.wait_for("atome_running", |n| n == 0.0);
    server.wait_for("atome_waiting", |n| n == 0.0);
    server.wait_for("atome_connections", |n| n == 1.0);
    match cfg!(target_os = "linux") {
        true => (
            server.metric("process_open_fds"),
            server.metric("process_resident_memory_bytes") - server.metric("atome_prefix_bytes"),
        ),
        false => (0.0, 0.0),
    }
}

fn malformed_are_answered(server: &Client, seeds: Range<u64>) {
    let (next, answered) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let client = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
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
    assert!(answered.into_inner() > (seeds.end - seeds.start) / 2);
}

#[test]
fn malformed_requests_are_answered() {
    survives(500);
}

/// `cargo test --release -p atome-serve --test server ten_thousand -- --ignored`
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

/// On a disk that is full a session is not saved, which is said once and clearly; nothing of it, nor of what was saved
/// before, is lost.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    if !can_mount(folder.path()) {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    }
    let turn = |server: &Client, id: &str, seed: usize| {
        let ask = json!({ "prompt": " and", "session": id, "max_tokens": 7, "seed": seed });
        server.post("/v1/completions", &ask)
    };
    let expected = Running::new(&random(2, None), quiet());
    let told = |id: &str, seed: usize| turn(&expected, id, seed).json()["choices"].clone();
    let export = |server: &Client, id: &str| server.get(&format!("/v1/sessions/{id}")).body;
    let save = |server: &Client, id: &str| {
        server.ask("POST", &format!("/v1/sessions/{id}/save"), &[], b"")
    };
    let ask = |server: &Client, id: &str, seed: usize| {
        let answer = turn(server, id, seed);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["choices"], told(id, seed));
    };
    let bytes = {
        told("size", 1);
        export(&expected, "size").len()
    };
    // Room for one and a half on disk, and for three in memory.
    let kib = (bytes * 3 / 2).div_ceil(4096) * 4;
    let role = Role {
        session_bytes: 3 * bytes,
        ..Role::default()
    };
    let server = Process::on_small_disk(kib, role, folder.path());
    ask(&server, "a", 1);
    assert_eq!(save(&server, "a").status, 200);
    let file = server.sees(&folder.path().join("a.session"));
    let saved = std::fs::read(&file).unwrap();
    assert_eq!(saved, export(&server, "a"));
    // Neither another one nor more of the same.
    ask(&server, "a", 2);
    ask(&server, "b", 1);
    for id in ["a", "b"] {
        let refused = save(&server, id);
        assert_eq!(refused.status, 507);
        let full = format!("session `{id}` is not saved: No space left on device (os error 28)");
        assert_eq!(refused.message(), full);
    }
    assert_eq!(
        std::fs::read(&file).unwrap(),
        saved,
        "the old file is whole"
    );
    let names = std::fs::read_dir(file.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 1, "nothing of the others is left");
    // Memory is short, too: who is there goes on, others are refused and told why.
    ask(&server, "c", 1);
    let refused = turn(&server, "d", 1);
    assert_eq!(refused.status, 507);
    let message = refused.message();
    assert!(message.contains("No space left on device"), "{message}");
    for id in ["a", "b", "c"] {
        ask(&server, id, 3);
    }
    // With room again, all is well.
    assert_eq!(server.ask("DELETE", "/v1/sessions/c", &[], b"").status, 200);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(save(&server, "a").status, 200);
    assert_eq!(std::fs::read(&file).unwrap(), export(&server, "a"));
    let said = server.end();
    let lost =
        "error: 1 sessions could not be saved, the first: session `b` is not saved: No space left";
    assert!(said.contains(lost), "{said}");
}
