//! What is said of damaged files of every format, one line each, under snapshot.
//!
//! Every file is a small valid one with something changed, so that a message that changes shows as a difference of
//! `snapshots/messages__FORMAT.snap`.

mod damaged;
mod support;

use atome::checkpoint;
use atome::checkpoint::FloatOptions;
use atome::families::AtomeConfig;
use atome::{BackendKind, Model, Options};
use damaged::{Damaged, bit2, container, floats, folder, packed};
use std::fmt::{Display, Write};
use std::fs;
use std::path::{Path, PathBuf};

/// The messages of damaged files by name; a file that is taken is told too.
fn lines<E: Display>(files: Vec<Damaged>, read: impl Fn(&[u8]) -> Result<(), E>) -> String {
    let mut text = String::new();
    for (name, bytes) in files {
        let message = match read(&bytes) {
            Ok(()) => "(taken)".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(!message.contains('\n'), "{name}: {message:?}");
        let _ = writeln!(text, "{name}: {message}");
    }
    text
}

fn keep(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Loads a file as users do, on disk, without the folder's name in the message.
fn load(name: &str, bytes: &[u8], config: Option<&[u8]>) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("written");
    if let Some(config) = config {
        fs::write(path.with_extension("json"), config).expect("written");
    }
    let options = Options {
        backend: BackendKind::Aot,
        ..Options::default()
    };
    let loaded = Model::load(&path, None, &options);
    let prefix = format!("{}/", folder.path().display());
    loaded
        .map(drop)
        .map_err(|error| error.to_string().replace(&prefix, ""))
}

#[test]
fn atome_files() {
    for (format, file) in damaged::atome::files() {
        let read = |bytes: &[u8]| checkpoint::parse(bytes, &damaged::atome::CONFIG).map(drop);
        keep(format, &lines(damaged::atome::damaged(format, &file), read));
    }
}

#[test]
fn atome_configs() {
    let read = |json: &[u8]| {
        let config = AtomeConfig::from_json(json)?;
        checkpoint::parse(&damaged::atome::files()[0].1, &config).map(drop)
    };
    keep("config", &lines(damaged::atome::configs(), read));
}

#[test]
fn bit2_files() {
    let options = Options {
        backend: BackendKind::Aot,
        threads: Some(1),
        ..Options::default()
    };
    let read = |bytes: &[u8]| {
        let model = checkpoint::parse_bit2(bytes.to_vec())?;
        Model::from_checkpoint(&model, &options).map(drop)
    };
    keep("bit2", &lines(bit2::damaged(), read));
}

#[test]
fn containers() {
    let read = |bytes: &[u8]| checkpoint::parse_checkpoint(bytes).map(drop);
    keep("container_header", &lines(container::headers(), read));
    keep("container_atome", &lines(container::damaged(), read));
    keep("container_bitmamba2", &lines(packed::damaged(), read));
}

#[test]
fn float_weights() {
    let mut options = FloatOptions::default();
    (options.top_k, options.max_seq) = (Some(2), Some(8));
    let read = |bytes: &[u8]| checkpoint::quantize_file(bytes, &options).map(drop);
    keep("floats", &lines(floats::damaged(), read));
}

#[test]
fn folders_of_float_weights() {
    let options = Options {
        backend: BackendKind::Aot,
        threads: Some(1),
        ..Options::default()
    };
    let mut text = String::new();
    for (name, files) in folder::damaged() {
        let place = tempfile::tempdir().expect("a temporary folder");
        support::folder::put(place.path(), &files);
        let message = match Model::load(place.path(), None, &options) {
            Ok(model) => {
                assert_eq!(model.info().architecture, "hgrn_bit");
                "(taken)".to_owned()
            }
            Err(error) => error.to_string(),
        };
        let message = message.replace(&place.path().display().to_string(), "FOLDER");
        assert!(!message.contains('\n'), "{name}: {message:?}");
        let _ = writeln!(text, "{name}: {message}");
    }
    keep("folder", &text);
}

#[test]
fn files_on_disk() {
    let mut text = String::new();
    let config = serde_json::to_vec(&damaged::atome::CONFIG).expect("numbers have a form in JSON");
    let [(_, atome01), (_, atome02), (_, atomecl01)] = damaged::atome::files();
    type Case<'c> = (&'c str, Vec<u8>, Option<&'c [u8]>);
    let cases: [Case<'_>; 11] = [
        ("empty.bin", Vec::new(), Some(&config)),
        ("short.bin", b"ATO".to_vec(), Some(&config)),
        ("elf.bin", b"\x7fELF\x02\x01\x01\0\0\0".to_vec(), None),
        ("no-config.bin", atome01.clone(), None),
        ("empty-config.bin", atome01.clone(), Some(b"")),
        ("long-config.bin", atome01.clone(), Some(&[b' '; 65_537])),
        ("cut.bin", atome01[..40].to_vec(), Some(&config)),
        ("cut.atome02", atome02[..40].to_vec(), Some(&config)),
        ("cut.atomecl", atomecl01[..12].to_vec(), Some(&config)),
        ("cut.bit2", bit2::file()[..19].to_vec(), None),
        ("cut.safetensors", container::file()[..100].to_vec(), None),
    ];
    for (name, bytes, config) in cases {
        let message = load(name, &bytes, config).expect_err(name);
        assert!(!message.contains('\n'), "{name}: {message:?}");
        let _ = writeln!(text, "{message}");
    }
    keep("on_disk", &text);
}

/// Files that were once taken for good and gave wrong numbers, where they are at hand.
#[test]
fn known_cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases");
    let cases = [
        ("alog-nan-swallowed", [0.16533, 0.78216, 1.30995, -1.58975]),
        ("overflow-swallowed", [1.3289, -0.31138, -1.63472, 0.3503]),
    ];
    for (name, expected) in cases {
        let path: PathBuf = root.join(name).join("m.bin");
        if !path.is_file() {
            eprintln!("skipped: no {}", path.display());
            continue;
        }
        let model = Model::load(&path, None, &Options::default()).expect("loads");
        let mut session = model.session().expect("a slot");
        match session.prefill(&[1, 2]) {
            Ok(()) => {
                let near = session.logits().iter().zip(expected);
                let apart = near.map(|(a, b)| (a - b as f32).abs()).fold(0.0, f32::max);
                assert!(apart <= 1e-4, "{name}: {:?}", session.logits());
            }
            Err(error) => assert!(error.to_string().contains('`'), "{name}: {error}"),
        }
    }
}
