//! Tables that stay in a file are not read when a model is loaded: a row is checked when its token is asked for, before
//! anything of a session changes.

mod support;

use atome::checkpoint::{Checkpoint, gguf_bytes, load, random_bit2, write_packed};
use atome::families::BitMamba2Config;
use atome::format::ContainerOptions;
use atome::tensor::EmbeddingType;
use atome::{BackendKind, LoadError, Model, Options, Packing, RunError, Session};
use std::fs;
use std::path::{Path, PathBuf};
use support::{data_start, with_metadata, with_tensor};
use tempfile::TempDir;

const CONFIG: BitMamba2Config = BitMamba2Config {
    vocab_size: 3000,
    d_model: 36,
    n_layers: 2,
    n_heads: 6,
};
/// A token whose row is broken, and one of another block of rows.
const BROKEN: u32 = 2;
const SOUND: u32 = 2500;

const BACKENDS: [BackendKind; 4] = [
    BackendKind::Auto,
    BackendKind::Jit,
    BackendKind::Aot,
    BackendKind::Interp,
];

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Files {
        let folder = tempfile::tempdir().unwrap();
        Files { folder }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        let bytes = match name.ends_with("safetensors") {
            true => aligned(bytes),
            false => bytes.to_vec(),
        };
        fs::write(&path, bytes).unwrap();
        path
    }

    fn packed(&self, embedding: EmbeddingType) -> Vec<u8> {
        let path = self.folder.path().join("whole.safetensors");
        let mut options = ContainerOptions::packing(Packing::Int2);
        options.embedding = Some(embedding);
        let model = Checkpoint::random(CONFIG.clone(), None, 1);
        write_packed(&model, &path, &options, &mut |_, _| {}).unwrap();
        fs::read(path).unwrap()
    }

    /// Files with a row that is none, and what is said of it.
    fn broken(&self) -> Vec<(PathBuf, &'static str)> {
        let mut raw = random_bit2(&CONFIG, 1);
        let nan = f32::NAN.to_le_bytes();
        raw[36 + 4 * 36 * BROKEN as usize + 8..][..4].copy_from_slice(&nan);
        let row = |bytes: usize| bytes * BROKEN as usize;
        let f32 = with_tensor(&self.packed(EmbeddingType::F32), "embed", |b| {
            b[row(144) + 8..][..4].copy_from_slice(&nan);
        });
        let f16 = with_tensor(&self.packed(EmbeddingType::F16), "embed", |b| {
            b[row(128)..][..2].copy_from_slice(&[0, 0x7c]);
        });
        let int8 = with_tensor(&self.packed(EmbeddingType::Int8), "embed", |b| {
            b[row(64)] = 0x80;
        });
        // A finite number in the place of another, which no checksum was made for.
        let mut flipped = with_tensor(&self.packed(EmbeddingType::F32), "embed", |_| {});
        let other = with_tensor(&flipped, "embed", |b| b[row(144) + 8] ^= 1);
        let at = other.iter().zip(&flipped).rposition(|(a, b)| a != b);
        flipped[at.unwrap()] ^= 1;
        let model = Checkpoint::random(CONFIG.clone(), None, 1);
        let options = ContainerOptions::packing(Packing::Int2);
        let (mut gguf, _) = gguf_bytes(&model, &options).unwrap();
        let file = atome_gguf::Gguf::parse(&gguf).unwrap();
        let at = file.tensor("embed").unwrap().offset() as usize;
        gguf[at + row(144) + 8..][..4].copy_from_slice(&nan);
        vec![
            (
                self.write("table.gguf", &gguf),
                "token 2 has no row in `embed`: expected finite numbers, found NaN at byte ",
            ),
            (
                self.write("raw.bin", &raw),
                "token 2 has no row in `embed`: expected finite numbers, found NaN at byte 332 (element 74)",
            ),
            (
                self.write("f32.safetensors", &f32),
                "token 2 has no row in `embed`: expected finite numbers, found NaN at byte ",
            ),
            (
                self.write("f16.safetensors", &f16),
                "token 2 has no row in `embed`: expected finite f16 numbers, padded with 0, in row 2 at byte ",
            ),
            (
                self.write("int8.safetensors", &int8),
                "token 2 has no row in `embed`: expected finite int8 numbers, padded with 0, in row 2 at byte ",
            ),
            (
                self.write("flipped.safetensors", &flipped),
                "token 2 has no row in `embed`: 36864 bytes at ",
            ),
        ]
    }
}

/// The container with blanks behind its header, as those that are written: its tensors can stay in the file.
fn aligned(bytes: &[u8]) -> Vec<u8> {
    let start = data_start(bytes);
    let padded = start.next_multiple_of(256);
    let mut out = (padded as u64 - 8).to_le_bytes().to_vec();
    out.extend(&bytes[8..start]);
    out.resize(padded, b' ');
    out.extend(&bytes[start..]);
    out
}

fn options(backend: BackendKind) -> Options {
    Options {
        backend,
        sessions: 4,
        ..Options::default()
    }
}

fn bits(session: &Session) -> Vec<u32> {
    session.logits().iter().map(|x| x.to_bits()).collect()
}

