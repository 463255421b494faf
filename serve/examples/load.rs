//! Many streams at once against a server: how long until the first token, between parts, and how many tokens a second in all.
//!
//! `cargo run --release -p atome-serve --example load -- 127.0.0.1:8080 64 60 200`: the server, streams, seconds, tokens of
//! an answer. An exit code other than 0 says that a request failed.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What one stream, or all of them, came to.
#[derive(Default)]
struct Sum {
    requests: usize,
    tokens: usize,
    first: Vec<Duration>,
    between: Vec<Duration>,
}

fn main() -> ExitCode {
    match load() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn load() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, streams, seconds, tokens] = &args[..] else {
        return Err("expected ADDRESS STREAMS SECONDS TOKENS".into());
    };
    let (streams, tokens): (u64, usize) = (streams.parse()?, tokens.parse()?);
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds.parse()?);
    let threads: Vec<_> = (0..streams)
        .map(|stream| {
            let address = address.clone();
            thread::spawn(move || repeat(&address, stream, tokens, end))
        })
        .collect();
    let mut sum = Sum::default();
    for thread in threads {
        let one = thread.join().map_err(|_| "a stream panicked")??;
        sum.requests += one.requests;
        sum.tokens += one.tokens;
        sum.first.extend(one.first);
        sum.between.extend(one.between);
    }
    let time = start.elapsed().as_secs_f64();
    println!(
        "{} requests, {} tokens, {:.0} tokens/s; first token {}; between parts {}",
        sum.requests,
        sum.tokens,
        sum.tokens as f64 / time,
        shares(&mut sum.first),
        shares(&mut sum.between),
    );
    Ok(())
}

fn shares(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times.get(place.min(times.len().saturating_sub(1)))
    };
    let ms = |share| at(share).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    format!("p50 {:.2} ms, p99 {:.2} ms", ms(0.5), ms(0.99))
}

fn repeat(address: &str, stream: u64, tokens: usize, end: Instant) -> Fallible<Sum> {
    let mut sum = Sum::default();
    while Instant::now() < end {
        let seed = stream << 32 | sum.requests as u64;
        one(address, seed, tokens, &mut sum)?;
        sum.requests += 1;
    }
    Ok(sum)
}

/// One answer, as it comes.
fn one(address: &str, seed: u64, tokens: usize, sum: &mut Sum) -> Fallible<()> {
    let body = format!(
        r#"{{"prompt":"In the beginning","max_tokens":{tokens},"seed":{seed},"stream":true,"ignore_eos":true,"stream_options":{{"include_usage":true}}}}"#
    );
    let mut server = TcpStream::connect(address)?;
    server.set_nodelay(true)?;
    let asked = Instant::now();
    write!(
        server,
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut last = None;
    for line in BufReader::new(server).lines() {
        let line = line?;
        let Some(data) = line.strip_prefix("data: ") else {
            if line.starts_with("HTTP/1.1 ") && !line.starts_with("HTTP/1.1 200") {
                return Err(format!("the server answers {line}").into());
            }
            continue;
        };
        if data == "[DONE]" {
            return Ok(());
        }
        if let Some((_, count)) = data.split_once(r#""completion_tokens":"#) {
            let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
            sum.tokens += digits.parse::<usize>()?;
            continue;
        }
        let now = Instant::now();
        match last.replace(now) {
            None => sum.first.push(now - asked),
            Some(before) => sum.between.push(now - before),
        }
    }
    Err("a stream ended before its answer".into())
}
