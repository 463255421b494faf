//! Files that are wrong where it matters: counts, lengths, types, dimensions and offsets changed in files that are otherwise
//! whole. Each is read, or refused in a line; memory stays a small multiple of the file.

use atome_gguf::write::{ArrayBytes, Writer};
use atome_gguf::{Gguf, Layout, Value};
use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Most bytes that reading a file may hold at once, a multiple of its length and some.
const MULTIPLE: usize = 12;
const SOME: usize = 4096;

thread_local! {
    /// Bytes that this thread holds, and the most that it has held.
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, counting.
struct Counting;

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        let _ = HELD.try_with(|held| {
            let now = held.get().0 + memory.size();
            held.set((now, held.get().1.max(now)));
        });
        // SAFETY: the caller's promise.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, start: *mut u8, memory: Memory) {
        let _ = HELD.try_with(|held| {
            held.set((held.get().0.saturating_sub(memory.size()), held.get().1));
        });
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(start, memory) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// A whole file of a few keys and tensors.
fn file(rng: &mut Rng) -> Vec<u8> {
    let mut writer = Writer::new();
    if rng.below(3) == 0 {
        writer.key("general.alignment", Value::U32(1 << rng.below(8)));
    }
    let tokens: Vec<String> = (0..rng.below(40)).map(|i| format!("t{i}\u{120}")).collect();
    let strings = ArrayBytes::strings(tokens.iter().map(String::as_str));
    let numbers = ArrayBytes::i32s((0..rng.below(40)).map(|i| i as i32));
    let floats = ArrayBytes::f32s((0..rng.below(40)).map(|i| i as f32));
    for index in 0..rng.below(9) {
        let value = match rng.below(8) {
            0 => Value::U8(7),
            1 => Value::I64(-7),
            2 => Value::F64(0.5),
            3 => Value::Bool(true),
            4 => Value::String("some text"),
            5 => strings.value(),
            6 => numbers.value(),
            _ => floats.value(),
        };
        writer.key(&format!("key.{index}"), value);
    }
    let old = rng.below(2);
    for index in 0..rng.below(7) {
        let mut layout = Layout::ALL[rng.below(Layout::ALL.len())];
        if layout.name() == ["Q2_0 (groups of 64)", "Q2_0 (groups of 128)"][old] {
            layout = Layout::F32;
        }
        let rows = 1 + rng.below(3);
        let bytes = vec![rng.next() as u8; rows * layout.bytes()];
        let dims = [layout.weights() as u64, rows as u64, 1, 1];
        let rank = 2 + rng.below(3);
        writer.tensor(
            &format!("blk.{index}.w"),
            &dims[..rank],
            layout.type_id(),
            &bytes,
        );
    }
    writer.finish()
}

/// Changes what a reader counts by: every place in the header is a word of some kind at some alignment.
fn mutate(bytes: &mut Vec<u8>, head: usize, rng: &mut Rng) {
    let at = rng.below(head.min(bytes.len()));
    let edges = [
        0u64,
        1,
        2,
        9,
        31,
        33,
        63,
        64,
        65,
        255,
        1 << 16,
        1 << 31,
        u64::from(u32::MAX),
        1 << 32,
        1 << 62,
        1 << 63,
        u64::MAX,
    ];
    let edge = edges[rng.below(edges.len())];
    let put = |bytes: &mut Vec<u8>, word: &[u8]| {
        let end = bytes.len().min(at + word.len());
        bytes[at..end].copy_from_slice(&word[..end - at]);
    };
    match rng.below(9) {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes[at] = bytes[at].wrapping_add([1, 255][rng.below(2)]),
        2 => put(bytes, &edge.to_le_bytes()),
        3 => put(bytes, &(edge as u32).to_le_bytes()),
        4 => {
            // A number that is there, a little more or less.
            let end = bytes.len().min(at + 8);
            let mut word = [0; 8];
            word[..end - at].copy_from_slice(&bytes[at..end]);
            let change = [1, u64::MAX, 32, 0u64.wrapping_sub(32), 256][rng.below(5)];
            put(
                bytes,
                &u64::from_le_bytes(word).wrapping_add(change).to_le_bytes(),
            );
        }
        5 => bytes.truncate(at),
        6 => drop(bytes.drain(at..bytes.len().min(at + 1 + rng.below(16)))),
        7 => {
            let again = bytes[at..bytes.len().min(at + 1 + rng.below(64))].to_vec();
            bytes.splice(at..at, again);
        }
        // The counts of tensors and keys.
        _ => {
            let at = [8, 16][rng.below(2)];
            let few = rng.below(20) as u64;
            if bytes.len() >= at + 8 {
                bytes[at..at + 8].copy_from_slice(&few.to_le_bytes());
            }
        }
    }
    if bytes.is_empty() {
        bytes.push(b'G');
    }
}

/// Reads everything that there is to read; whether the file was taken.
fn read(bytes: &[u8]) -> bool {
    let line = |error: atome_gguf::Error| {
        let text = error.to_string();
        assert!(!text.chars().any(char::is_control), "{text:?}");
    };
    HELD.with(|held| held.set((held.get().0, held.get().0)));
    let before = HELD.with(|held| held.get().0);
    let parsed = Gguf::parse(bytes);
    let most = HELD.with(|held| held.get().1) - before;
    assert!(
        most <= MULTIPLE * bytes.len() + SOME,
        "{most} bytes for a file of {}",
        bytes.len()
    );
    let file = match parsed {
        Ok(file) => file,
        Err(error) => {
            line(error);
            return false;
        }
    };
    for entry in file.metadata().iter() {
        assert!(file.metadata().get(entry.key).is_some());
        if let Value::Array(array) = entry.value {
            match array.strings() {
                Ok(strings) => assert_eq!(strings.count(), array.len()),
                Err(error) => line(error),
            }
            match array.iter::<i32>() {
                Ok(numbers) => assert_eq!(numbers.count(), array.len()),
                Err(error) => line(error),
            }
        }
    }
    for tensor in file.tensors() {
        match tensor.values() {
            Ok(values) => assert_eq!(values.len() as u64, tensor.elems()),
            Err(error) => line(error),
        }
    }
    true
}

fn run(files: usize, seed: u64) -> (usize, Duration) {
    let mut rng = Rng(seed);
    let (mut taken, mut slowest) = (0, Duration::ZERO);
    let mut whole = Vec::new();
    for number in 0..files {
        if number % 16 == 0 {
            whole = file(&mut rng);
            assert!(read(&whole), "a whole file");
        }
        let mut bytes = whole.clone();
        let head = Gguf::parse(&whole).map_or(whole.len(), |file| file.data_start() as usize);
        for _ in 0..=rng.below(3) {
            mutate(&mut bytes, head, &mut rng);
        }
        let start = Instant::now();
        taken += usize::from(read(&bytes));
        slowest = slowest.max(start.elapsed());
    }
    println!("{files} files, {taken} taken, the slowest {slowest:?}");
    (taken, slowest)
}

#[test]
fn mutated_files_are_read_or_refused() {
    let (taken, slowest) = run(20_000, 1);
    assert!((1_000..18_000).contains(&taken), "{taken} taken");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[test]
#[ignore = "a minute"]
fn a_million_mutated_files() {
    let seed = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(1, |time| time.as_secs());
    println!("seed {seed}");
    let (_, slowest) = run(1_000_000, seed);
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}
