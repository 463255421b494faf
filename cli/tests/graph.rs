//! Models of an architecture that no binary has heard of: a graph as text and float weights, packed and run.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome::Tier;
use atome::checkpoint::{Checkpoint, load};
use atome::graph::Graph;
use atome::tensor::Tensor;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use support::Fixture;

/// A gated recurrence beside attention; it exists only here.
const GATED: &str = "\
graph gated window 12 {
  %x = embedding embed(256, 40)
  layers.0..2 {
    %n = rms_norm norm(%x) eps=1e-6
    %c = conv1d conv(%n, 3)
    %p = linear in(%c, 80)
    param floor: f32[40] random 0.0..0.5
    param gain: f32[4]
    state h: f32[40]
    mix: map i=%p[0..40], f=%p[40..80], floor=floor, g=gain, h=h, y=%y[40] {
      k = floor + (1 - floor) * sigmoid(f)
      h = k * h + silu(i) * (1 - k)
      y = h * g
    }
    %q = linear q(%n, 8)
    %k = linear k(%n, 8)
    cache keys: f32[8, 1]
    cache values: f32[1, 40]
    each token {
      append: kv_append k=%k, v=%n, keys=keys, values=values
      dots: attn_scores q=%q, keys=keys, scores=%s[positions]
      best: top_k scores=%s, chosen=%chosen[..3], picked=%picked[..3]
      share: softmax x=%picked, out=%share[..3], eps=1e-10
      sum: attn_mix chosen=%chosen, p=%share, values=values, out=%a[40]
    }
    both: map y=%y, a=%a { y = y + a }
    %o = linear out(%y, 40)
    residual add(%o, %x)
  }
  head {
    %n = layer_norm norm_f(%x) eps=1e-5
    %logits = linear unembed(%n, 256)
  }
}
";

/// Attention of three query heads over two heads of keys and values.
const HEADS: &str = "\
graph heads window 12 {
  %x = embedding embed(256, 40)
  %q = linear q(%x, 120)
  %k = linear k(%x, 40)
  %v = linear v(%x, 40)
  cache keys: f32[40, 1]
  cache values: f32[1, 40]
  each token {
    append: attend_append k=%k, v=%v, keys=keys, values=values, head_dim=20
    attend: attend q=%q, keys=keys, values=values, out=%a[120], head_dim=20
  }
  %o = linear out(%a, 40)
  residual add(%o, %x)
  head { %logits = linear unembed(%x, 256) }
}
";

/// All its products are of int8, so its file is mapped.
const INT8: &str = "\
graph int8 {
  %x = lookup embed(50, 24)
  layers.0..3 {
    %p = bit_linear in(%x, 48) eps=1e-6
    state h: f32[24]
    mix: map f=%p[0..24], i=%p[24..48], h=h, y=%y[24] { h = sigmoid(f) * h + i; y = tanh(h) }
    %o = bit_linear out(%y, 24) eps=1e-6
    residual add(%o, %x)
  }
  head { %logits = bit_linear unembed(%x, 50) eps=1e-6 }
}
";

fn graph(text: &str) -> Graph {
    text.parse().expect("a graph")
}

/// Names, shapes and numbers of tensors.
type Weights = Vec<(String, Vec<usize>, Vec<f32>)>;

/// The tensors of a random model as floats.
fn weights(graph: &Graph) -> Weights {
    let model = Checkpoint::random(graph.clone(), None, 7);
    let tensors = model.tensors().map(|(name, tensor)| {
        let (rows, cols) = tensor.shape();
        let (shape, values) = match tensor {
            Tensor::Ternary(w) => {
                let w = w.read().expect("in memory");
                let values = w.trits.iter().map(|&t| w.scale * f32::from(t)).collect();
                (vec![rows, cols], values)
            }
            Tensor::Table(table) => {
                let mut values = vec![0.0; rows * cols];
                table.read(0..rows, &mut values).expect("in memory");
                (vec![rows, cols], values)
            }
            _ => (vec![rows], model.floats(name).expect("in memory")),
        };
        (name.to_owned(), shape, values)
    });
    tensors.collect()
}

fn file(weights: &Weights) -> Vec<u8> {
    let bytes =
        |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
    let data: Vec<Vec<u8>> = weights.iter().map(|(_, _, values)| bytes(values)).collect();
    let views = weights.iter().zip(&data).map(|((name, shape, _), data)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), data).expect("as many");
        (name.clone(), view)
    });
    safetensors::serialize(views, None).expect("a file")
}

