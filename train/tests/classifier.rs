//! What training a classifier promises: it learns, its file answers with names elsewhere by the same logits, and neither
//! threads nor interruptions change a bit of it.

use atome::checkpoint::{compare, parse_checkpoint, write_atomecl01, write_container};
use atome::classify::{Classifier, Dataset, Encoding, Report};
use atome::format::ContainerOptions;
use atome::{Model, Options, Packing};
use atome_train::{Cadence, Checkpoint, Settings, TrainError, Trainer};
use std::path::Path;

/// Words of two invented languages and of none: their letters and endings differ, a little.
fn labels(texts: usize) -> Dataset {
    let languages = [
        (
            "north",
            ["skar", "hald", "brim", "tor", "vind"],
            ["en", "ar", "sk"],
        ),
        (
            "south",
            ["vela", "rosa", "mina", "cano", "luce"],
            ["ti", "ndo", "re"],
        ),
        ("?", ["xqz", "zzk", "qpw", "wvx", "kjq"], ["x", "q", "z"]),
    ];
    let mut state = 7u32;
    let mut pick = |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % n
    };
    let lines: String = (0..texts)
        .map(|_| {
            let (name, stems, ends) = languages[pick(3)];
            format!(
                "{name}\t{}{} {}{} {}\n",
                stems[pick(5)],
                ends[pick(3)],
                stems[pick(5)],
                ends[pick(3)],
                pick(100)
            )
        })
        .collect();
    Dataset::parse(lines.as_bytes(), Encoding::Text).expect("labelled texts")
}

fn small() -> Settings {
    Settings {
        d_model: 16,
        n_layers: 1,
        batch: 16,
        steps: 150,
        warmup: 10,
        ..Settings::classifier()
    }
}

fn trained(steps: u64, threads: usize) -> Trainer {
    let mut trainer = Trainer::new(small(), labels(900)).expect("enough texts");
    trainer.set_threads(threads);
    for _ in 0..steps {
        trainer.step().expect("no divergence");
    }
    trainer
}

#[test]
fn it_learns_and_its_file_answers_with_names() {
    let trainer = trained(150, 2);
    let model = trainer.finished(0.9).expect("calibrated");
    let file = write_container(&model, &ContainerOptions::packing(Packing::Base3)).expect("a file");
    let read = parse_checkpoint(&file).expect("the file is read");
    assert_eq!(read.labels, model.labels);
    let labels = read.labels.as_deref().expect("labels");
    assert_eq!(labels.names, ["?", "north", "south"]);
    assert!(labels.dataset.contains("CRC-32"), "{labels:?}");
    let loaded = Model::from_checkpoint(&read, &Options::default()).expect("a model");
    let mut classifier = Classifier::new(&loaded).expect("a classifier");
    let report = Report::of(&mut classifier, trainer.report_texts()).expect("answers");
    assert!(report.texts > 20 && report.accuracy > 0.9, "{report:?}");
    assert!(
        report.others > 5 && report.others_flagged > 0.8,
        "{report:?}"
    );
    // As ATOMECL01, which has no names, it is the same model.
    let bytes = write_atomecl01(&model).expect("a file");
    let config = trainer.settings().config();
    let again = atome::checkpoint::parse(&bytes, &config).expect("the format's own reader");
    assert_eq!(
        compare(&again, &model, &mut |_, _| {}).expect("in memory"),
        None
    );
    assert_eq!(again.classes(), Some(3));
}

#[test]
fn the_runtime_gives_the_logits_of_the_trainer() {
    // The published shape, with texts of every length.
    let settings = Settings {
        batch: 16,
        steps: 60,
        ..Settings::classifier()
    };
    let mut trainer = Trainer::new(settings, labels(900)).expect("enough texts");
    for _ in 0..60 {
        trainer.step().expect("no divergence");
    }
    let model = Model::from_checkpoint(&trainer.model(), &Options::default()).expect("a model");
    let mut session = model.session().expect("a slot");
    let mut worst = 0.0f32;
    for (i, (_, text)) in trainer.report_texts().into_iter().enumerate() {
        let text = &text[..1 + i % text.len()];
        let expected = trainer.logits(text).expect("logits");
        let tokens: Vec<u32> = text.iter().map(|byte| u32::from(*byte)).collect();
        session.classify(&tokens).expect("a classifier");
        for (found, expected) in session.logits().iter().zip(&expected) {
            worst = worst.max((found - expected).abs() / expected.abs().max(1.0));
        }
    }
    assert!(worst <= 1e-5, "the worst difference is {worst}");
    assert!(
        worst > 0.0,
        "two computations that differ in their order of sums"
    );
}

