//! Writes the vocabulary of GPT-2 where it is asked for, as it stands in `tiktoken-rs`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "gpt2")]
    gpt2::write(std::env::var("OUT_DIR")?.as_ref())?;
    Ok(())
}

#[cfg(feature = "gpt2")]
mod gpt2 {
    use std::error::Error;
    use std::fs;
    use std::path::Path;

    /// Ids of the vocabulary; the last one is `<|endoftext|>`.
    const TOKENS: u32 = 50_257;

    pub(crate) fn write(out: &Path) -> Result<(), Box<dyn Error>> {
        Ok(fs::write(out.join("gpt2.tokens"), tokens()?)?)
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
}
