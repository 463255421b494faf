//! A saved state belongs to its model, whatever the model is loaded with, and to no other.

use atome::checkpoint::{
    Checkpoint, parse, write_atome01, write_atome02, write_container, write_packed,
};
use atome::families::{AtomeConfig, BitMamba2Config};
use atome::format::ContainerOptions;
use atome::tensor::EmbeddingType;
use atome::{BackendKind, Model, Options, Packing, RunError, Session};
use std::path::Path;

const ATOME: AtomeConfig = AtomeConfig {
    vocab_size: 30,
    d_model: 20,
    n_layers: 2,
    d_head: 5,
    top_k: 3,
    kernel_size: 4,
    max_seq: 9,
};
const BITMAMBA2: BitMamba2Config = BitMamba2Config {
    vocab_size: 30,
    d_model: 36,
    n_layers: 2,
    n_heads: 6,
};
/// Bytes before the tensors.
const HEADER: usize = 40;
/// Where the checksum of all other bytes is.
const CHECKSUM: usize = 32;

fn atome(seed: u64) -> Checkpoint {
    Checkpoint::random(ATOME, None, seed)
}

fn bitmamba2(seed: u64) -> Checkpoint {
    Checkpoint::random(BITMAMBA2.clone(), None, seed)
}

fn saved(session: &Session) -> Vec<u8> {
    let mut state = vec![0xee; session.state_bytes()];
    session.save_into(&mut state).unwrap();
    state
}

/// The state with the checksum that its bytes have.
fn sealed(mut state: Vec<u8>) -> Vec<u8> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&state[..CHECKSUM]);
    crc.update(&state[HEADER..]);
    state[CHECKSUM..HEADER].copy_from_slice(&u64::from(crc.finalize()).to_le_bytes());
    state
}

/// All that a session shows.
fn shown(session: &Session) -> (Vec<u32>, u32, u64, Vec<f32>) {
    let logits = session.logits().iter().map(|x| x.to_bits()).collect();
    let (argmax, position) = (session.argmax(), session.position());
    (logits, argmax, position, session.output().to_vec())
}

/// Ways to load a model that change neither its answers nor its states.
fn ways() -> Vec<Options> {
    let mut ways = Vec::new();
    for backend in [BackendKind::Jit, BackendKind::Aot, BackendKind::Interp] {
        for block in [1, 7, 32, 1000] {
            for packing in [None, Some(Packing::Int2), Some(Packing::Base3)] {
                ways.push(Options {
                    backend,
                    block,
                    packing,
                    threads: Some(1 + block % 2),
                    sessions: 2,
                    ..Options::default()
                });
            }
        }
    }
    ways
}

fn tokens(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| i * 11 % 30).collect()
}

/// Every way saves the same bytes and goes on from those of the first.
fn check(load: impl Fn(&Options) -> Model) {
    let ways = ways();
    let mut expected: Option<(Vec<Vec<u8>>, atome::Fingerprint)> = None;
    for options in &ways {
        let model = load(options);
        let mut session = model.session().unwrap();
        // Before the window is full, when it is, and beyond it.
        let mut states = vec![saved(&session)];
        for more in [3, 6, 16] {
            session.prefill(&tokens(more)).unwrap();
            states.push(saved(&session));
        }
        assert_eq!(states[0].len(), model.info().state_bytes);
        let found = (states, model.fingerprint());
        let expected = expected.get_or_insert_with(|| found.clone());
        assert_eq!(found.1, expected.1, "{options:?}");
        assert!(found.0 == expected.0, "{options:?}: other bytes");

        for (state, seen) in expected.0.iter().zip([0, 3, 9, 25]) {
            let mut fresh = model.session().unwrap();
            // Something to be forgotten.
            fresh.prefill(&tokens(20)).unwrap();
            fresh.restore(state).unwrap();
            assert_eq!(fresh.position(), seen);
            assert!(saved(&fresh) == *state, "{options:?}");
            let mut fork = {
                drop(session);
                fresh.fork().unwrap()
            };
            assert_eq!(shown(&fork), shown(&fresh));
            fork.prefill(&tokens(12)).unwrap();
            fresh.reset();
            fresh.prefill(&all_tokens(seen as usize)).unwrap();
            assert_eq!(shown(&fork), shown(&fresh), "{options:?} at {seen}");
            assert!(saved(&fork) == saved(&fresh));
            session = fork;
        }
    }
}

