use super::finite;
use crate::args::LoadArgs;
use crate::failure::Failure;
use crate::{output, tokens};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Print the class of a sequence of tokens, as JSON
///
/// `{"tokens":[..],"logits":[..],"class":k}`: a logit for each class, in digits that read back
/// as the same f32, and the class of the greatest.
#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// Classifier file: ATOMECL01
    model: PathBuf,

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
    class: u32,
}

pub(crate) fn run(args: &ClassifyArgs) -> Result<(), Failure> {
    let tokens = tokens::read(&args.tokens)?;
    let model = args.load.load(Some(&args.model))?;
    if model.classes().is_none() {
        return Err(Failure::IsLanguageModel);
    }
    let mut session = model.session()?;
    let class = session.classify(&tokens)?;
    let logits = finite(session.logits())?;
    output::print_json(&Answer {
        tokens: &tokens,
        logits,
        class,
    })
}
