//! Which process this is, where there are several.

/// Its number, by which a child of a `fork` is told from its parent; 0 where there is no such thing.
pub(crate) fn id() -> u32 {
    // The standard library panics there.
    match cfg!(all(target_family = "wasm", target_os = "unknown")) {
        true => 0,
        false => std::process::id(),
    }
}
