//! Embedding tables of trits as kernels read them: in memory, in a container, mapped.

use atome::checkpoint::{Checkpoint, container_bytes, load, parse_container, write_packed};
use atome::families::AtomeConfig;
use atome::format::ContainerOptions;
use atome::graph::Graph;
use atome::{BackendKind, Model, Options, Packing, Section};
use std::error::Error;
use std::path::Path;

const PACKINGS: [Packing; 2] = [Packing::Int2, Packing::Base3];
const TOKENS: [u32; 9] = [1, 299, 9, 3, 0, 2, 88, 59, 299];

fn config(d_model: usize) -> AtomeConfig {
    AtomeConfig {
        vocab_size: 300,
        d_model,
        n_layers: 1,
        d_head: 8,
        top_k: 2,
        kernel_size: 3,
        max_seq: 16,
    }
}

fn options(table: Option<Packing>) -> ContainerOptions {
    let mut options = ContainerOptions::packing(Packing::Base3);
    options.table = table;
    options
}

fn bits(model: &Model) -> Result<Vec<u32>, Box<dyn Error>> {
    let mut session = model.session()?;
    session.prefill(&TOKENS[..4])?;
    for token in &TOKENS[4..] {
        session.step(*token)?;
    }
    Ok(session.logits().iter().map(|x| x.to_bits()).collect())
}

/// The section of the table, and its bytes.
fn table(model: &Model) -> (Section, usize) {
    let tensors = &model.info().tensors;
    let table = tensors.iter().find(|tensor| tensor.name == "embed");
    table.map_or((Section::Logits, 0), |table| (table.section, table.bytes))
}

#[test]
fn the_same_bits_wherever_the_table_is_and_however_it_is_packed() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.safetensors");
    for d_model in [16, 72, 330, 648] {
        let source = Checkpoint::random(config(d_model), None, d_model as u64);
        let plain = Model::from_checkpoint(&source, &Options::default())?;
        let (expected, fingerprint) = (bits(&plain)?, plain.fingerprint());
        for packing in PACKINGS {
            write_packed(&source, &path, &options(Some(packing)), &mut |_, _| {})?;
            let (bytes, _) = container_bytes(&source, &options(Some(packing)))?;
            assert_eq!(bytes, std::fs::read(&path)?);
            let row_bytes = 64 * d_model.div_ceil(if packing == Packing::Int2 { 256 } else { 320 });
            for backend in [BackendKind::Aot, BackendKind::Jit, BackendKind::Interp] {
                if backend.check().is_err() {
                    println!("skipped: {backend} is not of this build or system");
                    continue;
                }
                let with = |packing| Options {
                    backend,
                    packing,
                    ..Options::default()
                };
                let mapped = Model::load(&path, None, &with(None))?;
                let copied = Model::from_bytes(&bytes, &with(None))?;
                let repacked = Model::from_checkpoint(&source, &with(Some(packing)))?;
                for (model, section) in [
                    (&mapped, Section::File),
                    (&copied, Section::Weights),
                    (&repacked, Section::Weights),
                ] {
                    assert_eq!(bits(model)?, expected, "{d_model}, {packing}, {backend}");
                    assert_eq!(model.fingerprint(), fingerprint);
                    assert_eq!(table(model), (section, 300 * row_bytes));
                }
                for other in PACKINGS {
                    let model = Model::load(&path, None, &with(Some(other)))?;
                    assert_eq!(bits(&model)?, expected);
                    assert_eq!(model.fingerprint(), fingerprint);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_container_is_read_as_it_was_written() -> Result<(), Box<dyn Error>> {
    let source = Checkpoint::random(config(100), Some(3), 9);
    for table in [None, Some(Packing::Int2), Some(Packing::Base3)] {
        let (bytes, summary) = container_bytes(&source, &options(table))?;
        let (read, _) = parse_container(&bytes)?;
        assert_eq!(read.table_packing(), table);
        for ((name, a), (_, b)) in source.tensors().zip(read.tensors()) {
            if let (Some(a), Some(b)) = (a.as_ternary(), b.as_ternary()) {
                let (a, b) = (a.read()?, b.read()?);
                assert_eq!((a.trits, a.scale), (b.trits, b.scale), "{name}");
            }
        }
        let (again, _) = container_bytes(&read, &options(table))?;
        assert_eq!(again, bytes);
        let embed = summary.tensors.iter().find(|tensor| tensor.name == "embed");
        let expected = match table {
            None => 300 * 100 / 5,
            Some(_) => 300 * 64,
        };
        assert_eq!(embed.map(|tensor| tensor.bytes), Some(expected));
    }
    Ok(())
}

#[test]
fn damage_is_found() -> Result<(), Box<dyn Error>> {
    let source = Checkpoint::random(config(72), None, 10);
    for packing in PACKINGS {
        let (bytes, _) = container_bytes(&source, &options(Some(packing)))?;
        for cut in (0..bytes.len()).step_by(97) {
            assert!(parse_container(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let mut bytes = bytes;
        for at in (0..bytes.len()).step_by(53) {
            bytes[at] ^= 1 << (at % 8);
            assert!(parse_container(&bytes).is_err(), "byte {at}");
            bytes[at] ^= 1 << (at % 8);
        }
        // A value that no table has, under a checksum that is not its own.
        let stated = format!("\"embedding\":\"{packing}\"");
        let at = bytes
            .windows(stated.len())
            .position(|w| w == stated.as_bytes());
        bytes[at.expect("the key") + stated.len() - 2] = b'9';
        let error = parse_container(&bytes)
            .expect_err("a wrong value")
            .to_string();
        assert!(error.contains("checksum"), "{error}");
    }
    Ok(())
}

/// 32,000 rows of 4,096: 13 tiles of 64 bytes each.
#[test]
fn the_specifications_table() -> Result<(), Box<dyn Error>> {
    let text = "graph table {\n  %x = embedding embed(32000, 4096)\n  head {\n    %logits = linear unembed(%x, 2)\n  }\n}\n";
    let graph: Graph = text.parse()?;
    let source = Checkpoint::random(graph, None, 11);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table.safetensors");
    let summary = write_packed(
        &source,
        &path,
        &options(Some(Packing::Base3)),
        &mut |_, _| {},
    )?;
    assert_eq!(summary.tensors[0].name, "embed");
    assert_eq!(summary.tensors[0].bytes, 26_624_000);
    assert!(summary.bytes < 26_640_000, "{}", summary.bytes);
    let row = |model: &Model| -> Result<Vec<u32>, Box<dyn Error>> {
        let mut session = model.session()?;
        session.prefill(&[31_999, 0, 17])?;
        Ok(session.logits().iter().map(|x| x.to_bits()).collect())
    };
    let mapped = Model::load(Path::new(&path), None, &Options::default())?;
    assert_eq!(table(&mapped), (Section::File, 26_624_000));
    drop(source);
    let repacked = Options {
        packing: Some(Packing::Int2),
        ..Options::default()
    };
    let int2 = Model::from_checkpoint(&load(&path, None)?, &repacked)?;
    assert_eq!(table(&int2), (Section::Weights, 32_768_000));
    assert_eq!(row(&mapped)?, row(&int2)?);
    Ok(())
}
