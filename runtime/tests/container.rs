//! The project's own container: what is written is read back as it was, by us and by other safetensors readers, and a
//! broken one is refused.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use atome::checkpoint::{
    Checkpoint, compare, load, parse, parse_container, write_atome01, write_atomecl01,
    write_container,
};
use atome::error::{EntryFault, FileError};
use atome::families::AtomeConfig;
use atome::format::{ContainerOptions, Format, WriteError};
use atome::tensor::Tensor;
use atome::{Model, Options, Packing};
use support::{edited, with_metadata};

/// Widths that leave padding in the last byte of every kind of ternary tensor, in both packings.
const CONFIG: AtomeConfig = AtomeConfig {
    vocab_size: 11,
    d_model: 7,
    n_layers: 2,
    d_head: 3,
    top_k: 2,
    kernel_size: 3,
    max_seq: 8,
};

const PACKINGS: [Packing; 2] = [Packing::Int2, Packing::Base3];

fn small(classes: Option<usize>) -> Checkpoint {
    Checkpoint::random(CONFIG, classes, 1)
}

fn pack(model: &Checkpoint, packing: Packing) -> Vec<u8> {
    write_container(model, &ContainerOptions::packing(packing)).unwrap()
}

/// Checks that two models say the same, number by number.
fn same(a: &Checkpoint, b: &Checkpoint) {
    assert_eq!(compare(a, b, &mut |_, _| {}).unwrap(), None);
    assert_eq!(a.tokenizer, b.tokenizer);
}

/// The message of a container that must be refused, which is one line.
fn refusal(bytes: &[u8]) -> FileError {
    let error = parse_container(bytes).expect_err("the container is broken");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[test]
fn a_model_survives_the_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    for classes in [None, Some(3)] {
        let model = small(classes);
        for packing in PACKINGS {
            let options =
                ContainerOptions::packing(packing).provenance("made \"here\"\nfor a test");
            let bytes = write_container(&model, &options).unwrap();
            let (read, info) = parse_container(&bytes).unwrap();
            assert_eq!(read.format, Format::Container);
            same(&read, &model);
            assert_eq!((info.packing, info.tokenizer.as_str()), (packing, "none"));
            assert_eq!(
                info.provenance.as_deref(),
                Some("made \"here\"\nfor a test")
            );
            assert_eq!(write_container(&read, &options).unwrap(), bytes);

            let path = dir.path().join("model.safetensors");
            fs::write(&path, &bytes).unwrap();
            same(&load(&path, None).unwrap(), &read);
            same(&parse(&bytes, &CONFIG).unwrap(), &read);
            let written = |model| match classes {
                None => write_atome01(model).unwrap(),
                Some(_) => write_atomecl01(model).unwrap(),
            };
            assert_eq!(written(&read), written(&model));
        }
    }
}

/// Awkward numbers keep their bits though the header has them in decimal.
#[test]
fn scales_keep_their_bits() {
    let mut model = small(None);
    let mut bits = 1u32;
    let mut set = |name: &str, scale| model.edit_ternary(name, |w| w.scale = scale).unwrap();
    for block in 0..CONFIG.n_layers {
        for part in ["conv", "wq", "wk", "wv"] {
            bits = bits.wrapping_mul(2_654_435_769) & 0x7f7f_ffff;
            set(&format!("blocks.{block}.{part}"), f32::from_bits(bits));
        }
    }
    set("embed", f32::from_bits(1));
    set("unembed", f32::MAX);
    let (read, _) = parse_container(&pack(&model, Packing::Int2)).unwrap();
    for ((name, a), (_, b)) in model.tensors().zip(read.tensors()) {
        if let (Tensor::Ternary(a), Tensor::Ternary(b)) = (a, b) {
            assert_eq!(a.scale.to_bits(), b.scale.to_bits(), "{name}");
        }
    }
}

#[test]
fn the_same_logits_from_a_container() {
    let model = small(None);
    let tokens = [1, 2, 3, 10, 0, 7, 7, 7, 7, 7];
    let logits = |model: Model| {
        let mut session = model.session().unwrap();
        session.prefill(&tokens).unwrap();
        session
            .logits()
            .iter()
            .map(|v| v.to_bits())
            .collect::<Vec<_>>()
    };
    let options = Options::default();
    let expected = logits(Model::from_checkpoint(&model, &options).unwrap());
    for packing in PACKINGS {
        let packed = Model::from_bytes(&pack(&model, packing), &options).unwrap();
        assert_eq!(packed.info().format, "safetensors");
        assert_eq!(logits(packed), expected);
    }
}

