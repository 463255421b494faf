//! Broken files: every one is refused with a one-line error, or is a different valid model. Nothing panics.

use std::fs;
use std::path::{Path, PathBuf};

use atome::checkpoint::{
    Checkpoint, compare, load, parse, write_atome01, write_atome02, write_atomecl01,
};
use atome::error::{ConfigError, FileError, TensorFault};
use atome::families::AtomeConfig;
use atome::format::Format;

/// Widths that leave padding in the last byte of every kind of ternary tensor, in both packings.
fn config() -> AtomeConfig {
    AtomeConfig {
        vocab_size: 11,
        d_model: 7,
        n_layers: 2,
        d_head: 3,
        top_k: 2,
        kernel_size: 3,
        max_seq: 8,
    }
}

fn write(model: &Checkpoint) -> Vec<u8> {
    let written = match model.format {
        Format::Atome01 => write_atome01(model),
        Format::Atome02 => write_atome02(model),
        Format::AtomeCl01 => write_atomecl01(model),
        other => panic!("no writer for {other}"),
    };
    written.expect("a model of the family")
}

/// A small valid file of each format, named.
fn small_files() -> [(&'static str, Vec<u8>); 3] {
    let model = Checkpoint::random(config(), None, 1);
    let classifier = Checkpoint::random(config(), Some(3), 1);
    [
        ("small.bin", write(&model)),
        ("small.atome02", write_atome02(&model).unwrap()),
        ("small.atomecl", write(&classifier)),
    ]
}

/// An empty folder with `small.json`, the config of the small files.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("small.json"),
        serde_json::to_string(&config()).unwrap(),
    )
    .unwrap();
    dir
}

