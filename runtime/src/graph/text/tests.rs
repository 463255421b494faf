//! Text to graphs and back.

use crate::families::{AtomeConfig, BitMamba2Config, Family, Qwen35Dims};
use crate::graph::{Builder, Graph};
use atome_spec::Op;
use insta::assert_snapshot;
use std::fmt::Write;

fn families() -> Vec<Graph> {
    let atome = AtomeConfig {
        vocab_size: 40,
        d_model: 24,
        n_layers: 12,
        d_head: 8,
        top_k: 4,
        kernel_size: 5,
        max_seq: 32,
    };
    let bitmamba2 = BitMamba2Config {
        vocab_size: 256,
        d_model: 32,
        n_layers: 24,
        n_heads: 4,
    };
    let graphs = [
        atome.graph(None),
        atome.graph(Some(4)),
        bitmamba2.graph(None),
    ];
    graphs.map(|graph| graph.expect("a graph")).into()
}

/// A hybrid of gated delta nets and attention, rotated.
fn hybrid() -> Graph {
    let dims = Qwen35Dims {
        vocab_size: 300,
        embedding_length: 128,
        block_count: 4,
        full_attention_interval: 4,
        feed_forward_length: 256,
        head_count: 2,
        head_count_kv: 1,
        key_length: 64,
        rope_dimension_count: 16,
        key_heads: 1,
        value_heads: 2,
        state_size: 64,
        group: 64,
        hadamard_block: Some(64),
        context: 40,
    };
    dims.graph().expect("a graph")
}

#[test]
fn a_hybrid_comes_back_as_it_was() {
    let graph = hybrid();
    assert_eq!(graph.to_string().parse(), Ok(graph.clone()));
    assert_snapshot!("hybrid", graph);
}

#[test]
fn families_come_back_as_they_were() {
    for graph in families() {
        let text = graph.to_string();
        let back: Graph = text.parse().expect("what was printed");
        assert_eq!(back, graph);
        assert_eq!(back.to_string(), text);
        assert!(text.lines().count() < 60, "{text}");
    }
}

/// A recurrent model of its own, all of it in text.
const GATED: &str = "\
# A gated convolution.
graph gated {
  %x = embedding embed(64, 48)
  layers.0..3 {
    %n = rms_norm norm(%x) eps=1e-6
    %c = conv1d conv(%n, 4)
    %p = bit_linear mix.in(%c, 96) eps=1e-6
    param gate: f32[48] tanh random 0.5..1.5
    param b: f32[48]
    param c: f32[48]
    state h: f32[48]
    ssm: scan decay=gate, b=b, c=c, x=%n, state=h, out=%y[48]
    param bias: f32[4]
    state s: f32[48]
    mix: map y=%y, p=%p[48..96], g=%p[0..48], b=bias, s=s, out=%z[48] {
      keep = sigmoid(p + b)                 # b is one of four heads
      s = keep * s + (1 - keep) * y; out = s * silu(g)
    }
    heads.0..2 {
      %o = linear out(%z, 48)
      residual sum(%o, %x)
    }
    %o = linear low(%p, 48)     # the rows of another scope are not seen here
    residual sum(%o, %x)
  }
  head {
    %n = layer_norm norm_f(%x) eps=1e-5
    %logits = linear unembed(%n, 64)
  }
}
";

#[test]
fn a_text_is_a_graph() {
    let graph: Graph = GATED.parse().expect("a graph");
    assert_snapshot!("gated", graph);
    assert_eq!(graph.to_string().parse(), Ok(graph));
}