/// The published model takes 229,975 bytes as bare `ATOME02`.
#[test]
fn the_published_model() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/atome/atome_944k.bin");
    if !path.is_file() {
        println!("skipped: no published model at {}", path.display());
        return;
    }
    let model = load(&path, None).unwrap();
    for packing in PACKINGS {
        let bytes = pack(&model, packing);
        println!("{packing}: {} bytes", bytes.len());
        let most = if packing == Packing::Base3 {
            240_000
        } else {
            287_000
        };
        assert!(bytes.len() <= most);
        let (read, info) = parse_container(&bytes).unwrap();
        assert_eq!(info.tokenizer, "bytes");
        assert!(write_atome01(&read).unwrap() == fs::read(&path).unwrap());
    }
}

#[test]
fn the_safetensors_crate_opens_it() {
    let model = small(Some(3));
    for packing in PACKINGS {
        let bytes = pack(&model, packing);
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.len(), model.tensors().count());
        for (name, tensor) in model.tensors() {
            let view = file.tensor(name).unwrap();
            if let Tensor::Floats(values) = tensor {
                let values = values.all().unwrap();
                assert_eq!(view.dtype(), safetensors::Dtype::F32);
                let (words, _) = view.data().as_chunks();
                let found: Vec<f32> = words.iter().map(|w| f32::from_le_bytes(*w)).collect();
                assert_eq!(found, values, "{name}");
                assert_eq!(
                    view.data().as_ptr() as usize % 4,
                    bytes.as_ptr() as usize % 4
                );
            }
        }
    }
}

/// Opens a container with the Python package, unpacks every tensor by the words of `docs/formats.md`, checks the
/// checksums, and prints a digest of the trits and floats.
const PYTHON: &str = r#"
import sys, json, zlib
try:
    import numpy as np
    from safetensors import safe_open
except ImportError as missing:
    print("skipped:", missing); sys.exit()
path = sys.argv[1]
with safe_open(path, framework="numpy") as f:
    meta = f.metadata()
    names = [n for n in f.offset_keys()] if hasattr(f, "offset_keys") else list(f.keys())
    tensors = {n: f.get_tensor(n) for n in names}
assert meta["format"] == "atome" and meta["format_version"] == "1"
raw = open(path, "rb").read()
length = int.from_bytes(raw[:8], "little")
header = json.loads(raw[8:8 + length])
order = sorted((n for n in header if n != "__metadata__"), key=lambda n: header[n]["data_offsets"])
crc = "".join(f"{zlib.crc32(tensors[n].tobytes()):08x}" for n in order)
assert crc == meta["crc32"]
rest = b"".join(k.encode() + b"\0" + meta[k].encode() + b"\0" for k in sorted(meta) if k != "metadata_crc32")
assert f"{zlib.crc32(rest):08x}" == meta["metadata_crc32"]
scales = dict(s.split("=") for s in meta["scales"].split(" "))
def trits(packed):
    if meta["packing"] == "int2":
        codes = (packed[:, None] >> np.arange(0, 8, 2, dtype=np.uint8)) & 3
        return np.array([0, 1, 9, -1])[codes].reshape(-1)
    return (packed[:, None].astype(int) // 3 ** np.arange(5) % 3 - 1).reshape(-1)
digest = 0
for n in order:
    t = tensors[n]
    if n in scales:
        assert t.dtype == np.uint8
        w = trits(t)
        digest += int((w * (np.arange(len(w)) % 97 + 1)).sum())
        assert np.float32(scales[n]) >= 0
    else:
        assert t.dtype == np.float32 and np.isfinite(t).all()
        digest += int(t.view(np.uint32).astype(np.uint64).sum())
print("digest", digest)
"#;

#[test]
fn the_python_package_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let model = small(Some(3));
    let expected = model.tensors().fold(0i64, |sum, (_, tensor)| {
        sum + match tensor {
            Tensor::Ternary(w) => {
                let w = w.read().unwrap();
                let weighed = |(i, &t): (usize, &i8)| i64::from(t) * (i as i64 % 97 + 1);
                w.trits.iter().enumerate().map(weighed).sum::<i64>()
            }
            Tensor::Floats(values) => {
                let values = values.all().unwrap();
                values.iter().map(|v| i64::from(v.to_bits())).sum()
            }
            other => panic!("{other:?}"),
        }
    });
    for packing in PACKINGS {
        fs::write(&path, pack(&model, packing)).unwrap();
        let python = Command::new("python3")
            .args(["-c", PYTHON])
            .arg(&path)
            .output();
        let Ok(python) = python else {
            println!("skipped: no python3");
            return;
        };
        let (out, err) = (
            String::from_utf8_lossy(&python.stdout),
            String::from_utf8_lossy(&python.stderr),
        );
        if out.starts_with("skipped") {
            println!("{out}");
            return;
        }
        assert_eq!(out.trim(), format!("digest {expected}"), "{err}");
    }
}

