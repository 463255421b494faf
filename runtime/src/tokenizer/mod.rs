//! Text to tokens and back: the crate `atome-text`, and which tokens a model speaks in.
//!
//! | file | concept |
//! |---|---|
//! | `kind` | which tokens a model speaks in |
//! | `open` | the tokenizer in a file of any kind |
//!
//! ```
//! use atome::tokenizer::Tokenizer;
//!
//! let tokenizer = Tokenizer::bytes_alone();
//! let (mut writer, mut text) = (tokenizer.writer(), String::new());
//! for id in tokenizer.encode("Grüße".as_bytes()) {
//!     writer.push(id, |part| text.push_str(part));
//! }
//! writer.finish(|part| text.push_str(part));
//! assert_eq!(text, "Grüße");
//! ```

mod kind;
mod open;

pub use atome_text::{Stops, TextDecoder, TextError, TokenWriter, Tokenizer, Vocabulary, typed};
pub use kind::{TokenizerError, TokenizerKind};
pub use open::open;
pub(crate) use open::{beside, read_stored};
