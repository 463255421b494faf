//! What is said about bad usage and bad input: one line, and exit code 2; and about failures
//! of the machine: exit code 1.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome::format::{AtomeModel, write_atome01};
use atome_kernels::detect;
use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};
use support::{CONFIG, Fixture, said};

/// Every command fails with one line and exit code 2; the snapshot holds all of them.
fn refused(name: &str, fixture: &Fixture, commands: &[&[&str]]) {
    for args in commands {
        let said = fixture.run(args);
        assert_eq!(said.code, Some(2), "{args:?}: {said:?}");
        assert_eq!(said.out, "", "{args:?}");
        assert!(said.err.starts_with("atome: "), "{args:?}: {:?}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{args:?}: {:?}", said.err);
    }
    let text = fixture.transcript(commands);
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, text) });
}

#[test]
fn usage() {
    let fixture = Fixture::new();
    refused(
        "usage",
        &fixture,
        &[
            &["paint"],
            &["classify"],
            &["run", "lm.bin"],
            &["run", "lm.bin", "-p", "x", "--greedy", "--temperature", "1"],
            &["run", "lm.bin", "-p", "x", "-n", "-1"],
            &["run", "lm.bin", "-p", "x", "-n", "many"],
            &["run", "lm.bin", "-p", "x", "--seed", "1.5"],
            &["run", "lm.bin", "-p", "x", "--temperature", "hot"],
            &["run", "lm.bin", "-p", "x", "--temperature", "-1"],
            &["run", "lm.bin", "-p", "x", "--temperature", "nan"],
            &["run", "lm.bin", "-p", "x", "--top-p", "0"],
            &["run", "lm.bin", "-p", "x", "--top-p", "1.5"],
            &["run", "lm.bin", "-p", "x", "--backend", "gpu"],
            &["run", "lm.bin", "-p", "x", "--threads", "0"],
            &["run", "lm.bin", "-p", "x", "--cpu", "x86-64-v9"],
            &["logits", "lm.bin"],
            &["logits", "lm.bin", "--token", "1"],
            &["logits", "lm.bin", "extra", "--tokens", "1"],
            &["bench", "--config", "lm.json"],
        ],
    );
}

#[cfg(not(feature = "default-model"))]
#[test]
fn no_model_inside() {
    let fixture = Fixture::new();
    for args in [
        &[][..],
        &["run"],
        &["inspect"],
        &["logits", "--tokens", "1"],
    ] {
        let said = fixture.run(args);
        let expected = "atome: no model: name a model file, this build has none inside\n";
        assert_eq!((said.code, said.err.as_str()), (Some(2), expected));
    }
}

#[test]
fn prompts_and_tokens() {
    let fixture = Fixture::new();
    fixture.write("empty.txt", b" \n");
    fixture.write("words.txt", b"1, 2\n\xff\xfe");
    refused(
        "prompts_and_tokens",
        &fixture,
        &[
            &["run", "lm.bin", "-p", ""],
            &["run", "lm.bin", "-p", "", "-n", "0"],
            &["run", "lm.bin", "-p", "-"],
            &["logits", "lm.bin", "--tokens", ""],
            &["logits", "lm.bin", "--tokens", "1,,2"],
            &["logits", "lm.bin", "--tokens", "1,two"],
            &["logits", "lm.bin", "--tokens", "-1"],
            &["logits", "lm.bin", "--tokens", "4294967296"],
            &["logits", "lm.bin", "--tokens", "1,256"],
            &["logits", "wide.bin", "--tokens", "300"],
            &["logits", "lm.bin", "--tokens", "@empty.txt"],
            &["logits", "lm.bin", "--tokens", "@words.txt"],
            &["logits", "lm.bin", "--tokens", "@missing.txt"],
            &["logits", "lm.bin", "--tokens", "@."],
            &["classify", "cl.bin", "--tokens", "256"],
            &["classify", "cl.bin", "--tokens", ""],
        ],
    );
}

