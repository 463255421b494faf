//! Weights of blocks are those that other readers find there.

use atome_gguf::write::Writer;
use atome_gguf::{Gguf, Layout, Ternary, TypeId};
use std::path::Path;

const BLOCKS: usize = 1000;

/// What `checksums.py` prints: F32 to TQ2_0 by the Python package `gguf` 0.19, the others by a reader in NumPy.
const CHECKSUMS: [(&str, u32); 11] = [
    ("F32", 0xe39dcb7c),
    ("F16", 0xd6087ded),
    ("BF16", 0x60b29de1),
    ("Q8_0", 0x55c0d16a),
    ("Q6_K", 0xddb2d311),
    ("TQ1_0", 0x84334a09),
    ("TQ2_0", 0xfd790622),
    ("Q2_0 (groups of 64)", 0x48793f05),
    ("Q2_0 (groups of 128)", 0x209c8516),
    ("PQ2_0", 0xe94854ae),
    ("PTQ1_0", 0xea28e934),
];

/// Bytes of splitmix64.
fn random_bytes(mut seed: u64, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend((z ^ z >> 31).to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// Where a block has its f16 scale.
fn scale_at(layout: Layout) -> Option<usize> {
    match layout {
        Layout::F32 | Layout::F16 | Layout::Bf16 => None,
        Layout::Q6K | Layout::Ternary(Ternary::Tq1_0 | Ternary::Tq2_0 | Ternary::Ptq1_0) => {
            Some(layout.bytes() - 2)
        }
        _ => Some(0),
    }
}

/// Random blocks; scales are finite.
fn random_blocks(layout: Layout) -> Vec<u8> {
    let size = layout.bytes();
    let seed = u64::from(layout.type_id().0) * 1000 + size as u64;
    let mut bytes = random_bytes(seed, BLOCKS * size);
    if let Some(at) = scale_at(layout) {
        for block in bytes.chunks_exact_mut(size) {
            block[at + 1] &= 0xbf;
        }
    }
    bytes
}

fn dequantized(layout: Layout, bytes: &[u8]) -> Vec<f32> {
    let mut weights = vec![7.0; bytes.len() / layout.bytes() * layout.weights()];
    layout.dequantize_into(bytes, &mut weights);
    weights
}

#[test]
fn weights_are_those_of_other_readers() {
    for layout in Layout::ALL {
        let weights = dequantized(layout, &random_blocks(layout));
        let words = weights.iter().map(|w| match w.is_nan() {
            true => 0x7fc0_0000,
            false => w.to_bits(),
        });
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        let expected = CHECKSUMS.iter().find(|(name, _)| *name == layout.name());
        assert_eq!(
            expected.map(|(_, crc)| *crc),
            Some(crc32fast::hash(&bytes)),
            "{layout}"
        );
    }
}

/// Runs the script that made the checksums, where there is a Python that has what it needs.
#[test]
fn checksums_are_those_of_the_script() {
    let Ok(python) = std::env::var("ATOME_PYTHON") else {
        return eprintln!("skipped: ATOME_PYTHON names no Python that has the package `gguf`");
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let oracle = root.join("../../shared/oracle/qwen35.py");
    let mut command = std::process::Command::new(python);
    command.arg(root.join("tests/checksums.py"));
    if oracle.exists() {
        command.arg(oracle);
    }
    let output = command.output().expect("it runs");
    let lines = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && lines.lines().count() >= 7);
    for line in lines.lines() {
        let known = |(name, crc): &(&str, u32)| line == format!("(\"{name}\", 0x{crc:08x}),");
        assert!(CHECKSUMS.iter().any(known), "{line}");
    }
}

/// Bytes and weights that a reader in NumPy wrote down, with codes that are no trits.
#[test]
fn weights_are_those_of_a_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/qwen35/blocks.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return eprintln!("skipped: no {}", path.display());
    };
    let list: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list");
    assert_eq!(list.len(), 8);
    for case in list {
        let of = |key: &str| case[key].as_u64().expect("a number");
        let is = |layout: &Layout| {
            u64::from(layout.type_id().0) == of("id")
                && layout.weights() as u64 == of("weights_per_block")
        };
        let layout = Layout::ALL.into_iter().find(is).expect("a known type");
        let hex = case["hex"].as_str().expect("digits").as_bytes();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16);
        let bytes: Vec<u8> = hex.as_chunks().0.iter().map(|p| byte(p).unwrap()).collect();
        let expected: Vec<f64> = serde_json::from_value(case["weights"].clone()).unwrap();
        let found = dequantized(layout, &bytes);
        let found: Vec<f64> = found.into_iter().map(f64::from).collect();
        assert_eq!(found, expected, "{layout}");
    }
}

fn ternary_layouts() -> impl Iterator<Item = Ternary> {
    Layout::ALL.into_iter().filter_map(|layout| match layout {
        Layout::Ternary(ternary) => Some(ternary),
        _ => None,
    })
}

