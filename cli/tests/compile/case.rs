//! Models, their inputs, and what the command answers.

use crate::question::Question;
use crate::support::{CONFIG, Fixture};
use crate::{models, support};
use atome::Packing;
use atome::checkpoint::{Checkpoint, write_container};
use atome::families::HgrnBitConfig;
use atome::format::ContainerOptions;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// A model and what it is asked.
pub(crate) struct Case {
    /// What it is called when it is compiled.
    pub(crate) name: String,
    pub(crate) question: Question,
    /// Tokens of each input.
    pub(crate) inputs: Vec<Vec<u32>>,
    /// The class of each, if somebody else says it.
    pub(crate) classes: Vec<Option<u64>>,
}

/// More tokens than the window of attention has.
fn tokens(vocab: u32) -> Vec<u32> {
    (0..CONFIG.max_seq as u32 + 16)
        .map(|t| t * 31 % vocab)
        .collect()
}

fn case(name: &str, question: Question, inputs: Vec<Vec<u32>>) -> Case {
    Case {
        name: name.to_owned(),
        classes: vec![None; inputs.len()],
        question,
        inputs,
    }
}

fn ask(command: &'static str, model: PathBuf) -> Question {
    Question {
        command,
        model,
        config: None,
        tokens: String::new(),
        flags: Vec::new(),
    }
}

/// A model of each family: small ones of awkward shapes, and the published ones where they are.
pub(crate) fn all(fixture: &Fixture) -> Vec<Case> {
    let mut cases = vec![
        case(
            "lm",
            ask("logits", fixture.path("lm.bin")),
            vec![tokens(256), vec![7]],
        ),
        case(
            "cl",
            ask("classify", fixture.path("cl.bin")),
            vec![tokens(256)],
        ),
    ];
    let bitmamba2 = models::random_bitmamba2(&fixture.path(""));
    for (number, question) in bitmamba2.into_iter().enumerate().take(2) {
        let vocab = [100, 37][number];
        cases.push(case(
            &format!("bitmamba{number}"),
            question,
            vec![tokens(vocab)],
        ));
    }
    cases.push(hgrn_bit(fixture));
    cases.extend(published());
    cases
}

/// A MatMul-free LM, packed in base 3.
fn hgrn_bit(fixture: &Fixture) -> Case {
    let config = HgrnBitConfig {
        vocab_size: 53,
        hidden_size: 40,
        num_hidden_layers: 2,
        intermediate_size: 67,
        rms_norm_eps: 1e-6,
        use_lower_bound: true,
    };
    let model = Checkpoint::random(config, None, 4);
    let bytes = write_container(&model, &ContainerOptions::packing(Packing::Base3)).unwrap();
    fixture.write("hgrn.safetensors", &bytes);
    let path = fixture.path("hgrn.safetensors");
    case("hgrn", ask("logits", path), vec![tokens(53)])
}

/// The published language model and classifier, with the inputs of their goldens.
fn published() -> Vec<Case> {
    let Some(folder) = support::published() else {
        return Vec::new();
    };
    let golden = |name: &str| -> Vec<Value> {
        serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
    };
    let read = |records: &[Value]| -> Vec<Vec<u32>> {
        let ids = |record: &Value| serde_json::from_value(record["tokens"].clone()).unwrap();
        records.iter().map(ids).collect()
    };
    let of = |command, model, config| Question {
        config: Some(folder.join(config)),
        ..ask(command, folder.join(model))
    };
    let text = golden("golden_944k.json");
    let water = golden("golden_water.json");
    let language = of("logits", "atome_944k.bin", "atome_944k.json");
    let classifier = of("classify", "water.atomecl", "atomecl.json");
    let classes = water.iter().map(|record| record["class"].as_u64());
    vec![
        case("atome_944k", language, read(&text)),
        Case {
            classes: classes.collect(),
            ..case("water", classifier, read(&water))
        },
    ]
}

/// The tokens of an input, separated by commas.
pub(crate) fn listed(tokens: &[u32]) -> String {
    let tokens: Vec<String> = tokens.iter().map(u32::to_string).collect();
    tokens.join(",")
}

impl Case {
    /// What the command answers to each input: the bits of the logits, and the greatest of them.
    pub(crate) fn expected(&self) -> String {
        let mut text = format!("{}\n", self.name);
        for (tokens, class) in self.inputs.iter().zip(&self.classes) {
            let question = Question {
                tokens: listed(tokens),
                ..self.question.clone()
            };
            let answer: Value = serde_json::from_str(&question.answer_here()).unwrap();
            let best = match question.command {
                "classify" => answer["class"].as_u64(),
                _ => answer["argmax"].as_u64(),
            };
            assert!(class.is_none() || *class == best, "{}: {answer}", self.name);
            for logit in answer["logits"].as_array().unwrap() {
                let logit = logit.as_f64().unwrap() as f32;
                text += &format!("{:08x} ", logit.to_bits());
            }
            text += &format!("{}\n", best.unwrap());
        }
        text
    }

    /// The command that compiles it into a folder of the fixture.
    pub(crate) fn compile<'c>(&'c self, target: &'c str, more: &[&'c str]) -> Vec<&'c str> {
        let model = self.question.model.to_str().unwrap();
        let mut args = vec!["compile", model, "--target", target, "--name", &self.name];
        args.extend(["--quiet", "--force"]);
        if let Some(config) = &self.question.config {
            args.extend(["--config", config.to_str().unwrap()]);
        }
        args.extend(more);
        args
    }
}
