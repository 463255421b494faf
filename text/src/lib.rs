//! Text to tokens and back, for the vocabularies that language models come with.
//!
//! A [`Vocabulary`] is read from `tokenizer.json`, from the keys of a GGUF file or from its own bytes, and made into a
//! [`Tokenizer`], one implementation for all: special tokens by name, changes of the text, patterns that cut it, merges.
//!
//! | module | concept |
//! |---|---|
//! | `tokenizer` | text to tokens and back |
//! | `decoder` | bytes to text as they come |
//! | `stops` | texts at which a continuation ends |
//! | [`typed`] | special tokens that somebody types are text |
//! | `vocabulary` | tokens, merges and how they are used |
//! | `json`, `gguf` | where vocabularies come from |
//! | `pre` | patterns by the names that GGUF has for them |
//! | `gpt2` | the vocabulary of GPT-2 (feature `gpt2`) |
//! | `spelt` | tokens that a text spells by name |
//! | `change`, `split` | what is done to a text, and what cuts it |
//! | `pattern` | the regular expressions that cut texts |
//! | `bpe` | the tokens of a piece |
//! | `utf8` | characters of any bytes |
//!
//! Files are hostile input: each fault is one line, and memory is a small multiple of the file.

#![forbid(unsafe_code)]

mod bpe;
mod byte_level;
mod change;
mod decoder;
mod error;
mod gguf;
#[cfg(feature = "gpt2")]
mod gpt2;
mod json;
mod pattern;
mod pre;
mod spelt;
mod split;
mod stops;
mod tokenizer;
pub mod typed;
mod utf8;
mod vocabulary;

pub use decoder::TextDecoder;
pub use error::TextError;
pub use stops::Stops;
pub use tokenizer::{TokenWriter, Tokenizer};
pub use vocabulary::{Kind, Vocabulary};
