//! `atome run --chat`: a conversation, a line a turn.

pub(crate) mod apart;
mod jinja;
mod talk;
mod template;

#[cfg(feature = "serve")]
pub(super) use template::PLAIN_STOP;
pub(super) use template::Template;

use crate::cmd::run::RunArgs;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::units::{count, significant};
use crate::{output, state_file};
use atome::Model;
use atome::sampler::Sampler;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;
use talk::{Settings, Talk, Turn};

/// Longest line that is read.
const MAX_LINE_BYTES: usize = 1 << 20;

const HELP: &str = "\
/save FILE  keep the conversation
/load FILE  go back to one that was kept
/reset      begin again
/help       this
A line that starts with // is said with one / less; a line that ends with \\ goes on in the next.
Ctrl-C ends an answer; Ctrl-D, or Ctrl-C between answers, the conversation.";

/// Holds a conversation: one turn of what `-p` says, or turns from standard input until it ends.
pub(super) fn run(args: &RunArgs, model: &Model, interrupt: &Interrupt) -> Result<(), Failure> {
    let quiet = args.quiet();
    let sampler = Sampler::new(args.sampling.of(model, quiet), model.vocab())?;
    let sampler = sampler.with_bias(args.sampling.biases())?;
    let template = Template::find(args.chat_template.as_deref(), model.chat_template())?;
    if template.is_plain() {
        output::note(
            quiet,
            "no chat template: `User:` and `Assistant:` stand before what is said",
        );
    }
    let mut chat = Chat {
        talk: Talk::new(model, sampler, template, args.system.as_deref())?,
        settings: Settings {
            n: args.n,
            ignores_ends: args.ignore_eos,
            stops: &args.stop,
            interrupt,
            quiet,
        },
        json: args.json,
        fault: None,
    };
    if let Some(path) = &args.save_state {
        state_file::check(path)?;
    }
    if let Some(path) = &args.load_state {
        chat.talk.load(path)?;
    }
    match args.prompt.named()? {
        Some(text) => chat.say(&String::from_utf8_lossy(&text))?,
        None => chat.lines(io::stdin().lock())?,
    }
    if let Some(path) = &args.save_state {
        chat.talk.save(path)?;
    }
    match chat.fault {
        // Whoever typed it has read of it.
        Some(code) if !io::stdin().is_terminal() => Err(Failure::Told { code }),
        _ => Ok(()),
    }
}

struct Chat<'s> {
    talk: Talk,
    settings: Settings<'s>,
    json: bool,
    /// The exit code for the first thing that went wrong without ending the conversation.
    fault: Option<u8>,
}

impl Chat<'_> {
    /// Takes turns until there are no more lines.
    fn lines(&mut self, mut from: impl BufRead) -> Result<(), Failure> {
        let asks = io::stdin().is_terminal();
        let mut said = String::new();
        loop {
            if asks {
                let _ = write!(
                    io::stderr(),
                    "{}",
                    if said.is_empty() { "> " } else { ". " }
                );
            }
            let Some(line) = read_line(&mut from)? else {
                return match said.is_empty() {
                    true => Ok(()),
                    false => self.take(&said),
                };
            };
            if let Some(start) = line.strip_suffix('\\') {
                said.push_str(start);
                said.push('\n');
                continue;
            }
            said.push_str(&line);
            self.take(&std::mem::take(&mut said))?;
        }
    }

    /// Says what a line says, or does what it asks for. Of what goes wrong with one line alone is told, and the conversation
    /// goes on.
    fn take(&mut self, line: &str) -> Result<(), Failure> {
        let done = match line.strip_prefix('/') {
            Some(text) if text.starts_with('/') => self.say(text),
            Some(command) => self.obey(command),
            None if line.trim().is_empty() => Ok(()),
            None => self.say(line),
        };
        match done {
            Err(failure) if failure.is_of_a_line() => {
                output::complain(&failure);
                self.fault.get_or_insert(failure.exit_code());
                Ok(())
            }
            done => done,
        }
    }

    /// Does what a line that starts with a slash asks for.
    fn obey(&mut self, command: &str) -> Result<(), Failure> {
        let (name, file) = command.split_once(' ').unwrap_or((command, ""));
        let (name, file) = (name.trim_end(), file.trim());
        let done = match (name, file) {
            ("save" | "load", "") => {
                return Err(Failure::NoChatFile(name.to_owned()));
            }
            ("save", file) => self.talk.save(Path::new(file)),
            ("load", file) => self.talk.load(Path::new(file)),
            ("reset", "") => {
                self.talk.reset();
                Ok(())
            }
            ("help", "") => {
                output::note(false, HELP);
                return Ok(());
            }
            _ => return Err(Failure::NoChatCommand(name.to_owned())),
        };
        done.map_err(|cause| Failure::ChatCommand(Box::new(cause)))?;
        output::note(self.settings.quiet, format_args!("/{name}: done"));
        Ok(())
    }

    /// A turn: the answer goes to standard output as it comes.
    fn say(&mut self, text: &str) -> Result<(), Failure> {
        let start = Instant::now();
        let json = self.json;
        let mut write = |text: &str| {
            let mut out = io::stdout().lock();
            match json {
                true => Ok(()),
                false => out.write_all(text.as_bytes()).and_then(|()| out.flush()),
            }
        };
        self.settings.interrupt.begin();
        let turn = self.talk.turn(text, &self.settings, &mut write);
        self.settings.interrupt.end();
        let turn = turn?;
        match json {
            true => output::print_json(&turn),
            false => {
                output::print("\n")?;
                report(self.settings.quiet, &turn, start);
                Ok(())
            }
        }
    }
}

fn report(quiet: bool, turn: &Turn, start: Instant) {
    let tokens = (turn.read + turn.written) as f64;
    let line = format!(
        "[{} read, {} written, {} tok/s{}]",
        count(turn.read, "token", "tokens"),
        turn.written,
        significant(tokens / start.elapsed().as_secs_f64().max(1e-9)),
        if turn.interrupted {
            ", interrupted"
        } else {
            ""
        }
    );
    output::note(quiet, line);
}

/// A line without its end; `None` at the end of the input.
fn read_line(from: &mut impl BufRead) -> Result<Option<String>, Failure> {
    let mut line = Vec::new();
    let mut from = io::Read::take(from, MAX_LINE_BYTES as u64 + 1);
    from.read_until(b'\n', &mut line).map_err(Failure::Stdin)?;
    if line.len() > MAX_LINE_BYTES {
        let message = format!("expected lines of at most {MAX_LINE_BYTES} bytes, found more");
        return Err(Failure::Stdin(io::Error::new(
            io::ErrorKind::FileTooLarge,
            message,
        )));
    }
    if line.is_empty() {
        return Ok(None);
    }
    for end in [b'\n', b'\r'] {
        line.pop_if(|last| *last == end);
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}
