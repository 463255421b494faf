//! Sessions in memory that somebody gives.

use atome::checkpoint::{Checkpoint, write_atome01, write_container};
use atome::families::AtomeConfig;
use atome::format::ContainerOptions;
use atome::{LoadError, Model, ModelBytes, Options, Packing, RunError, Session};
use std::error::Error;
use std::thread;

const CONFIG: AtomeConfig = AtomeConfig {
    vocab_size: 60,
    d_model: 40,
    n_layers: 2,
    d_head: 8,
    top_k: 2,
    kernel_size: 3,
    max_seq: 16,
};
const TOKENS: [u32; 20] = [
    1, 5, 9, 3, 2, 2, 8, 59, 0, 7, 4, 4, 31, 30, 1, 1, 6, 50, 49, 12,
];

/// Memory with something in it.
fn memory(bytes: usize) -> &'static mut [u8] {
    Box::leak(vec![0xa5; bytes].into_boxed_slice())
}

fn bits(session: &Session) -> Vec<u32> {
    session.logits().iter().map(|x| x.to_bits()).collect()
}

fn after(session: &mut Session, tokens: &[u32]) -> Result<Vec<u32>, RunError> {
    session.prefill(tokens)?;
    Ok(bits(session))
}

#[test]
fn the_bits_are_those_of_the_arena() -> Result<(), Box<dyn Error>> {
    let source = Checkpoint::random(CONFIG, None, 5);
    let model = Model::from_checkpoint(&source, &Options::default())?;
    let mut inside = model.session()?;
    let mut given = model.session_in(memory(model.session_room()))?;
    assert_eq!(bits(&given), bits(&inside));
    assert_eq!(
        format!("{given:?}"),
        "Session { slot: given, position: 0, .. }"
    );
    assert_eq!(after(&mut given, &TOKENS)?, after(&mut inside, &TOKENS)?);
    let mut state = vec![0; inside.state_bytes()];
    inside.save_into(&mut state)?;
    given.reset();
    given.restore(&state)?;
    assert_eq!(after(&mut given, &TOKENS)?, after(&mut inside, &TOKENS)?);
    drop(inside);
    let mut fork = given.fork()?;
    let mut batch = [&mut fork, &mut given];
    model.step_batch(&mut batch, &[3, 3])?;
    assert_eq!(bits(&fork), bits(&given));
    Ok(())
}

#[test]
fn as_many_as_there_is_memory_for_without_a_slot() -> Result<(), Box<dyn Error>> {
    let source = Checkpoint::random(CONFIG, None, 6);
    let options = Options {
        sessions: 0,
        ..Options::default()
    };
    let model = Model::from_checkpoint(&source, &options)?;
    assert!(matches!(
        model.session(),
        Err(RunError::NoFreeSession { slots: 0 })
    ));
    let expected = after(
        &mut model.session_in(memory(model.session_room()))?,
        &TOKENS,
    )?;
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut session = model
                    .session_in(memory(model.session_room()))
                    .expect("room");
                assert_eq!(after(&mut session, &TOKENS).expect("tokens"), expected);
            });
        }
    });
    Ok(())
}

#[test]
fn too_little_memory_is_refused() -> Result<(), Box<dyn Error>> {
    let source = Checkpoint::random(CONFIG, None, 7);
    let model = Model::from_checkpoint(&source, &Options::default())?;
    let expected = model.session_room();
    let error = model.session_in(memory(64)).err().map(|e| e.to_string());
    let message = format!("a session needs {expected} bytes of memory, found 64");
    assert_eq!(error, Some(message));
    Ok(())
}

/// A model of bytes that stay the caller's, and of bytes that are given away.
fn lent_and_given(
    bytes: &[u8],
    config: Option<&[u8]>,
    options: &Options,
) -> [Result<Model, LoadError>; 2] {
    let mut given = ModelBytes::new(bytes.len()).expect("there is memory");
    given.as_mut_slice().copy_from_slice(bytes);
    [
        Model::from_bytes_with(bytes, config, options),
        Model::from_model_bytes(given, config, options),
    ]
}

#[test]
fn bytes_of_any_format_are_a_model() -> Result<(), Box<dyn Error>> {
    let source = Checkpoint::random(CONFIG, None, 8);
    let options = Options::default();
    let json = serde_json::to_vec(&CONFIG)?;
    let (bare, container) = (
        write_atome01(&source)?,
        write_container(&source, &ContainerOptions::packing(Packing::Base3))?,
    );
    let of = |model: Model| after(&mut model.session()?, &TOKENS);
    let expected = of(Model::from_checkpoint(&source, &options)?)?;
    for (bytes, config) in [
        (&bare, Some(&*json)),
        (&container, None),
        (&container, Some(&*json)),
    ] {
        for model in lent_and_given(bytes, config, &options) {
            assert_eq!(of(model?)?, expected);
        }
    }
    let refused = |bytes: &[u8], config: Option<&[u8]>| {
        let [lent, given] = lent_and_given(bytes, config, &options).map(|model| {
            let error = model.err().map(|error| error.to_string());
            error.unwrap_or_default()
        });
        assert_eq!(lent, given);
        lent
    };
    for end in (0..container.len()).step_by(7) {
        assert_ne!(refused(&container[..end], None), "", "{end}");
        let mut damaged = container.clone();
        damaged[end] ^= 4;
        assert_ne!(refused(&damaged, None), "", "{end}");
    }
    let other = serde_json::to_vec(&AtomeConfig {
        d_head: 9,
        ..CONFIG
    })?;
    assert_eq!(
        refused(&bare, None),
        "the model stores no dimensions, and no config was given"
    );
    assert_eq!(
        refused(&container, Some(&other)),
        "the config says `d_head` is 9, the file says 8"
    );
    assert!(refused(b"GGML", None).starts_with("expected the magic"));
    assert_eq!(refused(b"", None), "expected a model, found an empty file");
    Ok(())
}
