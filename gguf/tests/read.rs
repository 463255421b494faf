//! What is in a file is read, and what is wrong with one is said in a line.

use atome_gguf::split::{self, SplitName};
use atome_gguf::write::{ArrayBytes, Writer};
use atome_gguf::{Gguf, Layout, Ternary, TypeId, Value, ValueType};
use std::path::{Path, PathBuf};

/// A file with a value of every type.
fn every_value() -> Vec<u8> {
    let mut writer = Writer::new();
    for (key, value) in [
        ("u8", Value::U8(200)),
        ("i8", Value::I8(-100)),
        ("u16", Value::U16(60_000)),
        ("i16", Value::I16(-30_000)),
        ("u32", Value::U32(4_000_000_000)),
        ("i32", Value::I32(-2_000_000_000)),
        ("f32", Value::F32(0.1)),
        ("bool", Value::Bool(true)),
        ("string", Value::String("naïve\n")),
        ("u64", Value::U64(u64::MAX)),
        ("i64", Value::I64(i64::MIN)),
        ("f64", Value::F64(-0.1)),
    ] {
        writer.key(key, value);
    }
    writer.key("strings", ArrayBytes::strings(["", "Ġthe", "日"]).value());
    writer.key("i32s", ArrayBytes::i32s([-1, 0, i32::MAX]).value());
    writer.key("u32s", ArrayBytes::u32s([7]).value());
    writer.key("f32s", ArrayBytes::f32s([-1e30, 0.5]).value());
    writer.key("none", ArrayBytes::u32s([]).value());
    writer.finish()
}

#[test]
fn values_of_every_type_come_back() {
    let bytes = every_value();
    let file = Gguf::parse(&bytes).unwrap();
    let keys = file.metadata();
    assert_eq!((keys.len(), file.version(), file.alignment()), (17, 3, 32));
    let integer = |key| keys.get(key).unwrap().value.integer().unwrap();
    assert_eq!(
        [integer("u8"), integer("i8"), integer("u16")],
        [200, -100, 60_000]
    );
    assert_eq!([integer("i16"), integer("i32")], [-30_000, -2_000_000_000]);
    assert_eq!(
        [integer("u64"), integer("i64")],
        [u64::MAX.into(), i64::MIN.into()]
    );
    assert_eq!(keys.u32("u32"), Ok(Some(4_000_000_000)));
    assert_eq!(keys.u32("u8"), Ok(Some(200)));
    assert_eq!(keys.float("f32"), Ok(Some(0.1f32.into())));
    assert_eq!(keys.float("f64"), Ok(Some(-0.1)));
    assert_eq!(keys.bool("bool"), Ok(Some(true)));
    assert_eq!(keys.string("string"), Ok(Some("naïve\n")));
    assert_eq!(keys.string("absent"), Ok(None));

    let array = |key| keys.array(key).unwrap().unwrap();
    let strings: Vec<&str> = array("strings").strings().unwrap().collect();
    assert_eq!(strings, ["", "Ġthe", "日"]);
    assert_eq!(array("strings").byte_strings().unwrap().len(), 3);
    let i32s: Vec<i32> = array("i32s").iter().unwrap().collect();
    assert_eq!(i32s, [-1, 0, i32::MAX]);
    let integers: Vec<i128> = array("i32s").integers().unwrap().collect();
    assert_eq!(integers, [-1, 0, i32::MAX.into()]);
    let f32s: Vec<f32> = array("f32s").iter().unwrap().collect();
    assert_eq!(f32s, [-1e30, 0.5]);
    assert!(array("none").is_empty() && array("none").kind() == ValueType::U32);
    let order: Vec<&str> = keys.iter().map(|entry| entry.key).take(3).collect();
    assert_eq!(order, ["u8", "i8", "u16"]);
}

