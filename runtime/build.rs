//! Writes the tables of GPT-2's tokenizer where it is asked for: the vocabulary as it stands in `tiktoken-rs`, and
//! Unicode's classes of characters as the regular expressions of `tiktoken-rs` have them.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "gpt2")]
    gpt2::write(std::env::var("OUT_DIR")?.as_ref())?;
    Ok(())
}

#[cfg(feature = "gpt2")]
mod gpt2 {
    use regex_syntax::hir::{Class, HirKind};
    use std::error::Error;
    use std::fmt::Write as _;
    use std::fs;
    use std::path::Path;

    /// Ids of the vocabulary; the last one is `<|endoftext|>`.
    const TOKENS: u32 = 50_257;

    pub(crate) fn write(out: &Path) -> Result<(), Box<dyn Error>> {
        fs::write(out.join("gpt2.tokens"), tokens()?)?;
        let mut classes = String::new();
        for (name, pattern) in [
            ("LETTERS", r"\p{L}"),
            ("NUMBERS", r"\p{N}"),
            ("SPACES", r"\s"),
        ] {
            let ranges = ranges(pattern)?;
            writeln!(classes, "/// The ranges of `{pattern}`, in order.")?;
            writeln!(
                classes,
                "const {name}: [(char, char); {}] = {ranges:?};",
                ranges.len()
            )?;
        }
        Ok(fs::write(out.join("gpt2_classes.rs"), classes)?)
    }

    /// The length of each token in a byte, then the bytes of all tokens.
    fn tokens() -> Result<Vec<u8>, Box<dyn Error>> {
        let pairs = tiktoken_rs::r50k_base()?;
        let (mut lengths, mut text) = (Vec::new(), Vec::new());
        for id in 0..TOKENS {
            let bytes = pairs.decode_bytes(&[id]).map_err(|e| e.to_string())?;
            lengths.push(u8::try_from(bytes.len())?);
            text.extend(bytes);
        }
        Ok([lengths, text].concat())
    }

    /// The characters of a class.
    fn ranges(pattern: &str) -> Result<Vec<(char, char)>, Box<dyn Error>> {
        let class = regex_syntax::parse(pattern)?;
        let HirKind::Class(Class::Unicode(class)) = class.kind() else {
            return Err(format!("{pattern} is no class of characters").into());
        };
        Ok(class.iter().map(|r| (r.start(), r.end())).collect())
    }
}
