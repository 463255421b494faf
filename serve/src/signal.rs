//! Requests of the system to end.

use std::process;

/// The exit code of a command that was interrupted, by the shells' convention.
const INTERRUPTED: i32 = 130;

/// Waits until the process is asked to end, by Ctrl-C or by its supervisor. Asked again, it ends at once.
pub async fn asked_to_end() {
    once().await;
    tokio::spawn(async {
        once().await;
        process::exit(INTERRUPTED);
    });
}

#[cfg(unix)]
async fn once() {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).ok();
    let mut terminate = listen(SignalKind::terminate());
    let asked = async {
        match &mut terminate {
            Some(signals) => signals.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = asked => {}
        heard = tokio::signal::ctrl_c() => if heard.is_err() { std::future::pending().await },
    }
}

#[cfg(not(unix))]
async fn once() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
