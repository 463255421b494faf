//! Whatever numbers safe code hands over, it gets an error in one line or a model that runs: sizes that overflow, models
//! whose public fields disagree, traits that answer wrongly.
#![forbid(unsafe_code)]

mod sizes;
mod tensors;
mod traits;

use atome::checkpoint::{Checkpoint, compare, write_packed};
use atome::families::{AtomeConfig, BitMamba2Config, Config};
use atome::format::{ContainerOptions, WriteError};
use atome::tensor::{Floats, Stored, Tensor, Tensors, Ternary, TernaryTensor, TritRows};
use atome::{BackendKind, FileError, LoadError, Model, Options, Packing, PrepareError};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const BACKENDS: [BackendKind; 3] = [BackendKind::Jit, BackendKind::Aot, BackendKind::Interp];

/// Those that this build has.
fn backends() -> impl Iterator<Item = BackendKind> {
    BACKENDS.into_iter().filter(|kind| kind.check().is_ok())
}

const ATOME: AtomeConfig = AtomeConfig {
    vocab_size: 16,
    d_model: 16,
    n_layers: 2,
    d_head: 8,
    top_k: 2,
    kernel_size: 3,
    max_seq: 8,
};
const BITMAMBA2: BitMamba2Config = BitMamba2Config {
    vocab_size: 16,
    d_model: 16,
    n_layers: 2,
    n_heads: 4,
};

fn atome() -> Checkpoint {
    Checkpoint::random(ATOME, None, 1)
}

fn bitmamba2() -> Checkpoint {
    Checkpoint::random(BITMAMBA2.clone(), None, 1)
}

fn options(backend: BackendKind) -> Options {
    Options {
        backend,
        threads: Some(1),
        ..Options::default()
    }
}

/// Runs a model past its window, block by block and row by row; gives the bits of the last logits.
fn run(model: &Model) -> Vec<u32> {
    let tokens: Vec<u32> = (0..20).map(|i| i * 7 % 16).collect();
    let mut session = model.session().unwrap();
    session.prefill_with(&tokens, |_, _| {}).unwrap();
    session.reset();
    session.prefill(&tokens).unwrap();
    session.logits().iter().map(|x| x.to_bits()).collect()
}

/// The message of a model that is refused, the same on every backend.
fn refused(case: &str, load: impl Fn(&Options) -> Result<Model, LoadError>) -> String {
    let messages = backends().map(|backend| match load(&options(backend)) {
        Err(fault) => fault.to_string(),
        Ok(model) => panic!("{case}: {backend} loads {model:?}"),
    });
    let messages: Vec<String> = messages.collect();
    assert!(messages.iter().all(|m| *m == messages[0]), "{messages:?}");
    assert!(!messages[0].contains('\n'), "{messages:?}");
    messages[0].clone()
}
