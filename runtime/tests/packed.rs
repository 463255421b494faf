//! BitMamba-2 models in the project's container: what is written is read back as it was and runs to the same bits
//! from its mapped file, and a broken one is refused.

mod support;

use atome::checkpoint::{
    Checkpoint, compare, load, parse_bit2, parse_checkpoint, random_bit2, write_packed,
};
use atome::families::{BitMamba2Config, Config};
use atome::format::{ContainerOptions, Format, WriteError};
use atome::tensor::{EmbeddingTable, EmbeddingType};
use atome::{FileError, Model, ModelBytes, Options, Packing, RunError};
use std::fs;
use std::path::{Path, PathBuf};
use support::{data_start, edited, with_metadata, with_tensor};
use tempfile::TempDir;

/// Widths that leave padding in words, tiles and tensors of every kind.
const CONFIG: BitMamba2Config = BitMamba2Config {
    vocab_size: 70,
    d_model: 36,
    n_layers: 2,
    n_heads: 6,
};

/// As small as can be, for what is tried at every byte.
const TINY: BitMamba2Config = BitMamba2Config {
    vocab_size: 3,
    d_model: 4,
    n_layers: 1,
    n_heads: 1,
};

const PACKINGS: [Packing; 2] = [Packing::Int2, Packing::Base3];
const EMBEDDINGS: [EmbeddingType; 3] =
    [EmbeddingType::F32, EmbeddingType::F16, EmbeddingType::Int8];
const TOKENS: [u32; 7] = [5, 69, 0, 33, 33, 12, 1];

