//! What a training promises: it learns, its model runs elsewhere with the same logits, and
//! neither threads nor interruptions change a bit of it.

use atome::{Model, Options};
use atome_train::{Settings, TrainError, Trainer};
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
    let model = Model::from_atome(&trainer.model(), &Options::default()).expect("a model");
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

#[test]
fn threads_change_nothing() {
    let (one, three) = (trained(5, 1), trained(5, 3));
    assert_eq!(one.model(), three.model());
}

#[test]
fn a_resumed_training_is_the_same_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("half.checkpoint");
    let whole = trained(8, 1);
    trained(3, 2).save(&path).expect("saved");
    let mut resumed = Trainer::resume(small(), text(30_000), &path).expect("resumed");
    assert_eq!(resumed.steps_done(), 3);
    for _ in 3..8 {
        resumed.step().expect("no divergence");
    }
    assert_eq!(resumed.model(), whole.model());
    let again = folder.path().join("again.checkpoint");
    resumed.save(&again).expect("saved");
    whole.save(&path).expect("saved");
    let read = |path| std::fs::read(path).expect("there");
    assert!(read(&path) == read(&again), "the checkpoints differ");
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.checkpoint");
    trained(1, 1).save(&path).expect("saved");
    let resume = |settings, text| Trainer::resume(settings, text, &path).err();
    let wider = Settings {
        d_model: 48,
        ..small()
    };
    let error = resume(wider, text(30_000)).expect("refused").to_string();
    assert!(
        error.contains("d-model is 32 in the checkpoint, but 48"),
        "{error}"
    );
    let error = resume(small(), text(40_000)).expect("refused").to_string();
    assert!(error.contains("the text's length"), "{error}");
    let longer = Settings {
        steps: 99,
        ..small()
    };
    assert!(
        resume(longer, text(30_000)).is_none(),
        "more steps are allowed"
    );

    let whole = std::fs::read(&path).expect("there");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("written");
        let error = Trainer::resume(small(), text(30_000), &path).err();
        assert!(
            matches!(error, Some(TrainError::Checkpoint { .. })),
            "{error:?}"
        );
    };
    for bytes in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..bytes]);
    }
    let mut broken = whole.clone();
    let last = broken.len() - 4;
    broken[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    refused(&broken);
}

#[test]
fn settings_and_texts_that_cannot_be_trained_are_refused() {
    let new = |settings, bytes: usize| Trainer::new(settings, text(bytes)[..bytes].into()).err();
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
