//! `atome pack`: what goes in comes out, what is lost is said, what cannot be is refused.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome::checkpoint::{Checkpoint, load, parse_container};
use atome::format::quantize_absmean;
use atome::tensor::Tensor;
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::fs;
use support::{CONFIG, Fixture, language_model, published};

fn same_bytes(fixture: &Fixture, a: &str, b: &str) {
    let [a, b] = [a, b].map(|name| fs::read(fixture.path(name)).unwrap());
    assert!(a == b, "{} and {} bytes differ", a.len(), b.len());
}

/// Names, shapes and numbers of tensors.
type Weights = Vec<(String, Vec<usize>, Vec<f32>)>;

/// The weights of a model as floats, a matrix as `[rows, cols]`; `spread` makes them differ from their trits.
fn float_weights(model: &Checkpoint, spread: f32) -> Weights {
    let tensor = |(name, tensor): (&str, &Tensor)| match tensor {
        Tensor::Ternary(w) => {
            let w = w.read().unwrap();
            let noise = |i: usize| spread * ((i * 7919 % 1000) as f32 / 500.0 - 1.0);
            let weight = |(i, &trit): (usize, &i8)| w.scale * (f32::from(trit) + noise(i));
            let weights = w.trits.iter().enumerate().map(weight).collect();
            (name.to_owned(), vec![w.rows, w.cols], weights)
        }
        _ => {
            let values = model.floats(name).unwrap();
            (name.to_owned(), vec![values.len()], values)
        }
    };
    model.tensors().map(tensor).collect()
}

