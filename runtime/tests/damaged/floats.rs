//! safetensors files of float weights.

use super::{Damaged, cut, with};
use crate::support::{data_start, edited};
use atome::checkpoint::Checkpoint;
use atome::tensor::Tensor;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::json;

fn file() -> Vec<u8> {
    let model = Checkpoint::random(super::atome::CONFIG, None, 1);
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = model
        .tensors()
        .map(|(name, tensor)| {
            let (shape, values) = match tensor {
                Tensor::Ternary(w) => {
                    let w = w.read().expect("a matrix in memory");
                    let values = w.trits.iter().map(|&trit| w.scale * f32::from(trit));
                    (vec![w.rows, w.cols], values.collect::<Vec<f32>>())
                }
                _ => {
                    let values = model.floats(name).expect("a vector in memory");
                    (vec![values.len()], values)
                }
            };
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name.to_owned(), shape, bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        (
            name.as_str(),
            view.expect("as many bytes as the shape asks for"),
        )
    });
    safetensors::serialize(views, None).expect("a file")
}

pub(crate) fn damaged() -> Vec<Damaged> {
    let file = file();
    let mut files = cut(&file, &[0, 20, data_start(&file) + 9, file.len() - 1]);
    files.push(("good".into(), file.clone()));
    for name in ["embed", "blocks.0.conv", "blocks.1.wv", "norm.beta"] {
        let renamed = edited(&file, |json| {
            let tensors = json.as_object_mut().expect("tensors");
            let tensor = tensors.remove(name).expect("a tensor");
            tensors.insert("renamed".into(), tensor);
        });
        files.push((format!("no {name}"), renamed));
    }
    let mut change = |what: &str, name: &str, key: &str, value: serde_json::Value| {
        let changed = edited(&file, |json| json[name][key] = value);
        files.push((what.to_owned(), changed));
    };
    change("integers", "embed", "dtype", "I32".into());
    change("integers for a vector", "norm.beta", "dtype", "I32".into());
    change("a flat table", "embed", "shape", json!([77]));
    change(
        "a matrix of another shape",
        "blocks.0.wv",
        "shape",
        json!([1, 49]),
    );
    change(
        "a vector that is a matrix",
        "norm.beta",
        "shape",
        json!([7, 1]),
    );
    change("another width", "embed", "shape", json!([7, 11]));
    change("no rows", "embed", "shape", json!([0, 77]));
    let at = |name: &str| {
        let json: serde_json::Value =
            serde_json::from_slice(&file[8..data_start(&file)]).expect("a header");
        let begin = json[name]["data_offsets"][0].as_u64().expect("an offset");
        data_start(&file) + usize::try_from(begin).expect("in memory")
    };
    for name in ["embed", "norm.gamma"] {
        for x in [f32::NAN, f32::INFINITY] {
            let broken = with(&file, at(name) + 8, &x.to_le_bytes());
            files.push((format!("{x} in {name}"), broken));
        }
    }
    files
}
