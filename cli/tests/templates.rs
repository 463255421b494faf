//! Templates of conversations: they come with a model and stay with it, and one of a stranger takes only so much.

#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../../runtime/tests/support/folder.rs"]
mod folder;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use safetensors::Dtype;
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};
use support::{Fixture, Said};

/// A conversation of these lines by a template, with answers of one token.
fn chat(fixture: &Fixture, template: &str, lines: &str) -> Said {
    fixture.write("t", template.as_bytes());
    let args = [
        "run",
        "lm.bin",
        "--chat",
        "--json",
        "-q",
        "-n",
        "1",
        "--greedy",
        "--chat-template",
        "t",
    ];
    fixture.run_with_stdin(&args, lines.as_bytes())
}

fn turns(said: &Said) -> Vec<Value> {
    let lines = said.out.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What doubles, nests, repeats or loops without end is refused in a line, and the next turn is taken.
#[test]
fn a_template_takes_only_so_much() {
    let fixture = Fixture::new();
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + "1" + &close.repeat(n);
    let hostile = [
        "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}".to_owned(),
        "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}".to_owned(),
        "{{ 'x' * 10000000000 }}".to_owned(),
        "{% set n = namespace(x='ab' * 100000) %}{% for i in range(9) %}{% set n.x = n.x | replace('a', n.x) %}{% endfor %}".to_owned(),
        "{% set n = namespace(x=[1, 2]) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x | list | length }}".to_owned(),
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | tojson }}".to_owned(),
        "{% set n = namespace(x=1) %}{% for i in range(90000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}".to_owned(),
        "{% set n = namespace() %}{% set n.n = n %}{{ n }}".to_owned(),
        "{% set n = namespace() %}{% set n.n = n %}{{ n == n.n and n.n | tojson }}".to_owned(),
        "{% for i in range(100000) %}{% for j in range(100000) %}{{ 'x' * 100000 }}{% endfor %}{% endfor %}".to_owned(),
        "{% for i in range(100000) %}{% set x %}{{ messages }}{% endset %}{% for j in range(100000) %}{{ j }}{% endfor %}{% endfor %}".to_owned(),
        "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('ab') }}".to_owned(),
        "{{ range(100000) | list | map('string') | join('x' * 100000) }}".to_owned(),
        "{{ '%9999999999d' | format(1) }}".to_owned(),
        "{{ 'a' | indent(9999999999, true) }}".to_owned(),
        "{{ 2 ** 999999999 }}".to_owned(),
    ];
    for template in hostile {
        let start = Instant::now();
        let source = format!("{{% if messages[-1].content == 'all' %}}{template}{{% endif %}}x");
        let said = chat(&fixture, &source, "all\nsome\n");
        assert_eq!(said.code, Some(2), "{template}: {said:?}");
        let expected = "error: the chat template refuses the conversation: ";
        assert!(
            said.err.starts_with(expected) && said.err.lines().count() == 1,
            "{template}: {said:?}"
        );
        assert_eq!(turns(&said).len(), 1, "{template}: {said:?}");
        let taken = start.elapsed();
        assert!(taken < Duration::from_secs(60), "{template}: {taken:?}");
    }
    // What cannot even be read.
    for template in [
        format!("{{{{ {} }}}}", deep("(", ")", 30_000)),
        format!("{{{{ {} }}}}", deep("[", "]", 30_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(16_000)),
        format!("{{{{ 1{} }}}}", "+1".repeat(32_000)),
        format!("{{{{ 1{} }}}}", "~1".repeat(32_000)),
        format!("{{{{ x{} }}}}", ".x".repeat(32_000)),
        format!("{{{{ x{} }}}}", "|e".repeat(32_000)),
        "{% if 1 %}".repeat(6500),
        format!("{{% if 0 %}}{}{{% endif %}}", "{%elif 0%}".repeat(6500)),
        "{{".repeat(32_000),
    ] {
        let said = chat(&fixture, &template, "one\n");
        let line = said.err.lines().next().unwrap_or_default();
        // Some of them are templates, and run.
        let runs = said.code == Some(0) && turns(&said).len() == 1;
        let refused = said.code == Some(2)
            && line.starts_with("error: the chat template ")
            && said.err.lines().count() == 1;
        let start = template.chars().take(20).collect::<String>();
        assert!(runs || refused, "{start}..: {said:?}");
    }
    let said = chat(&fixture, &"x".repeat((64 << 10) + 1), "one\n");
    assert_eq!(
        (said.code, &*said.err),
        (
            Some(2),
            "error: cannot read the chat template from `t`: expected a file of at most 65536 bytes\n"
        )
    );
}