/// What a session of [`check`] has seen after `seen` tokens and then 12 more.
fn all_tokens(seen: usize) -> Vec<u32> {
    let all = [tokens(3), tokens(6), tokens(16)].concat();
    [&all[..seen], &tokens(12)].concat()
}

#[test]
fn a_state_depends_on_the_model_alone() {
    let model = atome(1);
    check(|options| Model::from_checkpoint(&model, options).unwrap());
    // Keys and values of several blocks of positions.
    let config = AtomeConfig {
        max_seq: 20,
        ..ATOME
    };
    let model = Checkpoint::random(config, None, 1);
    check(|options| Model::from_checkpoint(&model, options).unwrap());
    let model = bitmamba2(1);
    check(|options| Model::from_checkpoint(&model, options).unwrap());
}

/// Whatever order kernels read them in: `[d_head, max_seq]`, the position of a token its place modulo `max_seq`.
#[test]
fn keys_are_saved_element_by_element() {
    let config = AtomeConfig {
        max_seq: 40,
        ..ATOME
    };
    let model = Checkpoint::random(config, None, 1);
    let model = Model::from_checkpoint(&model, &Options::default()).unwrap();
    let mut session = model.session().unwrap();
    // Behind the inputs of the convolution and the state of the scan.
    let start = HEADER + 4 * (3 * ATOME.d_model + ATOME.d_model);
    let bytes = start..start + 4 * ATOME.d_head * 40;
    let mut before = vec![0; bytes.len()];
    for n in 0..50 {
        session.step(7).unwrap();
        let keys = saved(&session)[bytes.clone()].to_vec();
        let (rows, rows_before) = (keys.chunks_exact(4 * 40), before.chunks_exact(4 * 40));
        for (row, before) in rows.zip(rows_before) {
            let places = row.as_chunks::<4>().0.iter().zip(before.as_chunks::<4>().0);
            for (place, (key, before)) in places.enumerate() {
                assert_eq!(key != before, place == n % 40 && n < 40, "{n}: {place}");
                assert_eq!(*key != [0; 4], place <= n, "{n}: {place}");
            }
        }
        before = keys;
    }
}

fn pack(folder: &Path, packing: Packing, embedding: EmbeddingType) -> std::path::PathBuf {
    let path = folder.join(format!("{packing}-{embedding}.safetensors"));
    let mut options = ContainerOptions::packing(packing);
    options.embedding = Some(embedding);
    write_packed(&bitmamba2(1), &path, &options, &mut |_, _| {}).unwrap();
    path
}

#[test]
fn mapped_weights_have_the_states_of_their_file() {
    let folder = tempfile::tempdir().unwrap();
    for packing in [Packing::Int2, Packing::Base3] {
        for embedding in [EmbeddingType::F32, EmbeddingType::F16, EmbeddingType::Int8] {
            let path = pack(folder.path(), packing, embedding);
            check(|options| Model::load(&path, None, options).unwrap());
            let bytes = std::fs::read(&path).unwrap();
            let of = |model: Model| model.fingerprint();
            assert_eq!(
                of(Model::load(&path, None, &Options::default()).unwrap()),
                of(Model::from_bytes(&bytes, &Options::default()).unwrap()),
            );
        }
    }
}

/// The same weights have the same fingerprint where their files say the same of them.
#[test]
fn formats_that_share_fingerprints() {
    let fingerprint = |model: &Checkpoint| {
        let model = Model::from_checkpoint(model, &Options::default()).unwrap();
        model.fingerprint()
    };
    let model = atome(1);
    let expected = fingerprint(&model);
    for bytes in [
        write_atome01(&model).unwrap(),
        write_atome02(&model).unwrap(),
        write_container(&model, &ContainerOptions::packing(Packing::Base3)).unwrap(),
    ] {
        assert_eq!(fingerprint(&parse(&bytes, &ATOME).unwrap()), expected);
    }
    let folder = tempfile::tempdir().unwrap();
    let of = |packing, embedding| {
        let path = pack(folder.path(), packing, embedding);
        let model = Model::load(&path, None, &Options::default()).unwrap();
        model.fingerprint()
    };
    let source = Model::from_checkpoint(&bitmamba2(1), &Options::default()).unwrap();
    let source = source.fingerprint();
    assert_eq!(of(Packing::Int2, EmbeddingType::F32), source);
    // These tables hold other numbers.
    assert_ne!(of(Packing::Int2, EmbeddingType::F16), source);
    assert_ne!(of(Packing::Int2, EmbeddingType::Int8), source);
}