fn put(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Loads a file that must be refused; checks that the message is one line that starts with the path of `culprit`.
fn refusal(model: &Path, config: Option<&Path>, culprit: &Path) -> FileError {
    let error = load(model, config).expect_err("the file is broken");
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    assert!(
        message.starts_with(&culprit.display().to_string()),
        "{message}"
    );
    error
}

#[test]
fn a_file_survives_the_round_trip() {
    let dir = folder();
    for (name, bytes) in small_files() {
        let model = load(&put(&dir, name, &bytes), None).unwrap();
        assert_eq!(write(&model), bytes, "{name}");
        let classes = (model.format == Format::AtomeCl01).then_some(3);
        let expected = Checkpoint::random(config(), classes, 1);
        let differs = compare(&model, &expected, &mut |_, _| {}).unwrap();
        assert_eq!(differs, None, "{name}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let dir = folder();
    for (name, bytes) in small_files() {
        for len in 0..bytes.len() {
            let in_memory = parse(&bytes[..len], &config()).expect_err("cut short");
            let path = put(&dir, name, &bytes[..len]);
            let from_file = refusal(&path, None, &path);
            assert_eq!(from_file.fault().to_string(), in_memory.to_string());
            let header = if name == "small.atomecl" { 13 } else { 7 };
            match from_file.fault() {
                FileError::Kind { .. } => assert_eq!(len, 0),
                FileError::Magic { .. } => assert!(len < 9),
                FileError::Truncated {
                    tensor,
                    offset,
                    expected,
                    found,
                } => {
                    assert!(
                        offset + found == len as u64 && expected > found,
                        "{name} at {len}"
                    );
                    assert_eq!(tensor == "class count", len < header);
                }
                other => panic!("{name} cut at {len}: {other}"),
            }
        }
    }
}

/// A flip that is accepted must have made another valid file: writing what was read gives the flipped bytes back.
#[test]
fn ten_thousand_flipped_bytes_a_format() {
    for (seed, (name, bytes)) in (1u64..).zip(small_files()) {
        let (mut accepted, mut refused, mut state) = (0, 0, seed);
        for _ in 0..10_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % bytes.len();
            let mask = (state >> 20) as u8;
            let mut flipped = bytes.clone();
            flipped[at] ^= mask;
            match parse(&flipped, &config()) {
                Ok(model) => {
                    assert_eq!(
                        write(&model),
                        flipped,
                        "{name}, seed {seed}: byte {at} ^ {mask:#04x}"
                    );
                    accepted += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().contains('\n'), "{error}");
                    assert_ne!(mask, 0);
                    refused += 1;
                }
            }
        }
        println!("{name}: {accepted} flips are other valid files, {refused} refused");
        assert!(
            accepted > 1000 && refused > 100,
            "{name}: {accepted} accepted, {refused} refused"
        );
    }
}

#[test]
fn noise_is_refused() {
    let mut state = 42u64;
    for (name, bytes) in small_files() {
        for _ in 0..2000 {
            let mut noise = bytes.clone();
            for byte in &mut noise[9..] {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                *byte = (state >> 56) as u8;
            }
            assert!(parse(&noise, &config()).is_err(), "{name}");
        }
    }
}

#[test]
fn wrong_dimensions_are_refused() {
    type Edit = (&'static str, fn(&mut AtomeConfig));
    let edits: [Edit; 12] = [
        ("vocab_size + 1", |c| c.vocab_size += 1),
        ("vocab_size - 1", |c| c.vocab_size -= 1),
        ("vocab_size max", |c| c.vocab_size = 1 << 24),
        ("d_model + 1", |c| c.d_model += 1),
        ("d_model max", |c| c.d_model = 65_536),
        ("n_layers + 1", |c| c.n_layers += 1),
        ("n_layers - 1", |c| c.n_layers -= 1),
        ("n_layers max", |c| c.n_layers = 4096),
        ("d_head max", |c| c.d_head = 65_536),
        ("kernel_size + 1", |c| c.kernel_size += 1),
        ("kernel_size max", |c| c.kernel_size = 64),
        ("everything", |c| {
            *c = AtomeConfig {
                vocab_size: 1 << 24,
                d_model: 65_536,
                n_layers: 4096,
                d_head: 65_536,
                ..c.clone()
            };
        }),
    ];
    for (name, bytes) in small_files() {
        for (what, edit) in edits {
            let mut wrong = config();
            edit(&mut wrong);
            let error = parse(&bytes, &wrong).expect_err(what);
            assert!(
                matches!(
                    error,
                    FileError::Truncated { .. } | FileError::TrailingBytes { .. }
                ),
                "{name}, {what}: {error}"
            );
        }
        let zero = AtomeConfig {
            d_head: 0,
            ..config()
        };
        assert!(matches!(
            parse(&bytes, &zero),
            Err(FileError::Config(ConfigError::Dimension {
                key: "d_head",
                ..
            }))
        ));
        let huge = AtomeConfig {
            vocab_size: usize::MAX,
            ..config()
        };
        assert!(matches!(
            parse(&bytes, &huge),
            Err(FileError::Config(ConfigError::Dimension {
                key: "vocab_size",
                ..
            }))
        ));
    }
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    for (name, bytes) in small_files() {
        let scale_at = if name == "small.atomecl" { 13 } else { 7 };
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, -0.0] {
            let mut broken = bytes.clone();
            broken[scale_at..scale_at + 4].copy_from_slice(&bad.to_le_bytes());
            match parse(&broken, &config()) {
                Err(FileError::Tensor {
                    tensor,
                    fault: TensorFault::Scale { offset, .. },
                }) => {
                    assert_eq!((tensor.as_str(), offset), ("embed", scale_at as u64));
                }
                other => panic!("{name}, scale {bad}: {other:?}"),
            }
        }
        let mut dead = bytes.clone();
        dead[scale_at..scale_at + 4].copy_from_slice(&0f32.to_le_bytes());
        let dead = parse(&dead, &config()).unwrap();
        assert_eq!(dead.ternary("embed").unwrap().scale, 0.0);

        // 77 trits of embedding after its scale, then the first block's norm.gamma.
        let gamma_at = scale_at + 4 + if name == "small.atome02" { 16 } else { 20 };
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut broken = bytes.clone();
            broken[gamma_at + 8..gamma_at + 12].copy_from_slice(&bad.to_le_bytes());
            match parse(&broken, &config()) {
                Err(FileError::Tensor {
                    tensor,
                    fault:
                        TensorFault::NotFinite {
                            offset, index: 2, ..
                        },
                }) => {
                    assert_eq!(
                        (tensor.as_str(), offset),
                        ("blocks.0.norm.gamma", gamma_at as u64 + 8)
                    );
                }
                other => panic!("{name}, gamma {bad}: {other:?}"),
            }
        }
    }
}

#[test]
fn invalid_codes_and_padding_are_named() {
    let [(_, int2), (_, base3), _] = small_files();
    let broken = |file: &[u8], at: usize, byte: u8| {
        let mut bytes = file.to_vec();
        bytes[at] = byte;
        parse(&bytes, &config()).unwrap_err().to_string()
    };
    assert_eq!(
        broken(&int2, 12, 0b1000_0000),
        "`embed`: expected only the codes 00 (0), 01 (+1) and 11 (-1) in the byte at 12, found 0x80"
    );
    assert_eq!(
        broken(&base3, 12, 243),
        "`embed`: expected five trits, at most 0xf2, in the byte at 12, found 0xf3"
    );
    // 77 trits: one in the last of 20 int2 bytes, two in the last of 16 base-3 bytes.
    assert_eq!(
        broken(&int2, 7 + 4 + 19, 0b0100),
        "`embed`: expected 3 zero trits of padding in the byte at 30, found 0x04"
    );
    assert_eq!(
        broken(&base3, 7 + 4 + 15, 0),
        "`embed`: expected 3 zero trits of padding in the byte at 26, found 0x00"
    );
}

#[test]
fn bytes_left_over_are_counted() {
    let dir = folder();
    for (name, mut bytes) in small_files() {
        let expected = bytes.len();
        for extra in [1, 2, 100] {
            bytes.resize(expected + extra, 0);
            let path = put(&dir, name, &bytes);
            let error = refusal(&path, None, &path);
            let text = format!("{extra} bytes left over after byte {expected}: wrong dimensions?");
            assert_eq!(error.fault().to_string(), text);
        }
    }
}