/// Models of a folder that goes with the test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Packs a model; gives the path of the file.
    fn pack(&self, model: &Checkpoint, packing: Packing, embedding: EmbeddingType) -> PathBuf {
        let path = self.path(&format!("{packing}-{embedding}.safetensors"));
        let mut options = ContainerOptions::packing(packing);
        options.embedding = Some(embedding);
        write_packed(model, &path, &options, &mut |_, _| {}).unwrap();
        path
    }

    fn with(&self, bytes: &[u8]) -> PathBuf {
        let path = self.path("changed.safetensors");
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn every_way() -> impl Iterator<Item = (Packing, EmbeddingType)> {
    PACKINGS
        .into_iter()
        .flat_map(|packing| EMBEDDINGS.map(|embedding| (packing, embedding)))
}

fn read(path: &Path) -> Checkpoint {
    load(path, None).unwrap()
}

fn logits(model: &Model) -> Vec<u32> {
    let mut session = model.session().unwrap();
    session.prefill(&TOKENS).unwrap();
    session.logits().iter().map(|x| x.to_bits()).collect()
}

fn embed(model: &Checkpoint) -> &EmbeddingTable {
    model.tensors["embed"].as_table().unwrap()
}

/// The file with its embedding table as it is after packing.
fn with_rounded_table(model: &Checkpoint, packed: &Checkpoint) -> Checkpoint {
    let Config::BitMamba2(config) = model.config() else {
        panic!("{model:?}");
    };
    let mut bytes = random_bit2(config, 1);
    let embed = embed(packed);
    let (rows, cols) = embed.shape();
    let mut values = vec![0.0; rows * cols];
    embed.read(0..rows, &mut values).unwrap();
    // The file's header and the tensor's.
    let table = &mut bytes[36..36 + 4 * values.len()];
    for (to, value) in table.chunks_exact_mut(4).zip(values) {
        to.copy_from_slice(&value.to_le_bytes());
    }
    parse_bit2(bytes).unwrap()
}

#[test]
fn a_packed_model_runs_from_its_file_to_the_same_bits() {
    let (folder, source) = (Folder::new(), Checkpoint::random(CONFIG.clone(), None, 1));
    for (packing, embedding) in every_way() {
        let case = format!("{packing}, {embedding}");
        let path = folder.pack(&source, packing, embedding);
        let packed = read(&path);
        assert_eq!(packed.format, Format::Container);
        assert_eq!(embed(&packed).element_type(), embedding);
        assert_eq!(
            compare(&source, &packed, &mut |_, _| {}).unwrap(),
            None,
            "{case}"
        );

        let rounded = with_rounded_table(&source, &packed);
        let expected = logits(&Model::from_checkpoint(&rounded, &Options::default()).unwrap());
        let mapped = Model::load(&path, None, &Options::default()).unwrap();
        assert_eq!(logits(&mapped), expected, "{case}");
        let info = mapped.info();
        let kernels = mapped.kernels();
        let is_packed = |kernel: &str| kernel.contains(packing.name());
        assert!(info.mapped_bytes > 0 && kernels.iter().any(|k| is_packed(&k.kernel)));

        let bytes = fs::read(&path).unwrap();
        let copied = Model::from_bytes(&bytes, &Options::default()).unwrap();
        assert_eq!(
            (copied.info().mapped_bytes, logits(&copied)),
            (0, expected.clone()),
            "{case}"
        );
        let mut given = ModelBytes::new(bytes.len()).unwrap();
        given.as_mut_slice().copy_from_slice(&bytes);
        let given = Model::from_model_bytes(given, None, &Options::default()).unwrap();
        // What kernels read as it is stays in the bytes, as it does in a file.
        assert_eq!(
            (given.info().mapped_bytes, logits(&given)),
            (info.mapped_bytes, expected.clone()),
            "{case}"
        );
        for other in PACKINGS {
            let options = Options {
                packing: Some(other),
                ..Options::default()
            };
            let repacked = Model::load(&path, None, &options).unwrap();
            // The table stays in the file even then.
            let stays = repacked.info().mapped_bytes;
            assert!(stays > 0 && (stays == info.mapped_bytes) == (other == packing));
            assert_eq!(logits(&repacked), expected, "{case} as {other}");
        }
        // Nobody promises a header of a multiple of 256 bytes: matrices are copied then.
        let moved = folder.with(&edited(&bytes, |_| {}));
        let moved = Model::load(&moved, None, &Options::default()).unwrap();
        assert!(moved.info().mapped_bytes < info.mapped_bytes, "{case}");
        assert_eq!(logits(&moved), expected, "{case}");
    }
}

#[test]
fn rows_of_any_range_are_the_sources() {
    let (folder, source) = (Folder::new(), Checkpoint::random(CONFIG.clone(), None, 1));
    for packing in PACKINGS {
        let packed = read(&folder.pack(&source, packing, EmbeddingType::F32));
        let in_proj = |model: &Checkpoint| {
            let tensor = model.tensors["layers.1.in_proj"].as_ternary();
            tensor.unwrap().rows.clone()
        };
        let (a, b) = (in_proj(&source), in_proj(&packed));
        let (rows, cols) = a.shape();
        assert_eq!((a.name(), a.shape()), (b.name(), b.shape()));
        for range in [0..0, 0..rows, 1..2, 63..65, 64..128, 100..rows, rows..rows] {
            let [mut x, mut y] = [vec![9; range.len() * cols], vec![8; range.len() * cols]];
            a.read(range.clone(), &mut x).unwrap();
            b.read(range.clone(), &mut y).unwrap();
            assert_eq!(x, y, "{packing}, rows {range:?}");
        }
    }
}

#[test]
fn one_model_has_one_file_whatever_it_was_packed_from() {
    let (folder, source) = (Folder::new(), Checkpoint::random(CONFIG.clone(), None, 1));
    for (packing, embedding) in every_way() {
        let expected = fs::read(folder.pack(&source, packing, embedding)).unwrap();
        for other in PACKINGS {
            let between = read(&folder.pack(&source, other, embedding));
            let again = fs::read(folder.pack(&between, packing, embedding)).unwrap();
            assert!(again == expected, "{packing}, {embedding} by {other}");
        }
    }
}

#[test]
fn metadata_is_kept() {
    let (folder, source) = (Folder::new(), Checkpoint::random(CONFIG.clone(), None, 1));
    let path = folder.path("a.safetensors");
    let mut options = ContainerOptions::packing(Packing::Int2);
    options.provenance = Some("made \"here\"".into());
    let summary = write_packed(&source, &path, &options, &mut |_, _| {}).unwrap();
    assert_eq!(summary.bytes, fs::metadata(&path).unwrap().len());
    let read = read(&path);
    assert_eq!(read.provenance, options.provenance);
    assert_eq!(read.tokenizer, "none");
    let zeros = summary.tensors.iter().filter_map(|t| t.zeros);
    assert!(zeros.clone().count() == 5 && zeros.into_iter().all(|z| (0.2..0.5).contains(&z)));
}

#[test]
fn other_readers_open_it() {
    let (folder, source) = (Folder::new(), Checkpoint::random(CONFIG.clone(), None, 1));
    let bytes = fs::read(folder.pack(&source, Packing::Base3, EmbeddingType::F32)).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let table = tensors.tensor("embed").unwrap();
    assert_eq!(
        (table.dtype(), table.shape()),
        (safetensors::Dtype::F32, &[70, 36][..])
    );
    let mut expected = vec![0.0; 70 * 36];
    embed(&source).read(0..70, &mut expected).unwrap();
    let found = table
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(*b.first_chunk().unwrap()));
    assert!(found.eq(expected));
    assert_eq!(
        tensors.tensor("lm_head").unwrap().dtype(),
        safetensors::Dtype::U8
    );
    assert_eq!(
        tensors.tensor("layers.0.conv1d.weight").unwrap().shape(),
        [72, 1, 4]
    );
}

