//! The project's tokenizers beside those of the `tokenizers` crate, of one `tokenizer.json`.

use atome_text::{Tokenizer, Vocabulary};
use std::fs;
use std::path::{Path, PathBuf};

/// Models whose files are compared, as `fetch` names them.
pub const NAMES: [&str; 4] = ["qwen3", "llama3", "llama2", "gemma3"];

/// Both of a file.
pub struct Pair {
    pub name: &'static str,
    pub ours: Tokenizer,
    pub theirs: tokenizers::Tokenizer,
    /// The same, to which special tokens are text.
    pub theirs_of_text: tokenizers::Tokenizer,
    is_normalized: bool,
}

/// The file of a model, where `fetch` has put it.
pub fn file(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fetched");
    let path = folder.join(name).join("tokenizer.json");
    if !path.exists() {
        println!("skipped: no {}; `tests/tokenizers/fetch` gets it", path.display());
    }
    path.exists().then_some(path)
}

impl Pair {
    /// Reads a file, if it is there.
    pub fn open(name: &'static str) -> Option<Pair> {
        let json = fs::read(file(name)?).unwrap();
        let vocabulary = Vocabulary::from_json(&json, None).unwrap();
        // By way of what a container keeps of it.
        let stored = vocabulary.to_bytes().unwrap();
        let ours = Vocabulary::from_bytes(&stored).unwrap().tokenizer().unwrap();
        let theirs = tokenizers::Tokenizer::from_bytes(&json).unwrap();
        let mut theirs_of_text = theirs.clone();
        theirs_of_text.set_encode_special_tokens(true);
        let is_normalized = matches!(
            theirs.get_normalizer(),
            Some(tokenizers::NormalizerWrapper::NFC(_))
        );
        Some(Pair {
            name,
            ours,
            theirs,
            theirs_of_text,
            is_normalized,
        })
    }

    /// Checks that both give the same tokens, special ones where they are spelt and not; whether there was something to
    /// compare: not where a text has another normal form since Unicode 9.
    pub fn agree(&self, text: &str) -> bool {
        if self.is_normalized {
            let today: String = unicode_normalization::UnicodeNormalization::nfc(text).collect();
            let then = unicode_normalization_alignments::UnicodeNormalization::nfc(text);
            if then.map(|(c, _)| c).ne(today.chars()) {
                return false;
            }
        }
        let with_special = self.theirs.encode_fast(text, false).unwrap();
        let found = self.ours.encode_with_special(text.as_bytes());
        assert_eq!(found, with_special.get_ids(), "{}: {text:?}", self.name);
        let as_text = self.theirs_of_text.encode_fast(text, false).unwrap();
        let found = self.ours.encode(text.as_bytes());
        assert_eq!(found, as_text.get_ids(), "{}, as text: {text:?}", self.name);
        true
    }
}