/// A safetensors file of float weights, all of one type.
fn float_file(weights: &[(String, Vec<usize>, Vec<f32>)], dtype: Dtype) -> Vec<u8> {
    let bytes = |values: &[f32]| -> Vec<u8> {
        let each = values.iter();
        match dtype {
            Dtype::F16 => each.flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
            Dtype::BF16 => each
                .flat_map(|&v| bf16::from_f32(v).to_le_bytes())
                .collect(),
            _ => each.flat_map(|&v| v.to_le_bytes()).collect(),
        }
    };
    let data: Vec<Vec<u8>> = weights.iter().map(|(_, _, values)| bytes(values)).collect();
    let views = weights.iter().zip(&data).map(|((name, shape, _), data)| {
        let view = TensorView::new(dtype, shape.clone(), data).unwrap();
        (name.clone(), view)
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn a_model_through_every_format_and_back() {
    let fixture = Fixture::new();
    for (packing, out) in [("int2", "lm-int2.safetensors"), ("base3", "lm.safetensors")] {
        let args = [
            "pack",
            "lm.bin",
            out,
            "--packing",
            packing,
            "--provenance",
            "a test",
        ];
        let said = fixture.ok(&args);
        assert!(said.contains("are equal"), "{said}");
        fixture.ok(&["pack", out, "back.atome01", "-q", "--force"]);
        same_bytes(&fixture, "lm.bin", "back.atome01");
        fixture.ok(&["pack", out, "back.atome02", "--force"]);
        same_bytes(&fixture, "lm2.bin", "back.atome02");
        let logits = |model| fixture.ok(&["logits", model, "--tokens", "1,2,3,250"]);
        assert_eq!(logits("lm.bin"), logits(out));
        let (_, info) = parse_container(&fs::read(fixture.path(out)).unwrap()).unwrap();
        assert_eq!(info.provenance.as_deref(), Some("a test"));
    }
    // The provenance stays, and the same input gives the same bytes.
    fixture.ok(&["pack", "lm-int2.safetensors", "again.safetensors"]);
    same_bytes(&fixture, "lm.safetensors", "again.safetensors");
    fixture.ok(&[
        "pack",
        "again.safetensors",
        "back.safetensors",
        "--packing",
        "int2",
    ]);
    same_bytes(&fixture, "lm-int2.safetensors", "back.safetensors");

    fixture.ok(&["pack", "cl.bin", "cl.safetensors"]);
    fixture.ok(&["pack", "cl.safetensors", "back.atomecl"]);
    same_bytes(&fixture, "cl.bin", "back.atomecl");
    let class = |model| fixture.ok(&["classify", model, "--tokens", "9,8,7"]);
    assert_eq!(class("cl.bin"), class("cl.safetensors"));
}

#[test]
fn an_embedding_table_as_kernels_read_it() {
    let fixture = Fixture::new();
    fixture.ok(&["pack", "lm.bin", "plain.safetensors"]);
    let logits = |model: &str| fixture.ok(&["logits", model, "--tokens", "1,2,3,250"]);
    let rows = u64::try_from(CONFIG.vocab_size).unwrap();
    for packing in ["int2", "base3"] {
        let out = format!("{packing}.safetensors");
        let args = ["pack", "lm.bin", &out, "--embedding", packing, "--json"];
        let answer = fixture.json(&args);
        let tensors = answer["tensors"].as_array().unwrap();
        let embed = tensors.iter().find(|t| t["name"] == "embed").unwrap();
        assert_eq!(embed["bytes"], 64 * rows);
        let inspected = fixture.json(&["inspect", &out, "--json"]);
        assert_eq!(inspected["mapped_bytes"], 64 * rows);
        assert_eq!(logits(&out), logits("plain.safetensors"));
        // It stays so, and goes away with the format.
        fixture.ok(&["pack", &out, "again.safetensors"]);
        same_bytes(&fixture, &out, "again.safetensors");
        fixture.ok(&["pack", &out, "back.atome01", "--force"]);
        same_bytes(&fixture, "lm.bin", "back.atome01");
    }
}

#[test]
fn the_published_model_through_a_container() {
    let Some(folder) = published() else { return };
    let fixture = Fixture::new();
    let source = folder.join("atome_944k.bin");
    let source = source.to_str().unwrap();
    let answer = fixture.json(&["pack", source, "m.safetensors", "--json"]);
    assert!(
        answer["bytes"].as_u64().unwrap() <= 240_000,
        "{}",
        answer["bytes"]
    );
    assert_eq!(answer["verified"]["trits"], 933_888);
    fixture.ok(&["pack", "m.safetensors", "m.bin"]);
    assert!(fs::read(fixture.path("m.bin")).unwrap() == fs::read(source).unwrap());
    let logits = |model| fixture.ok(&["logits", model, "--tokens", "79,110,99,101"]);
    assert_eq!(logits(source), logits("m.safetensors"));
}

#[test]
fn float_weights_are_quantised_by_the_formula() {
    let fixture = Fixture::new();
    let model = language_model();
    let dims = ["--top-k", "3", "--max-seq", "24"];
    for (dtype, name) in [
        (Dtype::F32, "F32"),
        (Dtype::F16, "F16"),
        (Dtype::BF16, "BF16"),
    ] {
        let weights = float_weights(&model, 0.3);
        fixture.write("floats.safetensors", &float_file(&weights, dtype));
        let args = ["pack", "floats.safetensors", "out.safetensors", "--json"];
        let answer = fixture.json(&[&args[..], &dims].concat());
        let packed = load(&fixture.path("out.safetensors"), None).unwrap();
        assert_eq!(packed.config().as_atome(), Some(&CONFIG));
        for (((tensor, shape, values), (_, packed)), row) in weights
            .iter()
            .zip(packed.tensors())
            .zip(answer["tensors"].as_array().unwrap())
        {
            let rounded: Vec<f32> = values
                .iter()
                .map(|&v| match dtype {
                    Dtype::F16 => f16::from_f32(v).to_f32(),
                    Dtype::BF16 => bf16::from_f32(v).to_f32(),
                    _ => v,
                })
                .collect();
            match packed {
                Tensor::Ternary(w) => {
                    let w = w.read().unwrap();
                    assert_eq!(
                        (w.scale, w.trits.clone()),
                        quantize_absmean(&rounded),
                        "{tensor}"
                    );
                    assert_eq!(shape, &[w.rows, w.cols]);
                    let zeros = w.trits.iter().filter(|&&t| t == 0).count();
                    let sparsity = row["sparsity"].as_f64().unwrap();
                    assert!((sparsity - zeros as f64 / w.trits.len() as f64).abs() < 1e-12);
                    assert_eq!(row["scale"].as_f64().unwrap() as f32, w.scale);
                    assert!(row["error"].as_f64().unwrap() > 0.01);
                }
                Tensor::Floats(values) => assert_eq!(values.all().unwrap(), rounded, "{tensor}"),
                other => panic!("{tensor}: {other:?}"),
            }
            assert_eq!(row["source_type"], name);
        }
    }
}

#[test]
fn scales_may_be_kept_or_given() {
    let fixture = Fixture::new();
    let model = language_model();
    fixture.write(
        "ternary.safetensors",
        &float_file(&float_weights(&model, 0.0), Dtype::F32),
    );
    let pack = |more: &[&str]| {
        let args = [
            "pack",
            "ternary.safetensors",
            "out.atome01",
            "--config",
            "lm.json",
            "--force",
        ];
        fixture.run(&[&args[..], more].concat())
    };
    let said = pack(&["--scale", "exact"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    same_bytes(&fixture, "lm.bin", "out.atome01");

    let said = pack(&[]);
    assert_eq!(said.code, Some(0));
    assert!(
        said.err
            .contains("ternary already and got another scale: use --scale exact"),
        "{}",
        said.err
    );
    assert!(pack(&["-q"]).err.is_empty());

    assert_eq!(pack(&["--scale", "0.125"]).code, Some(0));
    let scaled = load(&fixture.path("out.atome01"), None).unwrap();
    assert!(scaled.tensors().all(|(_, t)| match t {
        Tensor::Ternary(w) => w.scale == 0.125,
        _ => true,
    }));

    // Numbers of one absolute value with a long tail, as no ternary training gives.
    let mut weights = float_weights(&model, 0.0);
    for (_, _, values) in &mut weights {
        for (i, v) in values.iter_mut().enumerate() {
            *v = if i % 20 == 0 { 4.0 } else { 0.1 };
        }
    }
    fixture.write("ternary.safetensors", &float_file(&weights, Dtype::F32));
    let said = pack(&[]);
    assert!(
        said.err
            .contains("was this model trained with ternary weights?"),
        "{said:?}"
    );
    let said = pack(&["--scale", "exact"]);
    assert!(
        said.err
            .contains("`embed`: expected -s, 0 and s only, found 0.1 as element 1"),
        "{said:?}"
    );
}

#[test]
fn what_is_not_representable() {
    let fixture = Fixture::new();
    let weights = float_weights(&language_model(), 0.2);
    let file = |name: &str, edit: fn(&mut Weights)| {
        let mut weights = weights.clone();
        edit(&mut weights);
        fixture.write(name, &float_file(&weights, Dtype::F32));
    };
    file("whole.safetensors", |_| {});
    file("missing.safetensors", |w| {
        w.retain(|(name, _, _)| name != "blocks.1.wv");
    });
    file("extra.safetensors", |w| {
        w.push(("blocks.0.bias".into(), vec![1], vec![0.0]));
    });
    file("nan.safetensors", |w| w[5].2[3] = f32::NAN);
    file("shape.safetensors", |w| w[8].1 = vec![20, 6]);
    file("flat.safetensors", |w| w[0].1 = vec![256 * 20]);
    fixture.write("int.safetensors", &{
        let mut bytes = float_file(&weights, Dtype::F32);
        let json = bytes.windows(3).position(|w| w == b"F32").unwrap();
        bytes[json..json + 3].copy_from_slice(b"I32");
        bytes
    });
    fixture.write("other.json", br#"{"vocab_size": 256, "d_model": 21, "n_layers": 2, "d_head": 6, "top_k": 3, "kernel_size": 4, "max_seq": 24}"#);
    fixture.write("taken.json", br#"{"vocab_size": 1, "d_model": 21, "n_layers": 2, "d_head": 6, "top_k": 3, "kernel_size": 4, "max_seq": 24}"#);
    fixture.write("text.txt", b"some text\n");
    fixture.write("notes.json", b"[\"somebody's notes\"]\n");
    fixture.ok(&["pack", "lm.bin", "packed.st", "--format", "container"]);
    let dims = ["--top-k", "3", "--max-seq", "24"];
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["pack", "whole.safetensors", "x.safetensors"],
        vec![
            "pack",
            "whole.safetensors",
            "x.safetensors",
            "--config",
            "other.json",
        ],
        vec!["pack", "cl.bin", "x.bin"],
        vec!["pack", "lm.bin", "x.atomecl"],
        vec!["pack", "lm.bin", "x.bin", "--packing", "base3"],
        vec!["pack", "lm.bin", "x.onnx"],
        vec!["pack", "lm.bin", "x.safetensors", "--scale", "-1"],
        vec!["pack", "lm.bin", "no/x.safetensors"],
        vec!["pack", "lm.bin", ".", "--format", "container"],
        vec!["pack", "lm.bin", "/dev/null", "--format", "atome01"],
        vec!["pack", "lm.bin", "taken.bin"],
        vec!["pack", "lm.bin", "notes.atome02"],
        vec!["pack", "lm.bin", "x.safetensors", "--top-k", "0"],
        vec!["pack", "lm.bin", "x.safetensors", "--top-k", "-1"],
        vec!["pack", "packed.st", "x.safetensors", "--max-seq", "9"],
        vec!["pack", "packed.st", "x.safetensors", "--scale", "exact"],
        vec!["pack", "gone.bin", "x.safetensors"],
        vec!["pack", "text.txt", "x.safetensors"],
        vec!["run", "whole.safetensors", "-p", "x"],
    ];
    for broken in ["missing", "extra", "nan", "shape", "flat", "int"] {
        let name: &str = Box::leak(format!("{broken}.safetensors").into_boxed_str());
        commands.push([&["pack", name, "x.safetensors"][..], &dims].concat());
    }
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!("refusals", fixture.transcript(&commands));
    assert!(!fixture.path("x.safetensors").exists());
    assert!(fs::read_dir(fixture.path("")).unwrap().all(|entry| {
        !entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".tmp")
    }));
}

#[test]
fn the_report_for_people() {
    let fixture = Fixture::new();
    let args = ["pack", "lm.bin", "out.safetensors"];
    insta::assert_snapshot!("report", fixture.transcript(&[&args]));
}