#[test]
fn every_number_of_a_model_is_in_its_fingerprint() {
    let fingerprint = |model: &Checkpoint| {
        let options = Options {
            backend: BackendKind::Aot,
            ..Options::default()
        };
        let model = Model::from_checkpoint(model, &options).unwrap();
        model.fingerprint().to_string()
    };
    fn turn(m: &mut Checkpoint, name: &str, i: usize) {
        let edit = m.edit_ternary(name, |w| w.trits[i] = (w.trits[i] + 2) % 3 - 1);
        edit.unwrap();
    }
    fn scale(m: &mut Checkpoint, name: &str, by: f32) {
        m.edit_ternary(name, |w| w.scale *= by).unwrap();
    }
    fn add(m: &mut Checkpoint, name: &str, i: usize) {
        m.edit_floats(name, |values| values[i] += 0.5).unwrap();
    }
    fn with(m: &mut Checkpoint, classes: Option<usize>, edit: fn(&mut AtomeConfig)) {
        let mut config = ATOME;
        edit(&mut config);
        *m = Checkpoint::new(config, classes, m.tensors.clone()).unwrap();
    }
    type Edit = fn(&mut Checkpoint);
    let edits: [Edit; 14] = [
        |_| {},
        |m| turn(m, "embed", 7),
        |m| scale(m, "embed", 2.0),
        |m| turn(m, "blocks.1.conv", 0),
        |m| turn(m, "blocks.0.wv", 399),
        |m| scale(m, "blocks.0.wq", 1.5),
        |m| add(m, "blocks.0.norm.beta", 19),
        |m| add(m, "blocks.1.a", 3),
        |m| add(m, "norm.gamma", 0),
        |m| turn(m, "unembed", 599),
        |m| with(m, None, |config| config.max_seq += 1),
        |m| with(m, None, |config| config.top_k += 1),
        |m| {
            m.set("head", m.tensors["unembed"].clone());
            with(m, Some(ATOME.vocab_size), |_| {});
        },
        |m| {
            let tensors = std::mem::take(&mut m.tensors).into_iter();
            let swapped = |name: String| match name.strip_prefix("blocks.") {
                Some(rest) if rest.starts_with('0') => name.replacen('0', "1", 1),
                Some(_) => name.replacen('1', "0", 1),
                None => name,
            };
            m.tensors = tensors.map(|(name, w)| (swapped(name), w)).collect();
        },
    ];
    let mut seen: Vec<String> = Vec::new();
    for edit in edits {
        let mut model = atome(1);
        edit(&mut model);
        seen.push(fingerprint(&model));
    }
    assert!(seen.iter().all(|f| f.len() == 16), "{seen:?}");
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[test]
fn states_of_others_are_refused() {
    let options = Options {
        backend: BackendKind::Aot,
        ..Options::default()
    };
    let open = |model: &Checkpoint| Model::from_checkpoint(model, &options).unwrap();
    let (model, other) = (open(&atome(1)), open(&atome(2)));
    let mut session = model.session().unwrap();
    session.prefill(&tokens(5)).unwrap();
    let state = saved(&session);
    let before = shown(&session);

    let mut stranger = other.session().unwrap();
    stranger.prefill(&tokens(2)).unwrap();
    let (mine, others) = (model.fingerprint(), other.fingerprint());
    assert_eq!(
        session.restore(&saved(&stranger)).unwrap_err().to_string(),
        format!(
            "the session state is of another model: expected the fingerprint {mine}, found {others}"
        )
    );
    let n = state.len();
    let with = |at: usize, bytes: &[u8]| {
        let mut state = state.clone();
        state[at..at + bytes.len()].copy_from_slice(bytes);
        state
    };
    // The argmax lies before the router's row.
    let argmax = n - 12 - 4;
    for (state, expected) in [
        (
            state[..n - 1].to_vec(),
            format!("a session state of this model has {n} bytes, found {}", n - 1),
        ),
        (
            [&state[..], &[0]].concat(),
            format!("a session state of this model has {n} bytes, found {}", n + 1),
        ),
        (
            Vec::new(),
            format!("a session state of this model has {n} bytes, found 0"),
        ),
        (
            with(0, b"GGUF\n"),
            "not a session state: expected `ATOMESTA` at its start, found \"GGUF\\nSTA\"".into(),
        ),
        (
            with(8, &[1]),
            "expected a session state of version 2, found version 1".into(),
        ),
        (
            sealed(with(24, &u64::MAX.to_le_bytes())),
            "not a session state: expected a position of at most 4611686018427387904, found 18446744073709551615".into(),
        ),
        (
            sealed(with(argmax, &30u32.to_le_bytes())),
            "not a session state: the greatest of 30 logits is number 30".into(),
        ),
    ] {
        let error: RunError = session.restore(&state).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(shown(&session), before, "a refused state changes nothing");
    }
    // Whatever bit was turned on the way, behind what says whose it is.
    for bit in 8 * 24..8 * n {
        let mut turned = state.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        let error = session.restore(&turned).unwrap_err();
        assert!(
            matches!(error, RunError::StateChecksum { .. }),
            "bit {bit}: {error}"
        );
    }
    assert_eq!(shown(&session), before);
    let wrong = session.save_into(&mut vec![0; n + 1]).unwrap_err();
    assert!(wrong.to_string().contains("bytes"), "{wrong}");
    session.restore(&state).unwrap();
    assert_eq!(shown(&session), before);
}

/// Any numbers behind a right header are a state: nothing is read or written out of bounds, and nothing of it is left
/// behind.
#[test]
fn hostile_states_do_no_harm() {
    for backend in [BackendKind::Jit, BackendKind::Aot, BackendKind::Interp] {
        let options = Options {
            backend,
            ..Options::default()
        };
        let models = [
            Model::from_checkpoint(&atome(1), &options).unwrap(),
            Model::from_checkpoint(&bitmamba2(1), &options).unwrap(),
        ];
        for model in models {
            let mut session = model.session().unwrap();
            session.prefill(&tokens(12)).unwrap();
            let (state, expected) = (saved(&session), shown(&session));
            for fill in [0xff, 0x7f, 0x80, 0x00] {
                for position in [0, 1, 8, 9, 10, 1 << 62] {
                    let mut hostile = state.clone();
                    hostile[24..CHECKSUM].copy_from_slice(&u64::to_le_bytes(position));
                    hostile[HEADER..].fill(fill);
                    // The argmax is the only number that is checked.
                    let router = model.info().tensors.iter().any(|t| t.name == "router");
                    let end = hostile.len() - if router { 12 } else { 0 };
                    hostile[end - 4..end].fill(0);
                    session.restore(&sealed(hostile)).unwrap();
                    // Numbers that are not finite end in an error of the step.
                    let ran = session.prefill(&tokens(12));
                    assert!(ran.is_ok() || fill != 0, "{ran:?}");
                    session.fork().unwrap_err();
                    session.reset();
                    session.prefill(&tokens(12)).unwrap();
                    assert_eq!(
                        shown(&session),
                        expected,
                        "{backend}, {fill:#x} at {position}"
                    );
                    assert!(saved(&session) == state);
                }
            }
            // A slot is as new when it is taken again.
            drop(session);
            let mut session = model.session().unwrap();
            session.prefill(&tokens(12)).unwrap();
            assert!(saved(&session) == state);
        }
    }
}

#[test]
fn models_and_sessions_can_be_printed() {
    let model = Model::from_checkpoint(&atome(1), &Options::default()).unwrap();
    let session = model.session().unwrap();
    let text = format!("{model:?}");
    assert!(
        text.contains("max_seq: 9") && text.contains("\"atome\""),
        "{text}"
    );
    assert_eq!(
        format!("{session:?}"),
        "Session { slot: 0, position: 0, .. }"
    );
}
