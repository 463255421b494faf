//! Models in memory whose tensors do not fit their dimensions.

use super::*;

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
    model.set(
        name,
        Tensor::Ternary(TernaryTensor {
            rows,
            scale,
            groups: None,
        }),
    );
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
