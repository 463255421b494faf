//! The bits of logits and of written files are those of `bits.txt`, on every backend, tier and machine.
//!
//! Where they move on purpose the list is made anew, in a commit that says why:
//! `cargo test --workspace --test bits -- --ignored record`.

use atome::checkpoint::{
    Checkpoint, random_bit2, write_atome01, write_atome02, write_atomecl01, write_container,
    write_packed,
};
use atome::families::{AtomeConfig, BitMamba2Config, Config, HgrnBitConfig};
use atome::format::ContainerOptions;
use atome::tensor::EmbeddingType;
use atome::{Model, Packing, Session};
use atome_tests::published::{self, CLASSIFIERS, golden, tokens};
use atome_tests::runs::{self, Run};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

/// Hashes by name.
type Hashes = BTreeMap<String, u64>;

/// A part of the list: its names begin with the part's.
struct Part {
    name: &'static str,
    /// The ways to run its models.
    runs: fn() -> Vec<Run>,
    /// What one of these ways gives; `None` where the models are not at hand.
    hashes: fn(&Run) -> Option<Hashes>,
}

macro_rules! parts {
    ($($part:ident by $runs:path),+ $(,)?) => {
        const PARTS: &[Part] = &[$(Part { name: stringify!($part), runs: $runs, hashes: $part }),+];

        mod check {
            $(#[test] fn $part() { super::check(stringify!($part)); })+
        }
    };
}

parts! {
    published_atome by runs::all,
    published_bitmamba2 by runs::int8,
    default_model by runs::all,
    random_atome by runs::all,
    random_bitmamba2 by runs::int8,
    published_hgrn_bit by runs::int8,
    random_hgrn_bit by runs::int8,
    written by interpreter,
}

fn interpreter() -> Vec<Run> {
    runs::all().into_iter().take(1).collect()
}

/// FNV-1a, 64 bits.
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn hash_of(logits: &[f32]) -> u64 {
    hash(logits.iter().flat_map(|x| x.to_bits().to_le_bytes()))
}

/// The logits after each of `tokens`: half of them step by step, the others in blocks.
fn hash_of_rows(session: &mut Session, tokens: &[u32]) -> u64 {
    let mut rows = Vec::new();
    let (steps, blocks) = tokens.split_at(tokens.len() / 2);
    for token in steps {
        session.step(*token).expect("a token of the vocabulary");
        rows.extend_from_slice(session.logits());
    }
    let each = |_: usize, logits: &[f32]| rows.extend_from_slice(logits);
    session.prefill_with(blocks, each).expect("tokens");
    hash_of(&rows)
}

fn published_atome(run: &Run) -> Option<Hashes> {
    let folder = published::folder()?;
    let mut hashes = Hashes::new();
    for file in ["atome_944k.bin", "atome_944k.atome02"] {
        let model = published::load(&folder, file, "atome_944k.json", &run.options);
        let mut session = model.session().expect("a slot");
        for (i, record) in golden(&folder, "golden_944k.json").iter().enumerate() {
            session.reset();
            session.prefill(&tokens(&record["tokens"])).expect("bytes");
            hashes.insert(
                format!("published_atome/{file}/{i}"),
                hash_of(session.logits()),
            );
        }
    }
    for name in CLASSIFIERS {
        let file = format!("{name}.atomecl");
        let model = published::load(&folder, &file, "atomecl.json", &run.options);
        let mut session = model.session().expect("a slot");
        let mut all = Vec::new();
        for record in golden(&folder, &format!("golden_{name}.json")) {
            session.classify(&tokens(&record["tokens"])).expect("bytes");
            all.extend_from_slice(session.logits());
        }
        hashes.insert(format!("published_atome/{file}"), hash_of(&all));
    }
    Some(hashes)
}

fn published_bitmamba2(run: &Run) -> Option<Hashes> {
    let folder = published::bitmamba2_folder()?;
    let mut hashes = Hashes::new();
    for name in ["tiny", "small"] {
        let path = folder.join(format!("{name}.bin"));
        let model = Model::load(&path, None, &run.options).expect("loads");
        let mut session = model.session().expect("a slot");
        let records = golden(&folder, &format!("golden_{name}.json"));
        for (i, record) in records.iter().enumerate() {
            session.reset();
            session.prefill(&tokens(&record["tokens"])).expect("tokens");
            hashes.insert(
                format!("published_bitmamba2/{name}.bin/{i}"),
                hash_of(session.logits()),
            );
        }
    }
    Some(hashes)
}

fn published_hgrn_bit(run: &Run) -> Option<Hashes> {
    let folder = published::hgrn_bit_folder()?;
    let mut hashes = Hashes::new();
    for name in ["tiny_f32", "small_bf16_shards"] {
        let model = Model::load(&folder.join(name), None, &run.options).expect("loads");
        let mut session = model.session().expect("a slot");
        let hash = hash_of_rows(&mut session, &sequence(model.vocab()));
        hashes.insert(format!("published_hgrn_bit/{name}"), hash);
    }
    Some(hashes)
}

fn default_model(run: &Run) -> Option<Hashes> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/default.safetensors");
    let model = Model::load(&path, None, &run.options).expect("the model of this project");
    let mut session = model.session().expect("a slot");
    let text = b"And the king said unto him, Go".map(u32::from);
    let hash = hash_of_rows(&mut session, &text);
    Some([("default_model/text".to_owned(), hash)].into())
}