/// A directory with `graph.txt`, `floats.safetensors` and, of these, `model.safetensors`.
fn packed(text: &str, more: &[&str]) -> Fixture {
    let fixture = Fixture::new();
    fixture.write("graph.txt", text.as_bytes());
    fixture.write("floats.safetensors", &file(&weights(&graph(text))));
    let args = [
        "pack",
        "floats.safetensors",
        "model.safetensors",
        "--graph",
        "graph.txt",
        "--scale",
        "exact",
    ];
    let said = fixture.run(&[&args[..], more].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("are equal"), "{}", said.out);
    fixture
}

/// The same logits from every backend and tier.
fn agree(fixture: &Fixture, tokens: &str) {
    let logits = |more: &[&str]| {
        let args = ["logits", "model.safetensors", "--tokens", tokens];
        let said = fixture.run(&[&args[..], more].concat());
        assert_eq!(said.code, Some(0), "{more:?}: {}", said.err);
        said.out
    };
    let expected = logits(&["--backend", "interp"]);
    assert!(expected.contains("\"argmax\""), "{expected}");
    for tier in atome_kernels::tiers().iter().map(|tier| tier.name()) {
        for backend in ["aot", "jit"] {
            if backend == "jit" && tier == Tier::Portable.name() {
                continue;
            }
            for threads in ["1", "2"] {
                let run = ["--backend", backend, "--cpu", tier, "--threads", threads];
                assert_eq!(logits(&run), expected, "{run:?}");
            }
        }
    }
}

/// By the flag and written in the graph, keys and values in f16 have the same bits on every backend, near those in f32.
#[test]
fn caches_of_f16_by_a_flag_and_by_the_graph() {
    let tokens = "1,2,3,250,7,0,0,9,8,7,6,5,4,3,2,1";
    let by_flag = packed(HEADS, &[]);
    let logits = |fixture: &Fixture, more: &[&str]| {
        let args = ["logits", "model.safetensors", "--tokens", tokens];
        let said = fixture.run(&[&args[..], more].concat());
        assert_eq!(said.code, Some(0), "{more:?}: {}", said.err);
        said.out
    };
    let wide = logits(&by_flag, &[]);
    assert_eq!(logits(&by_flag, &["--cache-type", "f32"]), wide);
    let half = logits(&by_flag, &["--cache-type", "f16"]);
    assert_ne!(half, wide);
    // Two heads of 20: 11 words of a key, 16 of a value.
    let in_graph = HEADS
        .replace("attend_append k", "attend_append_f16 k")
        .replace("attend q=", "attend_f16 q=")
        .replace("keys: f32[40, 1]", "keys: f32[22, 1]")
        .replace("values: f32[1, 40]", "values: f32[1, 32]");
    let in_graph = packed(&in_graph, &[]);
    assert_eq!(logits(&in_graph, &[]), half);
    agree(&in_graph, tokens);
    let refused = |fixture: &Fixture, held: &str, expected: &str| {
        let args = ["run", "model.safetensors", "-p", "a", "--cache-type", held];
        let said = fixture.run(&args);
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains(expected), "{}", said.err);
    };
    refused(
        &in_graph,
        "f32",
        "expected the model's caches, f16, found that f32 was asked for",
    );
    refused(
        &packed(GATED, &[]),
        "f16",
        "expected no type of caches, found f16",
    );
    refused(&by_flag, "f8", "f32, f16");
}

#[test]
fn an_architecture_of_its_own_runs_from_its_file() {
    let fixture = packed(GATED, &[]);
    agree(&fixture, "1,2,3,250,7,0,0,9,8,7,6,5,4,3,2,1");
    let said = fixture.run(&["inspect", "model.safetensors", "--graph"]);
    assert_eq!(said.out.parse(), Ok(graph(GATED)));
    let said = fixture.run(&["inspect", "model.safetensors"]);
    assert!(said.out.contains("graph, language model"), "{}", said.out);
    let said = fixture.run(&[
        "run",
        "model.safetensors",
        "-p",
        "Once",
        "-n",
        "5",
        "--greedy",
    ]);
    assert!(
        said.code == Some(0) && said.out.starts_with("Once"),
        "{}",
        said.err
    );
    fixture.write("text.txt", b"And God said, Let there be light.");
    let said = fixture.run(&["eval", "model.safetensors", "--text", "text.txt", "--json"]);
    assert!(said.out.contains("bits_per_byte"), "{}", said.err);
    // The weights were ternary, so nothing is lost.
    let read = load(&fixture.path("model.safetensors"), None).expect("a model");
    let source = Checkpoint::random(graph(GATED), None, 7);
    for (name, tensor) in source.tensors() {
        if let Some(w) = tensor.as_ternary() {
            let trits = w.read().expect("in memory").trits;
            assert!(read.ternary(name).expect("there").trits == trits, "{name}");
        }
    }
    let bench = [
        "bench",
        "--model",
        "model.safetensors",
        "--json",
        "--filter",
        "step",
    ];
    let said = fixture.run(&bench);
    assert!(
        said.out.contains("\"step-gated-"),
        "{} {}",
        said.out,
        said.err
    );
    let again = [
        "pack",
        "model.safetensors",
        "again.safetensors",
        "--packing",
        "int2",
    ];
    assert_eq!(fixture.run(&again).code, Some(0));
    let [a, b] = ["model", "again"].map(|name| {
        let model = format!("{name}.safetensors");
        fixture.run(&["logits", &model, "--tokens", "5,6"]).out
    });
    assert_eq!(a, b);
}

