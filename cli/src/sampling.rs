//! How tokens are chosen.

use crate::args::{decimal, whole};
use atome::sampler::Sampling;
use clap::Args;

/// How tokens are chosen.
#[derive(Debug, Args)]
pub(crate) struct SamplingArgs {
    /// Always take the most likely token
    #[arg(long, conflicts_with_all = ["temperature", "top_k", "top_p", "min_p"])]
    greedy: bool,

    /// Divides the logits: below 1 for likelier text, above for more surprising; 0 is greedy
    #[arg(long, value_name = "T", default_value_t = Sampling::default().temperature)]
    #[arg(value_parser = decimal, allow_negative_numbers = true)]
    temperature: f32,

    /// Chooses among the K most likely tokens; 0 for all
    #[arg(long, value_name = "K", default_value_t = Sampling::default().top_k)]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    top_k: usize,

    /// Chooses among the most likely tokens that together have probability P; 1 for all
    #[arg(long, value_name = "P", default_value_t = Sampling::default().top_p)]
    #[arg(value_parser = decimal, allow_negative_numbers = true)]
    top_p: f32,

    /// Chooses among the tokens that have at least P times the probability of the most likely one; 0 for all
    #[arg(long, value_name = "P", default_value_t = Sampling::default().min_p)]
    #[arg(value_parser = decimal, allow_negative_numbers = true)]
    min_p: f32,

    /// Makes the last 256 tokens less likely: a logit above 0 is divided by it, one below multiplied; 1 does nothing
    #[arg(long, value_name = "R", default_value_t = Sampling::default().repetition_penalty)]
    #[arg(value_parser = decimal, allow_negative_numbers = true)]
    repetition_penalty: f32,

    /// Adds B to the logit of a token, -inf bans it; may be given several times, or as a list: 13=-1.5,198=-inf
    #[arg(long, value_name = "ID=B", value_parser = bias, value_delimiter = ',')]
    logit_bias: Vec<(u32, f32)>,

    /// Starts the random sequence; another seed gives another text
    #[arg(long, value_name = "S", default_value_t = Sampling::default().seed)]
    #[arg(value_parser = whole::<u64>, allow_negative_numbers = true)]
    seed: u64,
}

impl SamplingArgs {
    pub(crate) fn sampling(&self) -> Sampling {
        let kept = Sampling {
            repetition_penalty: self.repetition_penalty,
            ..Sampling::GREEDY
        };
        match self.greedy {
            true => kept,
            false => Sampling {
                temperature: self.temperature,
                top_k: self.top_k,
                top_p: self.top_p,
                min_p: self.min_p,
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

    #[test]
    fn biases_are_parsed() {
        assert_eq!(bias("13=-1.5"), Ok((13, -1.5)));
        assert_eq!(bias(" 7 = -inf "), Ok((7, f32::NEG_INFINITY)));
        for wrong in ["", "13", "=1", "a=1", "1=b", "-1=2", "4294967296=1"] {
            assert!(bias(wrong).is_err(), "{wrong}");
        }
    }
}
