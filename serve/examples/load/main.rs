//! Many streams at once against a server: how long until the first token, and between parts, how many tokens a second in
//! all, and what memory the server takes meanwhile.
//!
//! `cargo run --release -p atome-serve --example load -- 127.0.0.1:8080 --streams 64 --seconds 600`; `--json` for one line
//! of JSON. An exit code other than 0 says that a request failed, or that the server is not there.
//!
//! | file | concept |
//! |---|---|
//! | `client` | one connection, and requests over it |
//! | `stream` | answers one after the other, as they come |
//! | `idle` | sessions that nobody uses |
//! | `times` | how long something takes, in shares |
//! | `report` | what is told in the end |

mod client;
mod idle;
mod report;
mod stream;
mod times;

use clap::Parser;
use client::{Client, Fault};
use report::Report;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use stream::Sum;

/// How often the server's memory is looked at, at most.
const SAMPLES: u32 = 60;

/// Loads a server with streams, and tells how it does.
#[derive(Debug, Parser)]
struct Args {
    /// Where the server listens, such as 127.0.0.1:8080
    address: String,

    /// Answers that are asked for at the same time
    #[arg(long, default_value_t = 64)]
    streams: usize,

    /// Seconds after which no more are asked for
    #[arg(long, default_value_t = 60)]
    seconds: u64,

    /// Tokens of an answer
    #[arg(long, default_value_t = 200)]
    tokens: usize,

    /// What the answers go on from
    #[arg(long, default_value = "In the beginning")]
    prompt: String,

    /// Sessions to open before, which nobody uses meanwhile
    #[arg(long, default_value_t = 0)]
    idle: usize,

    /// One of the server's keys
    #[arg(long)]
    key: Option<String>,

    /// Tell all as a line of JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match load(&args) {
        Ok(report) => {
            println!(
                "{}",
                if args.json {
                    report.json()
                } else {
                    report.text()
                }
            );
            ExitCode::from(u8::from(report.errors > 0))
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn load(args: &Args) -> Result<Report, Fault> {
    let mut watch = Client::new(&args.address, args.key.as_deref());
    let idle = match args.idle {
        0 => None,
        count => Some(idle::open(args, &mut watch, count)?),
    };
    let start = Instant::now();
    let end = start + Duration::from_secs(args.seconds);
    // That the server is there, and that it may be asked.
    watch.metric("atome_running")?;
    let mut memory = Vec::new();
    let sums = thread::scope(|scope| {
        let streams: Vec<_> = (0..args.streams)
            .map(|stream| scope.spawn(move || stream::repeat(args, stream, end)))
            .collect();
        let pause = Duration::from_secs(args.seconds) / SAMPLES;
        while Instant::now() < end {
            thread::sleep(pause.max(Duration::from_millis(100)));
            if let Ok(bytes) = watch.metric("process_resident_memory_bytes") {
                memory.push((start.elapsed().as_secs_f64(), bytes));
            }
        }
        let sums = streams.into_iter().map(|stream| stream.join());
        sums.collect::<Result<Vec<Sum>, _>>()
    });
    let sums = sums.map_err(|_| Fault::new("a stream panicked"))?;
    Ok(Report::new(args, start.elapsed(), sums, memory, idle))
}