#[test]
fn a_value_of_another_type_is_named() {
    let bytes = every_value();
    let file = Gguf::parse(&bytes).unwrap();
    let keys = file.metadata();
    let at = |key: &str| keys.get(key).unwrap().offset;
    let values = |key: &str| at(key) + 16;
    let strings = keys.array("strings").unwrap().unwrap();
    for (error, expected) in [
        (
            keys.string("u8").map(drop),
            format!(
                "key `u8`: expected a string, found u8, at byte {}",
                at("u8")
            ),
        ),
        (
            keys.u32("string").map(drop),
            format!(
                "key `string`: expected an integer, found string, at byte {}",
                at("string")
            ),
        ),
        (
            keys.u32("i8").map(drop),
            format!(
                "key `i8`: expected a number from 0 to 4294967295, found -100, at byte {}",
                at("i8")
            ),
        ),
        (
            keys.bool("f32s").map(drop),
            format!(
                "key `f32s`: expected a bool, found an array of f32, at byte {}",
                at("f32s")
            ),
        ),
        (
            keys.float("u32").map(drop),
            format!(
                "key `u32`: expected an f32 or f64, found u32, at byte {}",
                at("u32")
            ),
        ),
        (
            keys.array("u32").map(drop),
            format!(
                "key `u32`: expected an array, found u32, at byte {}",
                at("u32")
            ),
        ),
        (
            keys.require("absent", "a string").map(drop),
            "key `absent`: expected a string, found no such key".into(),
        ),
        (
            strings.iter::<f32>().map(drop),
            format!(
                "key `strings`: expected an array of f32, found an array of string, at byte {}",
                values("strings")
            ),
        ),
        (
            keys.array("f32s").unwrap().unwrap().strings().map(drop),
            format!(
                "key `f32s`: expected an array of strings, found an array of f32, at byte {}",
                values("f32s")
            ),
        ),
    ] {
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}

/// A file of two keys and three tensors.
fn small() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.key("general.architecture", Value::String("tiny"));
    writer.key("tiny.block_count", Value::U32(1));
    writer.tensor("norm", &[3], TypeId::F32, &[0; 12]);
    writer.tensor("w", &[256, 2], TypeId::TQ2_0, &[1; 132]);
    writer.tensor("b", &[2], TypeId::F16, &[0; 4]);
    writer.finish()
}

fn find(bytes: &[u8], text: &str) -> usize {
    let found = bytes.windows(text.len()).position(|w| w == text.as_bytes());
    found.expect("it is there")
}

#[test]
fn tensors_are_where_they_are() {
    let bytes = small();
    let file = Gguf::parse(&bytes).unwrap();
    let names: Vec<&str> = file.tensors().iter().map(|t| t.name()).collect();
    assert_eq!(names, ["norm", "w", "b"]);
    let w = file.tensor("w").unwrap();
    assert_eq!(
        (w.shape(), w.dims(), w.elems()),
        ((2, 256), &[256, 2][..], 512)
    );
    assert_eq!(w.offset(), file.data_start() + 32);
    assert_eq!(
        (w.bytes(), w.layout()),
        (&[1; 132][..], Ok(Layout::Ternary(Ternary::Tq2_0)))
    );
    assert_eq!(file.tensor("norm").unwrap().values(), Ok(vec![0.0; 3]));
    assert_eq!(file.tensor("x"), None);
    let wrong = file.tensor("norm").unwrap().ternary().unwrap_err();
    let expected = format!(
        "tensor `norm`: expected a ternary type, found F32 (type 0), at byte {}",
        file.data_start()
    );
    assert_eq!(wrong.to_string(), expected);

    // Version 2 has the same bytes, and the file may end where the last tensor does.
    let mut other = bytes.clone();
    other[4] = 2;
    other.truncate(bytes.len() - 28);
    let other = Gguf::parse(&other).unwrap();
    assert_eq!((other.version(), other.tensors().len()), (2, 3));
}

