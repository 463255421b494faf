//! What a conversation is as text: by the template that comes with a model, or plain.

use super::apart;
use super::jinja::Job;
use crate::failure::Failure;
use crate::state_file::Message;
use atome::checkpoint::ChatTemplate;
use std::fs;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// Where an answer of the plain form ends.
pub(in crate::cmd) const PLAIN_STOP: &str = "\nUser:";

/// The form of a conversation.
#[derive(Debug)]
pub(in crate::cmd) struct Template {
    /// Without a source it is the plain form.
    model: ChatTemplate,
    /// The time, in seconds since 1970.
    now: i64,
}

impl Template {
    /// The template in `given`, or the one that comes with a model, or the plain form.
    pub(in crate::cmd) fn find(
        given: Option<&Path>,
        model: Option<&ChatTemplate>,
    ) -> Result<Template, Failure> {
        let mut found = Template::of(model);
        if let Some(path) = given {
            found.model.source = Some(read(path)?);
        }
        if let Some(job) = found.job(None) {
            apart::run(&job)?;
        }
        Ok(found)
    }

    /// The template that comes with a model, or the plain form.
    fn of(model: Option<&ChatTemplate>) -> Template {
        let plain = || ChatTemplate {
            source: None,
            bos: String::new(),
            eos: String::new(),
        };
        Template {
            model: model.cloned().unwrap_or_else(plain),
            now: OffsetDateTime::now_utc().unix_timestamp(),
        }
    }

    /// Whether there is no template.
    pub(in crate::cmd) fn is_plain(&self) -> bool {
        self.model.source.is_none()
    }

    /// The template and what it is to be given; `None` of the plain form.
    fn job(&self, messages: Option<&[Message]>) -> Option<Job> {
        Some(Job {
            source: self.model.source.clone()?,
            bos: self.model.bos.clone(),
            eos: self.model.eos.clone(),
            now: self.now,
            messages: messages.map(<[Message]>::to_vec),
        })
    }

    /// The conversation up to where an answer is to follow.
    pub(in crate::cmd) fn render(&self, messages: &[Message]) -> Result<String, Failure> {
        match self.job(Some(messages)) {
            Some(job) => apart::run(&job),
            None => Ok(plain(messages)),
        }
    }
}

/// Without a template: the system's text and an empty line, then each message after who it is of.
fn plain(messages: &[Message]) -> String {
    let mut text = String::new();
    for Message { role, content } in messages {
        text.push_str(&match role.as_str() {
            "system" => format!("{content}\n\n"),
            "user" => format!("User: {content}\n"),
            _ => format!("Assistant:{content}\n"),
        });
    }
    text.push_str("Assistant:");
    text
}

fn wrong(path: &Path, fault: String) -> Failure {
    let path = PathBuf::from(path);
    Failure::TemplateFile { path, fault }
}

fn read(path: &Path) -> Result<String, Failure> {
    let most = ChatTemplate::MAX_BYTES;
    let read = || match fs::metadata(path)? {
        file if file.is_file() && file.len() <= most as u64 => fs::read_to_string(path),
        _ => Err(std::io::Error::other(format!(
            "expected a file of at most {most} bytes"
        ))),
    };
    read().map_err(|cause| wrong(path, cause.to_string()))
}

#[cfg(test)]
mod tests;
