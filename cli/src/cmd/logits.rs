use super::finite;
use crate::args::LoadArgs;
use crate::failure::Failure;
use crate::{output, tokens};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Print the logits that follow a sequence of tokens, as JSON
///
/// `{"tokens":[..],"logits":[..],"argmax":k}`: a logit for each token id (for each class, if
/// the model is a classifier), in digits that read back as the same f32.
#[derive(Debug, Args)]
pub(crate) struct LogitsArgs {
    /// Model file: a packed safetensors container, ATOME01, ATOME02 or ATOMECL01 [default: the
    /// model inside this command]
    model: Option<PathBuf>,

    /// Token ids, such as 79,110,99,101, or @FILE to read them from a file
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    tokens: String,

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
    let tokens = tokens::read(&args.tokens)?;
    let model = args.load.load(args.model.as_deref())?;
    let mut session = model.session()?;
    session.prefill(&tokens)?;
    let logits = finite(session.logits())?;
    output::print_json(&Answer {
        tokens: &tokens,
        logits,
        argmax: session.argmax(),
    })
}
