//! Mutated vocabularies: no panic, a line for each fault, memory a small multiple of the file, and no more than a second.

use atome_text::{TextError, Vocabulary};
use serde_json::{Value, json};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Bytes of memory for each byte of a file, at most: arenas, an index, merges by pairs, a search for names.
const MOST_TIMES: usize = 64;
/// And this much more: tables of a fixed size, and ids without tokens.
const MOST_MORE: usize = 4 << 20;

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// Counts the memory of each thread.
struct Counting;

// SAFETY: all is passed on to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.get().wrapping_add(layout.size());
        NOW.set(now);
        PEAK.set(PEAK.get().max(now));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.set(NOW.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A random number from 0 to `below` - 1.
struct Rng(u64);

impl Rng {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }
}

/// Files of each kind.
fn seeds() -> Vec<Value> {
    let added = json!([
        {"id": 0, "content": "<s>", "special": true, "normalized": false},
        {"id": 9, "content": "<x>", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true}
    ]);
    let vocab =
        json!({"<s>": 0, "a": 1, "b": 2, "Ġ": 3, "ab": 4, "Ġab": 5, "▁": 6, "▁a": 7, "<0x0A>": 8});
    let byte_level = json!({
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s+(?!\S)|\s+"}, "behavior": "Isolated", "invert": false},
            {"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "ignore_merges": true, "vocab": vocab, "merges": ["a b", "Ġ ab"]}
    });
    let characters = json!({
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true},
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "unk_token": "<s>", "byte_fallback": true, "fuse_unk": true, "vocab": vocab, "merges": [["a", "b"], ["▁", "a"]]}
    });
    vec![byte_level, characters]
}

/// A change to a value somewhere in a file.
fn mutate(value: &mut Value, rng: &mut Rng, depth: usize) {
    let inner = depth < 8 && rng.next(5) > 0;
    match value {
        Value::Object(object) if inner && !object.is_empty() => {
            let key = object.keys().nth(rng.next(object.len())).unwrap().clone();
            match rng.next(12) {
                0 => drop(object.remove(&key)),
                1 => {
                    let value = object.remove(&key).unwrap();
                    object.insert(odd_text(rng), value);
                }
                _ => mutate(object.get_mut(&key).unwrap(), rng, depth + 1),
            }
        }
        Value::Array(array) if inner && !array.is_empty() => {
            let at = rng.next(array.len());
            match rng.next(8) {
                0 => drop(array.remove(at)),
                1 => array.push(array[at].clone()),
                _ => mutate(&mut array[at], rng, depth + 1),
            }
        }
        value => {
            *value = match rng.next(9) {
                0 => Value::Null,
                1 => json!(rng.next(2) == 0),
                2 => json!(
                    [
                        0,
                        1,
                        4,
                        9,
                        10,
                        65_535,
                        65_540,
                        u64::from(u32::MAX),
                        u64::MAX
                    ][rng.next(9)]
                ),
                3 => json!(-1.5),
                4 => json!([]),
                5 => json!({}),
                _ => json!(odd_text(rng)),
            }
        }
    }
}

fn odd_text(rng: &mut Rng) -> String {
    const TEXTS: [&str; 24] = [
        "",
        " ",
        "a",
        "ab",
        "a b c",
        "▁",
        "Ġ",
        "é",
        "<0xFF>",
        "<s>",
        "\0\n",
        "BPE",
        "ByteLevel",
        "Removed",
        "Contiguous",
        "(",
        "[^a",
        "a{1,",
        "(?=a",
        r"\p{Lu}*\p{L}+\s*$",
        "((((((((((a))))))))))",
        "a*a*a*a*a*b",
        "\u{10ffff}",
        "(?i:K)|[\\s\\S]",
    ];
    match rng.next(10) {
        0 => TEXTS[rng.next(TEXTS.len())].repeat(1 + rng.next(200)),
        _ => TEXTS[rng.next(TEXTS.len())].to_owned(),
    }
}

fn make(bytes: &[u8], is_stored: bool) -> Result<Vec<u8>, TextError> {
    let vocabulary = match is_stored {
        true => Vocabulary::from_bytes(bytes)?,
        false => Vocabulary::from_json(bytes, None)?,
    };
    let stored = vocabulary.to_bytes()?;
    let tokenizer = vocabulary.tokenizer()?;
    let text = "ab a<s>\u{e9}\n  x <x> 12'S".as_bytes();
    for tokens in [tokenizer.encode(text), tokenizer.encode_with_special(text)] {
        assert!(tokens.iter().all(|&id| (id as usize) < tokenizer.vocab()));
        let _ = tokenizer.decode(&tokens);
    }
    Ok(stored)
}

/// Runs so many mutations; how many are taken.
fn run(count: usize, seed: u64) -> usize {
    let (seeds, mut rng) = (seeds(), Rng(seed));
    let mut stored: Vec<Vec<u8>> = Vec::new();
    for seed in &seeds {
        let text = serde_json::to_vec(seed).unwrap();
        stored.push(make(&text, false).unwrap());
    }
    let mut taken = 0;
    for _ in 0..count {
        let is_stored = rng.next(3) == 0;
        let mut bytes = match is_stored {
            true => stored[rng.next(stored.len())].clone(),
            false => {
                let mut json = seeds[rng.next(seeds.len())].clone();
                (0..=rng.next(3)).for_each(|_| mutate(&mut json, &mut rng, 0));
                serde_json::to_vec(&json).unwrap()
            }
        };
        for _ in 0..rng.next(if is_stored { 4 } else { 2 }) {
            let at = rng.next(bytes.len());
            match rng.next(4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = rng.next(256) as u8,
                2 => bytes[at] ^= 1 << rng.next(8),
                _ => bytes.insert(at, rng.next(256) as u8),
            }
        }
        let (before, start) = (NOW.get(), Instant::now());
        PEAK.set(before);
        match make(&bytes, is_stored) {
            Ok(_) => taken += 1,
            Err(error) => {
                let message = error.to_string();
                assert!(!message.chars().any(char::is_control), "{message:?}");
                assert!(message.chars().count() < 1000, "{message}");
            }
        }
        let (took, peak) = (start.elapsed(), PEAK.get().saturating_sub(before));
        let shown = || String::from_utf8_lossy(&bytes).into_owned();
        assert!(took < Duration::from_secs(1), "{took:?}: {}", shown());
        let most = MOST_TIMES * bytes.len() + MOST_MORE;
        assert!(peak < most, "{peak} bytes for {}: {}", bytes.len(), shown());
    }
    taken
}

#[test]
fn some_mutations() {
    let taken = run(10_000, 0x9e37_79b9_7f4a_7c15);
    assert!((1_000..9_000).contains(&taken), "{taken}");
}

#[test]
#[ignore = "a minute or more"]
fn a_million_mutations() {
    let threads: Vec<_> = [0x1234_5678_9abc_def1, 0xfedc_ba98_7654_3211]
        .map(|seed| std::thread::spawn(move || run(500_000, seed)))
        .into();
    let taken: usize = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    println!("1000000 mutations, {taken} taken");
}