/// A turn that the template refuses is as if it had not been said.
#[test]
fn a_refused_turn_ends_no_conversation() {
    let fixture = Fixture::new();
    let template = "{% for m in messages %}{% if m.content == 'no' %}{{ raise_exception('not this') }}{% endif %}{{ m.content }};{% endfor %}";
    let plain = turns(&chat(&fixture, template, "one\ntwo\n"));
    let said = chat(&fixture, template, "one\nno\ntwo\n");
    let expected = "error: the chat template refuses the conversation: not this (line 1)\n";
    assert_eq!((said.code, &*said.err), (Some(2), expected));
    assert_eq!(turns(&said), plain);
    // One that makes no text of what was said.
    let template = "{% for m in messages if m.content != 'no' %}{{ m.content }};{% endfor %}";
    let said = chat(&fixture, template, "no\none\ntwo\n");
    let expected =
        "error: the chat template makes no text of what was said: nothing is there to answer\n";
    assert_eq!((said.code, &*said.err), (Some(2), expected));
    assert_eq!(turns(&said).len(), 2);
}

const TEMPLATE: &str =
    "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}{{ eos_token }}";

/// A directory of a model whose tokens are letters, with these files more.
fn hub(more: &[(&str, Value)]) -> Fixture {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("hub")).unwrap();
    folder::put(&fixture.path("hub"), &folder::whole(Dtype::F32));
    let tokens = [
        "<unk>", "<s>", "</s>", " ", "a", "b", "c", "d", "e", "f", "g",
    ];
    let vocab: serde_json::Map<String, Value> = tokens
        .iter()
        .enumerate()
        .map(|(id, token)| ((*token).to_owned(), id.into()))
        .collect();
    let special = |id: usize| json!({ "id": id, "content": tokens[id], "special": true });
    let tokenizer = json!({
        "added_tokens": [special(0), special(1), special(2)],
        "normalizer": { "type": "Replace", "pattern": { "String": "\t" }, "content": " " },
        "decoder": { "type": "Fuse" },
        "model": { "type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>" },
    });
    let files = [("tokenizer.json", tokenizer)];
    for (name, json) in files.iter().chain(more) {
        fixture.write(&format!("hub/{name}"), json.to_string().as_bytes());
    }
    fixture
}

/// What a directory says of conversations and of choosing tokens is in what it is packed into.
#[test]
fn a_packed_model_keeps_its_template_and_its_settings() {
    let settings = json!({ "temperature": 3.0, "top_k": 4, "eos_token_id": [2, 5] });
    let tokens = json!({ "chat_template": TEMPLATE, "bos_token": { "content": "<s>" }, "eos_token": "</s>" });
    let fixture = hub(&[
        ("generation_config.json", settings),
        ("tokenizer_config.json", tokens),
    ]);
    fixture.ok(&["pack", "hub", "packed.safetensors", "-q"]);
    fixture.ok(&["pack", "packed.safetensors", "again.safetensors", "-q"]);
    fixture.ok(&["pack", "hub", "packed.gguf", "-q"]);
    fixture.ok(&["pack", "packed.gguf", "back.safetensors", "-q"]);
    let chat = |model: &str| {
        let args = ["run", model, "--chat", "--json", "-n", "5", "--seed", "3"];
        fixture.run_with_stdin(&args, b"abc\ncab\n")
    };
    let run = |model: &str| {
        let args = ["run", model, "-p", "abc", "-n", "9", "--seed", "3"];
        fixture.run(&args)
    };
    let said_of = |said: &Said| -> Vec<String> {
        let lines = said
            .err
            .lines()
            .filter(|line| line.starts_with("as the model"));
        lines.map(str::to_owned).collect()
    };
    let (expected, text) = (chat("hub"), run("hub"));
    assert_eq!(expected.code, Some(0), "{expected:?}");
    // The template's two tokens and three letters.
    assert_eq!(turns(&expected)[0]["read"], 5, "{expected:?}");
    assert_eq!(
        said_of(&expected),
        ["as the model is published: temperature 3, top-k 4"]
    );
    for model in [
        "packed.safetensors",
        "again.safetensors",
        "packed.gguf",
        "back.safetensors",
    ] {
        let (found, other) = (chat(model), run(model));
        assert_eq!(turns(&found), turns(&expected), "{model}: {found:?}");
        assert_eq!(said_of(&found), said_of(&expected), "{model}");
        assert_eq!((other.code, &other.out), (Some(0), &text.out), "{model}");
        assert!(!found.err.contains("no chat template"), "{found:?}");
    }
}

