use crate::config;
use crate::failure::Failure;
use crate::{input, output, prompt, tokens};
use atome::RunError;
use atome::tokenizer::{self, Tokenizer};
use clap::Args;
use serde::Serialize;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::path::PathBuf;

/// Print the tokens of a text, or the text of tokens
///
/// A line for each token: its id and what it stands for. As JSON `{"tokens":[..],"pieces":[..]}`, of token
/// ids with their `text` too. A piece that is no whole character is shown with U+FFFD.
#[derive(Debug, Args)]
pub(crate) struct TokenizeArgs {
    /// A model, a directory with `tokenizer.json`, such a file, or GGUF, of a vocabulary alone too
    /// [default: the model inside this command]
    model: Option<PathBuf>,

    /// The text; `-` reads it from standard input, without the last line break. A pipe or a file on
    /// standard input is read without it
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<OsString>,

    /// A file with the text, every byte of it
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    text: Option<PathBuf>,

    /// Token ids in place of text, such as 79,110,99,101, or @FILE to read them from a file
    #[arg(long, value_name = "LIST", conflicts_with_all = ["prompt", "text"])]
    #[arg(allow_hyphen_values = true)]
    ids: Option<String>,

    /// Take special tokens that the text spells, such as `<|im_end|>`, as tokens
    #[arg(long, conflicts_with = "ids")]
    parse_special: bool,

    /// Add the tokens that the model expects before and after a text
    #[arg(long, conflicts_with = "ids")]
    add_special: bool,

    /// The model's dimensions; if not given, the `.json` file beside the model with the same stem
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Say nothing on standard error unless something fails
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Serialize)]
struct Answer {
    tokens: Vec<u32>,
    pieces: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

pub(crate) fn run(args: &TokenizeArgs) -> Result<(), Failure> {
    prompt::check_model(args.model.as_deref())?;
    let text = match &args.ids {
        Some(_) => None,
        None => Some(args.text()?),
    };
    let tokenizer = args.tokenizer()?;
    if let Some(note) = tokenizer.note() {
        output::note(args.quiet, note);
    }
    let (tokens, is_text) = match (text, &args.ids) {
        (Some(text), _) => (args.tokens(&tokenizer, &text), true),
        (None, ids) => (
            known(&tokenizer, ids.as_deref().unwrap_or_default())?,
            false,
        ),
    };
    if args.json {
        let pieces = tokens.iter().map(|&id| piece(&tokenizer, id)).collect();
        let text = (!is_text).then(|| tokenizer.decode(&tokens));
        return output::print_json(&Answer {
            tokens,
            pieces,
            text,
        });
    }
    match is_text {
        true => output::print(&lines(&tokenizer, &tokens)),
        false => output::print(&format!("{}\n", tokenizer.decode(&tokens))),
    }
}

impl TokenizeArgs {
    fn text(&self) -> Result<Vec<u8>, Failure> {
        let Some(path) = &self.text else {
            let text = prompt::text(self.prompt.as_deref(), self.quiet)?;
            return text.ok_or(Failure::NoPrompt);
        };
        let failed = |cause| Failure::TextFile {
            path: path.clone(),
            cause,
        };
        File::open(path).and_then(input::read_all).map_err(failed)
    }

    fn tokenizer(&self) -> Result<Tokenizer, Failure> {
        match self.model.as_deref() {
            Some(model) => {
                let config = config::needed(self.config.as_deref(), Some(model), self.quiet)?;
                Ok(tokenizer::open(model, config)?)
            }
            #[cfg(feature = "default-model")]
            None => Ok(atome::Model::default_model(&atome::Options::default())?.tokenizer()?),
            #[cfg(not(feature = "default-model"))]
            None => Err(Failure::NoModel),
        }
    }

    fn tokens(&self, tokenizer: &Tokenizer, text: &[u8]) -> Vec<u32> {
        let tokens = match self.parse_special {
            true => tokenizer.encode_with_special(text),
            false => tokenizer.encode(text),
        };
        match self.add_special {
            true => [tokenizer.before(), &tokens, tokenizer.after()].concat(),
            false => tokens,
        }
    }
}

/// The ids of a list, all of which the vocabulary has.
fn known(tokenizer: &Tokenizer, list: &str) -> Result<Vec<u32>, Failure> {
    let ids = tokens::read(list)?;
    let vocab = tokenizer.vocab();
    let is_outside = |id: &&u32| usize::try_from(**id).is_ok_and(|id| id >= vocab);
    match ids.iter().find(is_outside) {
        Some(&id) => Err(RunError::TokenOutOfRange { id, vocab }.into()),
        None => Ok(ids),
    }
}

fn piece(tokenizer: &Tokenizer, id: u32) -> String {
    String::from_utf8_lossy(tokenizer.name(id)).into_owned()
}

/// A line for each token.
fn lines(tokenizer: &Tokenizer, tokens: &[u32]) -> String {
    tokens.iter().fold(String::new(), |mut text, &id| {
        let _ = writeln!(text, "{id:>8}  {:?}", piece(tokenizer, id));
        text
    })
}
