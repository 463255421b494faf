//! Vocabularies against the ids that llama.cpp expects of them: `../shared/data/vocab`, where it is there. Those that have no
//! GGUF file there are of a `tokenizer.json` that `tests/tokenizers/fetch` gets.

use atome_gguf::Gguf;
use atome_text::{Tokenizer, Vocabulary};
use std::fs;
use std::path::{Path, PathBuf};

/// Between two texts.
const BETWEEN: &str = "\n__ggml_vocab_test__\n";

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/vocab");
    let is_there = folder.is_dir();
    if !is_there {
        println!("skipped: no {}", folder.display());
    }
    is_there.then_some(folder)
}

fn read(path: &Path) -> Tokenizer {
    let bytes = fs::read(path).unwrap();
    let file = Gguf::parse(&bytes).unwrap();
    let vocabulary = Vocabulary::from_gguf(file.metadata()).unwrap();
    // What a container keeps of it is all of it.
    let stored = vocabulary.to_bytes().unwrap();
    let vocabulary = Vocabulary::from_bytes(&stored).unwrap();
    assert_eq!(vocabulary.to_bytes().unwrap(), stored);
    vocabulary.tokenizer().unwrap()
}

/// Texts and the ids that are expected of them.
fn cases(folder: &Path, name: &str) -> Vec<(String, Vec<u32>)> {
    let texts = fs::read_to_string(folder.join(format!("{name}.inp"))).unwrap();
    let ids = fs::read_to_string(folder.join(format!("{name}.out"))).unwrap();
    let ids = ids.lines().map(|line| {
        line.split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect()
    });
    let texts: Vec<&str> = texts.split(BETWEEN).collect();
    let ids: Vec<Vec<u32>> = ids.collect();
    assert_eq!(
        texts.len(),
        ids.len() + usize::from(texts.last() == Some(&""))
    );
    texts.into_iter().map(str::to_owned).zip(ids).collect()
}

fn holds(tokenizer: &Tokenizer, cases: Vec<(String, Vec<u32>)>, name: &str) {
    assert!(cases.len() > 40);
    for (text, expected) in cases {
        let found = tokenizer.encode(text.as_bytes());
        assert_eq!(found, expected, "{name}: {text:?}");
        assert_eq!(tokenizer.decode(&found), text, "{name}");
    }
}

#[test]
fn every_line() {
    let Some(folder) = folder() else { return };
    for name in [
        "deepseek-coder",
        "falcon",
        "gpt-2",
        "llama-spm",
        "phi-3",
        "refact",
    ] {
        let file = format!("{name}.gguf");
        holds(&read(&folder.join(&file)), cases(&folder, &file), name);
    }
}

/// `qwen2` by the vocabulary of Qwen3, which has the same tokens and some more special ones.
#[test]
fn every_line_of_others() {
    let Some(folder) = folder() else { return };
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tokenizers/fetched");
    for (name, model) in [("llama-bpe", "llama3"), ("qwen2", "qwen3")] {
        let path = fetched.join(model).join("tokenizer.json");
        let Ok(json) = fs::read(&path) else {
            println!(
                "skipped: no {}; `tests/tokenizers/fetch` gets it",
                path.display()
            );
            continue;
        };
        let vocabulary = Vocabulary::from_json(&json, None).unwrap();
        holds(&vocabulary.tokenizer().unwrap(), cases(&folder, name), name);
    }
}
