//! Depth costs no compilation: layers share the code of one.
#![cfg(feature = "jit")]

use atome::checkpoint::{Checkpoint, random_bit2};
use atome::families::{AtomeConfig, BitMamba2Config};
use atome::{BackendKind, Model, Options};
use std::error::Error;
use std::time::Instant;

fn options(backend: BackendKind, threads: usize) -> Options {
    Options {
        backend,
        threads: Some(threads),
        block: 4,
        ..Options::default()
    }
}

/// The bits of the logits after a few tokens, a block and a step.
fn answer(model: &Model) -> Result<Vec<u32>, Box<dyn Error>> {
    let mut session = model.session()?;
    session.prefill(&[1, 2, 3, 0, 2])?;
    session.step(3)?;
    Ok(session.logits().iter().map(|x| x.to_bits()).collect())
}

fn atome(n_layers: usize) -> Checkpoint {
    let config = AtomeConfig {
        vocab_size: 4,
        d_model: 1,
        n_layers,
        d_head: 1,
        top_k: 1,
        kernel_size: 1,
        max_seq: 4,
    };
    Checkpoint::random(config, None, 5)
}

#[test]
fn code_does_not_grow_with_the_layers() -> Result<(), Box<dyn Error>> {
    let code = |layers| -> Result<usize, Box<dyn Error>> {
        let jit = Model::from_checkpoint(&atome(layers), &options(BackendKind::Jit, 1))?;
        let aot = Model::from_checkpoint(&atome(layers), &options(BackendKind::Aot, 1))?;
        assert_eq!(answer(&jit)?, answer(&aot)?, "{layers} layers");
        Ok(jit.backend().code_bytes)
    };
    let two = code(2)?;
    for layers in [1, 3, 17, 300] {
        let bytes = code(layers)?;
        assert!(
            bytes < two + two / 16,
            "{layers} layers: {bytes} bytes, two have {two}"
        );
    }
    Ok(())
}

#[test]
fn four_thousand_layers_are_compiled_as_one() -> Result<(), Box<dyn Error>> {
    let model = atome(4096);
    let load = |backend| -> Result<_, Box<dyn Error>> {
        let start = Instant::now();
        let loaded = Model::from_checkpoint(&model, &options(backend, 1))?;
        Ok((
            start.elapsed(),
            loaded.backend().code_bytes,
            answer(&loaded)?,
        ))
    };
    let (aot_time, _, aot) = load(BackendKind::Aot)?;
    let (jit_time, code_bytes, jit) = load(BackendKind::Jit)?;
    assert_eq!(jit, aot);
    assert!(code_bytes < 256 << 10, "{code_bytes} bytes of code");
    // Unrolled it took twenty times as long.
    let limit = 6 * aot_time + std::time::Duration::from_secs(1);
    assert!(jit_time < limit, "{jit_time:?}, ahead of time {aot_time:?}");
    Ok(())
}

#[test]
fn layers_of_the_other_family_share_code_too() -> Result<(), Box<dyn Error>> {
    let model = |n_layers| {
        let config = BitMamba2Config {
            vocab_size: 20,
            d_model: 64,
            n_layers,
            n_heads: 2,
        };
        random_bit2(&config, 3)
    };
    let directory = tempfile::TempDir::new()?;
    let mut codes = Vec::new();
    for layers in [2, 40] {
        let path = directory.path().join(format!("{layers}.bin"));
        std::fs::write(&path, model(layers))?;
        let load = |backend, threads| Model::load(&path, None, &options(backend, threads));
        let expected = answer(&load(BackendKind::Aot, 1)?)?;
        for threads in [1, 2] {
            let jit = load(BackendKind::Jit, threads)?;
            assert_eq!(
                answer(&jit)?,
                expected,
                "{layers} layers, {threads} threads"
            );
            codes.push(jit.backend().code_bytes);
        }
    }
    let [few, few_shared, many, many_shared] = codes[..] else {
        unreachable!("two models, two numbers of threads");
    };
    assert!(many < few + few / 16, "{many} bytes, {few}");
    assert!(
        many_shared < few_shared + few_shared / 16,
        "{many_shared} bytes, {few_shared}"
    );
    Ok(())
}
