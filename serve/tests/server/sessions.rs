//! Sessions by name: evicted, restored and moved, they go on as if they had not been.

use crate::support::{Numbers, Process, Role, Running, quiet, random, request};
use atome_serve::Settings;
use serde_json::json;
use std::io::Write;
use std::time::Duration;

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

#[test]
fn a_session_is_a_text_or_a_conversation() {
    let server = Running::new(&random(2, None), quiet());
    let talk =
        json!({ "messages": [{ "role": "user", "content": "a" }], "session": "talk", "seed": 1 });
    let text = json!({ "prompt": "a", "session": "text", "seed": 1 });
    assert_eq!(server.post("/v1/chat/completions", &talk).status, 200);
    assert_eq!(server.post("/v1/completions", &text).status, 200);
    let sizes = |id: &str| server.get(&format!("/v1/sessions/{id}")).body;
    let before = (sizes("talk"), sizes("text"));
    for (path, mut ask, id, told) in [
        ("/v1/completions", text, "talk", "it is a conversation"),
        ("/v1/chat/completions", talk, "text", "plain text"),
    ] {
        ask["session"] = id.into();
        let refused = server.post(path, &ask);
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.message().contains(told), "{}", refused.message());
    }
    assert_eq!((sizes("talk"), sizes("text")), before, "as they were");
}

#[test]
fn sessions_in_files_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        sessions: Some(folder.path().to_owned()),
        ..quiet()
    };
    let server = Running::new(&random(2, None), settings.clone());
    let ask = json!({ "prompt": "a", "session": "kept", "max_tokens": 3, "seed": 1 });
    assert_eq!(server.post("/v1/completions", &ask).status, 200);
    server.end().unwrap();
    std::fs::write(folder.path().join("no name.session"), b"").unwrap();
    let again = Running::new(&random(2, None), settings);
    let list = again.get("/v1/sessions").json();
    let list = list["data"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(
        (&list[0]["id"], &list[0]["saved"]),
        (&json!("kept"), &json!(true))
    );
    assert_eq!(list[0]["tokens"], json!(null), "it is not read for that");
    assert_eq!(
        again.ask("DELETE", "/v1/sessions/kept", &[], b"").status,
        200
    );
    assert_eq!(again.get("/v1/sessions").json()["data"], json!([]));
}

/// Killed at any moment, the file is that of one turn or the one before, whole, and the session goes on from it.
#[test]
fn a_killed_server_leaves_whole_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.session");
    let path = "/v1/sessions/s";
    let mut numbers = Numbers(5);
    let mut saved: Option<Vec<u8>> = None;
    let mut olds = 0;
    for round in 0..12 {
        let server = Process::new(Role::default(), folder.path());
        if let Some(saved) = &saved {
            assert_eq!(server.get(path).body, *saved, "round {round}");
        }
        let ask = json!({ "prompt": "more", "session": "s", "max_tokens": 5, "seed": round });
        assert_eq!(server.post("/v1/completions", &ask).status, 200);
        let new = server.get(path).body;
        let mut save = server.connect();
        let request = request("POST", "/v1/sessions/s/save", &[], b"");
        save.write_all(&request).unwrap();
        std::thread::sleep(Duration::from_micros(numbers.below(6000) as u64));
        server.kill();
        let found = std::fs::read(&file).ok();
        assert!(
            found == saved || found.as_ref() == Some(&new),
            "round {round}: neither the old file nor the new one"
        );
        olds += usize::from(found == saved);
        saved = found;
    }
    // Nothing of the killed ones stays, and one that ends saves by itself.
    let server = Process::new(Role::default(), folder.path());
    let ask = json!({ "prompt": "last", "session": "s", "max_tokens": 5, "seed": 1 });
    assert_eq!(server.post("/v1/completions", &ask).status, 200);
    let last = server.get(path).body;
    let said = server.end();
    assert!(!said.contains("error"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), last);
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["s.session"], "{olds} of 12 were killed before");
}
