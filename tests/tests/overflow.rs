//! Models whose tensors are at extremes: the logits of an oracle in f64, or an error that says where the numbers leave f32;
//! the same on every backend.

use atome::checkpoint::{Checkpoint, parse_bit2, random_bit2};
use atome::eval::{Windows, evaluate};
use atome::families::{AtomeConfig, BitMamba2Config};
use atome::{BackendKind, Model, Options, RunError, Session};
use atome_tests::oracle::{Bit2, atome_logits};
use atome_tests::runs::bits;

const TOKENS: [u32; 4] = [1, 3, 0, 2];
/// From what vanishes to the greatest number.
const EXTREMES: [f32; 11] = [
    0.0,
    1e-45,
    1e-30,
    1e-10,
    1e5,
    1e10,
    1e15,
    1e19,
    1e25,
    1e30,
    f32::MAX,
];

/// What a model gives: the bits of its logits, or an error.
type Answer = Result<Vec<u32>, RunError>;

fn options(backend: BackendKind) -> Options {
    Options {
        backend,
        threads: Some(1),
        sessions: 3,
        ..Options::default()
    }
}

fn answer(session: &mut Session, tokens: &[u32]) -> Answer {
    session.prefill(tokens)?;
    Ok(bits(session.logits()))
}

/// Counts of answers.
#[derive(Debug, Default)]
struct Tally {
    right: usize,
    refused: usize,
    /// Those that roundings of f32 decide.
    unclear: usize,
}

impl Tally {
    /// Compares the answers of the backends with each other and with the oracle, whose logits may be off by so much.
    fn judge(&mut self, what: &str, model: &dyn Fn(&Options) -> Model, exact: &[f64], off: f64) {
        let mut backends = vec![BackendKind::Aot];
        if (self.right + self.refused).is_multiple_of(8) {
            backends.extend([BackendKind::Interp, BackendKind::Jit]);
        }
        let mut first: Option<Answer> = None;
        for backend in backends {
            let model = model(&options(backend));
            let mut session = model.session().expect("a slot");
            let found = answer(&mut session, &TOKENS);
            if let Err(error) = &found {
                is_named(&model, error, what);
                assert_eq!(session.step(0), Err(RunError::LostSession), "{what}");
            }
            match &first {
                None => first = Some(found),
                Some(first) => assert_eq!(&found, first, "{what}, {backend}"),
            }
        }
        let Some(Ok(found)) = first else {
            self.refused += 1;
            return;
        };
        for (found, exact) in found.iter().zip(exact) {
            let found = f64::from(f32::from_bits(*found));
            let apart = (found - exact).abs();
            assert!(
                apart <= off,
                "{what}: {found:e}, finite and wrong: it is {exact:e}"
            );
        }
        self.right += 1;
    }
}

/// The error names a tensor of the model, and the layer if there is one.
fn is_named(model: &Model, error: &RunError, what: &str) {
    let RunError::NotFinite { call, tensor } = error else {
        panic!("{what}: {error}");
    };
    let known = model.info().tensors.iter().any(|t| t.name == *tensor);
    assert!(known && !call.is_empty(), "{what}: {error}");
}

/// The greatest magnitude, or what is a subnormal f32 in any matrix of these models.
fn greatest(x: &[f64]) -> f64 {
    x.iter().fold(1e-35, |m: f64, x| m.max(x.abs()))
}

fn bit2(seed: u64) -> Bit2 {
    let config = BitMamba2Config {
        vocab_size: 5,
        d_model: 12,
        n_layers: 2,
        n_heads: 3,
    };
    Bit2::new(random_bit2(&config, seed))
}

fn load(file: &Bit2, options: &Options) -> Model {
    let model = parse_bit2(file.bytes().to_vec()).expect("a model");
    Model::from_checkpoint(&model, options).expect("loads")
}

/// Near enough that no more than a few activations were rounded to the other byte.
const NEAR_I8: f64 = 0.03;
const NEAR_F32: f64 = 2e-3;

fn judge_bit2(tally: &mut Tally, what: &str, file: &Bit2) {
    if parse_bit2(file.bytes().to_vec()).is_err() {
        // A scale whose inverse is no number.
        tally.refused += 1;
        return;
    }
    let exact = file.logits(&TOKENS);
    let off = NEAR_I8 * greatest(&exact);
    tally.judge(what, &|options| load(file, options), &exact, off);
}