/// Codes of 2 bits; the bytes of the scale are kept.
fn without_code_3(ternary: Ternary, bytes: &mut [u8]) {
    let scale = scale_at(Layout::Ternary(ternary)).expect("blocks have scales");
    if !matches!(ternary, Ternary::Tq1_0 | Ternary::Ptq1_0) {
        for block in bytes.chunks_exact_mut(ternary.bytes()) {
            for (at, byte) in block.iter_mut().enumerate() {
                if at != scale && at != scale + 1 {
                    *byte &= !(*byte >> 1 & *byte & 0x55);
                }
            }
        }
    }
}

#[test]
fn a_weight_is_its_trit_times_its_scale() {
    for ternary in ternary_layouts() {
        let layout = Layout::Ternary(ternary);
        let mut bytes = random_blocks(layout);
        without_code_3(ternary, &mut bytes);
        let mut trits = vec![7; BLOCKS * ternary.group()];
        let mut scales = vec![7.0; BLOCKS];
        assert_eq!(ternary.trits_into(&bytes, &mut trits, &mut scales), Ok(()));
        for trit in [-1, 0, 1] {
            let count = trits.iter().filter(|found| **found == trit).count();
            assert!(count > trits.len() / 5, "{layout}: {count} of {trit}");
        }
        let groups = trits.chunks_exact(ternary.group()).zip(scales);
        let weights = groups.flat_map(|(trits, d)| trits.iter().map(move |t| d * f32::from(*t)));
        assert!(weights.eq(dequantized(layout, &bytes)), "{layout}");
    }
}

#[test]
fn packed_trits_come_back() {
    for ternary in ternary_layouts() {
        let random = random_bytes(3, 5 * ternary.group());
        let trits: Vec<i8> = random.iter().map(|byte| (byte % 3) as i8 - 1).collect();
        let mut bytes = vec![0xff; 5 * ternary.bytes()];
        ternary.pack_into(&trits, -0.375, &mut bytes);
        let (mut found, mut scales) = (vec![7; trits.len()], vec![0.0; 5]);
        assert_eq!(ternary.trits_into(&bytes, &mut found, &mut scales), Ok(()));
        assert_eq!(
            (found, &scales[..]),
            (trits, &[-0.375; 5][..]),
            "{ternary:?}"
        );
        assert_eq!(ternary.scale(&bytes), -0.375);
    }
}

/// A matrix of 30 rows of two groups, with code 3 as weight 5 of the second group of row 1.
#[test]
fn code_3_is_refused_where_it_is() {
    let mut refused = 0;
    for ternary in ternary_layouts() {
        let (group, size) = (ternary.group(), ternary.bytes());
        let mut bytes = random_bytes(1, 60 * size);
        without_code_3(ternary, &mut bytes);
        let (byte, bit) = match ternary {
            Ternary::Tq1_0 | Ternary::Ptq1_0 => continue,
            Ternary::Tq2_0 => (5, 0),
            _ => (3, 2),
        };
        refused += 1;
        bytes[3 * size + byte] |= 3 << bit;
        let mut writer = Writer::new();
        let dims = [2 * group as u64, 30];
        let id = Layout::Ternary(ternary).type_id();
        writer.tensor("blk.0.ffn_up.weight", &dims, id, &bytes);
        let file = writer.finish();
        let file = Gguf::parse(&file).expect("a file");
        let tensor = file.tensor("blk.0.ffn_up.weight").expect("its tensor");
        assert_eq!(tensor.ternary(), Ok(ternary));
        let read = |rows: std::ops::Range<usize>| {
            let (mut trits, mut scales) = (vec![0; 6 * group], vec![0.0; 6]);
            let (trits, scales) = (
                &mut trits[..2 * group * rows.len()],
                &mut scales[..2 * rows.len()],
            );
            tensor.trits_into(rows, trits, scales)
        };
        assert_eq!(
            (read(0..1), read(2..3), read(3..3)),
            (Ok(()), Ok(()), Ok(()))
        );
        let expected = format!(
            "tensor `blk.0.ffn_up.weight`: expected codes 0, 1 or 2, found 3 at weight {}, at byte {}",
            3 * group + 5,
            tensor.offset() + 3 * size as u64
        );
        for rows in [0..3, 1..2, 1..3] {
            assert_eq!(read(rows).expect_err("a code").to_string(), expected);
        }
    }
    assert_eq!(refused, 4);
}

#[test]
fn types_that_are_read_have_one_name_and_size() {
    for layout in Layout::ALL {
        let id = layout.type_id();
        let name = id.name().expect("a name");
        assert!(layout.name().starts_with(name), "{layout} {name}");
        let block = (layout.weights() as u64, layout.bytes() as u64);
        let expected = (id != TypeId::Q2_0).then_some(block);
        assert_eq!(id.block(), expected, "{layout}");
    }
}
