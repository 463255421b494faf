use super::*;

fn talk(messages: &[(&str, &str)]) -> Vec<Message> {
    let message = |(role, content): &(&str, &str)| Message {
        role: (*role).to_owned(),
        content: (*content).to_owned(),
    };
    messages.iter().map(message).collect()
}

/// The template in this process: the tests' program runs none apart.
fn run(source: &str, messages: &[(&str, &str)]) -> Result<String, String> {
    let template = ChatTemplate {
        source: Some(source.to_owned()),
        bos: "<s>".to_owned(),
        eos: "</s>".to_owned(),
    };
    here(&template, messages)
}

fn here(template: &ChatTemplate, messages: &[(&str, &str)]) -> Result<String, String> {
    let template = Template {
        // 2026-03-05 at 07:08:09.
        now: 1_772_694_489,
        ..Template::of(Some(template))
    };
    template.job(Some(&talk(messages))).unwrap().run()
}

fn text(source: &str, messages: &[(&str, &str)]) -> String {
    run(source, messages).unwrap()
}

const TALK: [(&str, &str); 4] = [
    ("system", "Be brief."),
    ("user", " Hi "),
    ("assistant", "<think>so</think>\n\nHello"),
    ("user", "Bye"),
];

#[test]
fn without_a_template_names_stand_before_messages() {
    let rendered = Template::of(None).render(&talk(&TALK[..2])).unwrap();
    assert_eq!(rendered, "Be brief.\n\nUser:  Hi \nAssistant:");
}

/// Blocks and lines before them leave no white space; a role between marks.
#[test]
fn messages_between_marks() {
    let source = "{% for message in messages %}
    {% if loop.first and messages[0]['role'] != 'system' %}
<|im_start|>system\nDefault<|im_end|>
    {% endif %}
<|im_start|>{{ message.role }}
{{ message['content'] }}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}";
    let expected = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(text(source, &TALK[..2]), expected);
    let expected = "<|im_start|>system\nDefault<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(text(source, &TALK[3..]), expected);
}

/// State that outlives a loop, a search from the end, methods of Python's strings.
#[test]
fn thoughts_of_old_answers_are_left_out() {
    let source = "{%- set ns = namespace(last=-1, n=0) -%}
{%- for m in messages[::-1] -%}
  {%- if m.role == 'user' and ns.last < 0 -%}{%- set ns.last = messages|length - 1 - loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- for m in messages -%}
  {%- set content = m.content -%}
  {%- if m.role == 'assistant' and loop.index0 < ns.last and '</think>' in content -%}
    {%- set content = content.split('</think>')[-1].lstrip('\\n') -%}
  {%- endif -%}
  [{{ loop.index0 }}{{ '!' if loop.last }} {{ m.role.upper() }}: {{ content.strip() }}]
  {%- if m.content.startswith('<think>') %} thought{% endif %}
  {%- set ns.n = ns.n + 1 -%}
{%- endfor -%}
{{ ns.last }} of {{ ns.n }}{{ 'x'.endswith('y') }}{{ ' ab c '.rstrip() | tojson }}{{ bos_token ~ eos_token }}";
    let expected = "[0 SYSTEM: Be brief.][1 USER: Hi][2 ASSISTANT: Hello] thought[3! USER: Bye]3 of 4false\" ab c\"<s></s>";
    assert_eq!(text(source, &TALK).replace("False", "false"), expected);
}

#[test]
fn dates_json_macros_and_breaks() {
    let date =
        "{{ strftime_now('%d %b %Y, %H:%M:%S') }}{% if strftime_now is defined %} known{% endif %}";
    assert_eq!(text(date, &[]), "05 Mar 2026, 07:08:09 known");
    let json = "{{ {'b': [1, 2.5, none, true], 'a': {'é<': 'x'}, 'n': []} | tojson }}";
    let expected = "{\"b\": [1, 2.5, null, true], \"a\": {\"é<\": \"x\"}, \"n\": []}";
    assert_eq!(text(json, &[]), expected);
    let lines = "{{ {'b': [1, 2], 'a': {}} | tojson(indent=2) }}";
    assert_eq!(
        text(lines, &[]),
        "{\n  \"b\": [\n    1,\n    2\n  ],\n  \"a\": {}\n}"
    );
    let macros = "{% macro say(x, to='all') %}<{{ x }}:{{ to }}>{% endmacro %}{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ say(i) }}{% endfor %}{{ tools is defined }}";
    assert_eq!(text(macros, &[]).to_lowercase(), "<0:all><1:all>false");
}

#[test]
fn what_a_template_refuses_is_one_line() {
    let error = |source: &str| {
        let error = run(source, &TALK).unwrap_err();
        assert!(!error.contains('\n'), "{error}");
        error
    };
    let roles = "\n{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}";
    assert_eq!(error(roles), "System role not supported (line 2)");
    let endless = "{% for i in range(1000) %}{% for j in range(1000) %}{% for k in range(1000) %}{% endfor %}{% endfor %}{% endfor %}";
    assert!(error(endless).starts_with("engine ran out of fuel"));
    for wrong in ["{% if %}", "{{ strftime_now('%Q') }}"] {
        assert!(!error(wrong).is_empty());
    }
}

/// What `checksums.py` prints: folder, first message of the conversation, checksum and characters of its text.
const PUBLISHED: [(&str, usize, u32, usize); 12] = [
    ("deepseek_v3", 0, 0xc2fb2414, 122),
    ("deepseek_v3", 1, 0x09ca9444, 113),
    ("deepseek_v3", 3, 0xea57bde0, 45),
    ("gemma3", 0, 0xb0e1cfed, 169),
    ("gemma3", 1, 0x2e7aedf8, 158),
    ("gemma3", 3, 0xd84f6959, 63),
    ("llama3", 0, 0x9019926c, 317),
    ("llama3", 1, 0x559ba0f6, 254),
    ("llama3", 3, 0x6a2ef26c, 119),
    ("qwen3", 0, 0xf9b437e6, 162),
    ("qwen3", 1, 0x9f326960, 123),
    ("qwen3", 3, 0x1620b1a5, 53),
];

/// The templates of published models, as Jinja renders them; `ATOME_TEMPLATES` names a folder of their folders, otherwise those
/// that `tests/tokenizers/fetch` gets are taken.
#[test]
fn templates_of_published_models() {
    let fetched = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/tokenizers/fetched");
    let folders = std::env::var("ATOME_TEMPLATES").unwrap_or_else(|_| fetched.to_owned());
    for (name, first, crc, length) in PUBLISHED {
        let folder = Path::new(&folders).join(name);
        if !folder.join("tokenizer_config.json").exists() {
            eprintln!("skipped: no {}", folder.display());
            continue;
        }
        let template = ChatTemplate::of_folder(&folder).unwrap().unwrap();
        let text = here(&template, &TALK[first..]).unwrap();
        let found = (crc32fast::hash(text.as_bytes()), text.chars().count());
        assert_eq!(found, (crc, length), "{name} from {first}: {text}");
    }
}