#[test]
fn what_is_wrong_is_said_in_a_line() {
    let good = small();
    let arch = find(&good, "general.architecture") - 8;
    let count = find(&good, "tiny.block_count") - 8;
    let (norm, w) = (find(&good, "norm") - 8, find(&good, "\u{1}\0\0\0\0\0\0\0w"));
    let data = good.len() - 32 - 160 - 32;
    let put = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let cut = |length: usize| good[..length].to_vec();
    let cases: Vec<(Vec<u8>, String)> = vec![
        (vec![], "GGUF header: expected a file that starts with `GGUF`, found ``, at byte 0".into()),
        (put(0, b"GGML"), "GGUF header: expected a file that starts with `GGUF`, found `GGML`, at byte 0".into()),
        (put(4, &[1]), "GGUF header: expected version 2 or 3, found version 1, at byte 4".into()),
        (put(4, &[4]), "GGUF header: expected version 2 or 3, found version 4, at byte 4".into()),
        (put(4, &[0, 0, 0, 3]), "GGUF header: expected a little-endian file, found a big-endian one of version 3, at byte 4".into()),
        (cut(6), "GGUF header: expected 4 bytes of a version, found 2 before the end of the file, at byte 4".into()),
        (cut(20), "GGUF header: expected 8 bytes of a count, found 4 before the end of the file, at byte 16".into()),
        (put(8, &[0xff; 8]), format!("GGUF header: expected at most {} tensors, for which there are bytes, found -1, at byte 8", (good.len() - 24) / 25)),
        (put(16, &[0, 0, 0, 1]), format!("GGUF header: expected at most {} keys, for which there are bytes, found 16777216, at byte 16", (good.len() - 24) / 14)),
        (put(arch, &[0xff; 8]), format!("key 0: expected 18446744073709551615 bytes of a key, found {} before the end of the file, at byte {}", good.len() - arch - 8, arch + 8)),
        (put(arch, &[0]), "key 0: expected a name of 1 to 65535 bytes, found 0, at byte 24".into()),
        (put(arch + 9, &[0xc3]), format!("key 0: expected a key in UTF-8, found the bytes `\\xc3neral.a`, at byte {}", arch + 9)),
        (put(arch + 28, &[13]), format!("key `general.architecture`: expected a type of value from 0 to 12, found 13, at byte {}", arch + 28)),
        (put(arch + 40, &[0xff]), format!("key `general.architecture`: expected a string in UTF-8, found the bytes `\\xffiny`, at byte {}", arch + 40)),
        (put(count + 24, &[9, 0, 0, 0, 9]), format!("key `tiny.block_count`: expected an array of numbers or strings, found an array of arrays, at byte {}", count + 28)),
        (put(norm + 8, b"norm\x05"), format!("tensor `norm`: expected at most 4 dimensions, found 5, at byte {}", norm + 12)),
        (put(norm + 16, &[0]), format!("tensor `norm`: expected a dimension of 1 or more, found 0, at byte {}", norm + 16)),
        (put(norm, &[0]), format!("tensor 0: expected a name of 1 to 63 bytes, found 0, at byte {norm}")),
        (put(w + 13, &[0, 0, 0, 0, 0, 0, 0, 0x80]), format!("tensor `w`: [9223372036854775808, 2] elements take more bytes than can be counted, at byte {w}")),
        (put(w + 13, &[255]), format!("tensor `w`: [511, 2] elements take more bytes than can be counted, at byte {w}").replace("[511, 2] elements take more bytes than can be counted", "expected rows of a multiple of 256 weights, which is a block of TQ2_0 (type 35), found 511")),
        (put(w + 8, b"b"), format!("tensor `b`: expected a name that is there once, found it at byte {w} too, at byte {}", w + 41)),
        (put(w + 33, &[33]), format!("tensor `w`: expected its bytes at 32 of the data, which is aligned, found 33, at byte {}", w + 33)),
        (put(w + 33, &[64]), format!("tensor `w`: expected its bytes at 32 of the data, where the tensor before it ends, found 64, at byte {}", w + 33)),
        (put(norm + 28, &[32]), format!("tensor `norm`: expected its bytes at 0 of the data, where the first tensor is, found 32, at byte {}", norm + 28)),
        (put(w + 33 + 33, &[0]), format!("tensor `b`: expected its bytes at 32 of the data, behind the start of the tensor before it, or later, found 0, at byte {}", w + 66)),
        (cut(data + 192 + 3), format!("tensor `b`: expected 4 bytes of weights, found 3 before the end of the file, at byte {}", data + 192)),
        (cut(data - 40), "?".into()),
    ];
    for (file, expected) in cases {
        let found = Gguf::parse(&file).map(|_| ()).unwrap_err().to_string();
        assert!(!found.contains('\n'));
        match expected.as_str() {
            "?" => assert!(found.contains("before the end of the file"), "{found}"),
            _ => assert_eq!(found, expected),
        }
    }
}

