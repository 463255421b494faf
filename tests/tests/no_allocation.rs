//! After loading, nothing allocates: a counting allocator watches whole runs.

#![allow(
    unsafe_code,
    reason = "a global allocator is unsafe to implement, and rows have to be there"
)]

use atome::checkpoint::Checkpoint;
use atome::families::{AtomeConfig, BitMamba2Config, Config, HgrnBitConfig};
use atome::sampler::{Sampler, Sampling};
use atome::tokenizer::{TextDecoder, Tokenizer};
use atome::{BackendKind, Model, Options, Session};
use atome_kernels::ops::ByteRows;
use atome_tests::graphs;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Those of one thread.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    // A thread that ends has none any more.
    let _ = OWN.try_with(|own| own.set(own.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations, on any thread, while `work` runs.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    work();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

fn models() -> (Checkpoint, Checkpoint) {
    let config = AtomeConfig {
        vocab_size: 256,
        d_model: 80,
        n_layers: 2,
        d_head: 24,
        top_k: 4,
        kernel_size: 5,
        max_seq: 64,
    };
    let classifier = AtomeConfig {
        d_model: 32,
        d_head: 8,
        max_seq: 32,
        ..config.clone()
    };
    (
        Checkpoint::random(config, None, 3),
        Checkpoint::random(classifier, Some(5), 4),
    )
}

fn generate(session: &mut Session, sampler: &mut Sampler, tokens: &[u32]) {
    let mut costs = 0.0;
    let each = |_: usize, logits: &[f32]| costs += logits[0];
    session.prefill_with(tokens, each).expect("tokens");
    assert!(costs.is_finite());
    session.prefill(tokens).expect("tokens");
    for _ in 0..1000 {
        let token = sampler.sample(session.logits());
        session.step(token).expect("a sampled token");
        let _greedy = session.argmax();
    }
}

/// Every token's text, some of which spells parts of characters.
fn detokenise(tokenizer: &Tokenizer, tokens: u32) -> usize {
    let (mut decoder, mut bytes) = (TextDecoder::new(), 0);
    for id in (0..tokens).chain((0..tokens).rev()) {
        decoder.push(tokenizer.bytes(id), |text| bytes += text.len());
    }
    decoder.finish(|text| bytes += text.len());
    bytes
}

/// Runs without a test harness, whose own thread allocates. Like one, it does nothing when
/// asked for a list or for ignored tests.
fn main() {
    if std::env::args().any(|arg| arg == "--list" || arg == "--ignored") {
        return;
    }
    steps_prefill_sampling_and_classification();
    println!("test steps_prefill_sampling_and_classification_do_not_allocate ... ok");
    int8_steps_prefill_and_batches();
    println!("test int8_steps_prefill_and_batches_do_not_allocate ... ok");
    while_compiling();
    println!("test steps_do_not_allocate_while_another_thread_compiles ... ok");
    random_graphs();
    println!("test steps_prefill_and_batches_of_random_graphs_do_not_allocate ... ok");
    detokenising();
    println!("test detokenising_does_not_allocate ... ok");
    given_memory();
    println!("test sessions_in_given_memory_do_not_allocate ... ok");
    rows_of_bytes();
    println!("test rows_of_bytes_do_not_allocate ... ok");
}

fn given_memory() {
    let (language, _) = models();
    let options = Options {
        backend: BackendKind::Aot,
        sessions: 0,
        ..Options::default()
    };
    let model = Model::from_checkpoint(&language, &options).expect("loads");
    let memory = Box::leak(vec![0; model.session_room()].into_boxed_slice());
    let count = allocations(|| {
        let mut session = model.session_in(memory).expect("room");
        session.prefill(&[1, 2, 3]).expect("tokens");
        session.step(4).expect("a token");
    });
    assert_eq!(count, 0);
}

fn rows_of_bytes() {
    let (table, mut out) = (vec![1i8; 300], vec![0.0; 200]);
    let count = allocations(|| {
        // SAFETY: the table has three rows of 100.
        unsafe { ByteRows::best().embed(table.as_ptr(), &[2, 0], 0.5, 100, &mut out) };
    });
    assert_eq!((count, out[199]), (0, 0.5));
}

/// The default backend: what the compiling thread allocates is its own.
fn while_compiling() {
    let (language, _) = models();
    let tokens: Vec<u32> = (0..200).map(|t| t % 256).collect();
    for _ in 0..20 {
        let model = Model::from_checkpoint(&language, &Options::default()).expect("loads");
        let mut session = model.session().expect("a slot");
        let (mut steps, mut allocations) = (0, 0);
        while model.backend().compiling || steps < 300 {
            let before = OWN.get();
            session.step(tokens[steps % 200]).expect("a token");
            allocations += OWN.get() - before;
            steps += 1;
        }
        assert_eq!(allocations, 0, "{steps} steps");
    }
}

fn detokenising() {
    for (tokenizer, tokens) in [(Tokenizer::bytes_alone(), 256), (Tokenizer::gpt2(), 50_257)] {
        let mut bytes = 0;
        let count = allocations(|| bytes = detokenise(&tokenizer, tokens));
        assert_eq!(count, 0, "{tokens}");
        assert!(bytes > 2 * tokens as usize, "{bytes} bytes of text");
    }
}

fn steps_prefill_sampling_and_classification() {
    assert!(
        allocations(|| drop(std::hint::black_box(vec![1u8]))) > 0,
        "the counter counts"
    );
    let (language, classifier) = models();
    let tokens: Vec<u32> = (0..200).map(|t| t % 256).collect();
    let sampling = Sampling {
        repetition_penalty: 1.1,
        frequency_penalty: 0.1,
        presence_penalty: 0.1,
        temperature: 0.8,
        top_k: 40,
        top_p: 0.9,
        min_p: 0.01,
        seed: 1,
    };
    for backend in [BackendKind::Aot, BackendKind::Jit] {
        for threads in [1, 2] {
            let options = Options {
                backend,
                threads: Some(threads),
                ..Options::default()
            };
            let model = Model::from_checkpoint(&language, &options).expect("loads");
            let mut session = model.session().expect("a slot");
            let mut sampler = Sampler::new(sampling, model.vocab()).expect("valid sampling");
            let count = allocations(|| generate(&mut session, &mut sampler, &tokens));
            assert_eq!(count, 0, "{backend}, {threads} threads: 1,000 steps");

            let model = Model::from_checkpoint(&classifier, &options).expect("loads");
            let mut session = model.session().expect("a slot");
            let count = allocations(|| {
                session.classify(&tokens[..32]).expect("bytes");
            });
            assert_eq!(count, 0, "{backend}, {threads} threads: a classification");
        }
    }
}

/// Every part that graphs are made of, expressions among them.
fn random_graphs() {
    for seed in 0..40 {
        let source = Checkpoint::random(graphs::random(seed), None, seed);
        for backend in [BackendKind::Aot, BackendKind::Jit] {
            let options = Options {
                backend,
                threads: Some(1),
                sessions: 2,
                block: 8,
                ..Options::default()
            };
            let model = Model::from_checkpoint(&source, &options).expect("loads");
            let tokens: Vec<u32> = (0..20).map(|t| t % model.vocab() as u32).collect();
            let [mut a, mut b] = [(); 2].map(|()| model.session().expect("a slot"));
            let count = allocations(|| {
                a.prefill(&tokens).expect("tokens");
                tokens.iter().for_each(|t| a.step(*t).expect("a token"));
                model
                    .step_batch(&mut [&mut a, &mut b], &tokens[..2])
                    .expect("two tokens");
            });
            assert_eq!(count, 0, "{backend}, seed {seed}");
        }
    }
}

fn int8_steps_prefill_and_batches() {
    let bitmamba2 = BitMamba2Config {
        vocab_size: 300,
        d_model: 64,
        n_layers: 2,
        n_heads: 4,
    };
    let hgrn_bit = HgrnBitConfig {
        vocab_size: 300,
        hidden_size: 70,
        num_hidden_layers: 2,
        intermediate_size: 130,
        rms_norm_eps: 1e-6,
        use_lower_bound: true,
    };
    for config in [Config::from(bitmamba2), hgrn_bit.into()] {
        nothing_is_allocated(&Checkpoint::random(config, None, 5));
    }
}

fn nothing_is_allocated(source: &Checkpoint) {
    const SESSIONS: usize = 4;
    let tokens: Vec<u32> = (0..200).map(|t| t % 300).collect();
    for backend in [BackendKind::Aot, BackendKind::Jit] {
        for threads in [1, 2] {
            let options = Options {
                backend,
                threads: Some(threads),
                sessions: SESSIONS,
                ..Options::default()
            };
            let model = Model::from_checkpoint(source, &options).expect("loads");
            let mut sessions: Vec<Session> = (0..SESSIONS)
                .map(|_| model.session().expect("a slot"))
                .collect();
            let mut sampler = Sampler::new(Sampling::default(), model.vocab()).expect("valid");
            let count = allocations(|| generate(&mut sessions[0], &mut sampler, &tokens));
            assert_eq!(count, 0, "{backend}, {threads} threads: 1,000 steps");

            let mut batch: Vec<&mut Session> = sessions.iter_mut().collect();
            let count = allocations(|| {
                for ids in tokens.chunks_exact(SESSIONS) {
                    model.step_batch(&mut batch, ids).expect("tokens");
                }
            });
            assert_eq!(count, 0, "{backend}, {threads} threads: 50 batches");
        }
    }
}