#[test]
fn class_counts_are_checked() {
    let [_, _, (_, file)] = small_files();
    for bad in [0, -1, i32::MIN, i32::MAX, 65_537] {
        let mut bytes = file.clone();
        bytes[9..13].copy_from_slice(&bad.to_le_bytes());
        match parse(&bytes, &config()) {
            Err(FileError::Field {
                offset: 9, found, ..
            }) => assert_eq!(found, i64::from(bad)),
            other => panic!("{bad} classes: {other:?}"),
        }
    }
    for wrong in [1, 2, 4, 65_536] {
        let mut bytes = file.clone();
        bytes[9..13].copy_from_slice(&i32::to_le_bytes(wrong));
        assert!(parse(&bytes, &config()).is_err(), "{wrong} classes");
    }
}

#[test]
fn other_files_are_refused_by_their_first_bytes() {
    let dir = folder();
    for (bytes, found) in [
        (
            &b"\x7fELF\x02\x01\x01\0\0\0"[..],
            "\\x7fELF\\x02\\x01\\x01\\x00\\x00",
        ),
        (b"ATOME03 and more", "ATOME03 a"),
        (b"atome01", "atome01"),
        (b"A", "A"),
    ] {
        let path = put(&dir, "small.bin", bytes);
        match refusal(&path, None, &path).fault() {
            FileError::Magic { found: f } => assert_eq!(f, found),
            other => panic!("{other}"),
        }
    }
    let path = put(&dir, "small.bin", b"");
    assert!(matches!(
        refusal(&path, None, &path).fault(),
        FileError::Kind {
            found: "an empty file",
            ..
        }
    ));
}

#[test]
fn paths_that_are_not_readable_files_are_refused() {
    let dir = folder();
    let here = dir.path();
    assert!(matches!(
        refusal(here, None, here).fault(),
        FileError::Kind {
            found: "a directory without `config.json`",
            ..
        }
    ));
    let gone = here.join("gone.bin");
    match refusal(&gone, None, &gone).fault() {
        FileError::Io { cause } => assert_eq!(cause.kind(), std::io::ErrorKind::NotFound),
        other => panic!("{other}"),
    }
    #[cfg(unix)]
    {
        let device = Path::new("/dev/null");
        assert!(matches!(
            refusal(device, None, device).fault(),
            FileError::Kind {
                expected: "a regular file",
                ..
            }
        ));
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_read_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    let path = put(&dir, "small.bin", &small_files()[0].1);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        println!("skipped: this user may read every file (root?)");
        return;
    }
    match refusal(&path, None, &path).fault() {
        FileError::Io { cause } => assert_eq!(cause.kind(), std::io::ErrorKind::PermissionDenied),
        other => panic!("{other}"),
    }
}

#[test]
fn configs_are_checked_and_named() {
    let dir = folder();
    let model = put(&dir, "small.bin", &small_files()[0].1);

    let alone = put(&dir, "alone.bin", &small_files()[0].1);
    let error = refusal(&alone, None, &alone);
    let message = error.to_string();
    assert!(
        message.contains("no config was given") && message.ends_with("alone.json` does not exist"),
        "{message}"
    );
    assert!(load(&alone, Some(&dir.path().join("small.json"))).is_ok());

    let gone = dir.path().join("gone.json");
    assert!(matches!(
        refusal(&model, Some(&gone), &gone).fault(),
        FileError::Io { .. }
    ));
    assert!(matches!(
        refusal(&model, Some(dir.path()), dir.path()).fault(),
        FileError::Kind {
            found: "a directory",
            ..
        }
    ));
    for json in [
        "",
        "{",
        "[]",
        "7",
        "{\"vocab_size\": 11}",
        "{\"vocab_size\": \"x\"}",
        "\u{0}",
        "{} {}",
    ] {
        let bad = put(&dir, "bad.json", json.as_bytes());
        match refusal(&model, Some(&bad), &bad).fault() {
            FileError::Config(ConfigError::Json { cause, .. }) => {
                assert!(cause.to_string().contains(" at line 1"), "{cause}")
            }
            other => panic!("{json}: {other}"),
        }
    }
    let nested = put(
        &dir,
        "bad.json",
        format!("{{\"x\": {}", "[".repeat(60_000)).as_bytes(),
    );
    assert!(matches!(
        refusal(&model, Some(&nested), &nested).fault(),
        FileError::Config(ConfigError::Json { .. })
    ));
    let long = put(&dir, "bad.json", &vec![b' '; 65_537]);
    assert!(matches!(
        refusal(&model, Some(&long), &long).fault(),
        FileError::Config(ConfigError::TooLong { .. })
    ));
    let zero = put(
        &dir,
        "bad.json",
        serde_json::to_string(&config())
            .unwrap()
            .replace(":7", ":0")
            .as_bytes(),
    );
    assert!(matches!(
        refusal(&model, Some(&zero), &zero).fault(),
        FileError::Config(ConfigError::Dimension { key: "d_model", .. })
    ));
}