#[test]
fn alignment_is_a_power_of_two() {
    let with = |value| {
        let mut writer = Writer::new();
        writer.key("general.alignment", value);
        writer.tensor("a", &[1], TypeId::F32, &[0; 4]);
        writer.tensor("b", &[1], TypeId::F32, &[0; 4]);
        writer.finish()
    };
    for alignment in [1, 8, 64, 4096] {
        let bytes = with(Value::U32(alignment));
        let file = Gguf::parse(&bytes).unwrap();
        assert_eq!(file.alignment(), alignment);
        let at = file.tensor("b").unwrap().offset();
        assert_eq!(at, file.data_start() + u64::from(alignment.max(4)));
    }
    let wrong = |value| Gguf::parse(&with(value)).map(drop).unwrap_err().to_string();
    assert_eq!(
        wrong(Value::U32(48)),
        "key `general.alignment`: expected a power of two, found 48, at byte 49"
    );
    assert_eq!(
        wrong(Value::U64(32)),
        "key `general.alignment`: expected u32, found u64, at byte 49"
    );
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let mut writer = Writer::new();
    writer.key("a", Value::Bool(false));
    writer.key("b", Value::Bool(false));
    writer.key("a", Value::Bool(false));
    let error = Gguf::parse(&writer.finish()).map(drop).unwrap_err();
    let expected =
        "key `a`: expected a name that is there once, found it at byte 24 too, at byte 52";
    assert_eq!(error.to_string(), expected);
}

/// Type 42 with blocks of 64 or 128 weights: told by the places of all tensors.
#[test]
fn the_group_of_type_42_is_found() {
    let file = |rows: &[u64], group: u64, slack: usize| {
        let mut writer = Writer::new();
        for (index, rows) in rows.iter().enumerate() {
            let bytes = rows * 256 / group * (2 + group / 4);
            let bytes = vec![0x55; bytes as usize];
            writer.tensor(&format!("w{index}"), &[256, *rows], TypeId::Q2_0, &bytes);
        }
        let mut bytes = writer.finish();
        bytes.resize(bytes.len() + slack, 0);
        bytes
    };
    let layout = |bytes: &[u8]| {
        let file = Gguf::parse(bytes)?;
        let layouts: Vec<_> = file
            .tensors()
            .iter()
            .map(|t| t.ternary().unwrap())
            .collect();
        assert!(layouts.iter().all(|layout| *layout == layouts[0]));
        Ok::<_, atome_gguf::Error>(layouts[0])
    };
    // One row of 256 weights is 72 or 68 bytes, which both take 96.
    for rows in [&[1, 1, 64][..], &[64], &[64, 1], &[1, 8, 1]] {
        assert_eq!(layout(&file(rows, 64, 0)), Ok(Ternary::Q2_0G64), "{rows:?}");
        assert_eq!(
            layout(&file(rows, 128, 0)),
            Ok(Ternary::Q2_0G128),
            "{rows:?}"
        );
    }
    assert_eq!(
        layout(&file(&[1, 1], 128, 0)),
        Ok(Ternary::Q2_0G64),
        "both fit"
    );
    assert_eq!(layout(&file(&[64], 64, 1000)), Ok(Ternary::Q2_0G64));
    assert_eq!(layout(&file(&[64, 64], 128, 5000)), Ok(Ternary::Q2_0G128));

    let mut writer = Writer::new();
    writer.tensor("a", &[256, 64], TypeId::Q2_0, &[0; 4000]);
    writer.tensor("b", &[256, 64], TypeId::Q2_0, &[0; 4608]);
    let error = layout(&writer.finish()).unwrap_err().to_string();
    assert_eq!(
        error,
        "tensor `a`: expected blocks of Q2_0 (type 42) of 18 bytes for 64 weights or of 34 bytes for 128 in every such tensor, found 4000 bytes for 16384 weights, at byte 53"
    );
}

#[test]
fn types_that_are_not_read_are_listed_and_refused() {
    let mut writer = Writer::new();
    writer.tensor("q4", &[64, 2], TypeId(2), &[0; 72]);
    writer.tensor("i2", &[128, 2], TypeId::I2_S, &[0; 96]);
    writer.tensor("new", &[128, 2], TypeId(77), &[0; 20]);
    let bytes = writer.finish();
    let file = Gguf::parse(&bytes).unwrap();
    let of = |name| file.tensor(name).unwrap();
    assert_eq!(of("q4").bytes().len(), 72);
    assert_eq!(of("i2").bytes().len(), 96);
    assert_eq!(of("new").bytes().len(), 32);
    let read = "expected weights of a type that is read (F32, F16, BF16, Q8_0, Q6_K, TQ1_0, TQ2_0, Q2_0, PQ2_0, PTQ1_0)";
    for (name, found) in [
        ("q4", "Q4_0 (type 2)"),
        (
            "i2",
            "I2_S (type 36); its weights are in one of three orders, and no file says in which: convert the model to TQ2_0",
        ),
        ("new", "type 77"),
    ] {
        let expected = format!(
            "tensor `{name}`: {read}, found {found}, at byte {}",
            of(name).offset()
        );
        assert_eq!(of(name).values().unwrap_err().to_string(), expected);
    }
}