/// Checks that two trainings are at the same model, bit for bit, and say the same of it.
fn same(a: &Trainer, b: &Trainer) {
    let differs = compare(&a.model(), &b.model(), &mut |_, _| {});
    assert_eq!(differs.expect("models in memory"), None);
    let labels = |trainer: &Trainer| trainer.finished(0.9).expect("calibrated").labels;
    assert_eq!(labels(a), labels(b));
}

#[test]
fn threads_change_nothing() {
    same(&trained(12, 1), &trained(12, 3));
}

fn cadence() -> Cadence {
    Cadence {
        evaluate: 5,
        sample: 0,
        prompt: Vec::new(),
        sample_bytes: 0,
        coverage: 0.9,
        provenance: None,
    }
}

#[test]
fn a_resumed_training_is_the_same_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("half.checkpoint");
    let mut half = trained(4, 2);
    half.evaluate(4);
    half.save(&path, &cadence()).expect("saved");
    let resume = |dataset: Dataset| {
        let checkpoint = Checkpoint::read(&path).expect("whole");
        Trainer::resume(small(), dataset, checkpoint, &mut |_, _| {})
    };
    let mut resumed = resume(labels(900)).expect("resumed");
    for _ in 4..9 {
        resumed.step().expect("no divergence");
    }
    same(&resumed, &trained(9, 1));
    let error = resume(labels(901)).err().expect("other labels").to_string();
    assert!(error.contains("the length of the labels is "), "{error}");
    let text: std::sync::Arc<[u8]> = b"some text. ".repeat(200).into();
    let checkpoint = Checkpoint::read(&path).expect("whole");
    let error = Trainer::resume(small(), text, checkpoint, &mut |_, _| {});
    let error = error.err().expect("a text").to_string();
    assert!(
        error.contains("what is learned from is labels in the checkpoint, but text"),
        "{error}"
    );
}

#[test]
fn labels_that_cannot_be_learned_are_refused() {
    let new = |lines: &str| {
        let dataset = Dataset::parse(lines.as_bytes(), Encoding::Text).expect("lines");
        Trainer::new(small(), dataset).err()
    };
    let error = new("a\tx\na\ty\n").expect("one class");
    assert!(matches!(error, TrainError::Dataset(_)), "{error}");
    let error = new("a\tx\nb\ty\n").expect("two texts").to_string();
    assert!(error.starts_with("expected labelled texts to "), "{error}");
}

/// The published heads and ours are one format: the same tensors of the same shapes, and files as long.
#[test]
fn the_format_is_that_of_the_published_heads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/atome");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no ../shared/data/atome beside the workspace");
        return;
    };
    let config = Settings::classifier().config();
    let mut met = 0;
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.extension().is_none_or(|end| end != "atomecl") {
            continue;
        }
        let bytes = std::fs::read(&path).expect("readable");
        let published = atome::checkpoint::parse(&bytes, &config).expect("of the default shape");
        let classes = published.classes().expect("a classifier");
        let lines: String = (0..40 * classes)
            .map(|i| format!("{}\ttext {i}\n", i % classes))
            .collect();
        let dataset = Dataset::parse(lines.as_bytes(), Encoding::Text).expect("a dataset");
        let trainer = Trainer::new(Settings::classifier(), dataset).expect("enough texts");
        let ours = trainer.model();
        let shapes = |model: &atome::checkpoint::Checkpoint| -> Vec<(String, (usize, usize))> {
            let tensors = model.tensors();
            tensors
                .map(|(name, tensor)| (name.to_owned(), tensor.shape()))
                .collect()
        };
        assert_eq!(shapes(&ours), shapes(&published), "{}", path.display());
        let written = write_atomecl01(&ours).expect("a file");
        assert_eq!(written.len(), bytes.len(), "{}", path.display());
        assert_eq!(written[..8], bytes[..8]);
        met += 1;
    }
    assert!(met > 0, "no head in {}", folder.display());
}
