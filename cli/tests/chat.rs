//! `run --chat`, and what else makes runs long: states, stop texts, biases.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use serde_json::Value as Json;
use std::fmt::Write as _;
use std::fs;
use support::{Fixture, Said};

/// Tokens that are no ASCII text are never chosen, so that every answer is text as it is.
fn ascii() -> String {
    let banned = (0..=9).chain(11..32).chain(127..256);
    let list: Vec<String> = banned.map(|id| format!("{id}=-inf")).collect();
    format!("--logit-bias={}", list.join(","))
}

fn turns(said: &Said) -> Vec<Json> {
    assert_eq!(said.code, Some(0), "{said:?}");
    lines(said)
}

/// The turns of a conversation, whatever else was wrong in it.
fn lines(said: &Said) -> Vec<Json> {
    said.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn number(turn: &Json, key: &str) -> usize {
    turn[key].as_u64().unwrap() as usize
}

/// A turn reads what was said in it, however long the conversation is.
#[test]
fn a_turn_of_fifty_costs_its_own_tokens() {
    let fixture = Fixture::new();
    let said: Vec<String> = (0..50).map(|i| format!("turn {i} of many")).collect();
    let args = [
        "run",
        "lm.bin",
        "--chat",
        "--json",
        "-q",
        "-n",
        "12",
        "--seed",
        "5",
        "--system",
        "Be good.",
        &ascii(),
    ];
    let answered = fixture.run_with_stdin(&args, (said.join("\n") + "\n").as_bytes());
    let turns = turns(&answered);
    assert_eq!(turns.len(), 50);
    let (mut position, mut text) = (0, String::from("Be good.\n\n"));
    for (turn, said) in turns.iter().zip(&said) {
        let own = format!("User: {said}\nAssistant:");
        let answer = turn["answer"].as_str().unwrap();
        // With its own text a turn reads what ended the last answer: its last token, which nobody asked to be taken in, and a
        // line's end.
        let least = own.len();
        let most = if text.ends_with("\n\n") {
            least + text.len()
        } else {
            least + 2
        };
        let read = number(turn, "read");
        assert!((least - "\nUser:".len()..=most).contains(&read), "{turn}");
        position += read;
        let found = number(turn, "position");
        assert!(
            (position..=position + number(turn, "written")).contains(&found),
            "{turn}"
        );
        position = found;
        writeln!(text, "{own}{answer}").unwrap();
        // Nothing was read twice.
        assert!(position <= text.len(), "{position} of {}", text.len());
    }
    assert!(position + 14 > text.len(), "{position} of {}", text.len());
}

/// What the state has seen is the conversation: the answer is that of the whole text read at once.
#[test]
fn an_answer_is_that_of_the_whole_conversation() {
    let fixture = Fixture::new();
    let ascii = ascii();
    let chat = [
        "run", "lm.bin", "--chat", "--json", "-q", "-n", "9", "--greedy", &ascii,
    ];
    let turns = turns(&fixture.run_with_stdin(&chat, b"one\ntwo\nthree\n"));
    let answer = |n: usize| turns[n]["answer"].as_str().unwrap();
    let text = format!(
        "User: one\nAssistant:{}\nUser: two\nAssistant:{}\nUser: three\nAssistant:",
        answer(0),
        answer(1)
    );
    let run = [
        "run", "lm.bin", "--json", "-q", "-n", "9", "--greedy", "-p", &text, "--stop", "\nUser:",
        &ascii,
    ];
    let whole = fixture.json(&run);
    assert_eq!(whole["text"], format!("{text}{}", answer(2)));
}

#[test]
fn a_conversation_is_kept_and_gone_back_to() {
    let fixture = Fixture::new();
    let ascii = ascii();
    let chat = |input: &str| {
        let args = [
            "run", "lm.bin", "--chat", "--json", "-q", "-n", "6", "--greedy", &ascii,
        ];
        fixture.run_with_stdin(&args, input.as_bytes())
    };
    let all = turns(&chat("one\ntwo\nthree\n"));
    let first = turns(&chat("one\ntwo\n/save talk\n"));
    assert_eq!(first[..], all[..2]);
    let rest = turns(&chat("else\n/load talk\nthree\n/reset\none\n"));
    assert_eq!((&rest[1], &rest[2]), (&all[2], &all[0]));
    // From the command line, and over a file of ours.
    let kept = [
        "run",
        "lm.bin",
        "--chat",
        "--json",
        "-q",
        "-n",
        "6",
        "--greedy",
        &ascii,
        "--load-state",
        "talk",
        "--save-state",
        "talk",
        "-p",
        "three",
    ];
    assert_eq!(turns(&fixture.run(&kept))[0], all[2]);

    // What is wrong is said, and the conversation goes on.
    fixture.write("other", b"something");
    let said =
        chat("one\n/load other\n/save other\n/load none\n/nothing\n/save\n/help\ntwo\nthree\n");
    assert_eq!((said.code, lines(&said)), (Some(2), all.clone()));
    for expected in [
        "error: other: expected a conversation that `/save` wrote",
        "error: `other` was not written by `atome run --save-state`: move it away, or choose another file",
        "error: none: cannot read the state: No such file or directory",
        "no command /nothing; /help lists them",
        "/save needs a file: /save FILE",
        "/reset      begin again",
    ] {
        assert!(said.err.contains(expected), "{expected}: {}", said.err);
    }
    assert_eq!(fs::read(fixture.path("other")).unwrap(), b"something");
    // A conversation of another model.
    let said = fixture.run(&[
        "run",
        "wide.bin",
        "-q",
        "--tokens",
        "1",
        "--load-state",
        "talk",
    ]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.starts_with("error: talk: ") && said.err.lines().count() == 1,
        "{}",
        said.err
    );
}

/// With random choices and a penalty too, as if the conversation had not been left.
#[test]
fn a_conversation_goes_on_with_the_same_random_numbers() {
    let fixture = Fixture::new();
    let ascii = ascii();
    let chat = |input: &str, more: &[&str]| {
        let args = [
            "run",
            "lm.bin",
            "--chat",
            "--json",
            "-q",
            "-n",
            "24",
            "--seed",
            "11",
            "--top-k",
            "0",
            "--top-p",
            "1",
            "--temperature",
            "1.5",
            "--repetition-penalty",
            "1.3",
            &ascii,
        ];
        turns(&fixture.run_with_stdin(&[&args[..], more].concat(), input.as_bytes()))
    };
    let all = chat("one\ntwo\nthree\nfour\n", &[]);
    chat("one\ntwo\n/save talk\n", &[]);
    assert_eq!(chat("/load talk\nthree\nfour\n", &[]), all[2..]);
    assert_eq!(chat("else\n/load talk\nthree\n", &[])[1], all[2]);
    let from_the_start = ["--load-state", "talk"];
    assert_eq!(chat("three\nfour\n", &from_the_start), all[2..]);
}

/// Whatever bit was turned on the way, the file is refused in a line and the conversation goes on as it was.
#[test]
fn damaged_states_and_conversations_are_refused() {
    let fixture = Fixture::new();
    let ascii = ascii();
    let chat = |input: &str| {
        let args = [
            "run", "lm.bin", "--chat", "--json", "-q", "-n", "3", "--greedy", &ascii,
        ];
        fixture.run_with_stdin(&args, input.as_bytes())
    };
    let all = turns(&chat("one\n/save talk\ntwo\n"));
    fixture.ok(&["run", "lm.bin", "-q", "-p", "x", "-n1", "--save-state", "s"]);
    let (talk, state) = (
        fs::read(fixture.path("talk")).unwrap(),
        fs::read(fixture.path("s")).unwrap(),
    );
    let turn = |bytes: &[u8], bit: usize| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fixture.write("turned", &bytes);
    };
    for part in 1..16 {
        turn(&talk, 8 * 8 + part * 8 * (talk.len() - 8) / 16 + part % 8);
        let said = chat("one\n/load turned\ntwo\n");
        let expected =
            "error: turned: the conversation is damaged: its checksum is not that of its bytes\n";
        assert_eq!((said.code, &*said.err), (Some(2), expected));
        assert_eq!(lines(&said), all);
        turn(
            &state,
            24 * 8 + part * 8 * (state.len() - 24) / 16 + part % 8,
        );
        let args = ["run", "lm.bin", "-q", "-p", "x", "--load-state", "turned"];
        let said = fixture.run(&args);
        let expected = "error: turned: the session state is damaged: its checksum is ";
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(
            said.err.starts_with(expected) && said.err.lines().count() == 1,
            "{}",
            said.err
        );
    }
}

