//! What a conversation is as text: by the template that comes with a model, or plain.

use crate::failure::Failure;
use crate::state_file::Message;
use atome::checkpoint;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, ErrorKind, context};
use std::fs;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::parse_strftime_owned;

/// Longest file of a template or its settings.
const MAX_BYTES: u64 = 16 << 20;
/// Steps of a template: a hostile one ends.
const FUEL: u64 = 10_000_000;
/// Where an answer of the plain form ends.
pub(super) const PLAIN_STOP: &str = "\nUser:";

/// The form of a conversation.
#[derive(Debug)]
pub(super) struct Template {
    /// `None` for the plain form.
    source: Option<String>,
    bos: String,
    eos: String,
    now: OffsetDateTime,
}

impl Template {
    /// The template in `given`, or the one of a model's file or directory, or the plain form.
    pub(super) fn find(given: Option<&Path>, model: Option<&Path>) -> Result<Template, Failure> {
        let mut found = match model {
            Some(model) if model.is_dir() => of_folder(model)?,
            Some(model) => of_gguf(model),
            None => Template::plain(),
        };
        if let Some(path) = given {
            found.source = Some(read(path)?);
        }
        if let Some(source) = &found.source {
            found.compiles(source)?;
        }
        Ok(found)
    }

    pub(super) fn plain() -> Template {
        Template {
            source: None,
            bos: String::new(),
            eos: String::new(),
            now: OffsetDateTime::now_utc(),
        }
    }

    /// Whether there is no template.
    pub(super) fn is_plain(&self) -> bool {
        self.source.is_none()
    }

    fn compiles(&self, source: &str) -> Result<(), Failure> {
        let compiled = environment(self.now).template_from_str(source).map(drop);
        compiled.map_err(|error| Failure::Template(one_line(&error)))
    }

    /// The conversation up to where an answer is to follow.
    pub(super) fn render(&self, messages: &[Message]) -> Result<String, Failure> {
        match &self.source {
            Some(source) => self.jinja(source, messages),
            None => Ok(plain(messages)),
        }
    }

    fn jinja(&self, source: &str, messages: &[Message]) -> Result<String, Failure> {
        let environment = environment(self.now);
        let rendered = environment.render_str(
            source,
            context! {
                messages => messages,
                add_generation_prompt => true,
                bos_token => self.bos,
                eos_token => self.eos,
            },
        );
        rendered.map_err(|error| Failure::Template(one_line(&error)))
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

/// What templates are written for: Jinja as the library `transformers` sets it up.
fn environment(now: OffsetDateTime) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |why: String| -> Result<Value, _> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, why))
    });
    environment.add_function("strftime_now", move |format: String| {
        let wrong = |cause: String| minijinja::Error::new(ErrorKind::InvalidOperation, cause);
        let format = parse_strftime_owned(&format).map_err(|e| wrong(e.to_string()))?;
        now.format(&format).map_err(|e| wrong(e.to_string()))
    });
    environment.add_filter("tojson", to_json);
    environment
}

/// JSON as Python writes it: a space after commas and colons, or lines with an indent.
fn to_json(value: Value, options: Kwargs) -> Result<String, minijinja::Error> {
    let indent: Option<usize> = options.get("indent")?;
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let mut text = String::new();
    write_json(&value, indent, 0, &mut text)?;
    Ok(text)
}

/// Writes a value; the keys of a map stay in their order.
fn write_json(
    value: &Value,
    indent: Option<usize>,
    depth: usize,
    text: &mut String,
) -> Result<(), minijinja::Error> {
    let [open, close] = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => ["[", "]"],
        ValueKind::Map => ["{", "}"],
        _ => {
            let wrong = |e: serde_json::Error| {
                minijinja::Error::new(ErrorKind::BadSerialization, e.to_string())
            };
            text.push_str(&serde_json::to_string(value).map_err(wrong)?);
            return Ok(());
        }
    };
    let line = |depth: usize, text: &mut String| {
        if let Some(indent) = indent {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent * depth));
        }
    };
    let comma = if indent.is_some() { "," } else { ", " };
    text.push_str(open);
    let mut is_empty = true;
    for each in value.try_iter()? {
        text.push_str(if is_empty { "" } else { comma });
        is_empty = false;
        line(depth + 1, text);
        if value.kind() == ValueKind::Map {
            write_json(&Value::from(each.to_string()), indent, depth + 1, text)?;
            text.push_str(": ");
            write_json(&value.get_item(&each)?, indent, depth + 1, text)?;
        } else {
            write_json(&each, indent, depth + 1, text)?;
        }
    }
    if !is_empty {
        line(depth, text);
    }
    text.push_str(close);
    Ok(())
}

fn one_line(error: &minijinja::Error) -> String {
    let line = error
        .line()
        .map_or_else(String::new, |line| format!(" (line {line})"));
    let why = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    format!("{why}{line}")
}

/// The template and the special tokens in a GGUF file; the plain form for any other.
fn of_gguf(model: &Path) -> Template {
    let found = checkpoint::open_gguf(model, |files| {
        let keys = files[0].metadata();
        let string = |key: &str| keys.string(key).ok().flatten().map(str::to_owned);
        let token = |key: &str| {
            let id = keys.u32(key).ok()??;
            let tokens = keys.array("tokenizer.ggml.tokens").ok()??;
            let name = tokens.byte_strings().ok()?.nth(id as usize)?;
            Some(String::from_utf8_lossy(name).into_owned())
        };
        Template {
            source: string("tokenizer.chat_template"),
            bos: token("tokenizer.ggml.bos_token_id").unwrap_or_default(),
            eos: token("tokenizer.ggml.eos_token_id").unwrap_or_default(),
            ..Template::plain()
        }
    });
    found.unwrap_or_else(|_| Template::plain())
}

/// The template and the special tokens of a directory, as model hubs have them.
fn of_folder(folder: &Path) -> Result<Template, Failure> {
    let mut template = Template::plain();
    let settings = folder.join("tokenizer_config.json");
    if settings.exists() {
        let json: serde_json::Value = serde_json::from_str(&read(&settings)?)
            .map_err(|cause| wrong(&settings, cause.to_string()))?;
        template.source = match &json["chat_template"] {
            serde_json::Value::String(source) => Some(source.clone()),
            // Several, by name.
            serde_json::Value::Array(all) => {
                let default = all.iter().find(|each| each["name"] == "default");
                default.and_then(|each| Some(each["template"].as_str()?.to_owned()))
            }
            _ => None,
        };
        let token = |key: &str| match &json[key] {
            serde_json::Value::String(name) => name.clone(),
            other => other["content"].as_str().unwrap_or_default().to_owned(),
        };
        (template.bos, template.eos) = (token("bos_token"), token("eos_token"));
    }
    let alone = folder.join("chat_template.jinja");
    if alone.exists() {
        template.source = Some(read(&alone)?);
    }
    Ok(template)
}

fn wrong(path: &Path, fault: String) -> Failure {
    let path = PathBuf::from(path);
    Failure::TemplateFile { path, fault }
}

fn read(path: &Path) -> Result<String, Failure> {
    let read = || match fs::metadata(path)? {
        file if file.is_file() && file.len() <= MAX_BYTES => fs::read_to_string(path),
        _ => Err(std::io::Error::other("expected a file of at most 16 MiB")),
    };
    read().map_err(|cause| wrong(path, cause.to_string()))
}

#[cfg(test)]
mod tests;
