//! Ctrl-C, and the other requests to end: what is said so far is kept.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a command that was interrupted, by the shells' convention.
pub(crate) const EXIT_CODE: u8 = 130;

/// Whether somebody asked the command to end.
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on: asked once, the command ends when it can; asked twice, at once.
    ///
    /// Where the system lets nobody listen, asking once ends it at once.
    pub(crate) fn listen() -> Interrupt {
        let asked = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&asked);
        let listening = ctrlc::set_handler(move || {
            if seen.swap(true, Ordering::Relaxed) {
                process::exit(EXIT_CODE.into());
            }
        });
        drop(listening);
        Interrupt(asked)
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
