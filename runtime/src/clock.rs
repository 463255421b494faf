//! How long something takes, where there is a clock.

use std::time::Duration;

/// A moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(Option<std::time::Instant>);

impl Moment {
    /// This one.
    pub(crate) fn now() -> Moment {
        // The standard library has no clock there, and panics.
        let has_none = cfg!(all(target_family = "wasm", target_os = "unknown"));
        Moment((!has_none).then(std::time::Instant::now))
    }

    /// The time since; zero where there is no clock.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.map_or(Duration::ZERO, |moment| moment.elapsed())
    }
}
