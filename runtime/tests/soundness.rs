//! Whatever numbers safe code hands over, it gets an error in one line or a model that runs: sizes that overflow, models
//! whose public fields disagree, traits that answer wrongly.
#![forbid(unsafe_code)]

use atome::format::{
    AtomeConfig, BitMamba2Config, Checkpoint, Config, ContainerOptions, Floats, Stored, Tensor,
    Tensors, Ternary, TernaryTensor, TritRows, WriteError, compare, write_packed,
};
use atome::{BackendKind, FileError, LoadError, Model, Options, Packing, PrepareError};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const BACKENDS: [BackendKind; 3] = [BackendKind::Jit, BackendKind::Aot, BackendKind::Interp];

const ATOME: AtomeConfig = AtomeConfig {
    vocab_size: 16,
    d_model: 16,
    n_layers: 2,
    d_head: 8,
    top_k: 2,
    kernel_size: 3,
    max_seq: 8,
};
const BITMAMBA2: BitMamba2Config = BitMamba2Config {
    vocab_size: 16,
    d_model: 16,
    n_layers: 2,
    n_heads: 4,
};

fn atome() -> Checkpoint {
    Checkpoint::random(ATOME, None, 1)
}

fn bitmamba2() -> Checkpoint {
    Checkpoint::random(BITMAMBA2.clone(), None, 1)
}

fn options(backend: BackendKind) -> Options {
    Options {
        backend,
        threads: Some(1),
        ..Options::default()
    }
}

/// Runs a model past its window, block by block and row by row; gives the bits of the last logits.
fn run(model: &Model) -> Vec<u32> {
    let tokens: Vec<u32> = (0..20).map(|i| i * 7 % 16).collect();
    let mut session = model.session().unwrap();
    session.prefill_with(&tokens, |_, _| {}).unwrap();
    session.reset();
    session.prefill(&tokens).unwrap();
    session.logits().iter().map(|x| x.to_bits()).collect()
}

/// The message of a model that is refused, the same on every backend.
fn refused(case: &str, load: impl Fn(&Options) -> Result<Model, LoadError>) -> String {
    let messages = BACKENDS.map(|backend| match load(&options(backend)) {
        Err(fault) => fault.to_string(),
        Ok(model) => panic!("{case}: {backend} loads {model:?}"),
    });
    assert!(messages.iter().all(|m| *m == messages[0]), "{messages:?}");
    assert!(!messages[0].contains('\n'), "{messages:?}");
    messages[0].clone()
}

