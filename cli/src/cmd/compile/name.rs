//! What files, functions and the crate are called.

use std::path::Path;
use std::str::FromStr;

/// Words and crates that a crate cannot be called.
const WORDS: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Headers of C, which a model's own would hide.
const HEADERS: &[&str] = &[
    "assert",
    "complex",
    "ctype",
    "errno",
    "fenv",
    "float",
    "inttypes",
    "iso646",
    "limits",
    "locale",
    "math",
    "setjmp",
    "signal",
    "stdalign",
    "stdarg",
    "stdatomic",
    "stdbit",
    "stdbool",
    "stdckdint",
    "stddef",
    "stdint",
    "stdio",
    "stdlib",
    "stdnoreturn",
    "string",
    "tgmath",
    "threads",
    "time",
    "uchar",
    "wchar",
    "wctype",
];

/// A name in C and in Rust.
#[derive(Clone, Debug)]
pub(super) struct Name(pub(super) String);

impl FromStr for Name {
    type Err = String;

    fn from_str(s: &str) -> Result<Name, String> {
        let starts = s.starts_with(|c: char| c.is_ascii_lowercase());
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !starts || !s.chars().all(is_part) {
            return Err("expected lower-case letters, digits and _, a letter first".to_owned());
        }
        if WORDS.contains(&s) || HEADERS.contains(&s) {
            return Err("it is a word of Rust or a header of C".to_owned());
        }
        Ok(Name(s.to_owned()))
    }
}

impl Name {
    /// The name of a model's file, as far as it can be one.
    pub(super) fn of(path: &Path) -> Name {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let part = |c: char| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => c,
            _ => '_',
        };
        let name: String = stem.unwrap_or("").chars().map(part).collect();
        Name::from_str(&name).unwrap_or_else(|_| Name(format!("model_{name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_a_name() {
        for (file, name) in [
            ("models/water.atomecl", "water"),
            ("Atome-944K.v2.bin", "atome_944k_v2"),
            ("1B.safetensors", "model_1b"),
            ("final.bin", "model_final"),
            ("math.gguf", "model_math"),
            ("é.bin", "model__"),
            ("/", "model_"),
        ] {
            assert_eq!(Name::of(Path::new(file)).0, name, "{file}");
        }
    }

    #[test]
    fn a_name_is_one_in_both_languages() {
        for name in ["water", "atome_944k", "a"] {
            assert_eq!(name.parse::<Name>().unwrap().0, name);
        }
        for name in ["", "1st", "Water", "a-b", "_a", "type", "stdint", "time"] {
            assert!(name.parse::<Name>().is_err(), "{name}");
        }
    }
}