/// The example that the documentation begins with.
#[test]
fn the_documented_model_is_a_graph() {
    let page = include_str!("../../../../docs/graph.md");
    let lines = page.lines().skip_while(|line| *line != "```text").skip(1);
    let text: Vec<&str> = lines.take_while(|line| *line != "```").collect();
    let graph: Graph = text.join("\n").parse().expect("the documented model");
    assert_eq!(graph.params.len(), 1 + 4 * 7 + 2);
    // The README shows the example's, as it is.
    let readme = include_str!("../../../../README.md");
    let example = include_str!("../../../examples/own_architecture/gated.graph");
    assert!(readme.contains(&format!("```text\n{example}```")));
    assert!(example.parse::<Graph>().is_ok());
    for line in include_str!("mod.rs")
        .lines()
        .skip_while(|line| !line.contains("graph     ="))
    {
        let Some(rule) = line.strip_prefix("//! ").filter(|rule| *rule != "```") else {
            break;
        };
        assert!(page.contains(rule), "docs/graph.md lacks {rule}");
    }
}

/// What a builder records and what a text says are the same.
#[test]
fn a_function_is_what_its_text_says() {
    let mut g = Builder::new("same", 1);
    let x = g.embedding("embed", 64, 48);
    for i in 0..2 {
        g.scope(format!("layers.{i}"), |g| {
            let n = g.rms_norm("n", x, 1e-6);
            let c = g.conv1d("c", n, 4);
            let p = g.bit_linear("p", c, 48, 1e-6);
            g.residual("sum", p, x);
        });
    }
    g.head(|g| {
        let n = g.layer_norm("n", x, 1e-5);
        g.linear("logits", n, 64)
    });
    let text = "graph same { %x = embedding embed(64, 48)
        layers.0..2 {
          %n = rms_norm n(%x) eps=1e-6
          %c = conv1d c(%n, 4)
          %p = bit_linear p(%c, 48) eps=1e-6
          residual sum(%p, %x)
        }
        head { %n = layer_norm n(%x) eps=1e-5 %logits = linear logits(%n, 64) } }";
    assert_eq!(g.finish(), text.parse().map_err(|fault| panic!("{fault}")));
}

/// Names that hide others are printed whole, and read back.
#[test]
fn hidden_names_begin_with_a_dot() {
    let mut g = Builder::new("hidden", 1);
    let x = g.embedding("embed", 8, 16);
    g.scope("a", |g| {
        let inner = g.rows("x", 16);
        let w = g.ternary("embed", [16, 16]);
        let call = g.call("w", Op::Gemm);
        call.arg("w", w).arg("x", x).arg("out", inner);
        call.scalar("scale", w);
        g.residual("sum", inner, x);
        let again = g.rows("again", 16);
        g.scope("b", |g| {
            let call = g.call("w", Op::Gemm);
            call.arg("w", w).arg("x", inner).arg("out", again);
            call.scalar("scale", w);
        });
    });
    g.head(|g| g.linear("unembed", x, 8));
    let graph = g.finish().expect("a graph");
    assert_snapshot!("hidden", graph);
    assert_eq!(graph.to_string().parse(), Ok(graph));
}

/// A graph with these lines behind a lookup of `%x[16]`.
fn fault(lines: &str) -> String {
    let text = format!(
        "graph test {{\n  %x = embedding embed(40, 16)\n{lines}\n  head {{ %y = linear unembed(%x, 40) }}\n}}\n"
    );
    match text.parse::<Graph>() {
        Err(fault) => fault.to_string(),
        Ok(graph) => format!("a graph\n{graph}"),
    }
}