#[test]
fn bitmamba2_at_extremes() {
    let mut tally = Tally::default();
    for (seed, extreme) in (0..).zip(EXTREMES) {
        let file = bit2(seed);
        for name in file.float_names() {
            for (kind, change) in kinds(extreme) {
                let mut file = file.clone();
                file.change(&name, &change);
                judge_bit2(&mut tally, &format!("{name} {kind} {extreme:e}"), &file);
            }
        }
        for name in file.matrix_names() {
            let mut file = file.clone();
            file.change(&name, |_, old| old * extreme.max(1e-30));
            judge_bit2(&mut tally, &format!("{name} scaled by {extreme:e}"), &file);
        }
    }
    println!("{tally:?}");
    assert!(
        tally.right > 2 * tally.refused && tally.refused > 10,
        "{tally:?}"
    );
}

/// Gives an element, by number and old value, a new value.
type Change = Box<dyn Fn(usize, f32) -> f32>;

/// Ways to put an extreme into a tensor.
fn kinds(extreme: f32) -> [(&'static str, Change); 5] {
    let limited = move |x: f32| x.clamp(f32::MIN, f32::MAX);
    [
        ("all", Box::new(move |_, _| extreme)),
        ("all negative", Box::new(move |_, _| -extreme)),
        (
            "the first",
            Box::new(move |i, old| if i == 0 { extreme } else { old }),
        ),
        (
            "every third, of both signs",
            Box::new(move |i, old| match i % 6 {
                0 => extreme,
                3 => -extreme,
                _ => old,
            }),
        ),
        ("scaled by", Box::new(move |_, old| limited(old * extreme))),
    ]
}

/// What was finite and wrong is right, not merely refused.
#[test]
fn what_f32_can_hold_is_right() {
    let mut tally = Tally::default();
    let mut file = bit2(1);
    file.change("0.A_log", |_, _| 89.0);
    file.change("0.dt_bias", |_, _| -120.0);
    judge_bit2(&mut tally, "an infinite rate of a step of 0", &file);
    for (rate, step) in [
        (200.0, -150.0),
        (200.0, -250.0),
        (95.0, -84.0),
        (88.0, -104.0),
    ] {
        file.change("0.A_log", |_, _| rate);
        file.change("0.dt_bias", |_, _| step);
        judge_bit2(&mut tally, &format!("rate e^{rate}, step e^{step}"), &file);
    }
    for (name, value) in [
        ("0.D", 1e20),
        ("1.D", 1e30),
        ("embed", 1e19),
        ("embed", 1e37),
    ] {
        let mut file = bit2(2);
        file.change(name, |_, old| old * value);
        judge_bit2(&mut tally, &format!("{name} times {value:e}"), &file);
    }
    for scale in [1e19, 1e25, 1e30, 1e36] {
        let mut model = atome(3, None);
        let set = model.edit_ternary("embed", |w| w.scale = scale);
        set.expect("in memory");
        judge_atome(&mut tally, &format!("embed.scale {scale:e}"), &model);
    }
    assert_eq!((tally.right, tally.refused), (13, 0));
}

fn atome(seed: u64, classes: Option<usize>) -> Checkpoint {
    let config = AtomeConfig {
        vocab_size: 5,
        d_model: 20,
        n_layers: 2,
        d_head: 6,
        // All positions, so that no choice depends on a rounding.
        top_k: 8,
        kernel_size: 3,
        max_seq: 8,
    };
    Checkpoint::random(config, classes, seed)
}

fn judge_atome(tally: &mut Tally, what: &str, model: &Checkpoint) {
    let load = |options: &Options| Model::from_checkpoint(model, options).expect("loads");
    let exact = atome_logits(model, &TOKENS, (0.0, 0));
    // What roundings of f32 change: a share of a softmax whose numbers are beyond 1e7 and nearly equal, above all.
    let noisy = |seed| {
        let noisy = atome_logits(model, &TOKENS, (f64::from(f32::EPSILON), seed));
        let apart: Vec<f64> = exact.iter().zip(noisy).map(|(x, y)| x - y).collect();
        greatest(&apart)
    };
    let noise = (0..16).map(noisy).fold(0.0, f64::max);
    let off = NEAR_F32 * greatest(&exact) + 4.0 * noise;
    if off > 0.1 * greatest(&exact) {
        tally.unclear += 1;
    }
    tally.judge(what, &load, &exact, off);
}

const MATRICES: [&str; 8] = [
    "embed",
    "blocks.0.conv",
    "blocks.0.wq",
    "blocks.1.wk",
    "blocks.0.wv",
    "blocks.0.router",
    "blocks.1.router",
    "unembed",
];
const VECTORS: [&str; 7] = [
    "blocks.0.norm.gamma",
    "blocks.1.norm.beta",
    "blocks.0.a",
    "blocks.0.b",
    "blocks.1.c",
    "norm.gamma",
    "norm.beta",
];

#[test]
fn atome_at_extremes() {
    let mut tally = Tally::default();
    for (seed, extreme) in (0..).zip(EXTREMES) {
        for name in MATRICES {
            let mut model = atome(seed, None);
            let set = model.edit_ternary(name, |w| w.scale = extreme);
            set.expect("in memory");
            judge_atome(&mut tally, &format!("{name}.scale {extreme:e}"), &model);
        }
        for name in VECTORS {
            for (kind, change) in kinds(extreme) {
                let mut model = atome(seed, None);
                let set = model.edit_floats(name, |values| {
                    let values = values.iter_mut().enumerate();
                    values.for_each(|(i, x)| *x = change(i, *x));
                });
                set.expect("in memory");
                judge_atome(&mut tally, &format!("{name} {kind} {extreme:e}"), &model);
            }
        }
    }
    println!("{tally:?}");
    assert!(tally.right > 10 * tally.unclear, "{tally:?}");
    assert!(
        tally.right > 2 * tally.refused && tally.refused > 10,
        "{tally:?}"
    );
}

/// Token 0 stays 0 through the model, every other one overflows in the recurrence of the second layer.
fn half_broken() -> Bit2 {
    let mut file = bit2(4);
    file.change("embed", |i, old| if i < 12 { 0.0 } else { old });
    file.change("0.conv_bias", |_, _| 0.0);
    file.change("1.conv_bias", |_, _| 0.0);
    file.change("1.in_norm", |_, old| old * 1e25);
    file
}

#[test]
fn a_lost_session_waits_for_a_reset_or_a_state() {
    for backend in [BackendKind::Aot, BackendKind::Interp, BackendKind::Jit] {
        let model = load(&half_broken(), &options(backend));
        let mut session = model.session().expect("a slot");
        session.step(0).expect("a token of zeros");
        let mut state = vec![0; session.state_bytes()];
        session.save_into(&mut state).expect("a state");
        let before = bits(session.logits());

        let error = session.step(1).expect_err("overflows");
        assert!(
            matches!(&error, RunError::NotFinite { call, .. } if call.starts_with("layers.1.")),
            "{error}"
        );
        let lost = Err(RunError::LostSession);
        assert_eq!(session.step(0), lost);
        assert_eq!(session.prefill_with(&[0], |_, _| panic!("no logits")), lost);
        assert_eq!(session.save_into(&mut state.clone()), lost);
        assert_eq!(session.fork().map(|_| ()), lost);
        assert_eq!(model.step_batch(&mut [&mut session], &[0]), lost);

        session.restore(&state).expect("a state");
        assert_eq!(bits(session.logits()), before);
        session.step(0).expect("goes on");
        session.prefill(&[0, 0, 1]).expect_err("overflows");
        session.reset();
        session.step(0).expect("goes on");

        let mut rows = 0;
        let error = session.prefill_with(&[0, 0, 2], |_, _| rows += 1);
        assert!(
            matches!(error, Err(RunError::NotFinite { .. })),
            "{error:?}"
        );
        assert_eq!(rows, 0, "a block is told of as a whole");
    }
}

#[test]
fn others_of_a_batch_go_on() {
    let model = load(&half_broken(), &options(BackendKind::Jit));
    let mut sessions = [(); 3].map(|()| model.session().expect("a slot"));
    let [a, b, c] = &mut sessions;
    let error = model.step_batch(&mut [a, b, c], &[0, 1, 0]);
    assert!(
        matches!(error, Err(RunError::NotFinite { .. })),
        "{error:?}"
    );
    assert_eq!(
        sessions.each_mut().map(|s| s.step(0)),
        [Ok(()), Err(RunError::LostSession), Ok(())]
    );
    let [a, _, c] = &sessions;
    assert_eq!((a.position(), bits(a.logits())), (2, bits(c.logits())));
}

#[test]
fn classes_and_scores_are_refused() {
    let mut classifier = atome(5, Some(3));
    let hot = classifier.edit_floats("blocks.1.norm.gamma", |x| x.fill(f32::MAX));
    hot.expect("in memory");
    let model = Model::from_checkpoint(&classifier, &Options::default()).expect("loads");
    let error = model.session().expect("a slot").classify(&TOKENS);
    assert!(
        matches!(error, Err(RunError::NotFinite { .. })),
        "{error:?}"
    );

    let model = load(&half_broken(), &Options::default());
    let windows = Windows::new(3, 1).expect("windows");
    let score = |tokens: &[u32]| evaluate(&model, tokens, windows, 2, &|_| {});
    assert!(score(&[0, 0, 0, 0, 0]).is_ok());
    assert!(matches!(
        score(&[0, 0, 1, 0, 0]),
        Err(RunError::NotFinite { .. })
    ));
}
