//! Memory is resident as far as it is used, and what a file takes is bounded by its length. Each case runs in a process
//! of its own, which measures itself.
#![cfg(target_os = "linux")]

use atome::checkpoint::{Checkpoint, write_atome02, write_container};
use atome::families::AtomeConfig;
use atome::format::ContainerOptions;
use atome::{BackendKind, Model, Options, Packing, Session};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the case that a child process measures.
const CASE: &str = "ATOME_TEST_MEMORY";
/// What `docs/security.md` promises: bytes for each byte of the file, for each layer, and for the process.
const PER_BYTE: usize = 26;
const PER_LAYER: usize = 64 << 10;
const ALWAYS: usize = 8 << 20;

/// A line of `/proc/self/status`, in bytes.
fn status(key: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kilobytes = line.unwrap().trim_matches(|c: char| !c.is_ascii_digit());
    kilobytes.parse::<usize>().unwrap() << 10
}

/// Resident bytes that are no file's.
fn resident() -> usize {
    status("RssAnon:")
}

/// Runs this test once more, alone in a process, and gives what it says.
fn child(case: &str) -> usize {
    let me = std::env::current_exe().unwrap();
    let output = Command::new(me)
        .args(["--exact", "measure", "--nocapture", "--test-threads=1"])
        .env(CASE, case)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{case}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = text.lines().find_map(|line| line.strip_prefix("bytes "));
    line.unwrap_or_else(|| panic!("{case}: {text}"))
        .parse()
        .unwrap()
}

/// What a child process does; nothing in the test's own process.
#[test]
fn measure() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    let bytes = match case.as_str() {
        "slots" => slots(),
        "window" => window(),
        file => loading(Path::new(file)),
    };
    // A line of its own, after what the harness prints.
    println!("\nbytes {bytes}");
}

fn options(sessions: usize) -> Options {
    Options {
        backend: BackendKind::Aot,
        threads: Some(1),
        sessions,
        ..Options::default()
    }
}

fn small(max_seq: usize) -> Checkpoint {
    let config = AtomeConfig {
        vocab_size: 256,
        d_model: 64,
        n_layers: 2,
        d_head: 16,
        top_k: 3,
        kernel_size: 4,
        max_seq,
    };
    Checkpoint::random(config, None, 4)
}

/// What ten thousand sessions take that are open and have seen nothing.
fn slots() -> usize {
    let source = small(256);
    drop(Model::from_checkpoint(&source, &options(1)).unwrap());
    let before = resident();
    let model = Model::from_checkpoint(&source, &options(10_000)).unwrap();
    assert!(
        model.info().arena_bytes > 700 << 20,
        "slots are large enough to tell"
    );
    assert!(
        model.info().session_bytes < model.info().state_bytes + (64 << 10),
        "a session has its state, and no scratch"
    );
    let sessions: Vec<Session> = (0..10_000).map(|_| model.session().unwrap()).collect();
    assert!(model.session().is_err());
    drop(sessions);
    let mut again = model.session().unwrap();
    again.step(1).unwrap();
    resident() - before
}

/// What the first tokens of a very long window take: a session, its fork, and a second one in the same slot.
fn window() -> usize {
    let source = small(1 << 20);
    drop(Model::from_checkpoint(&small(32), &options(1)).unwrap());
    let before = resident();
    let model = Model::from_checkpoint(&source, &options(2)).unwrap();
    assert!(
        model.info().session_bytes > 600 << 20,
        "the cache is large enough to tell"
    );
    for _ in 0..2 {
        let mut session = model.session().unwrap();
        session.prefill(&[1, 2, 3]).unwrap();
        let mut fork = session.fork().unwrap();
        fork.step(4).unwrap();
        fork.reset();
    }
    resident() - before
}

/// The most that loading a file takes, beside what loading takes at all.
fn loading(path: &Path) -> usize {
    drop(Model::from_checkpoint(&small(32), &options(1)).unwrap());
    let before = status("VmHWM:");
    let model = Model::load(path, None, &options(1)).unwrap();
    let most = status("VmHWM:") - before;
    let tokens = [0; 3];
    model.session().unwrap().prefill(&tokens).unwrap();
    most
}

#[test]
fn sessions_take_memory_when_they_are_used() {
    let bytes = child("slots");
    assert!(bytes < 4 << 20, "10,000 sessions take {bytes} bytes");
}

#[test]
fn a_window_takes_memory_as_it_fills() {
    let bytes = child("window");
    assert!(bytes < 4 << 20, "a window of 2^20 takes {bytes} bytes");
}

/// Shapes whose packed form is as much longer than their file as can be.
fn hostile() -> Vec<(&'static str, AtomeConfig, Option<usize>)> {
    let one = AtomeConfig {
        vocab_size: 2,
        d_model: 1,
        n_layers: 1,
        d_head: 1,
        top_k: 1,
        kernel_size: 1,
        max_seq: 1,
    };
    let vocab = |d_model, vocab_size| AtomeConfig {
        d_model,
        vocab_size,
        ..one.clone()
    };
    vec![
        ("vocab", vocab(1, 1 << 21), None),
        ("vocab15", vocab(15, 1 << 17), None),
        ("vocab16", vocab(16, 1 << 17), None),
        ("vocab17", vocab(17, 1 << 17), None),
        ("vocab257", vocab(257, 1 << 13), None),
        ("classes", one.clone(), Some(1 << 16)),
        (
            "heads",
            AtomeConfig {
                d_head: 1 << 16,
                n_layers: 30,
                ..one.clone()
            },
            None,
        ),
        (
            "layers",
            AtomeConfig {
                n_layers: 4096,
                ..one.clone()
            },
            None,
        ),
        (
            "window",
            AtomeConfig {
                max_seq: 1 << 20,
                top_k: 4096,
                d_head: 64,
                n_layers: 8,
                ..one
            },
            None,
        ),
    ]
}

fn write(folder: &Path, name: &str, bytes: &[u8], config: &AtomeConfig) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    fs::write(
        path.with_extension("json"),
        serde_json::to_string(config).unwrap(),
    )
    .unwrap();
    path
}

#[test]
fn loading_is_bounded_by_the_length_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for (name, config, classes) in hostile() {
        let model = Checkpoint::random(config.clone(), classes, 1);
        let packed = write_container(&model, &ContainerOptions::packing(Packing::Base3)).unwrap();
        let mut files = vec![write(
            folder.path(),
            &format!("{name}.safetensors"),
            &packed,
            &config,
        )];
        if classes.is_none() {
            let bytes = write_atome02(&model).unwrap();
            files.push(write(
                folder.path(),
                &format!("{name}.bin"),
                &bytes,
                &config,
            ));
        }
        for path in files {
            let length = fs::metadata(&path).unwrap().len() as usize;
            let most = PER_BYTE * length + PER_LAYER * config.n_layers + ALWAYS;
            let bytes = child(path.to_str().unwrap());
            let share = bytes as f64 / length as f64;
            println!("{name}: {length} bytes take {bytes}, {share:.1} times as many, of {most}");
            assert!(bytes <= most, "{name}: {length} bytes take {bytes}");
        }
    }
}
