//! Models of every family from GGUF files: the same numbers and the same logits, and what is no such model in a line.

use atome::checkpoint::{
    self, Checkpoint, compare, gguf_bytes, load, parse_checkpoint, write_gguf,
};
use atome::families::{AtomeConfig, BitMamba2Config, HgrnBitConfig};
use atome::format::{ContainerOptions, Format};
use atome::{Model, Options, Packing};
use atome_gguf::write::Writer;
use atome_gguf::{Gguf, Layout, Ternary, TypeId, Value};
use atome_tests::graphs;
use atome_tests::runs::bits;

/// A model of rows of so many columns.
fn atome(d_model: usize) -> Checkpoint {
    let config = AtomeConfig {
        vocab_size: 33,
        d_model,
        n_layers: 2,
        d_head: 6,
        top_k: 3,
        kernel_size: 4,
        max_seq: 24,
    };
    Checkpoint::random(config, None, 11)
}

/// Models of every family; rows that blocks of 256, 128 and 64 weights fit, and rows that none does.
fn models() -> Vec<Checkpoint> {
    let classifier = AtomeConfig {
        vocab_size: 256,
        d_model: 32,
        n_layers: 1,
        d_head: 8,
        top_k: 4,
        kernel_size: 5,
        max_seq: 32,
    };
    let bitmamba2 = BitMamba2Config {
        vocab_size: 40,
        d_model: 128,
        n_layers: 2,
        n_heads: 4,
    };
    let hgrn_bit = HgrnBitConfig {
        vocab_size: 29,
        hidden_size: 64,
        num_hidden_layers: 2,
        intermediate_size: 256,
        rms_norm_eps: 1e-6,
        use_lower_bound: true,
    };
    let mut models: Vec<_> = [20, 64, 128, 256].into_iter().map(atome).collect();
    models.push(Checkpoint::random(classifier, Some(5), 2));
    models.push(Checkpoint::random(bitmamba2, None, 3));
    models.push(Checkpoint::random(hgrn_bit, None, 4));
    for seed in 0..6 {
        models.push(Checkpoint::random(graphs::random(seed), None, seed));
    }
    models
}

fn logits(model: &Checkpoint) -> Vec<u32> {
    let model = Model::from_checkpoint(model, &Options::default()).expect("loads");
    let mut session = model.session().expect("a slot");
    let vocab = model.vocab() as u32;
    session
        .prefill(&[1 % vocab, 2 % vocab, 1 % vocab])
        .expect("tokens");
    bits(session.logits())
}

fn same(a: &Checkpoint, b: &Checkpoint) {
    let differs = compare(a, b, &mut |_, _| {}).expect("both are models");
    assert_eq!(differs, None, "{:?}", a.config());
    assert_eq!((&a.tokenizer, &a.provenance), (&b.tokenizer, &b.provenance));
    assert_eq!(b.format, Format::Gguf);
}

#[test]
fn a_model_comes_back_bit_by_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    let mut types = std::collections::BTreeSet::new();
    for mut model in models() {
        model.provenance = Some("random".into());
        for packing in [Packing::Int2, Packing::Base3] {
            let options = ContainerOptions::packing(packing);
            let (bytes, summary) = gguf_bytes(&model, &options).expect("a model");
            assert_eq!(summary.bytes, bytes.len() as u64);
            same(&model, &parse_checkpoint(&bytes).expect("reads"));

            write_gguf(&model, &path, &options, &mut |_, _| {}).expect("a model");
            assert_eq!(std::fs::read(&path).expect("written"), bytes);
            let again = load(&path, None).expect("loads");
            same(&model, &again);
            assert_eq!(logits(&model), logits(&again));
            let file = Gguf::parse(&bytes).expect("a file");
            types.extend(file.tensors().iter().map(|t| t.layout().unwrap().name()));
        }
    }
    let expected = [
        "F16",
        "F32",
        "PTQ1_0",
        "Q2_0 (groups of 64)",
        "TQ1_0",
        "TQ2_0",
    ];
    assert_eq!(types.into_iter().collect::<Vec<_>>(), expected);
}

/// The file of a model, taken apart and put together with changes.
struct Edit {
    tensors: Vec<(String, Vec<u64>, TypeId, Vec<u8>)>,
    family: &'static str,
    keys: Vec<(String, u32)>,
}