const WRONG: &[&str] = &[
    "  %y = linear w(%x 16)",
    "  %y = linear w(%z, 16)",
    "  %y = linear w(%x, 16",
    "  %y = linear w(%x)",
    "  linear w(%x, 16)",
    "  %y = residual w(%x, %x)",
    "  %y = linaer w(%x, 16)",
    "  %y = linear w(%x, 99999999999999999999)",
    "  %y = linear w(%x, 1.5)",
    "  %y = linear w(%x, 0)",
    "  %y = rms_norm n(%x)",
    "  %y = rms_norm n(%x) eps=1e99",
    "  %y = rms_norm n(%x) eps=-",
    "  %y[16] = linear w(%x, 16)",
    "  %x = linear w(%x, 16)",
    "  %x = linear w(%x, 17)",
    "  param a: f32[16] tanh sinh",
    "  param a: f16[16]",
    "  param a: trits[16]",
    "  param a: trits[16, 16] tanh",
    "  param a: f32[16] random 1.0..0.0",
    "  param a: f32[16] random 1.0",
    "  param embed: f32[16]",
    "  param : f32[16]",
    "  param a f32[16]",
    "  state h: f32[4, 4]",
    "  cache k: f32[4]",
    "  state h: f16[4]",
    "  sum: residual y=%y, x=%x",
    "  sum: residual y=%x[8], x=%x",
    "  sum: residual y=%x[8..4], x=%x",
    "  sum: residual y=%x[0..17], x=%x",
    "  sum: residual y=%x[positions], x=%x",
    "  sum: residual y=embed, x=%x",
    "  sum: residual y=nothing, x=%x",
    "  sum: residual y=1.0, x=%x",
    "  sum: residual z=%x, x=%x",
    "  sum: residual y=%x, x=%x",
    "  sum: residual",
    "  sum: residual y=%x,",
    "  sum: add x=%x",
    "  sum: summ x=%x",
    "  sum: residual-i8 y=%x, x=%x",
    "  sum: gemm-i16 y=%x, x=%x",
    "  w: gemm w=embed, x=%x, out=%y, scale=1.0",
    "  w: gemm w=embed, x=%x, out=%y[40], scale=none",
    "  w: gemm w=embed, x=%x, out=%y[40], scale=embed",
    "  m: map x=%x { x = x + }",
    "  m: map x=%x {\n    x = x * z\n  }",
    "  m: map x=%x {\n    x = 2 * x\n    x = x ! }",
    "  m: map x=%x, y=%y { y = x }",
    "  m: map x=%x, y=%y[5] { y = x }",
    "  m: map x=%x, g=gain { x = x * g }",
    "  m: map x=%x, g=embed { x = x * g }",
    "  m: map x=%x, x=%x { x = x * x }",
    "  m: map x=%x",
    "  m: map { x = x }",
    "  m: map x=%x { x = x # }",
    "  layers.0..0 { }",
    "  layers.2..1 { }",
    "  layers..1 { }",
    "  layers.0..x { }",
    "  layers.a..2 { }",
    "  layers.0..2 { %y = linear w(%x, 16) ",
    "  layers.0..2 { %y = linear w(%x, 16) } }",
    "  layers.0..4000000000 { }",
    "  a.0..1000 { b.0..1000 { } }",
    "  a.0..1000 { b.0..1000 { sum: residual y=%x, x=%x } }",
    "  head { %y = linear w(%x, 40) }",
    "  a { head { %y = linear w(%x, 40) } }",
    "  head { }",
    "  each token { each token { } }",
    "  each token { param a: f32[16] }",
    "  each token { a { } }",
    "  each taken { }",
    "  output %x[16]",
    "  output %shares[3]",
    "  output %shares",
    "  param w: trits[16, 100] by 64",
    "  param w: trits[16, 128] by 32",
    "  param w: trits[16, 128] by",
    "  angles %r[7] base=10.0",
    "  angles %r[8] base=-1.0",
    "  angles %r[8]",
    "  angles %r[8] base=2.0 angles %s[8] base=2.0",
    "  h: hadamard x=%x, block=12",
    "  h: hadamard x=%x, block=32",
    "  h: hadamard x=%x",
    "  n: l2_norm x=%x, head_dim=5, eps=1e-6",
    "  n: l2_norm x=%x, eps=1e-6",
    "  n: l2_norm x=%x, head_dim=8, heads=2, eps=1e-6",
    "  %",
    "  % x = linear w(%x, 16)",
    "  ?",
    "  param \u{e9}: f32[16]",
    "  ..",
    "  16",
    "  x",
    "  %x",
];

#[test]
fn faults_have_a_line_and_a_column() {
    let mut text = String::new();
    for lines in WRONG {
        let fault = fault(lines);
        assert_eq!(fault.lines().count(), 1, "{lines}: {fault}");
        let _ = writeln!(text, "{}\n    {fault}", lines.trim_start());
    }
    assert_snapshot!("faults", text);
}

