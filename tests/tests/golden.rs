//! The published models give the published outputs, on every backend.

use atome::{Options, Session};
use atome_tests::published::{CLASSIFIERS, distance, floats, folder, golden, load, tokens};
use atome_tests::runs;

#[test]
fn language_model_agrees_with_every_golden_on_every_backend() {
    let Some(folder) = folder() else { return };
    let records = golden(&folder, "golden_944k.json");
    for run in runs::all() {
        let model = load(&folder, "atome_944k.bin", "atome_944k.json", &run.options);
        let mut session = model.session().expect("a slot");
        for record in &records {
            let prompt = tokens(&record["tokens"]);
            session.reset();
            session.prefill(&prompt).expect("a prompt of bytes");
            let apart = distance(session.logits(), &floats(&record["logits"]));
            assert!(
                apart <= 5e-5,
                "{}: logits {apart:e} apart after {prompt:?}",
                run.name
            );
            let apart = distance(session.output(), &floats(&record["router_last"]));
            assert!(
                apart <= 1e-5,
                "{}: router {apart:e} apart after {prompt:?}",
                run.name
            );
            let greedy = tokens(&record["greedy"]);
            assert_eq!(
                continuation(&mut session, greedy.len()),
                greedy,
                "{}",
                run.name
            );
        }
    }
}

fn continuation(session: &mut Session, n: usize) -> Vec<u32> {
    let next = |_| {
        let token = session.argmax();
        session.step(token).expect("a byte");
        token
    };
    (0..n).map(next).collect()
}

#[test]
fn base3_file_gives_the_same_bits() {
    let Some(folder) = folder() else { return };
    let options = Options::default();
    let models = ["atome_944k.bin", "atome_944k.atome02"]
        .map(|file| load(&folder, file, "atome_944k.json", &options));
    let logits = models.map(|model| {
        let mut session = model.session().expect("a slot");
        session
            .prefill(&b"Once upon a time".map(u32::from))
            .expect("bytes");
        runs::bits(session.logits())
    });
    assert_eq!(logits[0], logits[1]);
}

#[test]
fn classifiers_agree_with_every_golden_on_every_backend() {
    let Some(folder) = folder() else { return };
    for name in CLASSIFIERS {
        let records = golden(&folder, &format!("golden_{name}.json"));
        for run in runs::all() {
            let file = format!("{name}.atomecl");
            let model = load(&folder, &file, "atomecl.json", &run.options);
            let mut session = model.session().expect("a slot");
            for record in &records {
                let input = tokens(&record["tokens"]);
                let class = session.classify(&input).expect("bytes");
                assert_eq!(u64::from(class), record["class"].as_u64().expect("a class"));
                let apart = distance(session.logits(), &floats(&record["logits"]));
                assert!(
                    apart <= 1e-5,
                    "{name}, {}: {apart:e} apart on {input:?}",
                    run.name
                );
            }
            // What is refused changes nothing.
            let before = (session.position(), runs::bits(session.logits()));
            for refused in [&[][..], &[1, model.vocab() as u32]] {
                session
                    .classify(refused)
                    .expect_err("no tokens of the model");
                assert_eq!((session.position(), runs::bits(session.logits())), before);
            }
        }
    }
}