impl Edit {
    fn of(model: &Checkpoint) -> Edit {
        let options = ContainerOptions::packing(Packing::Int2);
        let (bytes, _) = gguf_bytes(model, &options).expect("a model");
        let file = Gguf::parse(&bytes).expect("a file");
        let number = |entry: &atome_gguf::Entry<'_>| {
            let number = entry.value.integer()?;
            Some((entry.key.to_owned(), number as u32))
        };
        let tensor = |t: &atome_gguf::Tensor<'_>| {
            (
                t.name().to_owned(),
                t.dims().to_vec(),
                t.type_id(),
                t.bytes().to_vec(),
            )
        };
        Edit {
            tensors: file.tensors().iter().map(tensor).collect(),
            family: "atome",
            keys: file.metadata().iter().filter_map(number).collect(),
        }
    }

    fn tensor(&mut self, name: &str) -> &mut (String, Vec<u64>, TypeId, Vec<u8>) {
        let found = self.tensors.iter_mut().find(|(found, ..)| found == name);
        found.expect("a tensor")
    }

    /// The tensor in another type, with this scale in its blocks.
    fn retype(&mut self, name: &str, layout: Layout, scale: f32) {
        let (_, dims, id, bytes) = self.tensor(name);
        let mut trits = vec![0; dims.iter().product::<u64>() as usize];
        let mut scales = vec![0.0; trits.len() / 256];
        Ternary::Tq2_0
            .trits_into(bytes, &mut trits, &mut scales)
            .expect("trits");
        *id = layout.type_id();
        let values = trits.iter().map(|trit| f32::from(*trit) * scale);
        *bytes = match layout {
            Layout::F32 => values.flat_map(f32::to_le_bytes).collect(),
            Layout::Bf16 => values
                .flat_map(|v| ((v.to_bits() >> 16) as u16).to_le_bytes())
                .collect(),
            Layout::Q8_0 => {
                let mut bytes = Vec::new();
                for trits in trits.chunks(32) {
                    bytes.extend([0, 0x3c]);
                    bytes.extend(trits.iter().map(|t| (t * 64).cast_unsigned()));
                }
                bytes
            }
            Layout::Ternary(ternary) => {
                let mut bytes = vec![0; trits.len() / ternary.group() * ternary.bytes()];
                ternary.pack_into(&trits, scale, &mut bytes);
                bytes
            }
            other => panic!("{other}"),
        };
    }

    fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.key("general.architecture", Value::String(self.family));
        for (key, number) in &self.keys {
            writer.key(key, Value::U32(*number));
        }
        for (name, dims, id, bytes) in &self.tensors {
            writer.tensor(name, dims, *id, bytes);
        }
        writer.finish()
    }

    fn error(&self) -> String {
        let error = parse_checkpoint(&self.bytes())
            .map(drop)
            .expect_err("no model");
        let error = error.to_string();
        assert!(!error.contains('\n'));
        error
    }
}

/// A matrix in any type that holds its trits exactly has them, and its scale.
#[test]
fn trits_come_from_every_type() {
    let model = atome(256);
    let name = "blocks.0.wq";
    let expected = model.ternary(name).expect("a matrix");
    for (layout, scale) in [
        (Layout::F32, 0.3),
        (Layout::Bf16, 0.5),
        (Layout::Q8_0, 64.0),
        (Layout::Ternary(Ternary::Tq1_0), 0.25),
        (Layout::Ternary(Ternary::Tq2_0), 0.25),
        (Layout::Ternary(Ternary::Q2_0G64), 2.0),
        (Layout::Ternary(Ternary::Pq2_0), 0.125),
        (Layout::Ternary(Ternary::Ptq1_0), 0.125),
    ] {
        let mut edit = Edit::of(&model);
        edit.retype(name, layout, scale);
        edit.tensors
            .retain(|(found, ..)| found != "blocks.0.wq.scale");
        let found = parse_checkpoint(&edit.bytes()).expect("a model");
        let found = found.ternary(name).expect("a matrix");
        assert_eq!(
            (found.trits, found.scale),
            (expected.trits.clone(), scale),
            "{layout}"
        );

        // With the number beside it the two are multiplied.
        let mut edit = Edit::of(&model);
        edit.retype(name, layout, scale);
        let found = parse_checkpoint(&edit.bytes()).expect("a model");
        assert_eq!(
            found.ternary(name).expect("a matrix").scale,
            expected.scale * scale
        );
    }
}

/// Groups without weights may have a scale of 0, whatever their codes are.
#[test]
fn a_group_of_scale_0_is_zeros() {
    let model = atome(256);
    let mut edit = Edit::of(&model);
    let (_, _, _, bytes) = edit.tensor("blocks.0.wq");
    bytes[64..66].fill(0);
    let found = parse_checkpoint(&edit.bytes()).expect("a model");
    let found = found.ternary("blocks.0.wq").expect("a matrix");
    let expected = model.ternary("blocks.0.wq").expect("a matrix");
    assert!(found.trits[..256].iter().all(|trit| *trit == 0));
    assert_eq!(found.trits[256..], expected.trits[256..]);
    assert_eq!(found.scale, expected.scale);
}

