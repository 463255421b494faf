//! The model inside the command: what it says when nothing is asked of it.
#![cfg(feature = "default-model")]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use support::Fixture;

#[test]
fn nothing_at_all_prints_a_sample() {
    let fixture = Fixture::new();
    let nothing = fixture.run(&[]);
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    assert!(
        nothing.out.starts_with("In the beginning"),
        "{}",
        nothing.out
    );
    assert!(
        nothing.out.len() > 150 && nothing.out.is_ascii(),
        "{}",
        nothing.out
    );
    assert!(nothing.err.contains("tok/s"), "{}", nothing.err);
    // The same text every time, and on every backend.
    assert_eq!(fixture.ok(&["run"]), nothing.out);
    assert_eq!(fixture.ok(&["run", "--backend", "aot", "-q"]), nothing.out);
    let other = fixture.ok(&["run", "--seed", "1", "-p", "And the LORD said"]);
    assert!(other.starts_with("And the LORD said") && other.len() > 150);
}

#[test]
fn the_model_is_inspected_and_measured() {
    let fixture = Fixture::new();
    let info = fixture.json(&["inspect", "--json"]);
    assert_eq!(info["format"], "safetensors");
    assert_eq!(info["config"]["vocab_size"], 256);
    let verse = "And God said, Let there be light: and there was light. And God saw the light, \
        that it was good: and God divided the light from the darkness. ";
    fixture.write("verse", verse.as_bytes());
    fixture.write("noise", verse.to_uppercase().replace(' ', "#").as_bytes());
    let bits = |text| {
        let answer = fixture.json(&["eval", "--text", text, "--json"]);
        answer["bits_per_byte"].as_f64().unwrap()
    };
    assert!(bits("verse") < 2.5, "{}", bits("verse"));
    assert!(bits("noise") > bits("verse") + 1.0);
}

#[cfg(all(unix, feature = "serve"))]
#[test]
fn it_is_served_until_it_is_asked_to_end() {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    use std::process::{Command, Stdio};

    let fixture = Fixture::new();
    let mut serve = fixture.command(&["serve", "--port", "0"]);
    let mut server = serve
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening at http://");
    let address = address.unwrap_or_else(|| panic!("{line}"));
    let mut stream = TcpStream::connect(address).unwrap();
    let ask = r#"{"prompt":"In the beginning","max_tokens":4,"seed":1}"#;
    let length = ask.len();
    write!(
        stream,
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{ask}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(r#""completion_tokens":4"#), "{answer}");
    // The port is taken: one line.
    let port = address.rsplit_once(':').unwrap().1;
    let second = fixture.run(&["serve", "--port", port]);
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(
        second.err.starts_with("error: cannot listen at"),
        "{second:?}"
    );
    let mut kill = Command::new("kill");
    let id = server.id().to_string();
    assert!(kill.args(["-TERM", &id]).status().unwrap().success());
    let said = server.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let log = String::from_utf8(said.stderr).unwrap();
    assert!(
        log.contains(r#""path":"/v1/completions","status":200"#),
        "{log}"
    );
    assert!(!log.contains("beginning"), "no text is logged: {log}");
}
