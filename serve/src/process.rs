//! What this process takes of its machine, as Linux tells it; nothing elsewhere.

/// A number for the metrics: its name, what it is, and its value.
pub(crate) type Number = (&'static str, &'static str, usize);

/// What the process takes now, under the names that Prometheus has for it.
#[cfg(target_os = "linux")]
pub(crate) fn numbers() -> Vec<Number> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<usize>().ok()
    };
    // The descriptor that lists them is none of them.
    let descriptors = std::fs::read_dir("/proc/self/fd").map(|all| all.count() - 1);
    [
        (
            "process_resident_memory_bytes",
            "Memory of the process.",
            value("VmRSS:").map(|kib| kib << 10),
        ),
        (
            "process_threads",
            "Threads of the process.",
            value("Threads:"),
        ),
        (
            "process_open_fds",
            "Open descriptors of the process.",
            descriptors.ok(),
        ),
    ]
    .into_iter()
    .filter_map(|(name, help, value)| Some((name, help, value?)))
    .collect()
}

/// What the process takes now.
#[cfg(not(target_os = "linux"))]
pub(crate) fn numbers() -> Vec<Number> {
    Vec::new()
}
