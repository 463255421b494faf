//! Implementations of the crate's traits that answer wrongly.

use super::*;

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
    for backend in backends() {
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
    let packed = || atome::checkpoint::load(&path, None).unwrap();
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
    for backend in backends() {
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
