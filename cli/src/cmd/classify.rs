use super::prefill::prefill;
use crate::args::LoadArgs;
use crate::failure::Failure;
use crate::output;
use crate::prompt::{PromptArgs, Start};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Print the class of a text or a sequence of tokens, as JSON
///
/// `{"tokens":[..],"logits":[..],"class":k}`: a logit for each class, in digits that read back
/// as the same f32, and the class of the greatest. Text becomes tokens as in `atome run`.
#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// Classifier file: a packed safetensors container or ATOMECL01
    model: PathBuf,

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
    class: u32,
}

pub(crate) fn run(args: &ClassifyArgs) -> Result<(), Failure> {
    let quiet = args.load.machine.quiet;
    let given = args.prompt.read_for(Some(&args.model), quiet)?;
    let model = args.load.load(Some(&args.model))?;
    if model.classes().is_none() {
        return Err(Failure::IsLanguageModel);
    }
    let tokens = given.into_tokens(&model, Start::OfAText)?;
    let mut session = model.session()?;
    prefill(&mut session, &tokens, quiet, || false)?;
    output::print_json(&Answer {
        tokens: &tokens,
        logits: session.logits(),
        class: session.argmax(),
    })
}