#[test]
fn what_is_no_such_model_is_refused_in_a_line() {
    let model = atome(256);
    let edit = || Edit::of(&model);

    let mut other = edit();
    other.family = "mistral";
    let expected = "metadata: expected `general.architecture` to be atome, bitmamba2, hgrn_bit, graph, qwen35, qwen3 or bitnet, found \"mistral\"";
    assert_eq!(other.error(), expected);

    let mut groups = edit();
    groups.tensor("blocks.1.wk").3[66 + 64..66 + 66].copy_from_slice(&[0, 0x38]);
    let error = groups.error();
    let start = "`blocks.1.wk`: expected one scale for all groups, found 1 and, at byte ";
    assert!(
        error.starts_with(start) && error.ends_with(", 0.5"),
        "{error}"
    );

    let mut infinite = edit();
    infinite.tensor("blocks.1.wk").3[64..66].copy_from_slice(&[0, 0x7c]);
    let error = infinite.error();
    assert!(
        error.starts_with("`blocks.1.wk`: expected a finite scale of a group at byte "),
        "{error}"
    );

    let mut inexact = edit();
    inexact.retype("blocks.0.wv", Layout::F32, 0.5);
    inexact.tensor("blocks.0.wv").3[4 * 300..][..4].copy_from_slice(&0.25f32.to_le_bytes());
    let expected =
        "`blocks.0.wv`: expected -s, 0 and s only, found 0.25 as element 300: not ternary already";
    assert_eq!(inexact.error(), expected);

    let mut gone = edit();
    gone.tensors.retain(|(name, ..)| name != "blocks.0.wv");
    assert_eq!(gone.error(), "`blocks.0.wv` is missing");

    let mut extra = edit();
    extra.tensor("blocks.0.wv.scale").0 = "blocks.0.wv.bias".into();
    assert_eq!(
        extra.error(),
        "`blocks.0.wv.bias` is no tensor of this model: wrong dimensions?"
    );

    let mut turned = edit();
    turned.tensor("blocks.0.wq").1 = vec![512, 3];
    assert_eq!(
        turned.error(),
        "`blocks.0.wq`: expected 6 x 256 trits, found 3 x 512 numbers"
    );

    let mut unread = edit();
    let wv = unread.tensor("blocks.0.wv");
    (wv.2, wv.3) = (TypeId(2), vec![0; 256 * 256 / 32 * 18]);
    let error = unread.error();
    assert!(
        error.contains("expected weights of a type that is read")
            && error.contains("found Q4_0 (type 2)"),
        "{error}"
    );

    let mut negative = edit();
    negative.tensor("blocks.0.wv.scale").3 = (-1.0f32).to_le_bytes().to_vec();
    let error = negative.error();
    assert!(
        error.starts_with("`blocks.0.wv.scale`: expected a finite scale of 0 or more at byte "),
        "{error}"
    );

    // A code that is no trit is found when the matrix is read.
    let mut code = edit();
    code.tensor("blocks.0.wv").3[66 * 2 + 7] |= 3;
    let model = parse_checkpoint(&code.bytes()).expect("its headers are right");
    let error = model
        .ternary("blocks.0.wv")
        .expect_err("no trit")
        .to_string();
    let start =
        "`blocks.0.wv`: expected codes 0, 1 or 2, found 3 as element 519, in the group at byte ";
    assert!(error.starts_with(start), "{error}");
    let error = Model::from_checkpoint(&model, &Options::default()).map(drop);
    assert!(error.expect_err("no trit").to_string().starts_with(start));
}

/// The same model in three files.
#[test]
fn a_split_model_is_one() {
    let model = atome(256);
    let folder = tempfile::tempdir().expect("a folder");
    let edit = Edit::of(&model);
    let name = |number: usize| folder.path().join(format!("m-{number:05}-of-00003.gguf"));
    let part = |number: usize, tensors: &[(String, Vec<u64>, TypeId, Vec<u8>)]| {
        let mut writer = Writer::new();
        writer.key("split.no", Value::U16(number as u16));
        writer.key("split.count", Value::U16(3));
        writer.key("split.tensors.count", Value::I32(edit.tensors.len() as i32));
        if number == 0 {
            writer.key("general.architecture", Value::String("atome"));
            for (key, value) in &edit.keys {
                writer.key(key, Value::U32(*value));
            }
        }
        for (name, dims, id, bytes) in tensors {
            writer.tensor(name, dims, *id, bytes);
        }
        std::fs::write(name(number + 1), writer.finish()).expect("a file");
    };
    let (first, rest) = edit.tensors.split_at(5);
    let (second, third) = rest.split_at(7);
    for (number, tensors) in [first, second, third].into_iter().enumerate() {
        part(number, tensors);
    }
    for number in 1..=3 {
        let found = checkpoint::load(&name(number), None).expect("a model");
        assert_eq!(logits(&found), logits(&model));
    }
    part(1, &second[1..]);
    let error = load(&name(1), None)
        .map(drop)
        .expect_err("one is missing")
        .to_string();
    assert!(
        error.contains("-00001-of-00003.gguf: key `split.tensors.count`: expected"),
        "{error}"
    );
    std::fs::remove_file(name(3)).expect("it is there");
    let error = load(&name(1), None)
        .map(drop)
        .expect_err("one is gone")
        .to_string();
    assert!(
        error.contains("m-00003-of-00003.gguf: cannot read the file"),
        "{error}"
    );
}
