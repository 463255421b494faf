//! The caches of this machine.

use std::fs;
use std::path::Path;

/// Bytes of the caches that limits tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caches {
    /// Of a core.
    pub(crate) l2: usize,
    /// Of all cores.
    pub(crate) l3: usize,
}

/// 1 MB and 32 MB where the system does not say.
pub(crate) fn caches() -> Caches {
    Caches {
        l2: level(2).unwrap_or(1 << 20),
        l3: level(3).unwrap_or(32 << 20),
    }
}

/// Bytes of the first core's data cache of a level, if the system says so.
pub(crate) fn level(wanted: u32) -> Option<usize> {
    let folder = Path::new("/sys/devices/system/cpu/cpu0/cache");
    (0..8).find_map(|i| {
        let read = |what: &str| fs::read_to_string(folder.join(format!("index{i}/{what}"))).ok();
        let found = read("level")?.trim() == wanted.to_string();
        let of_data = read("type")?.trim() != "Instruction";
        (found && of_data).then(|| parse_size(read("size")?.trim()))?
    })
}

/// `1024K`, `32M` or a plain number, in bytes.
fn parse_size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.strip_suffix('K') {
        Some(digits) => (digits, 1 << 10),
        None => text
            .strip_suffix('M')
            .map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("1024K"), Some(1 << 20));
        assert_eq!(parse_size("32M"), Some(32 << 20));
        assert_eq!(parse_size("4096"), Some(4096));
        assert_eq!(parse_size("big"), None);
    }
}
