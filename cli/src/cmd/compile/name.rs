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

/// Headers of C, of POSIX and of C libraries, which a model's own would hide.
const HEADERS: &[&str] = &[
    "aio",
    "alloca",
    "ar",
    "argz",
    "assert",
    "byteswap",
    "complex",
    "cpio",
    "crypt",
    "ctype",
    "dirent",
    "dlfcn",
    "elf",
    "endian",
    "envz",
    "err",
    "errno",
    "error",
    "execinfo",
    "fcntl",
    "features",
    "fenv",
    "float",
    "fmtmsg",
    "fnmatch",
    "fstab",
    "ftw",
    "gconv",
    "getopt",
    "glob",
    "gnu_versions",
    "grp",
    "iconv",
    "ieee754",
    "ifaddrs",
    "inttypes",
    "iso646",
    "langinfo",
    "lastlog",
    "libgen",
    "libintl",
    "limits",
    "link",
    "locale",
    "malloc",
    "math",
    "mcheck",
    "memory",
    "mntent",
    "monetary",
    "mqueue",
    "ndbm",
    "netdb",
    "nl_types",
    "obstack",
    "paths",
    "poll",
    "printf",
    "pthread",
    "pty",
    "pwd",
    "regex",
    "regexp",
    "resolv",
    "sched",
    "search",
    "semaphore",
    "setjmp",
    "sgtty",
    "shadow",
    "signal",
    "spawn",
    "stab",
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
    "strings",
    "stropts",
    "syscall",
    "sysexits",
    "syslog",
    "tar",
    "termio",
    "termios",
    "tgmath",
    "thread_db",
    "threads",
    "time",
    "trace",
    "ttyent",
    "uchar",
    "ucontext",
    "ulimit",
    "unistd",
    "utime",
    "utmp",
    "utmpx",
    "values",
    "wait",
    "wchar",
    "wctype",
    "wordexp",
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
        // Of these POSIX has constants: `R_OK`, `W_OK`.
        if s.len() == 1 {
            return Err("expected two characters or more".to_owned());
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
            ("w.bin", "model_w"),
            ("é.bin", "model__"),
            ("/", "model_"),
        ] {
            assert_eq!(Name::of(Path::new(file)).0, name, "{file}");
        }
    }

    #[test]
    fn a_name_is_one_in_both_languages() {
        for name in ["water", "atome_944k", "ab"] {
            assert_eq!(name.parse::<Name>().unwrap().0, name);
        }
        for name in [
            "", "1st", "Water", "a-b", "_a", "type", "stdint", "time", "features", "w",
        ] {
            assert!(name.parse::<Name>().is_err(), "{name}");
        }
    }
}
