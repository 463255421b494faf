//! A conversation: messages, and a session that has taken in their text.

use super::template::{PLAIN_STOP, Template};
use crate::cmd::prefill::prefill;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::state_file::{self, Message, Saved};
use atome::sampler::Sampler;
use atome::tokenizer::{Stops, TextDecoder, Tokenizer, typed};
use atome::{Model, Session};
use serde::Serialize;
use std::io;
use std::path::Path;

/// How answers are made.
pub(super) struct Settings<'s> {
    /// Most tokens of an answer.
    pub(super) n: usize,
    /// Whether an answer goes on where the model ends it.
    pub(super) ignores_ends: bool,
    /// Texts that end an answer.
    pub(super) stops: &'s [String],
    pub(super) interrupt: &'s Interrupt,
    pub(super) quiet: bool,
}

/// What a turn came to.
#[derive(Debug, Serialize)]
pub(super) struct Turn {
    pub(super) answer: String,
    /// Tokens that were read for it.
    pub(super) read: usize,
    /// Tokens that were chosen.
    pub(super) written: usize,
    /// Tokens that the session has taken in, in all.
    pub(super) position: u64,
    pub(super) interrupted: bool,
}

pub(super) struct Talk {
    session: Session,
    tokenizer: Tokenizer,
    sampler: Sampler,
    template: Template,
    /// Names of special tokens, which are text where somebody types them.
    specials: Vec<String>,
    messages: Vec<Message>,
    /// The text that the session has taken in.
    seen: Vec<u8>,
    /// How much of it that was before the last answer, and the state then.
    before: Option<(usize, Vec<u8>)>,
}

impl Talk {
    pub(super) fn new(
        model: &Model,
        sampler: Sampler,
        template: Template,
        system: Option<&str>,
    ) -> Result<Talk, Failure> {
        let tokenizer = model.tokenizer()?;
        let mut talk = Talk {
            session: model.session()?,
            specials: typed::specials(&tokenizer),
            tokenizer,
            sampler,
            template,
            messages: Vec::new(),
            seen: Vec::new(),
            before: None,
        };
        talk.start(system);
        Ok(talk)
    }

    fn start(&mut self, system: Option<&str>) {
        self.messages = system
            .map(|text| message("system", &typed::part(text, &self.specials)))
            .into_iter()
            .collect();
        self.forget();
    }

    fn forget(&mut self) {
        self.session.reset();
        self.seen.clear();
        self.before = None;
    }

