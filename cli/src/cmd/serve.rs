use super::chat::{PLAIN_STOP, Template};
use crate::args::{LoadArgs, whole};
use crate::failure::Failure;
use crate::output;
use crate::prompt::check_model;
use crate::state_file;
use atome::Options;
use atome_serve::{BLOCK, Form, Message, Server, Settings, asked_to_end};
use clap::Args;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

/// Keys, one a line.
const KEYS: &str = "ATOME_API_KEYS";

/// Answer HTTP requests, with the API of OpenAI, and a page at /
///
/// `/v1/completions`, `/v1/chat/completions`, `/v1/embeddings`, `/v1/classify`, `/v1/models`, `/v1/sessions`, `/tokenize`,
/// `/detokenize`, `/props`, `/metrics`, `/health`. The same prompt, settings and seed give the same answer, alone or among
/// others. It listens on this machine alone unless --host says otherwise. Ctrl-C ends it when what is under way is
/// done, a second one at once. A line of JSON on standard error for each request says what it took, never what was said.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Model, as for `atome run` [default: the model inside this command]
    model: Option<PathBuf>,

    /// Address or name to listen at
    #[arg(long, default_value = "127.0.0.1")]
    host: String,

    /// Port to listen at; 0 for any that is free
    #[arg(long, default_value_t = 8080, value_parser = whole::<u16>, allow_negative_numbers = true)]
    port: u16,

    /// What the model is called [default: the name of its file]
    #[arg(long)]
    name: Option<String>,

    /// Texts that are read and written at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one, allow_negative_numbers = true)]
    parallel: usize,

    /// Texts that wait for a place; further requests are answered 429
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = whole::<usize>, allow_negative_numbers = true)]
    queue: usize,

    /// Most tokens of an answer that may be asked for
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = at_least_one, allow_negative_numbers = true)]
    max_tokens: usize,

    /// Most tokens of a prompt
    #[arg(long, value_name = "N", default_value_t = 131_072, value_parser = at_least_one, allow_negative_numbers = true)]
    max_prompt: usize,

    /// Most seconds of a request
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = seconds, allow_negative_numbers = true)]
    timeout: usize,

    /// Seconds that requests may go on when the server is asked to end
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = whole::<usize>, allow_negative_numbers = true)]
    grace: usize,

    /// MiB of memory for states of beginnings of prompts; 0 keeps none
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = mebibytes, allow_negative_numbers = true)]
    cache: usize,

    /// MiB of memory for sessions by name
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = mebibytes, allow_negative_numbers = true)]
    session_memory: usize,

    /// Where sessions are saved, when memory is short and at the end too; without it they are lost then
    #[arg(long, value_name = "DIR")]
    sessions: Option<PathBuf>,

    /// A file of keys, one a line, one of which every request has to show; or in the variable ATOME_API_KEYS
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// An origin whose pages may ask, such as `https://example.org`, or `*` for all; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,

    /// A template of conversations (Jinja), in place of the model's
    #[arg(long, value_name = "FILE")]
    chat_template: Option<PathBuf>,

    #[command(flatten)]
    load: LoadArgs,
}

pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    check_model(args.model.as_deref())?;
    let quiet = args.load.machine.quiet;
    let keys = args.keys()?;
    let options = Options {
        sessions: args.parallel,
        block: BLOCK,
        ..args.load.machine.options()
    };
    let model = args.load.load_with(args.model.as_deref(), &options)?;
    let template = Template::find(args.chat_template.as_deref(), model.chat_template())?;
    let settings = Settings {
        host: args.host.clone(),
        port: args.port,
        name: args.name(),
        queue: args.queue,
        max_tokens: args.max_tokens,
        max_prompt: args.max_prompt,
        timeout: Duration::from_secs(args.timeout as u64),
        grace: Duration::from_secs(args.grace as u64),
        cache_bytes: args.cache << 20,
        session_bytes: args.session_memory << 20,
        sessions: args.sessions.clone(),
        keys,
        origins: args.cors.clone(),
        log: !quiet,
        ..Settings::default()
    };
    let is_open = settings.keys.is_empty();
    let server = Server::bind(&model, Box::new(template), settings)?;
    let address = server.address();
    if is_open && !address.ip().is_loopback() {
        output::note(
            quiet,
            "other machines may ask, without keys: --keys FILE asks for one",
        );
    }
    let open = match address.ip() {
        ip if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        _ => address,
    };
    output::print(&format!("listening at http://{open}\n"))?;
    Ok(server.run(asked_to_end())?)
}

impl Form for Template {
    fn render(&self, messages: &[Message]) -> Result<String, String> {
        let message = |m: &Message| state_file::Message {
            role: m.role.clone(),
            content: m.content.clone(),
        };
        let messages: Vec<state_file::Message> = messages.iter().map(message).collect();
        Template::render(self, &messages).map_err(|failure| failure.to_string())
    }

    fn stop(&self) -> Option<&str> {
        self.is_plain().then_some(PLAIN_STOP)
    }
}

impl ServeArgs {
    fn name(&self) -> String {
        let stem = self.model.as_deref().and_then(Path::file_stem);
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.clone().or(stem);
        name.unwrap_or_else(|| "atome".to_owned())
    }

    /// The keys of the file or, without one, of the environment.
    fn keys(&self) -> Result<Vec<String>, Failure> {
        let (text, from) = match &self.keys {
            Some(path) => {
                let text = fs::read_to_string(path);
                let cause = |cause| Failure::TextFile {
                    path: path.clone(),
                    cause,
                };
                (text.map_err(cause)?, path.display().to_string())
            }
            None => match env::var(KEYS) {
                Ok(text) => (text, KEYS.to_owned()),
                Err(_) => return Ok(Vec::new()),
            },
        };
        let keys: Vec<String> = text.lines().map(str::trim).map(str::to_owned).collect();
        let keys: Vec<String> = keys.into_iter().filter(|key| !key.is_empty()).collect();
        match keys.is_empty() {
            true => Err(Failure::NoKeys(from)),
            false => Ok(keys),
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let most = 1 << 20;
    let number = text.parse().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| format!("expected a whole number from 1 to {most}"))
}

fn seconds(text: &str) -> Result<usize, String> {
    let most = 7 * 24 * 3600;
    let number = text.parse().ok().filter(|n| (1..=most).contains(n));
    number.ok_or_else(|| format!("expected seconds, from 1 to {most}"))
}

fn mebibytes(text: &str) -> Result<usize, String> {
    let most = usize::MAX >> 24;
    let number = text.parse().ok().filter(|n| (0..=most).contains(n));
    number.ok_or_else(|| format!("expected MiB, from 0 to {most}"))
}
