//! Included models have the runtime's bits: the kernels of this build's instruction set, and portable ones; a token at a
//! time, and in blocks; matrices as code.

use atome::{BackendKind, DEFAULT_MODEL, Model, Options};

mod whole {
    atome_embed::include_model!("../../runtime/default.safetensors");
}

mod portable {
    atome_embed::include_model!(
        "../../runtime/default.safetensors",
        cpu = "portable",
        block = 7
    );
}

mod straight {
    atome_embed::include_model!(
        "../../runtime/default.safetensors",
        cpu = "portable",
        straight = ["blocks.0.wq", "blocks.1.router*"]
    );
}

mod straight_in_blocks {
    atome_embed::include_model!(
        "../../runtime/default.safetensors",
        cpu = "portable",
        block = 7,
        straight = ["blocks.*.router", "blocks.0.wv"]
    );
}

/// The logits after each prefix of the text, by the runtime.
fn expected(tokens: &[u32]) -> Vec<Vec<u32>> {
    let options = Options {
        backend: BackendKind::Aot,
        ..Options::default()
    };
    let model = Model::from_bytes(DEFAULT_MODEL, &options).expect("the model inside the crate");
    let mut session = model.session().expect("a first session");
    let each = tokens.iter().map(|token| {
        session.step(*token).expect("a byte");
        session.logits().iter().map(|x| x.to_bits()).collect()
    });
    each.collect()
}

/// More tokens than attention looks back, so that the oldest leave.
fn text() -> Vec<u32> {
    let bytes = b"And the king said unto them, Go and see. ".iter().cycle();
    bytes.take(150).map(|byte| u32::from(*byte)).collect()
}

/// Runs a test where memory for a model has room on the stack, on its way to the heap.
fn with_room(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(256 << 20);
    let joined = thread.spawn(test).expect("a thread").join();
    if let Err(panic) = joined {
        std::panic::resume_unwind(panic);
    }
}

macro_rules! agrees {
    ($model:ident) => {
        let tokens = text();
        let expected = expected(&tokens);
        let mut memory = Box::new($model::Memory::new());
        let mut model = $model::Model::new(&mut memory);
        for (i, token) in tokens.iter().enumerate() {
            let logits = model.step(*token).expect("a byte");
            let bits: Vec<u32> = logits.iter().map(|x| x.to_bits()).collect();
            assert_eq!(bits, expected[i], "after {} tokens", i + 1);
        }
        assert_eq!(model.position(), tokens.len() as u64);
        // All at once, from the start.
        model.reset();
        let logits = model.prefill(&tokens).expect("bytes");
        let bits: Vec<u32> = logits.iter().map(|x| x.to_bits()).collect();
        assert_eq!(Some(&bits), expected.last());
        let best = logits.iter().copied().fold(f32::MIN, f32::max);
        assert_eq!(model.logits()[model.argmax() as usize], best);
    };
}

#[test]
fn kernels_of_this_builds_instruction_set_have_the_runtimes_bits() {
    with_room(|| {
        agrees!(whole);
    });
}

#[test]
fn portable_kernels_and_blocks_have_the_runtimes_bits() {
    with_room(|| {
        agrees!(portable);
    });
    assert_eq!(portable::Model::BLOCK, 7);
}

#[test]
fn matrices_as_code_have_the_runtimes_bits() {
    with_room(|| {
        agrees!(straight);
        agrees!(straight_in_blocks);
    });
    // They are no data any more.
    const { assert!(straight::Model::WEIGHTS < whole::Model::WEIGHTS) };
    const { assert!(straight_in_blocks::Model::WEIGHTS < straight::Model::WEIGHTS) };
}

#[test]
fn a_wrong_token_is_told_and_changes_nothing() {
    with_room(|| {
        let mut memory = Box::new(whole::Memory::new());
        let mut model = whole::Model::new(&mut memory);
        assert_eq!(
            model.prefill::<u32>(&[]).map(|_| ()),
            Err(whole::Error::Empty)
        );
        let before = model.step(65).expect("a byte").to_vec();
        let wrong = model.prefill(&[66u32, 256]).map(|_| ());
        assert_eq!(wrong, Err(whole::Error::Token { id: 256 }));
        let message = wrong.expect_err("it is wrong").to_string();
        assert_eq!(message, "expected a token below 256, found 256");
        assert_eq!((model.logits().to_vec(), model.position()), (before, 1));
    });
}