/// The fault of a file that must be refused, in one line.
fn refusal(bytes: &[u8]) -> FileError {
    let error = parse_checkpoint(bytes).expect_err("the file is broken");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

fn says(bytes: &[u8], expected: &str) {
    let message = refusal(bytes).to_string();
    assert!(
        message.contains(expected),
        "{message:?} has no {expected:?}"
    );
}

fn file(config: &BitMamba2Config, packing: Packing, embedding: EmbeddingType) -> Vec<u8> {
    let (folder, source) = (Folder::new(), Checkpoint::random(config.clone(), None, 1));
    fs::read(folder.pack(&source, packing, embedding)).unwrap()
}

#[test]
fn every_cut_is_refused() {
    for (packing, embedding) in every_way() {
        let bytes = file(&TINY, packing, embedding);
        for len in 8..bytes.len() {
            refusal(&bytes[..len]);
        }
        says(&[&bytes[..], &[0]].concat(), "1 bytes left over");
    }
    let folder = Folder::new();
    let bytes = file(&TINY, Packing::Int2, EmbeddingType::F32);
    for len in [0, 7, 8, 9, bytes.len() / 3, bytes.len() - 1] {
        assert!(
            load(&folder.with(&bytes[..len]), None).is_err(),
            "{len} bytes"
        );
    }
    let third = refusal(&bytes[..data_start(&bytes) + 300]).to_string();
    assert!(
        third.contains("`layers.0.out_proj` at byte") && third.contains("cut short"),
        "{third}"
    );
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = file(&TINY, Packing::Base3, EmbeddingType::Int8);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            assert!(parse_checkpoint(&bytes).is_err(), "bit {bit} of byte {at}");
        }
    }
    let mut flipped = bytes.clone();
    let start = data_start(&bytes);
    flipped[start] ^= 1;
    says(
        &flipped,
        &format!("`layers.0.in_proj`: 256 bytes at {start} have the checksum"),
    );
}