/// Vocabulary, width, layers, head, top-k, taps, positions and classes: fewer than a vector, as many and more, windows
/// that wrap around.
const ATOME: [([usize; 7], Option<usize>); 7] = [
    ([1, 1, 1, 1, 1, 1, 1], None),
    ([11, 7, 2, 3, 2, 3, 8], None),
    ([33, 16, 1, 16, 4, 5, 24], Some(1)),
    ([64, 17, 3, 15, 9, 4, 5], None),
    ([100, 65, 2, 33, 3, 7, 17], Some(19)),
    ([257, 100, 1, 40, 8, 2, 90], None),
    ([300, 64, 2, 31, 4, 5, 64], None),
];

fn atome_models() -> impl Iterator<Item = (String, Checkpoint)> {
    (0..).zip(ATOME).map(|(seed, (dims, classes))| {
        let config = AtomeConfig {
            vocab_size: dims[0],
            d_model: dims[1],
            n_layers: dims[2],
            d_head: dims[3],
            top_k: dims[4],
            kernel_size: dims[5],
            max_seq: dims[6],
        };
        let name = format!("{dims:?}").replace(", ", "-");
        let classes_name = classes.map_or(String::new(), |n| format!("-classes{n}"));
        let name = format!("{}{classes_name}", name.trim_matches(['[', ']']));
        (name, Checkpoint::random(config, classes, seed))
    })
}

/// Vocabulary, width, layers and heads.
const BITMAMBA2: [[usize; 4]; 5] = [
    [3, 4, 1, 1],
    [70, 36, 2, 6],
    [33, 20, 1, 40],
    [257, 64, 3, 4],
    [100, 84, 1, 3],
];

fn bitmamba2_models() -> impl Iterator<Item = (String, Checkpoint)> {
    (0..).zip(BITMAMBA2).map(|(seed, dims)| {
        let [vocab_size, d_model, n_layers, n_heads] = dims;
        let config = BitMamba2Config {
            vocab_size,
            d_model,
            n_layers,
            n_heads,
        };
        let name = dims.map(|n| n.to_string()).join("-");
        (name, Checkpoint::random(config.clone(), None, seed))
    })
}

/// Vocabulary, width, layers and width of the feed-forward.
const HGRN_BIT: [[usize; 4]; 4] = [
    [3, 1, 1, 1],
    [70, 36, 2, 50],
    [257, 64, 3, 160],
    [33, 17, 1, 65],
];

fn hgrn_bit_models() -> impl Iterator<Item = (String, Checkpoint)> {
    (0..).zip(HGRN_BIT).map(|(seed, dims)| {
        let [
            vocab_size,
            hidden_size,
            num_hidden_layers,
            intermediate_size,
        ] = dims;
        let config = HgrnBitConfig {
            vocab_size,
            hidden_size,
            num_hidden_layers,
            intermediate_size,
            rms_norm_eps: 1e-6,
            use_lower_bound: true,
        };
        let name = dims.map(|n| n.to_string()).join("-");
        (name, Checkpoint::random(config, None, seed))
    })
}

/// Thirty-seven tokens of a vocabulary.
fn sequence(vocab: usize) -> Vec<u32> {
    let vocab = u32::try_from(vocab).expect("ids are u32");
    (0..37u32)
        .map(|i| i.wrapping_mul(2_654_435_769) % vocab)
        .collect()
}

fn random_atome(run: &Run) -> Option<Hashes> {
    let hash = |(name, model): (String, Checkpoint)| {
        let model = Model::from_checkpoint(&model, &run.options).expect("loads");
        let mut session = model.session().expect("a slot");
        let hash = hash_of_rows(&mut session, &sequence(model.vocab()));
        (format!("random_atome/{name}"), hash)
    };
    Some(atome_models().map(hash).collect())
}

