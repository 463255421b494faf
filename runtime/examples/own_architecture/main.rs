//! Runs an architecture that this crate has never heard of: a graph in text, with weights that `train.py` made or random
//! ones, on every backend.
//!
//! `cargo run --release --example own_architecture -- [WEIGHTS.safetensors]`

use atome::checkpoint::{Checkpoint, FloatOptions, quantize_file};
use atome::families::Config;
use atome::graph::Graph;
use atome::sampler::{Sampler, Sampling};
use atome::{BackendKind, Model, Options};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

const GRAPH: &str = include_str!("gated.graph");
/// Tokens to add.
const TOKENS: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let graph: Arc<Graph> = Arc::new(GRAPH.parse()?);
    let checkpoint = match std::env::args().nth(1) {
        Some(path) => {
            let mut options = FloatOptions::default();
            options.graph = Some(graph);
            quantize_file(&std::fs::read(path)?, &options)?.0
        }
        None => Checkpoint::random(Config::Graph(graph), None, 1),
    };
    println!("{} parameters", checkpoint.parameters());

    let mut texts = Vec::new();
    for backend in [BackendKind::Auto, BackendKind::Aot, BackendKind::Interp] {
        let options = Options {
            backend,
            ..Options::default()
        };
        let model = Model::from_checkpoint(&checkpoint, &options)?;
        let mut sampler = Sampler::new(Sampling::default(), model.vocab())?;
        let mut session = model.session()?;
        session.prefill(&b"# The kernel".map(u32::from))?;
        let start = Instant::now();
        let tokens = session.generate(&mut sampler).take(TOKENS);
        let tokens = tokens.collect::<Result<Vec<u32>, _>>()?;
        let per_second = TOKENS as f64 / start.elapsed().as_secs_f64();
        println!("{}: {per_second:.0} tokens/s", model.backend().backend);
        texts.push(tokens.into_iter().map(|id| id as u8).collect::<Vec<u8>>());
    }
    assert!(
        texts.iter().all(|text| *text == texts[0]),
        "the same tokens"
    );
    println!("{}", String::from_utf8_lossy(&texts[0]));
    Ok(())
}
