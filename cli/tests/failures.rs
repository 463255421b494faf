//! What is said about bad usage and bad input: one line, hints on usage below it, and exit code 2;
//! and about failures of the machine: exit code 1.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome::checkpoint::{Checkpoint, write_atome01};
use atome_kernels::detect;
use std::fs::{self, File};
use support::{CONFIG, Fixture, said};

/// Every command fails with one line and exit code 2, after a wrong flag with hints on how to use
/// it; the snapshot holds all of them.
fn refused(name: &str, fixture: &Fixture, commands: &[&[&str]]) {
    for args in commands {
        let said = fixture.run(args);
        assert_eq!(said.code, Some(2), "{args:?}: {said:?}");
        assert_eq!(said.out, "", "{args:?}");
        let (line, hints) = said.err.split_once('\n').unwrap();
        assert!(line.starts_with("error: "), "{args:?}: {line:?}");
        let are_hints = hints.lines().all(|hint| hint.starts_with("  "));
        let is_usage = hints.is_empty() || hints.ends_with("try `--help`\n");
        assert!(are_hints && is_usage, "{args:?}: {:?}", said.err);
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
            &["-p", "Once upon", "-n", "5"],
            &["-p", "x", "--temprature", "1"],
            &["lm.bin"],
            &["missing.safetensors", "--json"],
            &["classify"],
            &["run", "lm.bin"],
            &["run", "lm.bin", "-p", "x", "--greedy", "--temperature", "1"],
            &["run", "lm.bin", "-p", "x", "-n", "-1"],
            &["run", "lm.bin", "-p", "x", "-n", "many"],
            &["run", "lm.bin", "-p", "x", "--seed", "1.5"],
            &["run", "lm.bin", "-p", "x", "--seed", "18446744073709551616"],
            &["run", "lm.bin", "-p", "x", "--temperature", "hot"],
            &["run", "lm.bin", "-p", "x", "--temperature", "-1"],
            &["run", "lm.bin", "-p", "x", "--temperature", "nan"],
            &["run", "lm.bin", "-p", "x", "--temperature", "inf"],
            &["run", "lm.bin", "-p", "x", "--top-p", "0"],
            &["run", "lm.bin", "-p", "x", "--top-p", "1.5"],
            &["run", "lm.bin", "-p", "x", "--backend", "gpu"],
            &["run", "lm.bin", "-p", "x", "--threads", "0"],
            &["run", "lm.bin", "-p", "x", "--cpu", "x86-64-v9"],
            &["logits", "lm.bin"],
            &["logits", "lm.bin", "--token", "1"],
            &["logits", "lm.bin", "extra", "--tokens", "1"],
            &["logits", "lm.bin", "--tokens", "1", "-p", "x"],
            &["classify", "cl.bin"],
            &["bench", "--config", "lm.json"],
            // A program reads one line.
            &["run", "lm.bin", "-p", "x", "--json", "--threads", "0"],
            &["inspect", "lm.bin", "--json", "--jason"],
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
        let expected = "error: no model: name a model file, this build has none inside\n";
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
    fixture.ok(&["pack", "lm.bin", "lm.st", "--format", "container"]);
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
        logits(&["--config", "missing.json"]),
        logits(&["lm.st", "--config", "missing.json"]),
        logits(&["lm.st", "--config", "directory"]),
        logits(&["lm.bin", "--config", "other.json"]),
        logits(&["lm.bin", "--config", "less.json"]),
        logits(&["lm.bin", "--config", "zero.json"]),
        logits(&["lm.bin", "--config", "text.bin"]),
        vec!["run", "cl.bin", "-p", "x"],
        vec!["run", "wide.bin", "-p", "x"],
        vec!["run", "missing.bin", "-p", "x"],
        vec!["run", "missing.bin"],
        vec!["logits", "missing.bin"],
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
            &["emit", "--op", "gemv", "--shape", ""],
            &["emit", "--op", "gemv", "--shape", ","],
            &["emit", "--op", "gemv", "--schedule", ""],
            &["emit", "--op", "gemv", "--schedule", ","],
            &["emit", "--op", "gemv", "--schedule", "mr=99999999999"],
            &["emit", "--op", "gemv", "--schedule", "mr=-1"],
            &["emit", "--op", "gemv", "--schedule", "mr=many"],
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
            &[
                "emit", "--op", "gemv", "--target", "interp", "--as", "object",
            ],
            &["emit", "--op", "gemv", "--as", "rust", "--backend", "jit"],
            &["emit", "--op", "gemv", "-o", "no/such/directory.ir"],
        ],
    );
}

#[test]
fn benchmarks_that_do_not_exist() {
    let fixture = Fixture::new();
    refused(
        "benchmarks_that_do_not_exist",
        &fixture,
        &[
            &["bench", "--filter", "nonesuch"],
            // Names are those of an instruction set.
            &["bench", "--filter", "gemw-int2-f32", "--cpu", "portable"],
            &["bench", "--filter", "stpe-944", "--cpu", "portable"],
            // With a model there is nothing else.
            &["bench", "--filter", "gemv", "--model", "lm.bin"],
            &[
                "bench",
                "--list",
                "--model",
                "lm.bin",
                "--config",
                "missing.json",
            ],
        ],
    );
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
            format!("error: this machine cannot run `{foreign}` code, its best tier is `{host}`\n");
        assert_eq!((said.code, said.err), (Some(2), expected));
    }
}

#[test]
fn logits_that_overflow() {
    let fixture = Fixture::new();
    let mut model = Checkpoint::random(CONFIG, None, 1);
    let hot = model.edit_ternary("unembed", |w| w.scale = f32::MAX);
    hot.unwrap();
    fixture.write("hot.bin", &write_atome01(&model).unwrap());
    let said = fixture.run(&["logits", "hot.bin", "--tokens", "1", "--config", "lm.json"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(
        said.err
            .contains("the model's numbers leave the range of f32"),
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