#[test]
fn blocks_of_any_length_are_refused_or_run() {
    let (atome, bitmamba2) = (atome(), bitmamba2());
    let expected = [
        run(&Model::from_checkpoint(&atome, &options(BackendKind::Aot)).unwrap()),
        run(&Model::from_checkpoint(&bitmamba2, &options(BackendKind::Aot)).unwrap()),
    ];
    let mut refused = 0;
    for shift in 0..usize::BITS {
        let power = 1usize << shift;
        for block in [
            power - 1,
            power,
            power + 1,
            power | power >> 1,
            usize::MAX - power,
        ] {
            let options = Options {
                block,
                ..options(BackendKind::Aot)
            };
            let models = [
                Model::from_checkpoint(&atome, &options),
                Model::from_checkpoint(&bitmamba2, &options),
            ];
            for (model, expected) in models.into_iter().zip(&expected) {
                match model {
                    Ok(model) => assert_eq!(&run(&model), expected, "block {block}"),
                    Err(LoadError::Prepare(
                        PrepareError::TooLarge { .. }
                        | PrepareError::ArenaMemory { .. }
                        | PrepareError::BlockTooLong { .. },
                    )) => refused += 1,
                    Err(other) => panic!("block {block}: {other}"),
                }
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn sizes_that_overflow_are_refused() {
    let (atome, bitmamba2) = (atome(), bitmamba2());
    for block in [1 << 62, (1 << 62) + 1, usize::MAX / 4, usize::MAX] {
        let with = |o: &Options| Options { block, ..o.clone() };
        let case = format!("block {block}");
        let message = refused(&case, |o| Model::from_checkpoint(&atome, &with(o)));
        let expected = format!("expected blocks of at most 2147483648 tokens, found {block}");
        assert_eq!(message, expected);
        refused(&case, |o| Model::from_checkpoint(&bitmamba2, &with(o)));
    }
    for sessions in [1 << 40, 1 << 62, usize::MAX] {
        let with = |o: &Options| Options {
            sessions,
            ..o.clone()
        };
        let message = refused("sessions", |o| Model::from_checkpoint(&atome, &with(o)));
        assert!(
            message.starts_with("no memory for an arena of"),
            "{message}"
        );
    }
    for threads in [1025, usize::MAX] {
        let with = |o: &Options| Options {
            threads: Some(threads),
            ..o.clone()
        };
        let message = refused("threads", |o| Model::from_checkpoint(&atome, &with(o)));
        assert_eq!(
            message,
            format!("expected at most 1024 threads, found {threads}")
        );
    }
}

#[test]
fn zeros_are_as_good_as_ones() {
    for backend in BACKENDS {
        let options = Options {
            block: 0,
            threads: Some(0),
            ..options(backend)
        };
        let model = Model::from_checkpoint(&atome(), &options).unwrap();
        run(&model);
        let options = Options {
            sessions: 0,
            ..options
        };
        let model = Model::from_checkpoint(&atome(), &options).unwrap();
        let message = model.session().unwrap_err().to_string();
        assert_eq!(message, "no free session: all 0 are in use");
    }
}

/// The message of dimensions that no model can have.
fn impossible(config: impl Into<Config>, classes: Option<usize>) -> String {
    let model = Checkpoint::new(config, classes, Tensors::new());
    model.unwrap_err().to_string()
}

#[test]
fn dimensions_that_cannot_be() {
    let atome = |edit: fn(&mut AtomeConfig)| {
        let mut config = ATOME;
        edit(&mut config);
        impossible(config, None)
    };
    let bitmamba2 = |edit: fn(&mut BitMamba2Config)| {
        let mut config = BITMAMBA2;
        edit(&mut config);
        impossible(config, None)
    };
    for (found, expected) in [
        (
            atome(|c| c.vocab_size = usize::MAX),
            "config: expected `vocab_size` from 1 to 16777216, found 18446744073709551615",
        ),
        (
            atome(|c| c.max_seq = 0),
            "config: expected `max_seq` from 1 to 1048576, found 0",
        ),
        (
            atome(|c| c.top_k = 0),
            "config: expected `top_k` from 1 to 4096, found 0",
        ),
        (
            atome(|c| c.kernel_size = 0),
            "config: expected `kernel_size` from 1 to 64, found 0",
        ),
        (
            impossible(ATOME, Some(0)),
            "expected 1 to 65536 classes, found 0",
        ),
        (
            bitmamba2(|c| c.d_model = usize::MAX),
            "config: expected `d_model` from 1 to 65536, found 18446744073709551615",
        ),
        (
            bitmamba2(|c| c.n_heads = 0),
            "config: expected `n_heads` from 1 to 65536, found 0",
        ),
        (
            bitmamba2(|c| c.n_layers = usize::MAX),
            "config: expected `n_layers` from 1 to 4096, found 18446744073709551615",
        ),
        (
            impossible(BITMAMBA2, Some(3)),
            "expected a language model, as all of its family are, found 3 classes",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

/// The tensors of a model with the dimensions of another.
fn with<C: Clone + Into<Config>>(model: &Checkpoint, config: &C, edit: fn(&mut C)) -> Checkpoint {
    let mut config = config.clone();
    edit(&mut config);
    Checkpoint::new(config, None, model.tensors.clone()).unwrap()
}

#[test]
fn tensors_of_an_atome_model_that_do_not_fit() {
    type Case = (fn(&mut Checkpoint), &'static str);
    let cases: [Case; 18] = [
        (
            |m| *m = with(m, &ATOME, |c| c.vocab_size = 1 << 24),
            "`embed`: expected 16777216 x 16 trits, found 16 x 16 trits",
        ),
        (
            |m| *m = with(m, &ATOME, |c| c.d_model = 1 << 16),
            "`embed`: expected 16 x 65536 trits, found 16 x 16 trits",
        ),
        (
            |m| *m = with(m, &ATOME, |c| c.d_model = 15),
            "`embed`: expected 16 x 15 trits, found 16 x 16 trits",
        ),
        (
            |m| *m = with(m, &ATOME, |c| c.d_head = 9),
            "`blocks.0.wq`: expected 9 x 16 trits, found 8 x 16 trits",
        ),
        (
            |m| *m = with(m, &ATOME, |c| c.n_layers = 3),
            "`blocks.2.norm.gamma`: expected 16 numbers, found no such tensor",
        ),
        (
            |m| *m = with(m, &ATOME, |c| c.n_layers = 1),
            "`blocks.1.a`: expected no such tensor",
        ),
        (
            |m| m.tensors.clear(),
            "`embed`: expected 16 x 16 trits, found no such tensor",
        ),
        (
            |m| *m = with(m, &ATOME, |c| c.kernel_size = 64),
            "`blocks.0.conv`: expected 16 x 64 trits, found 16 x 3 trits",
        ),
        (
            |m| {
                let edit = |w: &mut Ternary| (w.rows, w.trits) = (1 << 22, vec![1; 16 << 22]);
                m.edit_ternary("blocks.0.wv", edit).unwrap();
            },
            "`blocks.0.wv`: expected 16 x 16 trits, found 4194304 x 16 trits",
        ),
        (
            |m| {
                m.edit_ternary("blocks.1.wk", |w| w.rows = usize::MAX)
                    .unwrap()
            },
            "`blocks.1.wk`: expected 8 x 16 trits, found 18446744073709551615 x 16 trits",
        ),
        (
            |m| m.edit_ternary("unembed", |w| w.trits.truncate(5)).unwrap(),
            "`unembed`: expected 256 trits in rows 0..16, found 16 x 16 with 5 trits",
        ),
        (
            |m| m.edit_ternary("unembed", |w| w.trits[17] = 2).unwrap(),
            "`unembed`: weight at row 1, column 1 is 2, expected -1, 0 or 1",
        ),
        (
            |m| m.edit_ternary("embed", |w| w.trits[255] = -128).unwrap(),
            "`embed`: weight at row 15, column 15 is -128, expected -1, 0 or 1",
        ),
        (
            |m| {
                m.edit_ternary("blocks.1.router", |w| w.scale = f32::NAN)
                    .unwrap()
            },
            "`blocks.1.router`: expected a finite scale of 0 or more, found NaN",
        ),
        (
            |m| m.edit_ternary("embed", |w| w.scale = -1.0).unwrap(),
            "`embed`: expected a finite scale of 0 or more, found -1",
        ),
        (
            |m| m.edit_floats("norm.gamma", |x| x.push(1.0)).unwrap(),
            "`norm.gamma`: expected 16 numbers, found 17 numbers",
        ),
        (
            |m| m.set("blocks.0.a", m.tensors["embed"].clone()),
            "`blocks.0.a`: expected 16 numbers, found 16 x 16 trits",
        ),
        (
            |m| {
                let edit = |x: &mut Vec<f32>| x[3] = f32::INFINITY;
                m.edit_floats("blocks.1.norm.beta", edit).unwrap();
            },
            "`blocks.1.norm.beta`: expected finite numbers, found inf as element 3",
        ),
    ];
    for (edit, expected) in cases {
        let mut model = atome();
        edit(&mut model);
        let message = refused(expected, |o| Model::from_checkpoint(&model, o));
        assert_eq!(message, expected);
    }
}

#[test]
fn narrow_models_check_their_trits_too() {
    let config = AtomeConfig {
        d_model: 3,
        ..ATOME
    };
    let mut model = Checkpoint::random(config, None, 1);
    model.edit_ternary("embed", |w| w.trits[46] = 3).unwrap();
    let message = refused("narrow", |o| Model::from_checkpoint(&model, o));
    assert_eq!(
        message,
        "`embed`: weight at row 15, column 1 is 3, expected -1, 0 or 1"
    );
}

/// Puts a clone of a tensor in the place of another.
fn put(model: &mut Checkpoint, name: &str, other: &str) {
    model.set(name, model.tensors[other].clone());
}

/// Gives a matrix another scale.
fn rescale(model: &mut Checkpoint, name: &str, scale: f32) {
    let rows = model.tensors[name].as_ternary().unwrap().rows.clone();
    model.set(name, Tensor::Ternary(TernaryTensor { rows, scale }));
}

#[test]
fn tensors_of_a_bitmamba2_model_that_do_not_fit() {
    type Case = (fn(&mut Checkpoint), &'static str);
    let cases: [Case; 11] = [
        (
            |m| *m = with(m, &BITMAMBA2, |c| c.vocab_size = 1 << 24),
            "`embed`: expected 16777216 x 16 numbers, found 16 x 16 numbers",
        ),
        (
            |m| *m = with(m, &BITMAMBA2, |c| c.d_model = 1 << 14),
            "`embed`: expected 16 x 16384 numbers, found 16 x 16 numbers",
        ),
        (
            |m| *m = with(m, &BITMAMBA2, |c| c.n_heads = 8),
            "`layers.0.in_proj`: expected 88 x 16 trits, found 76 x 16 trits",
        ),
        (
            |m| *m = with(m, &BITMAMBA2, |c| c.n_layers = 1),
            "`layers.1.A_log`: expected no such tensor",
        ),
        (
            |m| drop(m.tensors.remove("layers.1.in_proj")),
            "`layers.1.in_proj`: expected 76 x 16 trits, found no such tensor",
        ),
        (
            |m| {
                let config = BitMamba2Config {
                    vocab_size: 64,
                    ..BITMAMBA2
                };
                let other = Checkpoint::random(config, None, 1);
                m.set("embed", other.tensors["embed"].clone());
            },
            "`embed`: expected 16 x 16 numbers, found 64 x 16 numbers",
        ),
        (
            |m| put(m, "layers.1.in_proj.norm", "layers.1.out_proj.norm"),
            "`layers.1.in_proj.norm`: expected 16 numbers, found 32 numbers",
        ),
        (
            |m| put(m, "layers.0.conv1d.weight", "norm_f"),
            "`layers.0.conv1d.weight`: expected 32 x 1 x 4 numbers, found 16 numbers",
        ),
        (
            |m| put(m, "layers.0.out_proj", "lm_head"),
            "`layers.0.out_proj`: expected 16 x 32 trits, found 16 x 16 trits",
        ),
        (
            |m| rescale(m, "lm_head", 0.0),
            "`lm_head`: expected a finite scale above 0, found 0",
        ),
        (
            |m| rescale(m, "lm_head", f32::INFINITY),
            "`lm_head`: expected a finite scale above 0, found inf",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("never.safetensors");
    for (edit, expected) in cases {
        let mut model = bitmamba2();
        edit(&mut model);
        let message = refused(expected, |o| Model::from_checkpoint(&model, o));
        assert_eq!(message, expected);
        // Whoever writes or compares such a model is told the same.
        let written = write_packed(
            &model,
            &path,
            &ContainerOptions::packing(Packing::Int2),
            &mut |_, _| {},
        );
        assert_eq!(written.unwrap_err().to_string(), expected);
        assert!(!path.exists());
        let compared = compare(&bitmamba2(), &model, &mut |_, _| {});
        assert_eq!(compared.unwrap_err().to_string(), expected);
        // What these answer for no model is not said, but they answer.
        let bytes = model.tensors().map(|(_, tensor)| tensor.source_bytes());
        let _ = (bytes.fold(0, u64::saturating_add), model.parameters());
    }
}

/// A matrix that does not keep to its word.
#[derive(Debug)]
struct Liar {
    shapes: Vec<(usize, usize)>,
    asked: AtomicUsize,
    trit: i8,
    stored: Option<Arc<dyn TritRows>>,
}

impl Liar {
    /// Tells one shape after the other, then the last for ever.
    fn new(shapes: &[(usize, usize)], trit: i8) -> Liar {
        Liar {
            shapes: shapes.to_vec(),
            asked: AtomicUsize::new(0),
            trit,
            stored: None,
        }
    }
}

impl TritRows for Liar {
    fn name(&self) -> &str {
        "liar"
    }

    fn shape(&self) -> (usize, usize) {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        self.shapes[asked.min(self.shapes.len() - 1)]
    }

    fn read(&self, _: Range<usize>, trits: &mut [i8]) -> Result<(), FileError> {
        trits.fill(self.trit);
        Ok(())
    }

    fn stored(&self, packing: Packing) -> Option<&Stored> {
        self.stored.as_ref()?.stored(packing)
    }
}

/// Puts a matrix into a model.
fn matrix(model: &mut Checkpoint, name: &str, rows: impl TritRows + 'static) {
    let (rows, scale) = (Arc::new(rows), 1.0);
    model.set(name, Tensor::Ternary(TernaryTensor { rows, scale }));
}

#[test]
fn matrices_that_lie_about_their_shape() {
    let huge = 1 << 20;
    let with = |liar: Liar| {
        let mut model = bitmamba2();
        matrix(&mut model, "layers.0.out_proj", liar);
        model
    };
    for shape in [
        (huge, 16),
        (16, huge),
        (0, 0),
        (usize::MAX, usize::MAX),
        (16, 31),
    ] {
        let message = refused("liar", |o| {
            Model::from_checkpoint(&with(Liar::new(&[shape], 1)), o)
        });
        let (rows, cols) = shape;
        assert_eq!(
            message,
            format!("`layers.0.out_proj`: expected 16 x 32 trits, found {rows} x {cols} trits")
        );
    }
    // One that tells the truth once is believed, and never asked again.
    let honest = Liar::new(&[(16, 32)], 1);
    let expected = run(&Model::from_checkpoint(&with(honest), &options(BackendKind::Aot)).unwrap());
    for backend in BACKENDS {
        let liar = with(Liar::new(&[(16, 32), (huge, huge), (0, 0)], 1));
        let model = Model::from_checkpoint(&liar, &options(backend)).unwrap();
        assert_eq!(run(&model), expected, "{backend}");
    }
    let message = refused("trits", |o| {
        Model::from_checkpoint(&with(Liar::new(&[(16, 32)], 7)), o)
    });
    assert_eq!(
        message,
        "`layers.0.out_proj`: weight at row 0, column 0 is 7, expected -1, 0 or 1"
    );
}

#[test]
fn matrices_that_show_the_bytes_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packed.safetensors");
    write_packed(
        &bitmamba2(),
        &path,
        &ContainerOptions::packing(Packing::Int2),
        &mut |_, _| {},
    )
    .unwrap();
    let packed = || atome::format::load(&path, None).unwrap();
    let message = refused("stored", |o| {
        let mut model = packed();
        let mut liar = Liar::new(&[(16, 32)], 1);
        let head = model.tensors["lm_head"].as_ternary().unwrap();
        liar.stored = Some(head.rows.clone());
        matrix(&mut model, "layers.1.out_proj", liar);
        Model::from_checkpoint(&model, o)
    });
    assert_eq!(message, "`liar`: expected 128 bytes in its file, found 64");
}

#[test]
fn plain_matrices_in_a_bitmamba2_model() {
    let plain = |rows, cols, trits| Ternary {
        name: "plain".into(),
        rows,
        cols,
        scale: 1.0,
        trits: vec![1; trits],
    };
    for trits in [0, 511, 513] {
        let mut model = bitmamba2();
        matrix(&mut model, "layers.0.out_proj", plain(16, 32, trits));
        let message = refused("plain", |o| Model::from_checkpoint(&model, o));
        assert!(
            message.starts_with("`plain`: expected 512 trits in rows 0..16, found 16 x 32 with"),
            "{message}"
        );
    }
    let overflow = plain(usize::MAX, usize::MAX, 4);
    assert!(overflow.read(5..9, &mut [0; 4]).is_err());
    let backwards = Range { start: 3, end: 1 };
    assert!(plain(4, 4, 16).read(backwards, &mut [0; 4]).is_err());
}

/// Floats that do not keep to their word.
#[derive(Debug)]
struct Claims {
    elems: Vec<usize>,
    asked: AtomicUsize,
    value: f32,
}

impl Floats for Claims {
    fn name(&self) -> &str {
        "claims"
    }

    fn elems(&self) -> usize {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        self.elems[asked.min(self.elems.len() - 1)]
    }

    fn read(&self, _: usize, values: &mut [f32]) -> Result<(), FileError> {
        values.fill(self.value);
        Ok(())
    }

    fn all(&self) -> Result<Vec<f32>, FileError> {
        Ok(Vec::new())
    }
}

#[test]
fn floats_that_lie_about_their_number() {
    let with = |elems: &[usize], value| {
        let mut model = bitmamba2();
        let claims = Claims {
            elems: elems.to_vec(),
            asked: AtomicUsize::new(0),
            value,
        };
        model.set("layers.1.dt_bias", Tensor::Floats(Arc::new(claims)));
        model
    };
    for elems in [0, 3, 5, 1 << 40, usize::MAX] {
        let message = refused("elems", |o| Model::from_checkpoint(&with(&[elems], 0.5), o));
        assert_eq!(
            message,
            format!("`layers.1.dt_bias`: expected 4 numbers, found {elems} numbers")
        );
    }
    for backend in BACKENDS {
        let model = with(&[4, 1 << 40, 0], 0.5);
        run(&Model::from_checkpoint(&model, &options(backend)).unwrap());
    }
    let message = refused("NaN", |o| Model::from_checkpoint(&with(&[4], f32::NAN), o));
    assert_eq!(
        message,
        "`layers.1.dt_bias`: expected finite numbers, found NaN as element 0"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("never.safetensors");
    let written = write_packed(
        &with(&[4], f32::NAN),
        &path,
        &ContainerOptions::packing(Packing::Int2),
        &mut |_, _| {},
    );
    let error: WriteError = written.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`layers.1.dt_bias`: expected finite numbers, found NaN as element 0"
    );
}