    /// Begins again, with the same text of the system.
    pub(super) fn reset(&mut self) {
        self.messages.retain(|message| message.role == "system");
        self.messages.truncate(1);
        self.forget();
        self.sampler.restart();
    }

    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        let saved = Saved {
            messages: self.messages.clone(),
            seen: self.seen.clone(),
            sampler: self.sampler.state(),
        };
        state_file::save_talk(&self.session, &saved, path)
    }

    /// Goes back to a saved conversation; where that fails nothing has changed.
    pub(super) fn load(&mut self, path: &Path) -> Result<(), Failure> {
        let saved = state_file::load_talk(&mut self.session, path)?;
        (self.messages, self.seen, self.before) = (saved.messages, saved.seen, None);
        self.sampler.restore(&saved.sampler);
        Ok(())
    }

    /// Takes in what somebody says and gives the answer to `write` as it comes.
    ///
    /// Only text that the session has not seen is read: what follows the last answer, or the answer too where the template
    /// changed it. Where the reading is interrupted it is as if nothing had been said.
    pub(super) fn turn(
        &mut self,
        text: &str,
        settings: &Settings<'_>,
        write: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> Result<Turn, Failure> {
        let text = typed::part(text, &self.specials);
        self.messages.push(message("user", &text));
        let start = match self.read(settings) {
            Ok(start) => start,
            Err(failure) => {
                self.messages.pop();
                return Err(failure);
            }
        };
        let Some(read) = start else {
            self.messages.pop();
            return Ok(Turn {
                answer: String::new(),
                read: 0,
                written: 0,
                position: self.session.position(),
                interrupted: true,
            });
        };
        let mut turn = self.answer(settings, write)?;
        turn.read = read;
        self.messages.push(message("assistant", &turn.answer));
        Ok(turn)
    }

    /// Takes in the conversation up to where the answer is to follow; gives how many tokens it read, `None` if it was
    /// interrupted.
    fn read(&mut self, settings: &Settings<'_>) -> Result<Option<usize>, Failure> {
        let rendered = self.template.render(&self.messages)?;
        let text = rendered.as_bytes();
        let (from, undo) = self.go_back_to(text, &settings.quiet)?;
        // A template spells the special tokens that part turns.
        let tokens = typed::encode(&self.tokenizer, &text[from..]);
        if tokens.is_empty() {
            self.session.reset();
            self.session.restore(&undo)?;
            return Err(Failure::NothingSaid);
        }
        let is_asked = || settings.interrupt.is_asked();
        let read = prefill(&mut self.session, &tokens, settings.quiet, is_asked)?;
        if read < tokens.len() {
            self.session.reset();
            self.session.restore(&undo)?;
            return Ok(None);
        }
        tokens.iter().for_each(|token| self.sampler.saw(*token));
        self.seen = text.to_vec();
        self.before = Some((self.seen.len(), self.state()?));
        Ok(Some(read))
    }

    /// Makes the session one that has seen as much of `text` as any state there is; gives how much, and that state.
    fn go_back_to(&mut self, text: &[u8], quiet: &bool) -> Result<(usize, Vec<u8>), Failure> {
        if text.starts_with(&self.seen) {
            return Ok((self.seen.len(), self.state()?));
        }
        if let Some((length, state)) = self.before.take()
            && text.starts_with(&self.seen[..length])
        {
            self.session.restore(&state)?;
            self.seen.truncate(length);
            return Ok((length, state));
        }
        crate::output::note(
            *quiet,
            "the template changed what was said before: reading it all again",
        );
        self.forget();
        Ok((0, self.state()?))
    }

    fn state(&self) -> Result<Vec<u8>, Failure> {
        let mut state = vec![0; self.session.state_bytes()];
        self.session.save_into(&mut state)?;
        Ok(state)
    }

    fn answer(
        &mut self,
        settings: &Settings<'_>,
        write: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> Result<Turn, Failure> {
        let plain = self.template.is_plain().then(|| PLAIN_STOP.to_owned());
        let mut stops = Stops::new(settings.stops.iter().cloned().chain(plain));
        let (mut decoder, mut answer, mut written) = (TextDecoder::new(), String::new(), 0);
        let mut interrupted = false;
        let mut put = |bytes: &[u8], decoder: &mut TextDecoder| {
            let mut done = Ok(());
            decoder.push(bytes, |text| {
                answer.push_str(text);
                if done.is_ok() {
                    done = write(text);
                }
            });
            done.map_err(Failure::Output)
        };
        while written < settings.n {
            if settings.interrupt.is_asked() {
                interrupted = true;
                break;
            }
            let id = self.sampler.sample(self.session.logits());
            if !settings.ignores_ends && self.ends().contains(&id) {
                break;
            }
            written += 1;
            let bytes = self.tokenizer.bytes(id);
            let (ready, found) = stops.push(bytes);
            put(&ready, &mut decoder)?;
            if found {
                break;
            }
            // What follows the last token nobody asks, and the next turn reads it with its own.
            if written < settings.n {
                self.seen.extend(bytes);
                self.session.step(id)?;
            }
        }
        put(&stops.finish(), &mut decoder)?;
        let mut rest = String::new();
        decoder.finish(|text| rest.push_str(text));
        answer.push_str(&rest);
        write(&rest).map_err(Failure::Output)?;
        Ok(Turn {
            answer,
            read: 0,
            written,
            position: self.session.position(),
            interrupted,
        })
    }

    /// The tokens that end an answer.
    fn ends(&self) -> &[u32] {
        self.session.model().ends()
    }
}

fn message(role: &str, content: &str) -> Message {
    Message {
        role: role.to_owned(),
        content: content.to_owned(),
    }
}
