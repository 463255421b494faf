//! How a server behaves.

use std::path::PathBuf;
use std::time::Duration;

/// How a server behaves. The defaults suit one machine's own programs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address or name of the interface to listen at.
    pub host: String,
    /// Port; 0 for any that is free.
    pub port: u16,
    /// What the model is called.
    pub name: String,
    /// Requests that wait for a place; more are refused with 429.
    pub queue: usize,
    /// Most tokens of an answer that may be asked for.
    pub max_tokens: usize,
    /// Most tokens of a prompt.
    pub max_prompt: usize,
    /// Most bytes of a request's body.
    pub max_body: usize,
    /// Most answers to one request.
    pub max_choices: usize,
    /// The longest that a request may take.
    pub timeout: Duration,
    /// The longest that a client may take to send a request, or to take what was sent.
    pub client_timeout: Duration,
    /// The longest that requests may go on when the server is asked to end.
    pub grace: Duration,
    /// Most connections at the same time; others wait.
    pub connections: usize,
    /// Bytes of memory for states of beginnings of prompts; 0 keeps none.
    pub cache_bytes: usize,
    /// Bytes of memory for sessions by name.
    pub session_bytes: usize,
    /// Where sessions are written.
    pub sessions: Option<PathBuf>,
    /// Keys, one of which every request has to show; none for no keys.
    pub keys: Vec<String>,
    /// Origins of pages that may ask.
    pub origins: Vec<String>,
    /// Whether a line is logged for each request.
    pub log: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            host: "127.0.0.1".to_owned(),
            port: 8080,
            name: "atome".to_owned(),
            queue: 256,
            max_tokens: 4096,
            max_prompt: 1 << 17,
            max_body: 4 << 20,
            max_choices: 16,
            timeout: Duration::from_secs(600),
            client_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(30),
            connections: 1024,
            cache_bytes: 256 << 20,
            session_bytes: 1 << 30,
            sessions: None,
            keys: Vec::new(),
            origins: Vec::new(),
            log: true,
        }
    }
}
