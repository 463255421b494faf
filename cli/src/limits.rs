//! Limits that the system sets on a process.

/// From now on a file that may not grow further is an error of whoever writes it, as a full disk
/// is. Unless somebody listens, the system's signal for it ends the process without a word.
#[cfg(unix)]
pub(crate) fn survive_full_files() {
    let met = std::sync::Arc::default();
    // Where nobody may listen, all is as it was.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, met);
}

#[cfg(not(unix))]
pub(crate) fn survive_full_files() {}
