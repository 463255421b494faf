//! Conversations as text and tokens.

use atome::tokenizer::{Tokenizer, typed};
use serde::{Deserialize, Serialize};

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Whose it is: `system`, `user` or `assistant`.
    pub role: String,
    /// What it says.
    pub content: String,
}

impl Message {
    /// What somebody says.
    #[must_use]
    pub fn new(role: &str, content: &str) -> Message {
        Message {
            role: role.to_owned(),
            content: content.to_owned(),
        }
    }
}

/// The form of conversations with a model.
pub trait Form: Send + Sync {
    /// The conversation as text, up to where an answer is to follow.
    ///
    /// # Errors
    /// In one line, if the form refuses it.
    fn render(&self, messages: &[Message]) -> Result<String, String>;

    /// A text that ends every answer.
    fn stop(&self) -> Option<&str>;
}

/// The tokens of a conversation, and after which of them others may go on otherwise: where the first message that is not the
/// system's begins, where the last one does, and at the end.
pub(crate) fn prompt(
    form: &dyn Form,
    tokenizer: &Tokenizer,
    specials: &[String],
    messages: &[Message],
) -> Result<(Vec<u32>, Vec<usize>), String> {
    // What is typed spells no special token; a form does.
    let part = |m: &Message| Message::new(&m.role, &typed::part(&m.content, specials));
    let parted: Vec<Message> = messages.iter().map(part).collect();
    let text = form.render(&parted)?;
    let tokens = typed::encode(tokenizer, text.as_bytes());
    let mut at = 0;
    let mut starts = Vec::new();
    for message in &parted {
        let said = message.content.trim();
        let Some(found) = text[at..].find(said).filter(|_| !said.is_empty()) else {
            continue;
        };
        if message.role != "system" {
            starts.push(at + found);
        }
        at += found + said.len();
    }
    let ends = [starts.first(), starts.last()];
    let mut marks: Vec<usize> = ends
        .into_iter()
        .flatten()
        .map(|start| tokens_before(tokenizer, &tokens, *start))
        .chain([tokens.len()])
        .filter(|mark| *mark > 0)
        .collect();
    marks.dedup();
    Ok((tokens, marks))
}

/// How many tokens spell the first bytes of their text, about.
fn tokens_before(tokenizer: &Tokenizer, tokens: &[u32], bytes: usize) -> usize {
    let mut spelt = 0;
    let is_before = |token: &&u32| {
        spelt += tokenizer.name(**token).len();
        spelt <= bytes
    };
    tokens.iter().take_while(is_before).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    struct Plain;

    impl Form for Plain {
        fn render(&self, messages: &[Message]) -> Result<String, String> {
            let line = |m: &Message| format!("{}: {}\n", m.role, m.content);
            Ok(messages.iter().map(line).collect())
        }

        fn stop(&self) -> Option<&str> {
            None
        }
    }

    #[test]
    fn marks_are_where_messages_begin() {
        let talk = [
            Message::new("system", "short"),
            Message::new("user", " one "),
            Message::new("assistant", "user"),
            Message::new("user", "one"),
        ];
        let tokenizer = Tokenizer::bytes_alone();
        let (tokens, marks) = prompt(&Plain, &tokenizer, &[], &talk).unwrap();
        let text = "system: short\nuser:  one \nassistant: user\nuser: one\n";
        assert_eq!(tokenizer.decode(&tokens), text);
        let before: Vec<&str> = marks.iter().map(|mark| &text[..*mark]).collect();
        let last = "system: short\nuser:  one \nassistant: user\nuser: ";
        assert_eq!(before, ["system: short\nuser:  ", last, text]);
        assert_eq!(
            prompt(&Plain, &tokenizer, &[], &[]).unwrap(),
            (vec![], vec![])
        );
    }
}