#[test]
fn products_of_int8_are_mapped() {
    let fixture = packed(INT8, &[]);
    agree(&fixture, "1,2,3,49,7,0");
    let json = fixture.json(&["inspect", "model.safetensors", "--json", "--graph"]);
    assert!(json["mapped_bytes"].as_u64().expect("a number") > 0);
    assert_eq!(json["architecture"], "graph");
    let text = json["graph"].as_str().expect("a text");
    assert_eq!(text.parse(), Ok(graph(INT8)));
    for packing in ["int2", "base3"] {
        let out = format!("{packing}.safetensors");
        let args = [
            "pack",
            "model.safetensors",
            &out,
            "--packing",
            packing,
            "--embedding",
            "f32",
        ];
        let said = fixture.run(&args);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let logits = |file: &str| fixture.run(&["logits", file, "--tokens", "3,1"]).out;
        assert_eq!(logits(&out), logits("model.safetensors"));
    }
}

#[test]
fn another_number_of_outputs_makes_a_classifier() {
    let text = INT8.replace("unembed(%x, 50)", "classes(%x, 3)");
    let fixture = packed(&text, &["--packing", "base3"]);
    let json = fixture.json(&["classify", "model.safetensors", "--tokens", "4,5,6"]);
    assert_eq!(json["logits"].as_array().expect("logits").len(), 3);
}

/// What `pack --graph` says of files that do not fit, in one line.
#[test]
fn what_does_not_fit_is_named() {
    let fixture = packed(INT8, &[]);
    let all = weights(&graph(INT8));
    let mut fewer = all.clone();
    fewer.retain(|(name, ..)| name != "layers.1.out");
    fixture.write("fewer.safetensors", &file(&fewer));
    let mut more = all.clone();
    more.push(("layers.9.in".to_owned(), vec![1], vec![0.5]));
    fixture.write("more.safetensors", &file(&more));
    let mut other = all.clone();
    other[1].1 = vec![2, 12];
    fixture.write("other.safetensors", &file(&other));
    fixture.write("wrong.txt", INT8.replace("tanh(h)", "tnah(h)").as_bytes());
    fixture.write("none.txt", b"\xff");
    let refused = |input: &str, graph: &str, more: &[&str], expected: &str| {
        let args = ["pack", input, "out.safetensors", "--graph", graph];
        let said = fixture.run(&[&args[..], more].concat());
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        assert!(
            said.err.contains(expected),
            "expected {expected:?}, found {}",
            said.err
        );
    };
    let floats = "floats.safetensors";
    refused("fewer.safetensors", "graph.txt", &[], "`layers.1.out`");
    refused("more.safetensors", "graph.txt", &[], "`layers.9.in`");
    refused("other.safetensors", "graph.txt", &[], "[24]");
    refused(floats, "wrong.txt", &[], "wrong.txt: graph: line 6, column");
    refused(floats, "wrong.txt", &[], "no function is named `tnah`");
    refused(
        floats,
        "none.txt",
        &[],
        "a character that means nothing here",
    );
    refused(floats, "missing.txt", &[], "missing.txt");
    refused(
        "model.safetensors",
        "graph.txt",
        &[],
        "`--graph` is not for a packed model",
    );
    refused(floats, "graph.txt", &["--format", "atome01"], "ATOME01");
    let said = fixture.run(&[
        "logits",
        "model.safetensors",
        "--tokens",
        "1",
        "--config",
        "lm.json",
    ]);
    assert!(said.err.contains("lm.json is not used"), "{}", said.err);
    let args = [
        "pack",
        floats,
        "graph.txt",
        "--graph",
        "graph.txt",
        "--format",
        "container",
        "--force",
    ];
    assert!(
        fixture
            .run(&args)
            .err
            .contains("would replace what is read")
    );
}
