//! What a model is given: text from the command line, a pipe or a terminal, or ids; and Ctrl-C.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::io::Read;
use std::process::{Command, Stdio};
use support::{Fixture, Said, on_terminal};

#[test]
fn a_pipe_is_read() {
    let fixture = Fixture::new();
    for (args, out) in [
        (&["run", "lm.bin", "-n0"][..], "a\nb\n"),
        (&["run", "lm.bin", "-n0", "-p", "-"], "a\nb\n"),
        // What is given by name comes first.
        (&["run", "lm.bin", "-n0", "-p", "x"], "x\n"),
    ] {
        let said = fixture.run_with_stdin(args, b"a\nb\r\n");
        assert_eq!(
            (said.code, &*said.out),
            (Some(0), out),
            "{args:?}: {said:?}"
        );
    }
    let ids = fixture.ok(&["logits", "lm.bin", "--tokens", "97,98"]);
    assert_eq!(
        fixture.run_with_stdin(&["logits", "lm.bin"], b"ab\n").out,
        ids
    );
    let ids = fixture.ok(&["classify", "cl.bin", "--tokens", "97,98"]);
    assert_eq!(
        fixture.run_with_stdin(&["classify", "cl.bin"], b"ab\n").out,
        ids
    );
}

#[test]
fn a_pipe_without_anything_gives_no_prompt() {
    let fixture = Fixture::new();
    let expected = "error: no prompt: give one with -p TEXT, through a pipe, or as --tokens LIST\n";
    for args in [
        &["run", "lm.bin"][..],
        &["logits", "lm.bin"],
        &["classify", "cl.bin"],
    ] {
        for said in [fixture.run(args), fixture.run_with_stdin(args, b"")] {
            assert_eq!((said.code, &*said.err), (Some(2), expected), "{args:?}");
        }
    }
}

#[cfg(feature = "default-model")]
#[test]
fn the_model_inside_takes_a_pipe_too() {
    let fixture = Fixture::new();
    let said = fixture.run_with_stdin(&["run", "-n0", "-q"], b"And the king said");
    assert_eq!((said.code, &*said.out), (Some(0), "And the king said\n"));
    for said in [
        fixture.run(&["run", "-n0", "-q"]),
        fixture.run_with_stdin(&["run", "-n0", "-q"], b""),
    ] {
        assert_eq!((said.code, &*said.out), (Some(0), "In the beginning\n"));
    }
}

#[test]
fn text_and_its_ids_are_answered_alike() {
    let fixture = Fixture::new();
    for (command, model) in [("logits", "lm.bin"), ("classify", "cl.bin")] {
        let ids = fixture.ok(&[command, model, "--tokens", "79,110,99,101"]);
        assert_eq!(fixture.ok(&[command, model, "-p", "Once"]), ids);
        assert_eq!(fixture.ok(&[command, model, "-p", "Once", "--json"]), ids);
    }
    let said = fixture.run(&["logits", "wide.bin", "-p", "Once"]);
    let expected = "error: no tokenizer is known for the model's 300 token ids: `bytes` has 256, \
                    `gpt2` has 50257; give ids, with --tokens\n";
    assert_eq!((said.code, &*said.err), (Some(2), expected));
}

#[test]
fn a_terminal_is_told_what_is_waited_for() {
    let fixture = Fixture::new();
    let run = |args: &[&str]| on_terminal(&fixture, args, b"Once\n\x04");
    let Some(said) = run(&["run", "lm.bin", "-n0", "-p", "-"]) else {
        return;
    };
    assert!(
        said.contains("waiting for the prompt on standard input"),
        "{said}"
    );
    assert!(
        said.contains("Ctrl-D") && said.contains("prefill 4 tokens"),
        "{said}"
    );
    let said = run(&["run", "lm.bin", "-n0", "-p", "-", "-q"]).unwrap();
    assert!(!said.contains("waiting"), "{said}");
    // A terminal is no pipe.
    let said = run(&["run", "lm.bin", "-n0"]).unwrap();
    assert!(said.contains("error: no prompt"), "{said}");
}

#[test]
fn a_pipe_that_is_silent_is_spoken_of() {
    let fixture = Fixture::new();
    let mut command = fixture.command(&["run", "lm.bin", "-n0"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let open = child.stdin.take();
    let mut hint = [0; 11];
    child
        .stderr
        .as_mut()
        .unwrap()
        .read_exact(&mut hint)
        .unwrap();
    assert_eq!(hint, *b"waiting for");
    drop(open);
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn a_long_prompt_shows_how_far_it_is() {
    let fixture = Fixture::new();
    fixture.write("long.txt", &b"Once upon a time. ".repeat(20_000));
    let text = std::fs::read(fixture.path("long.txt")).unwrap();
    let args = ["run", "lm.bin", "-n0", "--backend", "aot"];
    let said = fixture.run_with_stdin(&args, &text);
    assert!(said.err.contains("prefill 360,000 tokens"), "{}", said.err);
    assert!(
        !said.err.contains("reading"),
        "nobody watches: {}",
        said.err
    );
    let line = format!("{} < long.txt > /dev/null", support::shell_line(&args));
    let Some(said) = support::shell_on_terminal(&fixture, &line, b"") else {
        return;
    };
    let shows = said.contains("reading") && said.contains("/360,000 tokens");
    assert!(shows, "{said}");
    let line = line.replace(" < ", " -q < ");
    let said = support::shell_on_terminal(&fixture, &line, b"").unwrap();
    assert!(!said.contains("reading"), "{said}");
}

/// Interrupts the command when it has printed something.
#[cfg(unix)]
fn interrupted(fixture: &Fixture, args: &[&str]) -> Said {
    let mut command = fixture.command(args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The prompt, or what is said before it.
    let mut first = [0; 8];
    let is_json = args.contains(&"--json");
    let from: &mut dyn Read = match is_json {
        true => child.stderr.as_mut().unwrap(),
        false => child.stdout.as_mut().unwrap(),
    };
    from.read_exact(&mut first).unwrap();
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Said {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_reports_what_was_done() {
    let fixture = Fixture::new();
    let args = ["run", "lm.bin", "-p", "Once", "-n", "1000000000"];
    let said = interrupted(&fixture, &args);
    assert_eq!(said.code, Some(130), "{}", said.err);
    assert!(said.out.ends_with('\n'), "the line is ended");
    assert!(
        said.err.contains("tok/s") && said.err.ends_with(", interrupted\n"),
        "{}",
        said.err
    );

    let said = interrupted(&fixture, &[&args[..], &["--json"]].concat());
    assert_eq!(said.code, Some(130), "{}", said.err);
    let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(answer["stop"], "interrupted");
}
