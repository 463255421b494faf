//! One connection to the server, and requests over it.

use serde_json::Value;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The longest that the server may say nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// What went wrong, in a line.
#[derive(Debug)]
pub(crate) struct Fault(String);

impl Fault {
    pub(crate) fn new(what: impl fmt::Display) -> Fault {
        Fault(what.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Fault {
    fn from(cause: io::Error) -> Fault {
        Fault::new(cause)
    }
}

/// A client that keeps its connection.
pub(crate) struct Client {
    address: String,
    /// A line of a request's head, or nothing.
    key: String,
    server: Option<BufReader<TcpStream>>,
    line: String,
}

impl Client {
    pub(crate) fn new(address: &str, key: Option<&str>) -> Client {
        let key = key.map(|key| format!("Authorization: Bearer {key}\r\n"));
        Client {
            address: address.to_owned(),
            key: key.unwrap_or_default(),
            server: None,
            line: String::new(),
        }
    }

    /// A number of the server's metrics.
    pub(crate) fn metric(&mut self, name: &str) -> Result<u64, Fault> {
        let text = self.ask("GET", "/metrics", "")?;
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        let found: Option<f64> = text.lines().find_map(value);
        let found = found.ok_or_else(|| Fault::new(format!("the server has no metric {name}")))?;
        Ok(found as u64)
    }

    /// The JSON at a path.
    pub(crate) fn json(&mut self, path: &str) -> Result<Value, Fault> {
        let text = self.ask("GET", path, "")?;
        serde_json::from_str(&text).map_err(Fault::new)
    }

    /// The body of an answer that is told its length.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<String, Fault> {
        let length = self.begin(method, path, body)?;
        let length = length.ok_or_else(|| Fault::new("the answer does not say how long it is"))?;
        self.body(length)
    }

    /// Sends a request, and reads the head of its answer; gives the length of the body, if it is told.
    pub(crate) fn begin(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Option<usize>, Fault> {
        let key = &self.key;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{key}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let is_kept = self.server.is_some();
        let head = match self.send(&request) {
            // A server closes what says nothing for a while.
            Err(_) if is_kept => {
                self.hang_up();
                self.send(&request)?
            }
            head => head?,
        };
        let mut length = None;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if let Some(bytes) = line.to_lowercase().strip_prefix("content-length: ") {
                length = Some(bytes.parse().map_err(Fault::new)?);
            }
        }
        if head.starts_with("HTTP/1.1 200") {
            return Ok(length);
        }
        let said = self.body(length.unwrap_or(0))?;
        Err(Fault::new(format!("the server answers {head}: {said}")))
    }

    /// Sends a request; gives the first line of the answer.
    fn send(&mut self, request: &str) -> Result<String, Fault> {
        self.server()?.get_mut().write_all(request.as_bytes())?;
        self.line().map(str::to_owned)
    }

    /// The next line, without its end.
    pub(crate) fn line(&mut self) -> Result<&str, Fault> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let read = self.server()?.read_line(&mut line)?;
        self.line = line;
        match read {
            0 => Err(Fault::new("the server closed before its answer was whole")),
            _ => Ok(self.line.trim_end()),
        }
    }

    fn body(&mut self, length: usize) -> Result<String, Fault> {
        let mut bytes = vec![0; length];
        self.server()?.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(Fault::new)
    }

    /// Lets the connection go: what is left on it is of no use.
    pub(crate) fn hang_up(&mut self) {
        self.server = None;
    }

    fn server(&mut self) -> Result<&mut BufReader<TcpStream>, Fault> {
        let server = match self.server.take() {
            Some(server) => server,
            None => {
                let server = TcpStream::connect(&self.address)?;
                server.set_nodelay(true)?;
                server.set_read_timeout(Some(PATIENCE))?;
                BufReader::new(server)
            }
        };
        Ok(self.server.insert(server))
    }
}
