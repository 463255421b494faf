//! Windows of a motion sensor as bytes, a classifier of them, and what it says of new ones: `sensor [OUT]` leaves the model
//! in `OUT` as `ATOMECL01`, with its dimensions beside it.

use atome::checkpoint::write_atomecl01;
use atome::classify::{Classifier, Dataset, Encoding, Report, bin};
use atome::{Model, Options};
use atome_train::{Settings, Trainer};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use std::error::Error;
use std::f32::consts::TAU;
use std::fmt::Write as _;
use std::path::Path;

/// Readings of a window, 50 a second.
const WINDOW: usize = 32;

/// An acceleration at rest, walking or running: its swing and its frequency, in g and Hz.
const MOTIONS: [(&str, f32, f32); 3] =
    [("rest", 0.02, 1.0), ("walk", 0.35, 1.9), ("run", 1.2, 2.9)];

/// A window of a motion that begins anywhere, with noise, as bytes of -2 g to 2 g.
fn window(rng: &mut ChaCha8Rng, (_, swing, hertz): (&str, f32, f32)) -> Vec<u8> {
    let (start, swing) = (
        rng.random_range(0.0..TAU),
        swing * rng.random_range(0.7..1.3),
    );
    let hertz = hertz * rng.random_range(0.9..1.1);
    (0..WINDOW)
        .map(|i| {
            let noise: f32 = rng.random_range(-0.08..0.08);
            let g = swing * (start + TAU * hertz * i as f32 / 50.0).sin() + noise;
            bin(g, -2.0, 2.0)
        })
        .collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // What `atome train --labels FILE --hex` reads.
    let mut lines = String::new();
    for _ in 0..1500 {
        let motion = MOTIONS[rng.random_range(0..MOTIONS.len())];
        let digits: String = window(&mut rng, motion)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(lines, "{}\t{digits}", motion.0)?;
    }
    let dataset = Dataset::parse(lines.as_bytes(), Encoding::Hex)?;
    let settings = Settings {
        sequence: WINDOW,
        steps: 400,
        ..Settings::classifier()
    };
    let mut trainer = Trainer::new(settings, dataset)?;
    while trainer.steps_done() < trainer.settings().steps {
        trainer.step()?;
    }
    let checkpoint = trainer.finished(0.9)?;
    let model = Model::from_checkpoint(&checkpoint, &Options::default())?;
    let mut classifier = Classifier::new(&model)?;
    let report = Report::of(&mut classifier, trainer.report_texts())?;
    println!(
        "{} windows held out, {:.3} of them right",
        report.texts, report.accuracy
    );
    for motion in MOTIONS {
        let verdict = classifier.classify(&window(&mut rng, motion))?;
        let name = &classifier.labels().names[verdict.best];
        println!("{}: {name} {:.3}", motion.0, verdict.probability);
    }
    if let Some(out) = std::env::args().nth(1) {
        std::fs::write(&out, write_atomecl01(&checkpoint)?)?;
        let config = serde_json::to_vec(&trainer.settings().config())?;
        std::fs::write(Path::new(&out).with_extension("json"), config)?;
    }
    Ok(())
}