fn state(session: &Session) -> Vec<u8> {
    let mut state = vec![0; session.state_bytes()];
    session.save_into(&mut state).unwrap();
    state
}

fn refused(result: Result<(), RunError>, expected: &str, case: &str) {
    let error = result.expect_err(case);
    assert!(
        matches!(error, RunError::Row { id: BROKEN, .. }),
        "{case}: {error:?}"
    );
    let message = error.to_string();
    assert!(message.starts_with(expected), "{case}: {message}");
    assert!(!message.contains('\n'), "{case}: {message}");
}

/// Every way in refuses the token and leaves sessions as they were.
fn refuses_the_row(model: &Model, expected: &str, case: &str) {
    let [mut a, mut b] = [(); 2].map(|()| model.session().unwrap());
    for session in [&mut a, &mut b] {
        session.prefill(&[SOUND, SOUND + 1, SOUND]).unwrap();
    }
    let before = (state(&a), bits(&a), a.position());
    refused(a.step(BROKEN), expected, case);
    refused(a.prefill(&[SOUND, SOUND, BROKEN]), expected, case);
    refused(
        a.prefill(&[&[SOUND; 100][..], &[BROKEN]].concat()),
        expected,
        case,
    );
    refused(
        a.prefill_with(&[SOUND, BROKEN], |_, _| panic!("{case}")),
        expected,
        case,
    );
    let batch = model.step_batch(&mut [&mut a, &mut b], &[SOUND, BROKEN]);
    refused(batch, expected, case);
    assert!(
        before == (state(&a), bits(&a), a.position()),
        "{case}: changed"
    );
    // As if nothing had been asked.
    model
        .step_batch(&mut [&mut a, &mut b], &[SOUND, SOUND])
        .unwrap();
    assert_eq!(bits(&a), bits(&b), "{case}");
}

#[test]
fn a_broken_row_is_refused_when_its_token_is_asked_for_and_only_then() {
    let files = Files::new();
    for (path, expected) in files.broken() {
        for backend in BACKENDS {
            let case = format!("{} by {backend}", path.display());
            let model = match Model::load(&path, None, &options(backend)) {
                Err(LoadError::Prepare(_)) if backend == BackendKind::Jit => continue,
                model => model.unwrap_or_else(|e| panic!("{case}: {e}")),
            };
            refuses_the_row(&model, expected, &case);
        }
    }
}

#[test]
fn who_reads_everything_checks_everything() {
    let files = Files::new();
    for (path, expected) in files.broken() {
        let (_, expected) = expected.split_once(": ").unwrap();
        let expected = expected
            .split_once(" at ")
            .map_or(expected, |(what, _)| what);
        let says = |error: String| {
            let damaged = expected.contains("bytes") && error.contains("have the checksum");
            assert!(
                error.contains("`embed`") && (error.contains(expected) || damaged),
                "{error}"
            );
        };
        let all = Options {
            check_tables: true,
            ..options(BackendKind::Aot)
        };
        says(Model::load(&path, None, &all).unwrap_err().to_string());
        // A `BIT2` file is checked as it is packed.
        let packed = files.folder.path().join("again.safetensors");
        match load(&path, None) {
            Err(error) => says(error.to_string()),
            Ok(model) => {
                let options = ContainerOptions::packing(Packing::Int2);
                let error = write_packed(&model, &packed, &options, &mut |_, _| {});
                says(error.unwrap_err().to_string());
            }
        }
    }
}

fn loads(path: &Path) -> Result<(), String> {
    let model = Model::load(path, None, &options(BackendKind::Aot));
    model.map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_file_without_checksums_of_blocks_is_checked_as_a_whole() {
    let files = Files::new();
    let old = with_metadata(&files.packed(EmbeddingType::F32), "blocks_crc32", None);
    loads(&files.write("old.safetensors", &old)).unwrap();
    let mut flipped = old.clone();
    let at = data_start(&old) + (old.len() - data_start(&old)) / 2;
    flipped[at] ^= 1;
    let error = loads(&files.write("old.safetensors", &flipped)).unwrap_err();
    assert!(error.contains("`embed`: 432000 bytes at"), "{error}");
}

#[test]
fn checksums_of_blocks_are_checked() {
    let files = Files::new();
    let file = files.packed(EmbeddingType::F32);
    for (value, expected) in [
        (
            "0123456x",
            "expected `blocks_crc32` to be 8 hexadecimal digits a block, found \"0123456x\"",
        ),
        (
            "01234567",
            "8 hexadecimal digits for each of 12 blocks, found \"1 times 8\"",
        ),
    ] {
        let changed = with_metadata(&file, "blocks_crc32", Some(value));
        let error = loads(&files.write("sums.safetensors", &changed)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    // One that is wrong is said where its block is.
    let wrong = with_metadata(&file, "blocks_crc32", Some(&"0".repeat(96)));
    let path = files.write("sums.safetensors", &wrong);
    loads(&path).unwrap();
    let error = load(&path, None).unwrap_err().to_string();
    assert!(error.contains("`embed`: 36864 bytes at"), "{error}");
}