#[test]
fn split_files_belong_together() {
    let name = SplitName::parse("m-Q2-00002-of-00003.gguf").unwrap();
    assert_eq!((name.number, name.count), (2, 3));
    let all: Vec<String> = name.all().collect();
    assert_eq!(all[0], "m-Q2-00001-of-00003.gguf");
    assert_eq!(all[2], "m-Q2-00003-of-00003.gguf");
    for other in [
        "m.gguf",
        "m-00004-of-00003.gguf",
        "m-00000-of-00003.gguf",
        "m-1-of-3.gguf",
        "m-00001-of-00003.bin",
    ] {
        assert_eq!(SplitName::parse(other), None, "{other}");
    }

    let part = |no: u16, count: u16, tensors: i32, name: &str| {
        let mut writer = Writer::new();
        writer.key("split.no", Value::U16(no));
        writer.key("split.count", Value::U16(count));
        writer.key("split.tensors.count", Value::I32(tensors));
        writer.tensor(name, &[1], TypeId::F32, &[0; 4]);
        writer.finish()
    };
    let check = |parts: &[Vec<u8>]| {
        let files: Vec<Gguf<'_>> = parts
            .iter()
            .map(|bytes| Gguf::parse(bytes).unwrap())
            .collect();
        split::check(&files).map_err(|error| error.to_string())
    };
    assert_eq!(check(&[part(0, 2, 2, "a"), part(1, 2, 2, "b")]), Ok(()));
    let wrong = |parts: &[Vec<u8>], expected: &str| {
        let error = check(parts).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    };
    wrong(
        &[part(0, 2, 2, "a"), part(0, 2, 2, "b")],
        "key `split.no`: expected 1 as the number of a split file, found 0",
    );
    wrong(
        &[part(0, 3, 2, "a"), part(1, 2, 2, "b")],
        "key `split.count`: expected 2 as the count of a split file, found 3",
    );
    wrong(
        &[part(0, 2, 5, "a"), part(1, 2, 2, "b")],
        "key `split.tensors.count`: expected 2 as the tensors of a split file, found 5",
    );
    wrong(
        &[part(0, 2, 2, "a"), part(1, 2, 2, "a")],
        "tensor `a`: expected a name that is there once",
    );
    wrong(
        &[small()],
        "key `split.no`: expected a number, found no such key",
    );
}

/// Files that others wrote: vocabularies, and models with tensors of many types.
#[test]
fn files_of_other_programs_are_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !root.exists() {
        return eprintln!("skipped: no {}", root.display());
    }
    let mut read = 0;
    for folder in ["vocab", "qwen35", "dense"] {
        for path in gguf_files(&root.join(folder)) {
            let bytes = std::fs::read(&path).unwrap();
            let file = Gguf::parse(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let keys = file.metadata();
            let tokens = keys.array("tokenizer.ggml.tokens").unwrap().unwrap();
            assert!(tokens.strings().unwrap().len() > 20, "{}", path.display());
            for tensor in file.tensors() {
                let values = tensor.values().unwrap();
                assert_eq!(values.len() as u64, tensor.elems());
                assert!(values.iter().all(|v| v.is_finite()), "{}", tensor.name());
            }
            // Wherever it is cut, it is refused in a line or the tensors that are left are whole.
            for length in (0..bytes.len()).step_by(bytes.len() / 200) {
                if let Err(error) = Gguf::parse(&bytes[..length]) {
                    assert!(!error.to_string().contains('\n'));
                }
            }
            read += 1;
        }
    }
    assert_eq!(read, 10, "files in {}", root.display());
}

fn gguf_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "gguf"))
        .collect()
}
