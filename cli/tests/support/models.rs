//! What is asked about: random models, and the published ones where a checkout has them.

use crate::question::Question;
use atome::checkpoint::Checkpoint;
use atome::checkpoint::{random_bit2, write_atome01, write_atomecl01};
use atome::families::{AtomeConfig, BitMamba2Config};
use std::fs;
use std::path::{Path, PathBuf};

const MODELS: usize = 16;

fn question(command: &'static str, model: PathBuf, tokens: String) -> Question {
    Question {
        command,
        model,
        config: None,
        tokens,
        flags: Vec::new(),
    }
}

fn listed(ids: impl Iterator<Item = usize>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}

/// Models of awkward shapes, every third one a classifier.
pub(crate) fn random_atome(directory: &Path) -> Vec<Question> {
    (0..MODELS)
        .map(|i| {
            let config = AtomeConfig {
                vocab_size: 1 + 19 * i,
                d_model: [1, 15, 16, 17, 33, 64, 65, 100][i % 8],
                n_layers: 1 + i % 3,
                d_head: 1 + 5 * i % 37,
                top_k: 1 + i % 6,
                kernel_size: 1 + i % 7,
                max_seq: 5 + 7 * i,
            };
            let classes = (i % 3 == 2).then_some(1 + i);
            let model = Checkpoint::random(config.clone(), classes, i as u64);
            let bytes = match classes {
                Some(_) => write_atomecl01(&model).unwrap(),
                None => write_atome01(&model).unwrap(),
            };
            let [file, config_file] =
                ["bin", "json"].map(|end| directory.join(format!("{i}.{end}")));
            fs::write(&file, bytes).unwrap();
            fs::write(&config_file, serde_json::to_vec(&config).unwrap()).unwrap();
            let ids = (0..1 + 4 * i).map(|t| t * 31 % config.vocab_size);
            let command = match classes {
                Some(_) => "classify",
                None => "logits",
            };
            Question {
                config: Some(config_file),
                ..question(command, file, listed(ids))
            }
        })
        .collect()
}

/// Models of a vocabulary that takes no time, the first of vectors without rest, and prompts
/// shorter and longer than a tile of tokens.
pub(crate) fn random_bitmamba2(directory: &Path) -> Vec<Question> {
    [(100, 64, 2, 4, 19), (37, 20, 1, 5, 1), (211, 132, 3, 8, 40)]
        .into_iter()
        .map(|(vocab_size, d_model, n_layers, n_heads, len)| {
            let config = BitMamba2Config {
                vocab_size,
                d_model,
                n_layers,
                n_heads,
            };
            let file = directory.join(format!("{d_model}.bin"));
            fs::write(&file, random_bit2(&config, d_model as u64)).unwrap();
            question(
                "logits",
                file,
                listed((0..len).map(|t| t * 31 % vocab_size)),
            )
        })
        .collect()
}

/// The published models of the Atome family.
pub(crate) fn published_atome() -> Vec<Question> {
    let Some(folder) = published("atome") else {
        return Vec::new();
    };
    let text = b"Once upon a time there was a little dog.";
    let ask = |command, model, config, len: usize| Question {
        config: Some(folder.join(config)),
        ..question(
            command,
            folder.join(model),
            listed(text[..len].iter().map(|b| usize::from(*b))),
        )
    };
    vec![
        ask("logits", "atome_944k.bin", "atome_944k.json", text.len()),
        ask("classify", "water.atomecl", "atomecl.json", 32),
        ask("classify", "motion.atomecl", "atomecl.json", 7),
    ]
}

/// The golden models of the BitMamba-2 family and every other prompt of theirs: 1, 4 and 33 tokens.
pub(crate) fn published_bitmamba2() -> Vec<Question> {
    let Some(folder) = published("bitmamba2") else {
        return Vec::new();
    };
    let mut questions = Vec::new();
    for name in ["tiny", "small"] {
        let golden = fs::read(folder.join(format!("golden_{name}.json"))).unwrap();
        let records: Vec<serde_json::Value> = serde_json::from_slice(&golden).unwrap();
        for record in records.iter().step_by(2) {
            let tokens = record["tokens"].as_array().unwrap();
            let tokens = tokens.iter().map(|t| t.as_u64().unwrap() as usize);
            let model = folder.join(format!("{name}.bin"));
            questions.push(question("logits", model, listed(tokens)));
        }
    }
    assert!(!questions.is_empty());
    questions
}

fn published(family: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = folder.join(family);
    if !folder.is_dir() {
        eprintln!("skipped: no published models at {}", folder.display());
        return None;
    }
    Some(folder)
}