#[test]
fn models() {
    let fixture = Fixture::new();
    let lm = fs::read(fixture.path("lm.bin")).unwrap();
    fixture.write("short.bin", &lm[..1000]);
    fixture.write("short.json", &serde_json::to_vec(&CONFIG).unwrap());
    fixture.write("long.bin", &[&lm[..], b"more"].concat());
    fixture.write("alone.bin", &lm);
    let config = serde_json::to_string(&CONFIG).unwrap();
    let changed = |from: &str, to: &str| config.replace(from, to).into_bytes();
    fixture.write("other.json", &changed("\"d_model\":20", "\"d_model\":21"));
    fixture.write("less.json", br#"{"vocab_size": 256}"#);
    fixture.write("zero.json", &changed("256", "0"));
    fixture.write("text.bin", b"not a model\n\x1b[2J");
    fixture.write("empty.bin", b"");
    fs::create_dir(fixture.path("directory")).unwrap();
    let logits = |args: &[&'static str]| [&["logits", "--tokens", "1"], args].concat();
    let commands = [
        logits(&["missing.bin"]),
        logits(&["no\nsuch.bin"]),
        logits(&["directory"]),
        logits(&["empty.bin"]),
        logits(&["text.bin"]),
        logits(&["short.bin"]),
        logits(&["long.bin", "--config", "lm.json"]),
        logits(&["alone.bin"]),
        logits(&["lm.bin", "--config", "missing.json"]),
        logits(&["lm.bin", "--config", "other.json"]),
        logits(&["lm.bin", "--config", "less.json"]),
        logits(&["lm.bin", "--config", "zero.json"]),
        logits(&["lm.bin", "--config", "text.bin"]),
        vec!["run", "cl.bin", "-p", "x"],
        vec!["run", "wide.bin", "-p", "x"],
        vec!["run", "missing.bin", "-p", "x"],
        vec!["classify", "lm.bin", "--tokens", "1"],
        vec!["classify", "missing.bin", "--tokens", "1"],
        vec!["inspect", "missing.bin"],
        vec!["inspect", "directory", "--json"],
        vec!["bench", "--model", "missing.bin"],
    ];
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    refused("models", &fixture, &commands);
}

#[test]
fn kernels_that_do_not_exist() {
    let fixture = Fixture::new();
    refused(
        "kernels_that_do_not_exist",
        &fixture,
        &[
            &["emit"],
            &["emit", "--op", "gemw"],
            &["emit", "--op", "gemv", "--target", "z80"],
            &["emit", "--op", "gemv", "--as", "c"],
            &["emit", "--op", "gemv", "--shape", "rows"],
            &["emit", "--op", "gemv", "--shape", "rows=many"],
            &["emit", "--op", "gemv", "--shape", "depth=3"],
            &["emit", "--op", "gemv", "--shape", "rows=1,rows=2"],
            &[
                "emit",
                "--op",
                "gemv",
                "--shape",
                "rows=18446744073709551615",
            ],
            &["emit", "--op", "conv1d", "--shape", "taps=0"],
            &["emit", "--op", "kv_append", "--shape", "capacity=7"],
            &["emit", "--op", "gemv", "--packing", "base4"],
            &["emit", "--op", "gemv", "--packing", "base3"],
            &["emit", "--op", "norm", "--packing", "int2"],
            &["emit", "--op", "gemv", "--method", "dot"],
            &["emit", "--op", "gemv", "--target", "interp", "--as", "asm"],
        ],
    );
    let said = fixture.run(&["bench", "--filter", "nonesuch"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err
            .starts_with("atome: no benchmark has `nonesuch` in its name; there are ")
    );
    assert_eq!(said.err.lines().count(), 1);
}

#[test]
fn a_tier_of_another_machine() {
    let fixture = Fixture::new();
    let foreign = if cfg!(target_arch = "x86_64") {
        "neon"
    } else {
        "x86-64-v2"
    };
    for command in [
        &["logits", "lm.bin", "--tokens", "1"][..],
        &["bench", "--list"],
    ] {
        let said = fixture.run(&[command, &["--cpu", foreign]].concat());
        let host = detect();
        let expected =
            format!("atome: this machine cannot run `{foreign}` code, its best tier is `{host}`\n");
        assert_eq!((said.code, said.err), (Some(2), expected));
    }
}

#[test]
fn logits_that_overflow() {
    let fixture = Fixture::new();
    let mut model = AtomeModel::random(CONFIG, None, 1);
    model.unembed.scale = f32::MAX;
    fixture.write("hot.bin", &write_atome01(&model));
    let said = fixture.run(&["logits", "hot.bin", "--tokens", "1", "--config", "lm.json"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(
        said.err.contains("the model's weights overflow f32"),
        "{}",
        said.err
    );
}

#[cfg(target_os = "linux")]
#[test]
fn input_that_never_ends() {
    let fixture = Fixture::new();
    let tokens = said(&mut fixture.command(&["logits", "lm.bin", "--tokens", "@/dev/zero"]));
    let mut command = fixture.command(&["run", "lm.bin", "-p", "-"]);
    let prompt = said(command.stdin(File::open("/dev/zero").unwrap()));
    for said in [tokens, prompt] {
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(
            said.err
                .ends_with("expected at most 67108864 bytes, found more\n"),
            "{said:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_arena_that_does_not_fit() {
    let fixture = Fixture::new();
    let config = serde_json::to_string(&CONFIG).unwrap();
    let config = config.replace("\"max_seq\":24", "\"max_seq\":1048576");
    fixture.write("big.json", config.as_bytes());
    let run = format!(
        "ulimit -v 150000 && exec {} inspect lm.bin --config big.json --backend aot",
        env!("CARGO_BIN_EXE_atome")
    );
    let mut shell = Command::new("sh");
    let said = said(shell.args(["-c", &run]).current_dir(fixture.path("")));
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(
        said.err.starts_with("atome: no memory for an arena of 22"),
        "{}",
        said.err
    );
}

#[test]
fn a_reader_that_goes_away() {
    let fixture = Fixture::new();
    // More than a pipe holds, so the writer is still writing when the reader goes.
    let args = ["run", "lm.bin", "-p", "x", "-n", "300000"];
    let mut command = fixture.command(&args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(first, *b"x");
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(!err.contains("panic") && !err.contains("atome:"), "{err}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_is_full() {
    let fixture = Fixture::new();
    for args in [
        &["run", "lm.bin", "-p", "x", "-n", "3", "-q"][..],
        &["logits", "lm.bin", "--tokens", "1"],
        &["inspect", "lm.bin"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let said = said(fixture.command(args).stdout(full));
        let expected =
            "atome: cannot write to standard output: No space left on device (os error 28)\n";
        assert_eq!(
            (said.code, said.err.as_str()),
            (Some(1), expected),
            "{args:?}"
        );
    }
}
