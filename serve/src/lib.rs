//! An HTTP server for a model, with the API of OpenAI, whose answers do not depend on how they were batched: the same
//! model, prompt, settings and seed give the same bytes, alone or among others, from a kept state or anew.
//!
//! The model runs on one thread, which knows nothing of HTTP; HTTP runs on another, which never waits for the model.
//!
//! | module | concept |
//! |---|---|
//! | `settings` | how a server behaves |
//! | `server` | listener, connections, the end |
//! | `connection` | a connection whose other side is slow |
//! | `guard` | who may ask: keys, hosts, origins |
//! | `api` | paths, requests and answers |
//! | `app` | what all requests share |
//! | `engine` | the model's thread: batches, prompts in turn, states of beginnings |
//! | `sessions` | conversations by name, in memory and files |
//! | `chat` | conversations as text |
//! | `packed` | a state without its zeros |
//! | `states` | a vector for a text |
//! | `metrics`, `process`, `log` | what happens |
//! | `error` | what is wrong with a request |
//!
//! ```no_run
//! use atome::{Model, Options};
//! use atome_serve::{Form, Message, Server, Settings};
//!
//! struct Lines;
//!
//! impl Form for Lines {
//!     fn render(&self, messages: &[Message]) -> Result<String, String> {
//!         Ok(messages.iter().map(|m| format!("{}: {}\n", m.role, m.content)).collect())
//!     }
//!
//!     fn stop(&self) -> Option<&str> {
//!         Some("\nuser:")
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options { sessions: 64, block: atome_serve::BLOCK, ..Options::default() };
//! let model = Model::load("model.safetensors".as_ref(), None, &options)?;
//! let server = Server::bind(&model, Box::new(Lines), Settings::default())?;
//! println!("http://{}", server.address());
//! server.run(std::future::pending())?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod api;
mod app;
mod chat;
mod connection;
mod engine;
mod error;
mod guard;
mod log;
mod metrics;
mod packed;
mod process;
mod server;
mod sessions;
mod settings;
mod states;

pub use chat::{Form, Message};
pub use server::{ServeError, Server};
pub use settings::Settings;
pub use signal::asked_to_end;

mod signal;

/// Tokens of a prompt that are read at once: the [block](atome::Options::block) to load a model with.
pub const BLOCK: usize = 64;