/// What is no template, no token and no config is refused in a line.
#[test]
fn settings_that_are_none_are_refused() {
    for (key, value, expected) in [
        (
            "chat_template",
            json!(5),
            "key `chat_template`: expected a text or a list of named ones",
        ),
        (
            "chat_template",
            json!([{ "name": "tools", "template": "x" }]),
            "config: expected `chat_template` to have one called \"default\", found [\"tools\"]",
        ),
        (
            "chat_template",
            json!([{ "name": "default" }]),
            "key `chat_template`: expected a text or a list of named ones",
        ),
        (
            "chat_template",
            json!("x".repeat(70_000)),
            "config: expected `chat_template` of at most 65536 bytes, found 70000",
        ),
        (
            "bos_token",
            json!(1),
            "key `bos_token`: expected a text or an object with `content`",
        ),
        (
            "eos_token",
            json!({ "contents": "x" }),
            "key `eos_token`: expected a text or an object with `content`",
        ),
    ] {
        let fixture = hub(&[("tokenizer_config.json", json!({ key: value }))]);
        for args in [
            &["run", "hub", "--chat", "-p", "a"][..],
            &["run", "hub", "-p", "a"],
            &["pack", "hub", "out.safetensors"],
        ] {
            let said = fixture.run(args);
            assert_eq!(said.code, Some(2), "{args:?}: {said:?}");
            assert!(
                said.err.starts_with("error: hub/tokenizer_config.json: ")
                    && said.err.contains(expected)
                    && said.err.lines().count() == 1,
                "{expected}: {said:?}"
            );
        }
    }
}

/// The config's end of a text counts where no other is named, and tied matrices are one.
#[test]
fn what_the_config_says_beside_dimensions_holds() {
    let config = |edit: &dyn Fn(&mut Value)| {
        let mut config = folder::config();
        edit(&mut config);
        ("config.json", config)
    };
    let ids = |fixture: &Fixture, more: &[&str]| {
        let args = [
            "run",
            "hub",
            "--tokens",
            "1,5",
            "-n",
            "60",
            "--seed",
            "9",
            "--temperature",
            "3",
            "--top-k",
            "0",
            "-q",
        ];
        fixture.run(&[&args[..], more].concat())
    };
    let whole = ids(&hub(&[]), &["--ignore-eos"]).out;
    // `</s>` ends texts by its name.
    let until = |end: &str| -> String {
        let ids = whole
            .trim()
            .split(',')
            .take_while(|id| ![end, "2"].contains(id));
        ids.collect::<Vec<_>>().join(",")
    };
    let before = until("10");
    assert!(before.len() < until("2").len(), "{whole}");
    let named = config(&|c| c["eos_token_id"] = json!(10));
    let ended = ids(&hub(std::slice::from_ref(&named)), &[]).out;
    assert_eq!(ended.trim(), before);
    let other = hub(&[
        named,
        ("generation_config.json", json!({ "eos_token_id": 2 })),
    ]);
    assert_eq!(ids(&other, &[]).out.trim(), until("2"));
    let outside = hub(&[config(&|c| c["eos_token_id"] = json!(11))]);
    let said = ids(&outside, &[]);
    let expected =
        "error: hub/config.json: config: expected `eos_token_id` an id below 11, found 11\n";
    assert_eq!((said.code, &*said.err), (Some(2), expected));

    // Of two matrices that are not the same, neither is left away without a word.
    let tied = hub(&[config(&|c| c["tie_word_embeddings"] = json!(true))]);
    let said = ids(&tied, &[]);
    let expected = "error: hub/config.json: config: expected `tie_word_embeddings` false, because `lm_head.weight` is not `model.embeddings.weight`, found true\n";
    assert_eq!((said.code, &*said.err), (Some(2), expected));
    let untied = hub(&[config(&|c| c["tie_word_embeddings"] = json!(false))]);
    assert_eq!(ids(&untied, &["--ignore-eos"]).out, whole);
    let mut tensors = folder::tensors();
    let embeddings = tensors["model.embeddings.weight"].clone();
    tensors.insert("lm_head.weight".to_owned(), embeddings);
    let both = folder::file(Dtype::F32, &tensors);
    tensors.remove("lm_head.weight");
    let one = folder::file(Dtype::F32, &tensors);
    let expected = {
        tied.write("hub/model.safetensors", &both);
        ids(&tied, &[])
    };
    assert_eq!(expected.code, Some(0), "{expected:?}");
    tied.write("hub/model.safetensors", &one);
    assert_eq!(ids(&tied, &[]).out, expected.out);
    untied.write("hub/model.safetensors", &one);
    let said = ids(&untied, &[]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("`lm_head.weight`"), "{said:?}");
    let null = hub(&[config(&|c| c["tie_word_embeddings"] = Value::Null)]);
    let said = ids(&null, &[]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err
            .contains("key `tie_word_embeddings`: invalid type: null"),
        "{said:?}"
    );
}
