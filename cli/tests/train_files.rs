//! `atome train` and the files that are there already: what is never written over, what is
//! replaced, what is left behind.
#![cfg(unix)]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::atome;
use support::workshop::{Workshop, refused, signal, small};

/// A text is refused as the place of what is trained on it, by whatever name; nothing changes.
#[test]
fn the_text_is_never_written_over() {
    let workshop = Workshop::new();
    let text = fs::read(workshop.path("text.txt")).expect("a text");
    for name in ["c.svg", "c.checkpoint"] {
        fs::copy(workshop.path("text.txt"), workshop.path(name)).expect("copied");
    }
    symlink("text.txt", workshop.path("soft.safetensors")).expect("a link");
    symlink("text.txt", workshop.path("x.svg")).expect("a link");
    fs::hard_link(workshop.path("text.txt"), workshop.path("hard.safetensors")).expect("a link");
    let before = workshop.names();
    for (text, out) in [
        ("text.txt", "text.txt"),
        ("text.txt", "./text.txt"),
        ("text.txt", "soft.safetensors"),
        ("soft.safetensors", "text.txt"),
        ("text.txt", "hard.safetensors"),
        ("text.txt", "x.safetensors"),
        ("c.svg", "c.safetensors"),
        ("c.checkpoint", "c.safetensors"),
    ] {
        for more in [&[][..], &["--force", "--restart"]] {
            let more = [&["--text", text], more].concat();
            let said = workshop.run(&small(out, &more));
            refused(&said, 2, "would replace what is read");
        }
    }
    let mut piped = workshop.command(&small("c.safetensors", &["--text", "-", "--force"]));
    piped.stdin(File::open(workshop.path("c.svg")).expect("a text"));
    let said = piped.output().expect("started");
    refused(&said, 2, "would replace what is read");
    for name in ["text.txt", "c.svg", "c.checkpoint"] {
        assert!(
            fs::read(workshop.path(name)).expect("there") == text,
            "{name} changed"
        );
    }
    assert_eq!(workshop.names(), before);
}

/// The names that are derived from `--out` are not `--out` itself.
#[test]
fn its_files_are_three() {
    let workshop = Workshop::new();
    symlink("l.svg", workshop.path("l.safetensors")).expect("a link");
    fs::write(workshop.path("l.svg"), "").expect("written");
    for (out, part) in [
        ("t.svg", "the model and the loss curve"),
        ("t.SVG", "the model and the loss curve"),
        ("t.checkpoint", "the model and the checkpoint"),
        ("l.safetensors", "the model and the loss curve"),
    ] {
        let said = workshop.run(&small(out, &["--force"]));
        refused(&said, 2, part);
    }
    assert_eq!(workshop.names(), ["l.safetensors", "l.svg", "text.txt"]);
}

#[test]
fn files_of_strangers_are_replaced_only_if_told_to() {
    let workshop = Workshop::new();
    let expected = workshop.expected();
    for name in ["m.safetensors", "m.svg", "m.checkpoint"] {
        let write = |bytes: &[u8]| fs::write(workshop.path(name), bytes).expect("written");
        write(b"somebody's work");
        let said = workshop.run(&small("m.safetensors", &[]));
        refused(&said, 2, name);
        refused(&said, 2, "which no training wrote");
        assert_eq!(workshop.names().len(), 5, "the text, four others");
        assert_eq!(
            fs::read(workshop.path(name)).expect("there"),
            b"somebody's work"
        );
        fs::remove_file(workshop.path(name)).expect("removed");
    }
    for name in ["m.safetensors", "m.svg", "m.checkpoint"] {
        fs::write(workshop.path(name), "somebody's work").expect("written");
    }
    let forced = workshop.run(&small("m.safetensors", &["--force"]));
    assert!(forced.status.success(), "{forced:?}");
    // From here on they are its own.
    fs::remove_file(workshop.path("m.checkpoint")).expect("removed");
    let again = workshop.run(&small("m.safetensors", &[]));
    assert!(again.status.success(), "{again:?}");
    let again = workshop.run(&small("m.safetensors", &["--restart"]));
    assert!(again.status.success(), "{again:?}");
    assert!(fs::read(workshop.path("m.safetensors")).expect("a model") == expected);
}

/// While a training runs, nobody else writes its files; a killed one bars nobody.
#[test]
fn one_writer_at_a_time() {
    let workshop = Workshop::new();
    let long = small("m.safetensors", &["--steps", "1000000", "--quiet"]);
    let mut first = workshop
        .command(&long)
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let start = Instant::now();
    while !workshop.path("m.checkpoint").exists() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "nothing was saved"
        );
        sleep(Duration::from_millis(5));
    }
    for (out, more) in [
        ("m.safetensors", &["--resume"][..]),
        ("m.safetensors", &["--restart", "--force"]),
        // Its curve and its checkpoint are the first one's.
        ("m.bin", &["--restart"]),
    ] {
        let said = workshop.run(&small(out, more));
        refused(&said, 2, "another command writes");
    }
    fs::copy(workshop.path("m.safetensors"), workshop.path("source")).expect("copied");
    for args in [
        &["pack", "source", "m.safetensors", "--force"][..],
        &["emit", "--op", "silu", "--force", "-o", "m.safetensors"],
        &["emit", "--op", "silu", "--force", "-o", "m.svg"],
    ] {
        let mut other = atome(args);
        let said = other.current_dir(workshop.path("")).output();
        refused(&said.expect("started"), 2, "another command writes");
    }
    fs::remove_file(workshop.path("source")).expect("removed");
    signal(&first, "KILL");
    first.wait().expect("ended");
    // What a killed writer leaves, whether this one left it or not.
    fs::write(workshop.path(".m.checkpoint.999999999-7.tmp"), "half").expect("written");
    let said = workshop.run(&small("m.safetensors", &["--restart"]));
    assert!(said.status.success(), "{said:?}");
    let expected = ["m.checkpoint", "m.safetensors", "m.svg", "text.txt"];
    assert_eq!(workshop.names(), expected);
}