fn random_bitmamba2(run: &Run) -> Option<Hashes> {
    let hash = |(name, model): (String, Checkpoint)| {
        let model = Model::from_checkpoint(&model, &run.options).expect("loads");
        let mut session = model.session().expect("a slot");
        let hash = hash_of_rows(&mut session, &sequence(model.vocab()));
        (format!("random_bitmamba2/{name}"), hash)
    };
    Some(bitmamba2_models().map(hash).collect())
}

fn random_hgrn_bit(run: &Run) -> Option<Hashes> {
    let hash = |(name, model): (String, Checkpoint)| {
        let model = Model::from_checkpoint(&model, &run.options).expect("loads");
        let mut session = model.session().expect("a slot");
        let hash = hash_of_rows(&mut session, &sequence(model.vocab()));
        (format!("random_hgrn_bit/{name}"), hash)
    };
    Some(hgrn_bit_models().map(hash).collect())
}

/// The random models in every format that is written.
fn written(_: &Run) -> Option<Hashes> {
    let mut hashes = Hashes::new();
    let mut add =
        |name: String, file: Vec<u8>| hashes.insert(format!("written/{name}"), hash(file));
    for (name, model) in atome_models() {
        add(
            format!("{name}.atome01"),
            write_atome01(&model).expect("an Atome model"),
        );
        add(
            format!("{name}.atome02"),
            write_atome02(&model).expect("an Atome model"),
        );
        if let Ok(file) = write_atomecl01(&model) {
            add(format!("{name}.atomecl01"), file);
        }
        for packing in [Packing::Int2, Packing::Base3] {
            let options = ContainerOptions::packing(packing).provenance("a \"test\"");
            let file = write_container(&model, &options).expect("a model of our own");
            add(format!("{name}-{packing}.safetensors"), file);
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    for (seed, (name, model)) in (0..).zip(bitmamba2_models()) {
        let Config::BitMamba2(config) = model.config() else {
            panic!("a BitMamba-2 model")
        };
        let file = random_bit2(config, seed);
        add(format!("{name}.bit2"), file);
        for packing in [Packing::Int2, Packing::Base3] {
            for embedding in [EmbeddingType::F32, EmbeddingType::F16, EmbeddingType::Int8] {
                let mut options = ContainerOptions::packing(packing);
                options.embedding = Some(embedding);
                options.provenance = Some("a \"test\"".into());
                write_packed(&model, &path, &options, &mut |_, _| {}).expect("a model of our own");
                let file = fs::read(&path).expect("just written");
                add(format!("{name}-{packing}-{embedding}.safetensors"), file);
            }
        }
    }
    for (name, model) in hgrn_bit_models() {
        for packing in [Packing::Int2, Packing::Base3] {
            let options = ContainerOptions::packing(packing);
            let file = write_container(&model, &options).expect("a model of our own");
            add(format!("hgrn_bit-{name}-{packing}.safetensors"), file);
        }
    }
    Some(hashes)
}

fn list_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bits.txt")
}

/// The list: a hash and a name a line.
fn list() -> Hashes {
    let text = fs::read_to_string(list_path()).unwrap_or_default();
    let line = |line: &str| {
        let (hash, name) = line.split_once(' ').expect("a hash and a name");
        let hash = u64::from_str_radix(hash, 16).expect("16 hexadecimal digits");
        (name.to_owned(), hash)
    };
    text.lines().map(line).collect()
}

impl Part {
    fn has(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.name);
        rest.is_some_and(|rest| rest.starts_with('/'))
    }
}

fn check(part: &str) {
    let part = PARTS.iter().find(|p| p.name == part).expect("a part");
    let mut expected = list();
    expected.retain(|name, _| part.has(name));
    for run in (part.runs)() {
        let Some(found) = (part.hashes)(&run) else {
            return;
        };
        let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        let moved = |name: &&String| expected.get(*name) != found.get(*name);
        let moved: Vec<&String> = names.into_iter().filter(moved).collect();
        assert!(
            moved.is_empty(),
            "{}: not the bits of tests/tests/bits.txt: {moved:?}",
            run.name
        );
    }
}

/// Makes the list anew, by the interpreter; what is not at hand stays as it is.
#[test]
#[ignore = "writes the list: after bits have moved on purpose"]
fn record() {
    let mut list = list();
    list.retain(|name, _| PARTS.iter().any(|part| part.has(name)));
    for part in PARTS {
        let first = (part.runs)().remove(0);
        if let Some(hashes) = (part.hashes)(&first) {
            list.retain(|name, _| !part.has(name));
            list.extend(hashes);
        }
    }
    let lines: String = list
        .into_iter()
        .map(|(name, hash)| format!("{hash:016x} {name}\n"))
        .collect();
    fs::write(list_path(), lines).expect("the list is written");
}
