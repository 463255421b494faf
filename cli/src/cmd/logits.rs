use super::prefill::prefill;
use crate::args::LoadArgs;
use crate::failure::Failure;
use crate::output;
use crate::prompt::{PromptArgs, Start};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Print the logits that follow a text or a sequence of tokens, as JSON
///
/// `{"tokens":[..],"logits":[..],"argmax":k}`: a logit for each token id (for each class, if
/// the model is a classifier), in digits that read back as the same f32. Text becomes tokens as in
/// `atome run`.
#[derive(Debug, Args)]
pub(crate) struct LogitsArgs {
    /// Model: a packed safetensors container, ATOME01, ATOME02, ATOMECL01, BIT2, GGUF, or a directory of
    /// float weights [default: the model inside this command]
    model: Option<PathBuf>,

    #[command(flatten)]
    prompt: PromptArgs,

    /// Print JSON, as without it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Serialize)]
struct Answer<'a> {
    tokens: &'a [u32],
    logits: &'a [f32],
    argmax: u32,
}

pub(crate) fn run(args: &LogitsArgs) -> Result<(), Failure> {
    let quiet = args.load.machine.quiet;
    let given = args.prompt.read_for(args.model.as_deref(), quiet)?;
    let model = args.load.load(args.model.as_deref())?;
    let tokens = given.into_tokens(&model, Start::OfAText)?;
    let mut session = model.session()?;
    prefill(&mut session, &tokens, quiet, || false)?;
    output::print_json(&Answer {
        tokens: &tokens,
        logits: session.logits(),
        argmax: session.argmax(),
    })
}