#[test]
fn lines_are_joined_and_slashes_are_said() {
    let fixture = Fixture::new();
    let ascii = ascii();
    let args = [
        "run",
        "lm.bin",
        "--chat",
        "--json",
        "-q",
        "-n",
        "4",
        "--greedy",
        "--chat-template",
        "t",
        &ascii,
    ];
    fixture.write("t", b"{% for m in messages %}{{ m.content }};{% endfor %}");
    let joined = turns(&fixture.run_with_stdin(&args, b"a\\\nb\n\n//c\\\n"));
    assert_eq!(joined.len(), 2);
    assert_eq!(number(&joined[0], "read"), "a\nb;".len());
    // A template that drops what was said: everything is read again.
    fixture.write("t", b"{{ messages[-1].content }}");
    let last = turns(&fixture.run_with_stdin(&args, b"12345\nabc\n"));
    assert_eq!(
        (number(&last[1], "read"), number(&last[1], "position")),
        (3, 6)
    );
    let said = fixture.run(&["run", "lm.bin", "--system", "x"]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[test]
fn a_text_ends_before_a_stop() {
    let fixture = Fixture::new();
    let run = |more: &[&str]| {
        let args = ["run", "lm.bin", "-q", "-p", "ab", "-n", "40", "--seed", "3"];
        fixture.ok(&[&args[..], more].concat())
    };
    let bias = ascii();
    let whole = run(&[&bias]);
    let stop = &whole[12..15];
    let at = 2 + whole[2..].find(stop).unwrap();
    assert_eq!(
        run(&[&bias, "--stop", stop, "--stop", "never there"]),
        format!("{}\n", &whole[..at])
    );
    assert_eq!(run(&[&bias, "--stop", "never there"]), whole);
    let args = [
        "run", "lm.bin", "-q", "-p", "ab", "-n", "40", "--seed", "3", "--json", &bias, "--stop",
        stop,
    ];
    let answer = fixture.json(&args);
    assert_eq!(
        (&answer["stop"], answer["text"].as_str().unwrap()),
        (&"stop_text".into(), &whole[..at])
    );
    let said = fixture.run(&["run", "wide.bin", "--tokens", "1", "--stop", "x"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.ends_with("; --stop needs text\n"), "{}", said.err);
}

#[test]
fn a_run_goes_on_from_a_state() {
    let fixture = Fixture::new();
    let run =
        |args: &[&str]| fixture.ok(&[&["run", "lm.bin", "-q", "--greedy"][..], args].concat());
    let whole = run(&["-p", "Once", "-n", "20"]);
    let first = run(&["-p", "Once", "-n", "8", "--save-state", "s"]);
    let rest = run(&["-n", "12", "--load-state", "s"]);
    assert_eq!(first.trim_end_matches('\n').to_owned() + &rest, whole);
    // As text too where it is to stop.
    let stopped = run(&["-n", "12", "--load-state", "s", "--stop", "never there"]);
    assert_eq!(stopped, rest);
    // A prompt is read after the state.
    let more = run(&["-p", "upon", "-n", "5", "--load-state", "s"]);
    let text = first.trim_end_matches('\n').to_owned() + "upon";
    if !text.contains('\u{fffd}') {
        assert_eq!(more[4..], run(&["-p", &text, "-n", "5"])[text.len()..]);
    }

    let state = fs::read(fixture.path("s")).unwrap();
    fixture.write("cut", &state[..state.len() - 1]);
    fixture.write("notes", b"mine");
    for (args, expected) in [
        (
            &["--load-state", "cut"][..],
            "error: cut: a session state of this model has ",
        ),
        (
            &["--load-state", "none"],
            "error: none: cannot read the state: ",
        ),
        (&["--load-state", "lm.bin"], "error: lm.bin: "),
        (
            &["--save-state", "notes"],
            "error: `notes` was not written by `atome run --save-state`: ",
        ),
    ] {
        let said =
            fixture.run(&[&["run", "lm.bin", "-p", "x", "-n", "2", "-q"][..], args].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(
            said.err.starts_with(expected) && said.err.lines().count() == 1,
            "{}",
            said.err
        );
    }
    assert_eq!(fs::read(fixture.path("notes")).unwrap(), b"mine");
}

#[test]
fn a_prompt_is_read_from_a_file() {
    let fixture = Fixture::new();
    fixture.write("prompt", b"from a file\nof lines\n");
    let out = fixture.ok(&["run", "lm.bin", "-q", "-n0", "--prompt-file", "prompt"]);
    assert_eq!(out, "from a file\nof lines\n");
    fixture.write("empty", b"\n");
    let said = fixture.run(&["run", "lm.bin", "--prompt-file", "empty"]);
    assert_eq!(
        (
            said.code,
            said.err.starts_with("error: the prompt is empty")
        ),
        (Some(2), true)
    );
    let said = fixture.run(&["run", "lm.bin", "--prompt-file", "none"]);
    assert!(
        said.err
            .starts_with("error: cannot read the text from `none`"),
        "{}",
        said.err
    );
    let said = fixture.run(&["run", "lm.bin", "--prompt-file", "prompt", "-p", "x"]);
    assert_eq!(said.code, Some(2));
}

#[test]
fn tokens_are_forced_banned_and_tired_of() {
    let fixture = Fixture::new();
    let run = |more: &[&str]| {
        let args = ["run", "lm.bin", "-q", "-p", "x", "-n", "6", "--greedy"];
        fixture.run(&[&args[..], more].concat())
    };
    assert_eq!(run(&["--logit-bias", "65=1e30"]).out, "xAAAAAA\n");
    let tired = run(&[
        "--logit-bias",
        "65=1e30,66=5e29",
        "--repetition-penalty",
        "4",
    ])
    .out;
    assert_eq!(tired, "xABAAAA\n");
    for (args, expected) in [
        (
            &["--logit-bias", "256=1"][..],
            "error: expected a bias below infinity for a token from 0 to 255, found 1 for token 256\n",
        ),
        (
            &["--repetition-penalty", "0"],
            "error: expected a finite repetition penalty above 0, found 0\n",
        ),
    ] {
        let said = run(args);
        assert_eq!((said.code, &*said.err), (Some(2), expected));
    }
    let said = fixture.run(&["run", "lm.bin", "-p", "x", "--min-p", "2"]);
    assert_eq!(&*said.err, "error: expected min-p from 0 to 1, found 2\n");
    assert!(
        run(&["--logit-bias", "x"])
            .err
            .contains("expected ID=B, such as 198=-inf or 13=1.5")
    );
}

/// Ctrl-C ends an answer, and the conversation goes on.
#[cfg(unix)]
#[test]
fn an_answer_is_interrupted_and_not_the_program() {
    use std::io::{Read, Write};
    use std::process::Stdio;
    let fixture = Fixture::new();
    let mut command = fixture.command(&[
        "run",
        "lm.bin",
        "--chat",
        "-n",
        "100000000",
        "--seed",
        "1",
        &ascii(),
        "--stop",
        "never there",
    ]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    for _ in 0..2 {
        input.write_all(b"talk\n").unwrap();
        let mut some = [0; 64];
        output.read_exact(&mut some).unwrap();
        let mut kill = std::process::Command::new("kill");
        let sent = kill.args(["-INT", &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        // The answer ends with a line of its own; what it had is printed.
        let mut byte = [0];
        let mut last = Vec::new();
        std::thread::sleep(std::time::Duration::from_millis(200));
        // Which may be all, if it had just written what was read.
        while !last.ends_with(b"\n") {
            output.read_exact(&mut byte).unwrap();
            last.push(byte[0]);
        }
    }
    drop(input);
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    let said = child.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(0));
    let notes = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(notes.matches(", interrupted]").count(), 2, "{notes}");
}

/// An answer to nothing would be one to what was there before.
#[test]
fn a_template_that_makes_no_text_is_refused() {
    let fixture = Fixture::new();
    for (template, said) in [("", "hi\n"), ("the same each time", "hi\nagain\n")] {
        fixture.write("t.jinja", template.as_bytes());
        let args = [
            "run",
            "lm.bin",
            "--chat",
            "-q",
            "-n",
            "3",
            "--chat-template",
            "t.jinja",
        ];
        let answered = fixture.run_with_stdin(&args, said.as_bytes());
        assert_eq!(answered.code, Some(2), "{template}: {answered:?}");
        assert_eq!(answered.err.lines().count(), 1, "{answered:?}");
        assert!(
            answered.err.contains("makes no text of what was said"),
            "{answered:?}"
        );
    }
}
