//! How tokens are chosen.

use crate::args::{decimal, whole};
use crate::output;
use atome::Model;
use atome::sampler::Sampling;
use clap::Args;

/// How tokens are chosen. What is not given is as the model says that it is published with (`generation_config.json`), or else as
/// [`Sampling::default`].
#[derive(Debug, Args)]
pub(crate) struct SamplingArgs {
    /// Always take the most likely token
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p", "min_p"])]
    greedy: bool,

    /// Divides the logits: below 1 for likelier text, above for more surprising; 0 is greedy [default: 0.8]
    #[arg(long, value_name = "T", value_parser = decimal, allow_negative_numbers = true)]
    temperature: Option<f32>,

    /// Chooses among the K most likely tokens; 0 for all [default: 40]
    #[arg(long, value_name = "K", value_parser = whole::<usize>, allow_negative_numbers = true)]
    top_k: Option<usize>,

    /// Chooses among the most likely tokens that together have probability P; 1 for all [default: 0.95]
    #[arg(long, value_name = "P", value_parser = decimal, allow_negative_numbers = true)]
    top_p: Option<f32>,

    /// Chooses among the tokens that have at least P times the probability of the most likely one; 0 for all [default: 0]
    #[arg(long, value_name = "P", value_parser = decimal, allow_negative_numbers = true)]
    min_p: Option<f32>,

    /// Makes the last 256 tokens less likely: a logit above 0 is divided by it, one below multiplied; 1 does nothing
    /// [default: 1]
    #[arg(long, value_name = "R", value_parser = decimal, allow_negative_numbers = true)]
    repetition_penalty: Option<f32>,

    /// Adds B to the logit of a token, -inf bans it; may be given several times, or as a list: 13=-1.5,198=-inf
    #[arg(long, value_name = "ID=B", value_parser = bias, value_delimiter = ',')]
    logit_bias: Vec<(u32, f32)>,

    /// Starts the random sequence; another seed gives another text
    #[arg(long, value_name = "S", default_value_t = Sampling::default().seed)]
    #[arg(value_parser = whole::<u64>, allow_negative_numbers = true)]
    seed: u64,
}

impl SamplingArgs {
    /// The settings where no model says others.
    pub(crate) fn sampling(&self) -> Sampling {
        self.over(Sampling::default())
    }

    /// The settings for a model; what it says of them itself is told.
    pub(crate) fn of(&self, model: &Model, quiet: bool) -> Sampling {
        let Some(config) = model.generation() else {
            return self.sampling();
        };
        let (plain, said) = (
            self.sampling(),
            self.over(config.sampling(Sampling::default())),
        );
        let changes = [
            ("temperature", plain.temperature, said.temperature),
            ("top-k", plain.top_k as f32, said.top_k as f32),
            ("top-p", plain.top_p, said.top_p),
            ("min-p", plain.min_p, said.min_p),
            (
                "repetition penalty",
                plain.repetition_penalty,
                said.repetition_penalty,
            ),
        ];
        let changes = changes.iter().filter(|(_, plain, said)| plain != said);
        let changes: Vec<String> = changes
            .map(|(name, _, said)| format!("{name} {said}"))
            .collect();
        if !changes.is_empty() {
            let line = format!("as the model is published: {}", changes.join(", "));
            output::note(quiet, line);
        }
        said
    }

    fn over(&self, others: Sampling) -> Sampling {
        let kept = Sampling {
            repetition_penalty: self.repetition_penalty.unwrap_or(others.repetition_penalty),
            ..Sampling::GREEDY
        };
        match self.greedy {
            true => kept,
            false => Sampling {
                temperature: self.temperature.unwrap_or(others.temperature),
                top_k: self.top_k.unwrap_or(others.top_k),
                top_p: self.top_p.unwrap_or(others.top_p),
                min_p: self.min_p.unwrap_or(others.min_p),
                seed: self.seed,
                ..kept
            },
        }
    }

    /// What is added to the logits of single tokens.
    pub(crate) fn biases(&self) -> &[(u32, f32)] {
        &self.logit_bias
    }
}

/// Parses a token and what is added to its logit.
fn bias(text: &str) -> Result<(u32, f32), &'static str> {
    let parse = || {
        let (id, bias) = text.split_once('=')?;
        Some((id.trim().parse().ok()?, bias.trim().parse().ok()?))
    };
    parse().ok_or("expected ID=B, such as 198=-inf or 13=1.5")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The help tells the defaults, which are the library's.
    #[test]
    fn defaults_are_as_told() {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            sampling: SamplingArgs,
        }
        let command = <Command as clap::CommandFactory>::command();
        let Sampling {
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            ..
        } = Sampling::default();
        for (name, default) in [
            ("temperature", temperature.to_string()),
            ("top_k", top_k.to_string()),
            ("top_p", top_p.to_string()),
            ("min_p", min_p.to_string()),
            ("repetition_penalty", repetition_penalty.to_string()),
        ] {
            let arg = command.get_arguments().find(|arg| arg.get_id() == name);
            let help = arg.and_then(|arg| arg.get_help()).unwrap().to_string();
            assert!(help.ends_with(&format!("[default: {default}]")), "{help}");
        }
    }

    #[test]
    fn biases_are_parsed() {
        assert_eq!(bias("13=-1.5"), Ok((13, -1.5)));
        assert_eq!(bias(" 7 = -inf "), Ok((7, f32::NEG_INFINITY)));
        for wrong in ["", "13", "=1", "a=1", "1=b", "-1=2", "4294967296=1"] {
            assert!(bias(wrong).is_err(), "{wrong}");
        }
    }
}