#[test]
fn what_is_never_written_is_refused_even_with_the_right_checksum() {
    use EmbeddingType::{F16, F32, Int8};
    let int2 = file(&CONFIG, Packing::Int2, F16);
    let base3 = file(&CONFIG, Packing::Base3, Int8);
    let plain = file(&CONFIG, Packing::Int2, F32);
    let broken = with_tensor(&int2, "layers.1.in_proj", |b| b[4] = 0xff);
    says(&broken, "`layers.1.in_proj`: word 1 is");
    let broken = with_tensor(&base3, "lm_head", |b| b[4] = 0x80);
    says(&broken, "`lm_head`: word 1 is");
    // Rows beyond the last.
    let broken = with_tensor(&int2, "layers.0.out_proj", |b| b[4 * 47] = 0);
    says(&broken, "`layers.0.out_proj`: word 47 is");
    let words = 4 * 80 * 3;
    let broken = with_tensor(&int2, "lm_head", |b| b[words] = 1);
    says(&broken, "`lm_head`: expected 0 as padding in the byte at");
    let nan = |b: &mut [u8]| b[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    says(
        &with_tensor(&plain, "embed", nan),
        "`embed`: expected finite numbers, found NaN at byte",
    );
    says(
        &with_tensor(&plain, "norm_f", nan),
        "`norm_f`: expected finite numbers, found NaN",
    );
    let broken = with_tensor(&int2, "embed", |b| b[128..130].copy_from_slice(&[0, 0x7c]));
    says(
        &broken,
        "`embed`: expected finite f16 numbers, padded with 0, in row 1",
    );
    let broken = with_tensor(&base3, "embed", |b| b[0] = 0x80);
    says(
        &broken,
        "`embed`: expected finite int8 numbers, padded with 0, in row 0",
    );
    let broken = with_tensor(&base3, "embed", |b| b[63] = 1);
    says(&broken, "in row 0");
    let negative = |b: &mut [u8]| b[..4].copy_from_slice(&(-1.0f32).to_le_bytes());
    says(
        &with_tensor(&base3, "embed.scales", negative),
        "`embed.scales`: expected",
    );
    parse_checkpoint(&with_tensor(&plain, "norm_f", negative)).unwrap();
}

#[test]
fn metadata_is_checked() {
    let bytes = file(&CONFIG, Packing::Int2, EmbeddingType::F32);
    let config = |text: &str| with_metadata(&bytes, "config", Some(text));
    let change = |key, value| with_metadata(&bytes, key, value);
    for (broken, expected) in [
        (
            change("architecture", Some("rwkv")),
            "expected `architecture` to be atome, bitmamba2, hgrn_bit or graph",
        ),
        (change("architecture", None), "`architecture` is missing"),
        (
            change("layout", Some("dense")),
            "expected `layout` to be tiled, found \"dense\"",
        ),
        (
            change("embedding", Some("f8")),
            "expected `embedding` to be f32, f16 or int8",
        ),
        (change("embedding", None), "`embedding` is missing"),
        (
            change("packing", Some("int4")),
            "expected `packing` to be int2 or base3",
        ),
        (
            change("packing", Some("base3")),
            "`layers.0.in_proj`: expected U8",
        ),
        (
            change("format_version", Some("2")),
            "expected `format_version` to be 1",
        ),
        (
            change("scales", Some("")),
            "expected `scales` to be `layers.0.in_proj=`",
        ),
        (config("{}"), "missing field `vocab_size`"),
        (
            config(r#"{"vocab_size":70,"d_model":38,"n_layers":2,"n_heads":6}"#),
            "config: expected `d_model` a multiple of 4, found 38",
        ),
        (
            config(r#"{"vocab_size":70,"d_model":36,"n_layers":2,"n_heads":5}"#),
            "expected `n_heads` a divisor of 2 d_model, which is 72",
        ),
        (
            config(r#"{"vocab_size":99999999,"d_model":36,"n_layers":2,"n_heads":6}"#),
            "expected `vocab_size` from 1 to 16777216",
        ),
        (
            config(r#"{"vocab_size":71,"d_model":36,"n_layers":2,"n_heads":6}"#),
            "`embed`: expected F32 [71, 36], found F32 [70, 36]",
        ),
        (
            config(r#"{"vocab_size":70,"d_model":36,"n_layers":1,"n_heads":6}"#),
            "`scales`",
        ),
    ] {
        says(&broken, expected);
    }
}

#[test]
fn zero_scales_are_refused() {
    let bytes = file(&TINY, Packing::Int2, EmbeddingType::F32);
    for scale in ["0.0", "-1.0", "NaN", "inf", "1e99"] {
        let scales = format!("layers.0.in_proj={scale} layers.0.out_proj=1.0 lm_head=1.0");
        says(
            &with_metadata(&bytes, "scales", Some(&scales)),
            "expected `scales` to be",
        );
    }
}

#[test]
fn a_table_too_large_for_f16_is_kept_out_and_nothing_is_left() {
    let folder = Folder::new();
    let mut bytes = random_bit2(&TINY, 1);
    bytes[36 + 16 + 4..][..4].copy_from_slice(&7e4f32.to_le_bytes());
    let model = parse_bit2(bytes).unwrap();
    let mut options = ContainerOptions::packing(Packing::Int2);
    options.embedding = Some(EmbeddingType::F16);
    let path = folder.path("a.safetensors");
    match write_packed(&model, &path, &options, &mut |_, _| {}) {
        Err(WriteError::TooLargeForF16 { row: 1, col: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 0);
}

#[test]
fn ids_beyond_the_vocabulary_are_refused() {
    let (folder, source) = (Folder::new(), Checkpoint::random(CONFIG.clone(), None, 1));
    let path = folder.pack(&source, Packing::Int2, EmbeddingType::Int8);
    let model = Model::load(&path, None, &Options::default()).unwrap();
    let refused = model.session().unwrap().prefill(&[70]);
    assert_eq!(
        refused,
        Err(RunError::TokenOutOfRange { id: 70, vocab: 70 })
    );
}
