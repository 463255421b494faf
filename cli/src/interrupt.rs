//! Ctrl-C, and the other requests to end: what is said so far is kept.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a command that was interrupted, by the shells' convention.
pub(crate) const EXIT_CODE: u8 = 130;

/// Whether somebody asked the command to end.
pub(crate) struct Interrupt(Arc<Flags>);

#[derive(Default)]
struct Flags {
    asked: AtomicBool,
    /// Nothing is under way: asking ends the command at once.
    idle: AtomicBool,
}

impl Interrupt {
    /// Listens from now on: asked once, the command ends when it can; asked twice, at once.
    ///
    /// Where the system lets nobody listen, asking once ends it at once.
    pub(crate) fn listen() -> Interrupt {
        Interrupt::of(false)
    }

    /// The same for a command that has parts, of which none is under way: only what [`Interrupt::begin`] began is ended, not the
    /// command.
    pub(crate) fn between() -> Interrupt {
        Interrupt::of(true)
    }

    fn of(idle: bool) -> Interrupt {
        let flags = Arc::new(Flags::default());
        flags.idle.store(idle, Ordering::Relaxed);
        let seen = Arc::clone(&flags);
        let listening = ctrlc::set_handler(move || {
            if seen.idle.load(Ordering::Relaxed) || seen.asked.swap(true, Ordering::Relaxed) {
                process::exit(EXIT_CODE.into());
            }
        });
        drop(listening);
        Interrupt(flags)
    }

    /// Something begins that may be ended.
    pub(crate) fn begin(&self) {
        self.0.asked.store(false, Ordering::Relaxed);
        self.0.idle.store(false, Ordering::Relaxed);
    }

    /// It is over.
    pub(crate) fn end(&self) {
        self.0.idle.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed)
    }
}
