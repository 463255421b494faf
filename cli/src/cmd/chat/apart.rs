//! A template is a program of whoever published a model, so it runs in a process of its own: one that takes more memory, time or
//! stack than it may have ends, and this one says so and goes on.

use super::jinja::Job;
use crate::failure::Failure;
use crate::input::read_to_end_within;
use crate::output;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The command that runs a template.
pub(crate) const COMMAND: &str = "run-chat-template";
/// Bytes of addresses that a template's process may have, where the system keeps to it.
const MEMORY: u64 = 1 << 30;
/// How long it may take.
const TIME: Duration = Duration::from_secs(10);
/// The exit code of one that took longer.
const TOO_LONG: i32 = 3;
/// Longest text that it may make.
const MAX_TEXT_BYTES: usize = 64 << 20;
/// Longest job or answer between the processes: a byte of text takes six in JSON at most.
const MAX_JSON_BYTES: u64 = 8 * MAX_TEXT_BYTES as u64;

/// What a template came to.
#[derive(Serialize, Deserialize)]
enum Answer {
    Text(String),
    Refused(String),
}

/// Runs a template apart.
pub(super) fn run(job: &Job) -> Result<String, Failure> {
    let apart = |cause| Failure::TemplateProcess { cause };
    let json = serde_json::to_vec(job).map_err(|cause| apart(cause.into()))?;
    let program = match cfg!(target_os = "linux") {
        // Also of a program that was replaced meanwhile.
        true => "/proc/self/exe".into(),
        false => std::env::current_exe().map_err(apart)?,
    };
    let mut child = Command::new(program)
        .arg(COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(apart)?;
    // Where it ended before it read all, its answer says why, or is missing.
    let given = child.stdin.take().map(|mut stdin| stdin.write_all(&json));
    drop(given);
    let answer = child
        .stdout
        .take()
        .map(|stdout| read_to_end_within(stdout, MAX_JSON_BYTES));
    let status = child.wait().map_err(apart)?;
    let answer = answer.and_then(Result::ok);
    match answer.and_then(|json| serde_json::from_slice(&json).ok()) {
        Some(Answer::Text(text)) => Ok(text),
        Some(Answer::Refused(why)) => Err(Failure::Template(why)),
        None if status.code() == Some(TOO_LONG) => {
            let why = format!("it takes longer than {} s", TIME.as_secs());
            Err(Failure::Template(why))
        }
        None => {
            let why = format!(
                "it takes more than {} MiB of memory, or all of the stack",
                MEMORY >> 20
            );
            Err(Failure::Template(why))
        }
    }
}

/// The process that runs a template: a job on standard input, an answer on standard output.
pub(crate) fn serve() -> Result<(), Failure> {
    limit_memory();
    let ends = || {
        thread::sleep(TIME);
        process::exit(TOO_LONG);
    };
    // Without a clock it does not begin.
    let clock = thread::Builder::new().stack_size(64 << 10).spawn(ends);
    drop(clock.map_err(|cause| Failure::TemplateProcess { cause })?);
    let json = read_to_end_within(io::stdin().lock(), MAX_JSON_BYTES).map_err(Failure::Stdin)?;
    let job: Job = serde_json::from_slice(&json).map_err(|e| Failure::Stdin(e.into()))?;
    output::print_json(&match job.run() {
        Ok(text) if text.len() > MAX_TEXT_BYTES => Answer::Refused(format!(
            "its text is longer than {} MiB",
            MAX_TEXT_BYTES >> 20
        )),
        Ok(text) => Answer::Text(text),
        Err(why) => Answer::Refused(why),
    })
}

#[cfg(unix)]
fn limit_memory() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::As);
    let limit = [current, maximum]
        .into_iter()
        .flatten()
        .fold(MEMORY, u64::min);
    let limit = Some(limit);
    // Where the system refuses, the time is what bounds it.
    let _ = setrlimit(
        Resource::As,
        Rlimit {
            current: limit,
            maximum: limit,
        },
    );
}

#[cfg(not(unix))]
fn limit_memory() {}
