//! What a training promises: it learns, its model runs elsewhere with the same logits, and
//! neither threads nor interruptions change a bit of it.

use atome::checkpoint::compare;
use atome::{Model, Options};
use atome_train::{Cadence, Checkpoint, Settings, TrainError, Trainer};
use std::path::Path;
use std::sync::Arc;

/// Sentences of a little grammar: text that is far from random, and never the same.
fn text(bytes: usize) -> Arc<[u8]> {
    let subjects = [
        "the king",
        "a shepherd",
        "the people",
        "his servant",
        "the river",
    ];
    let verbs = [
        "went unto",
        "spake of",
        "saw",
        "remembered",
        "departed from",
    ];
    let objects = [
        "the city",
        "the mountain",
        "his house",
        "the sea",
        "all the land",
    ];
    let mut state = 7u32;
    let mut pick = |words: [&'static str; 5]| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        words[(state >> 16) as usize % 5]
    };
    let mut text = String::new();
    while text.len() < bytes {
        text += &format!(
            "And {} {} {}.\n",
            pick(subjects),
            pick(verbs),
            pick(objects)
        );
    }
    text.into_bytes().into()
}

fn small() -> Settings {
    Settings {
        d_model: 32,
        n_layers: 2,
        d_head: 8,
        sequence: 48,
        batch: 6,
        steps: 200,
        warmup: 10,
        ..Settings::default()
    }
}

fn trained(steps: u64, threads: usize) -> Trainer {
    let mut trainer = Trainer::new(small(), text(30_000)).expect("enough text");
    trainer.set_threads(threads);
    for _ in 0..steps {
        trainer.step().expect("no divergence");
    }
    trainer
}

fn cadence() -> Cadence {
    Cadence {
        evaluate: 5,
        sample: 0,
        prompt: b"And ".to_vec(),
        sample_bytes: 10,
        coverage: 0.9,
        provenance: None,
    }
}

/// Evaluates and saves a training.
fn saved(trainer: &mut Trainer, path: &Path) {
    trainer.evaluate(4);
    trainer.save(path, &cadence()).expect("saved");
}

fn resume(settings: Settings, text: Arc<[u8]>, path: &Path) -> Result<Trainer, TrainError> {
    Trainer::resume(settings, text, Checkpoint::read(path)?, &mut |_, _| {})
}

/// Bits a byte of a model that knows only how often each byte occurs.
fn order_0(text: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    text.iter().for_each(|&b| counts[usize::from(b)] += 1);
    let total = text.len() as f64;
    let bits = |&n: &u32| -f64::from(n) / total * (f64::from(n) / total).log2();
    counts.iter().filter(|&&n| n > 0).map(bits).sum()
}

#[test]
fn a_small_model_beats_byte_frequencies_clearly() {
    let trainer = trained(200, 2);
    let (learned, frequencies) = (
        trainer.held_out_bits(usize::MAX),
        order_0(trainer.held_out_text()),
    );
    assert!(
        learned < frequencies - 1.0,
        "{learned} against {frequencies}"
    );
}

#[test]
fn the_runtime_gives_the_logits_of_the_trainer() {
    let trainer = trained(30, 2);
    let model = Model::from_checkpoint(&trainer.model(), &Options::default()).expect("a model");
    let held_out = &trainer.held_out_text()[..48];
    let expected = trainer.logits(held_out).expect("logits");
    let mut session = model.session().expect("a slot");
    let mut worst = 0.0f32;
    for (&byte, expected) in held_out.iter().zip(expected.chunks_exact(256)) {
        session.step(u32::from(byte)).expect("a byte");
        for (found, expected) in session.logits().iter().zip(expected) {
            worst = worst.max((found - expected).abs());
        }
    }
    assert!(worst <= 1e-3, "the worst difference is {worst}");
    assert!(
        worst > 0.0,
        "two computations that differ in their order of sums"
    );
}

/// Checks that two trainings are at the same model, bit for bit.
fn same(a: &Trainer, b: &Trainer) {
    let differs = compare(&a.model(), &b.model(), &mut |_, _| {});
    assert_eq!(differs.expect("models in memory"), None);
}

#[test]
fn threads_change_nothing() {
    let (one, three) = (trained(5, 1), trained(5, 3));
    same(&one, &three);
}

#[test]
fn a_resumed_training_is_the_same_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("half.checkpoint");
    let mut whole = trained(3, 1);
    whole.evaluate(4);
    saved(&mut trained(3, 2), &path);
    let checkpoint = Checkpoint::read(&path).expect("whole");
    assert_eq!(checkpoint.settings(), &small());
    assert_eq!(checkpoint.cadence(), &cadence());
    let mut resumed = resume(small(), text(30_000), &path).expect("resumed");
    assert_eq!(resumed.steps_done(), 3);
    for _ in 3..8 {
        whole.step().expect("no divergence");
        resumed.step().expect("no divergence");
    }
    same(&resumed, &whole);
    let again = folder.path().join("again.checkpoint");
    resumed.save(&again, &cadence()).expect("saved");
    whole.save(&path, &cadence()).expect("saved");
    let read = |path| std::fs::read(path).expect("there");
    assert!(read(&path) == read(&again), "the checkpoints differ");
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.checkpoint");
    let nothing = trained(1, 1).save(&path, &cadence());
    assert!(matches!(nothing, Err(TrainError::NotEvaluated)));
    saved(&mut trained(2, 1), &path);
    let refused = |settings, text| {
        let error = resume(settings, text, &path).err().expect("refused");
        error.to_string()
    };
    let wider = Settings {
        d_model: 48,
        ..small()
    };
    let error = refused(wider, text(30_000));
    assert!(
        error.contains("d-model is 32 in the checkpoint, but 48"),
        "{error}"
    );
    let error = refused(small(), text(40_000));
    assert!(error.contains("the length of the text"), "{error}");
    let steps = |steps| Settings { steps, ..small() };
    let error = refused(steps(1), text(30_000));
    assert!(error.starts_with("steps: expected 2 to"), "{error}");
    for allowed in [2, 99, 400] {
        resume(steps(allowed), text(30_000), &path).expect("the steps may change");
    }
}