#[test]
fn texts_that_are_no_graph_from_the_start() {
    let mut told = String::new();
    for text in [
        "",
        "graph",
        "graph 1 {",
        "graph a window {",
        "graph a window 0 { }",
        "graph a {",
        "graph a { }",
        "graph a { } }",
        "grpah a { }",
    ] {
        let fault = text.parse::<Graph>().expect_err("no graph");
        let _ = writeln!(told, "{text}\n    {fault}");
    }
    let long = " ".repeat((1 << 20) + 1).parse::<Graph>();
    let _ = writeln!(told, "a long text\n    {}", long.expect_err("too long"));
    let deep = "graph a { ".to_owned() + &"a { ".repeat(100_000);
    let _ = writeln!(
        told,
        "a deep text\n    {}",
        deep.parse::<Graph>().expect_err("too deep")
    );
    let word = format!("graph a {{ {} }}", "a".repeat(100_000));
    let _ = writeln!(
        told,
        "a long word\n    {}",
        word.parse::<Graph>().expect_err("too long")
    );
    assert_snapshot!("starts", told);
}

/// Damaged text is refused or read, and what is read prints as what reads back.
#[test]
fn damaged_text_does_not_panic() {
    let mut texts: Vec<String> = families().iter().map(Graph::to_string).collect();
    texts.extend([GATED.to_owned(), hybrid().to_string()]);
    let mut read = 0;
    for text in &texts {
        for cut in (0..text.len()).step_by(7) {
            assert!(text[..cut].parse::<Graph>().is_err(), "{}", &text[..cut]);
            let without = format!("{}{}", &text[..cut], &text[cut + 1..]);
            if let Ok(graph) = without.parse::<Graph>() {
                read += 1;
                assert_eq!(graph.to_string().parse(), Ok(graph));
            }
        }
    }
    assert!(read > 20, "{read}");
}

#[test]
fn repetitions_are_read_within_bounds() {
    let comment = "a".repeat(100_000);
    let text = format!("graph g {{ q.0..500000 {{ #{comment}\n}} }}");
    let message = text.parse::<Graph>().unwrap_err().to_string();
    let expected =
        "expected repetitions of at most 67108864 bytes together, blanks and comments too";
    assert!(message.ends_with(expected), "{message}");
}

#[test]
fn equal_expressions_are_one() {
    let map = "m: map x=%x[64] { x = x * 0.5 + x }";
    let text = format!(
        "graph g {{ %x = embedding e(9, 64) q.0..2 {{ {map} }} head {{ %l = linear u(%x, 9) }} }}"
    );
    let graph: Graph = text.parse().unwrap();
    let maps: Vec<_> = graph
        .calls()
        .filter_map(|call| match &call.what {
            crate::graph::What::Map(expr) => Some(expr),
            _ => None,
        })
        .collect();
    assert!(std::sync::Arc::ptr_eq(maps[0], maps[1]));
}

#[test]
fn operands_of_a_map_are_channels_or_heads() {
    let with = |operands: &str| {
        let text = format!(
            "graph g {{ %x = embedding e(9, 64) param a: f32[3] param b: f32[2] param c: f32[4] \
             m: map x=%x[64], {operands} }}"
        );
        text.parse::<Graph>().unwrap_err().to_string()
    };
    let odd = with("a=a { x = x * a }");
    assert!(
        odd.ends_with(
            "expected `a` of 64 elements, or of a number of heads that divides it, found 3"
        ),
        "{odd}"
    );
    let two = with("b=b, c=c { x = x * b + c }");
    assert!(
        two.ends_with("expected `c` of 64 elements, or of 2, as another operand, found 4"),
        "{two}"
    );
    let state = "graph g { %x = embedding e(9, 64) head { state h: f32[64] } }";
    let refused = state.parse::<Graph>().unwrap_err().to_string();
    assert!(
        refused.contains("expected no state in the head"),
        "{refused}"
    );
}
