//! A template run as the program it is: Jinja as the library `transformers` sets it up.

use crate::state_file::Message;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, ErrorKind, context};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::parse_strftime_owned;

/// Steps of a template.
const FUEL: u64 = 10_000_000;

/// A template, and what it is given.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) source: String,
    pub(super) bos: String,
    pub(super) eos: String,
    /// The time, in seconds since 1970.
    pub(super) now: i64,
    /// The conversation; without one, the template is only read.
    pub(super) messages: Option<Vec<Message>>,
}

impl Job {
    /// The conversation up to where an answer is to follow.
    ///
    /// # Errors
    /// In a line, if the template is none or refuses it.
    pub(super) fn run(&self) -> Result<String, String> {
        let environment = environment(self.now);
        let template = environment.template_from_str(&self.source);
        let template = template.map_err(|error| one_line(&error))?;
        let Some(messages) = &self.messages else {
            return Ok(String::new());
        };
        let rendered = template.render(context! {
            messages => messages,
            add_generation_prompt => true,
            bos_token => self.bos,
            eos_token => self.eos,
        });
        rendered.map_err(|error| one_line(&error))
    }
}

/// What templates are written for.
fn environment(now: i64) -> Environment<'static> {
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
        let now = OffsetDateTime::from_unix_timestamp(now).map_err(|e| wrong(e.to_string()))?;
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