/// Every byte of the header, and every byte of every tensor but for the middles of large ones,
/// with one bit of it turned.
#[test]
fn a_checkpoint_with_a_wrong_bit_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.checkpoint");
    let tiny = Settings {
        d_model: 8,
        n_layers: 1,
        d_head: 4,
        ..small()
    };
    let mut trainer = Trainer::new(tiny, text(9_000)).expect("enough text");
    trainer.step().expect("no divergence");
    saved(&mut trainer, &path);
    let whole = std::fs::read(&path).expect("there");
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).expect("written");
        match Checkpoint::read(&path) {
            Err(TrainError::Checkpoint { .. }) => {}
            other => panic!("{what}: {:?}", other.map(|_| "read")),
        }
    };
    for bytes in [0, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..bytes], "cut short");
    }
    refused(&[&whole[..], &[0]].concat(), "a byte too many");
    let data = 8 + header_bytes(&whole);
    let mut damaged = whole.clone();
    // The tensors, each of some hundred bytes at least, are met many times in steps of 97.
    let everywhere = (0..data).chain((data..whole.len()).step_by(97));
    for at in everywhere.chain(whole.len() - 8..whole.len()) {
        let bit = 1 << (at % 8);
        damaged[at] ^= bit;
        refused(&damaged, &format!("byte {at}, bit {bit:#04x}"));
        damaged[at] ^= bit;
    }
    std::fs::write(&path, &damaged).expect("written");
    Checkpoint::read(&path).expect("the whole one is read");
}

/// Metadata that were written so, with their checksum: each says something that cannot be.
#[test]
fn a_checkpoint_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.checkpoint");
    saved(&mut trained(2, 1), &path);
    let whole = std::fs::read(&path).expect("there");
    let length = header_bytes(&whole);
    let header = std::str::from_utf8(&whole[8..8 + length]).expect("JSON");
    let edited = |from: &str, to: &str| {
        assert_eq!(header.matches(from).count(), 1, "{from} in {header}");
        let header = header.replace(from, to);
        let new_length = header.len() as u64;
        let data = &whole[8 + length..whole.len() - 4];
        let mut bytes = [&new_length.to_le_bytes()[..], header.as_bytes(), data].concat();
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        std::fs::write(&path, bytes).expect("written");
        Checkpoint::read(&path)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    edited(r#"\"seed\":1"#, r#"\"seed\":2"#).expect("another seed can be");
    for (from, to, part) in [
        (
            r#"\"version\":3"#,
            r#"\"version\":2"#,
            "version: expected 3",
        ),
        (
            r#"},\"step\":2"#,
            r#"},\"step\":18446744073709551615"#,
            "steps done: expected 1 to 200",
        ),
        (
            r#"},\"step\":2"#,
            r#"},\"step\":0"#,
            "steps done: expected 1 to 200, found 0",
        ),
        (
            r#"},\"step\":2"#,
            r#"},\"step\":1"#,
            "0 steps since step 2, found 1",
        ),
        (
            r#"\"steps\":200"#,
            r#"\"steps\":1"#,
            "steps done: expected 1 to 1, found 2",
        ),
        (r#"\"batch\":6"#, r#"\"batch\":0"#, "batch: expected 1"),
        (r#"\"d_model\":32"#, r#"\"d_model\":0"#, "d_model"),
        (r#"[{\"step\":2"#, r#"[{\"step\":9"#, "steps since step 9"),
        (
            r#"\"training\":"#,
            r#"\"training\":-"#,
            "losses of 0 or more",
        ),
        (
            r#"\"evaluate\":5"#,
            r#"\"evaluate\":0"#,
            "between evaluations",
        ),
        (r#"\"seed\":1"#, r#"\"seed\":-1"#, "invalid value"),
        (r#"\"seed\":1"#, r#"\"seed\":1,\"sead\":1"#, "unknown field"),
    ] {
        let error = edited(from, to).expect_err(to);
        assert!(error.contains(part), "{to}: {error}");
    }
    let start = header.find(r#"\"history\":["#).expect("a curve");
    let end = start + header[start..].find(']').expect("its end");
    let error = edited(&header[start..end], r#"\"history\":["#).expect_err("no curve");
    assert!(error.contains("points of the loss curve"), "{error}");
}

/// Length of the JSON that a safetensors file begins with.
fn header_bytes(file: &[u8]) -> usize {
    u64::from_le_bytes(*file.first_chunk().expect("a length")) as usize
}

#[test]
fn settings_and_texts_that_cannot_be_trained_are_refused() {
    let new = |settings, bytes: usize| {
        Trainer::new(settings, Arc::<[u8]>::from(&text(bytes)[..bytes])).err()
    };
    let narrow = Settings {
        d_model: 0,
        ..small()
    };
    assert!(matches!(new(narrow, 9000), Some(TrainError::Dimensions(_))));
    let rate = Settings {
        learning_rate: f64::NAN,
        ..small()
    };
    assert!(matches!(
        new(rate, 9000),
        Some(TrainError::Setting {
            name: "learning-rate",
            ..
        })
    ));
    assert!(matches!(
        new(small(), 0),
        Some(TrainError::ShortText { found: 0, .. })
    ));
    assert!(matches!(
        new(small(), 97),
        Some(TrainError::ShortText { found: 97, .. })
    ));
    assert!(new(small(), 98).is_none());
}