#[test]
fn models_that_no_file_could_hold() {
    let options = ContainerOptions::packing(Packing::Base3);
    let message = |edit: fn(&mut Checkpoint)| {
        let mut model = small(None);
        edit(&mut model);
        let error: WriteError = write_container(&model, &options).unwrap_err();
        error.to_string()
    };
    type Case = (fn(&mut Checkpoint), &'static str);
    let cases: [Case; 6] = [
        (
            |m| m.edit_ternary("embed", |w| w.trits[3] = 2).unwrap(),
            "`embed`: expected -1, 0 or 1, found 2 as element 3",
        ),
        (
            |m| m.edit_ternary("embed", |w| w.scale = f32::NAN).unwrap(),
            "`embed`: expected a finite scale of 0 or more, found NaN",
        ),
        (
            |m| {
                m.edit_floats("blocks.1.a", |a| a[2] = f32::INFINITY)
                    .unwrap()
            },
            "`blocks.1.a`: expected finite numbers, found inf as element 2",
        ),
        (
            |m| m.edit_ternary("unembed", |w| w.rows = 12).unwrap(),
            "`unembed`: expected 11 x 7 trits, found 12 x 7 trits",
        ),
        (
            |m| m.edit_floats("norm.beta", |b| b.truncate(6)).unwrap(),
            "`norm.beta`: expected 7 numbers, found 6 numbers",
        ),
        (
            |m| drop(m.tensors.remove("blocks.1.wv")),
            "`blocks.1.wv`: expected 7 x 7 trits, found no such tensor",
        ),
    ];
    for (edit, expected) in cases {
        assert_eq!(message(edit), expected);
    }
    let options = ContainerOptions::packing(Packing::Base3).provenance("x".repeat(17 << 20));
    let error = write_container(&small(None), &options).unwrap_err();
    assert!(
        matches!(
            error,
            WriteError::Header {
                max: 0x100_0000,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn every_truncation_is_refused() {
    for packing in PACKINGS {
        let bytes = pack(&small(None), packing);
        for len in 0..bytes.len() {
            refusal(&bytes[..len]);
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(
            refusal(&longer)
                .to_string()
                .starts_with("1 bytes left over")
        );
        assert!(matches!(
            refusal(&bytes[..bytes.len() - 1]),
            FileError::Truncated { tensor, .. } if tensor == "unembed"
        ));
    }
}

/// Checksums cover the tensors and the metadata, and the layout has no freedom: no flipped bit goes unnoticed.
#[test]
fn every_flipped_bit_is_refused() {
    for (packing, classes) in [(Packing::Int2, Some(3)), (Packing::Base3, None)] {
        let bytes = pack(&small(classes), packing);
        let mut flipped = bytes.clone();
        let mut damaged = 0;
        for bit in 0..8 * bytes.len() {
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let FileError::Entry {
                fault: EntryFault::Checksum { .. },
                ..
            } = refusal(&flipped)
            {
                damaged += 1;
            }
            flipped[bit / 8] ^= 1 << (bit % 8);
        }
        let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        assert_eq!(damaged, 8 * (bytes.len() - 8 - length), "{packing}");
    }
}

#[test]
fn noise_after_the_first_bytes_is_refused() {
    let bytes = pack(&small(None), Packing::Base3);
    let mut state = 42u64;
    for _ in 0..2000 {
        let mut noise = bytes.clone();
        for byte in &mut noise[9..] {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        refusal(&noise);
    }
}

#[test]
fn metadata_is_checked() {
    let bytes = pack(&small(Some(3)), Packing::Base3);
    let message =
        |key: &str, value: Option<&str>| refusal(&with_metadata(&bytes, key, value)).to_string();
    assert!(parse_container(&with_metadata(&bytes, "more", Some("is ignored"))).is_ok());
    assert!(message("format", None).contains("without `format` = `atome`"));
    assert!(message("format", Some("pt")).contains("without `format` = `atome`"));
    assert_eq!(
        message("format_version", Some("2")),
        "metadata: expected `format_version` to be 1, found \"2\""
    );
    assert_eq!(
        message("architecture", Some("rwkv")),
        "metadata: expected `architecture` to be atome, bitmamba2, hgrn_bit or graph, found \"rwkv\""
    );
    assert_eq!(message("packing", None), "metadata: `packing` is missing");
    assert_eq!(
        message("packing", Some("int3")),
        "metadata: expected `packing` to be int2 or base3, found \"int3\""
    );
    assert!(message("layout", Some("tiled")).contains("expected `layout` to be dense"));
    assert!(message("classes", Some("0")).contains("expected `classes` to be 1 to 65536"));
    assert!(message("classes", Some("4")).contains("`head`: expected U8 [6], found U8 [5]"));
    assert_eq!(
        message("config", Some("{}")),
        "not a model config: missing field `vocab_size` at line 1 column 2"
    );
    assert!(
        message("scales", Some(""))
            .contains("`embed=` a finite number of 0 or more next, found \"\"")
    );
    assert!(message("crc32", Some("0123")).contains("8 hexadecimal digits"));
    assert!(message("crc32", Some("0123abcd")).contains("each of 25 tensors"));
    for bad in ["NaN", "inf", "-1", "-0", "x", "1 "] {
        let broken = edited(&bytes, |_| {});
        let (model, _) = parse_container(&broken).unwrap();
        let scale = format!("embed={:?}", model.ternary("embed").unwrap().scale);
        let json = String::from_utf8_lossy(&bytes).into_owned();
        let start = json.find("\"scales\":\"").unwrap() + "\"scales\":\"".len();
        let scales = &json[start..start + json[start..].find('"').unwrap()];
        let scales = scales.replace(&scale, &format!("embed={bad}"));
        let text = message("scales", Some(&scales));
        assert!(text.contains("expected `scales` to be `"), "{bad}: {text}");
    }
}

#[test]
fn tensors_are_checked() {
    let bytes = pack(&small(None), Packing::Int2);
    let message = |edit: fn(&mut serde_json::Map<String, serde_json::Value>)| {
        refusal(&edited(&bytes, |json| edit(json.as_object_mut().unwrap()))).to_string()
    };
    let swap = message(|tensors| {
        let gamma = tensors["norm.gamma"]["data_offsets"].take();
        let beta = tensors["norm.beta"]["data_offsets"].take();
        tensors["norm.gamma"]["data_offsets"] = beta;
        tensors["norm.beta"]["data_offsets"] = gamma;
    });
    assert!(
        swap.starts_with("`norm.gamma`: expected its bytes to start at"),
        "{swap}"
    );
    let renamed = message(|tensors| {
        let embed = tensors.remove("embed").unwrap();
        tensors.insert("embedding".into(), embed);
    });
    assert_eq!(renamed, "`embed` is missing");
    let more = message(|tensors| {
        let end = tensors["unembed"]["data_offsets"][1].clone();
        let empty = serde_json::json!({"dtype": "U8", "shape": [0], "data_offsets": [end, end]});
        tensors.insert("zzz".into(), empty);
    });
    assert_eq!(more, "`zzz` is no tensor of this model: wrong dimensions?");
    let dtype = message(|tensors| tensors["embed"]["dtype"] = "I8".into());
    assert_eq!(dtype, "`embed`: expected U8 [20], found I8 [20]");
    let shape = message(|tensors| tensors["norm.beta"]["shape"] = serde_json::json!([1, 7]));
    assert_eq!(shape, "`norm.beta`: expected F32 [7], found F32 [1, 7]");
    let hole = message(|tensors| tensors["unembed"]["data_offsets"][0] = 0.into());
    assert!(
        hole.contains("expected its bytes to start at") || hole.contains("the header gives it"),
        "{hole}"
    );
}

/// Codes and numbers are checked even where the checksums are right.
#[test]
fn codes_are_checked_behind_the_checksums() {
    let model = small(None);
    let bytes = pack(&model, Packing::Base3);
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let json: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let crcs = json["__metadata__"]["crc32"].as_str().unwrap();
    let floats = model
        .tensors()
        .filter(|(_, t)| matches!(t, Tensor::Floats(_)))
        .count();
    // The first vector and the first ternary tensor.
    for (name, index, at, new) in [
        ("blocks.0.norm.gamma", 0, 4, f32::NAN.to_le_bytes().to_vec()),
        ("embed", floats, 2, vec![250]),
    ] {
        let offsets = &json[name]["data_offsets"];
        let [begin, end] = [0, 1].map(|i| 8 + length + offsets[i].as_u64().unwrap() as usize);
        let mut broken = bytes.clone();
        broken[begin + at..begin + at + new.len()].copy_from_slice(&new);
        let crc = format!("{:08x}", crc32fast::hash(&broken[begin..end]));
        let crcs = [&crcs[..8 * index], &crc, &crcs[8 * index + 8..]].concat();
        let text = refusal(&with_metadata(&broken, "crc32", Some(&crcs))).to_string();
        assert!(text.starts_with(&format!("`{name}`: expected")), "{text}");
        let found = if name == "embed" {
            "found 0xfa"
        } else {
            "found NaN"
        };
        assert!(text.contains(found), "{text}");
    }
}

#[test]
fn a_config_beside_a_container_must_agree() {
    let bytes = pack(&small(None), Packing::Base3);
    let other = AtomeConfig {
        max_seq: 9,
        ..CONFIG
    };
    assert_eq!(
        parse(&bytes, &other).unwrap_err().to_string(),
        "the config says `max_seq` is 9, the file says 8"
    );
}
