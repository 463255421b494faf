use atome_codegen::testing::Rng;

/// Bytes that counts and lengths break at.
const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'{', b'"'];
/// More bytes are not made longer.
const LONG: usize = 16 << 10;

/// A few edits of one of `corpus`, which is not empty: bits and bytes changed, parts taken out, repeated, or taken from
/// another input or from `words`.
pub fn mutate(corpus: &[Vec<u8>], words: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = rng.pick(corpus);
    for _ in 0..=rng.below(4) {
        edit(&mut bytes, corpus, words, rng);
    }
    bytes
}

fn edit(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[Vec<u8>], rng: &mut Rng) {
    if bytes.is_empty() {
        return bytes.push(rng.bits() as u8);
    }
    let at = rng.below(bytes.len() as u64) as usize;
    match rng.below(8) {
        0 | 1 => bytes[at] ^= 1 << rng.below(8),
        2 => bytes[at] = rng.pick(&EDGES),
        3 => bytes[at] = bytes[at].wrapping_add(rng.pick(&[1, 255])),
        4 => drop(bytes.drain(part(bytes, at, rng))),
        5 if bytes.len() < LONG => {
            let again = bytes[part(bytes, at, rng)].to_vec();
            bytes.splice(at..at, again);
        }
        6 => {
            let other = rng.pick(corpus);
            let from = at.min(other.len());
            let piece = other[part(&other, from, rng)].to_vec();
            let end = (at + piece.len()).min(bytes.len());
            bytes.splice(at..end, piece);
        }
        _ => {
            if let Some(word) = (!words.is_empty()).then(|| rng.pick(words)) {
                let end = (at + word.len()).min(bytes.len());
                bytes.splice(at..end, word);
            }
        }
    }
}

/// Some bytes from `at` on: mostly few.
fn part(bytes: &[u8], at: usize, rng: &mut Rng) -> std::ops::Range<usize> {
    let most = rng.pick(&[1, 4, 16, 256]);
    at..(at + 1 + rng.below(most) as usize).min(bytes.len())
}

/// The words of a libFuzzer dictionary: between quotes, with `\xNN`.
pub fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let quoted = |line: &str| {
        let line = line.trim().strip_suffix('"')?;
        Some(line[line.find('"')? + 1..].to_owned())
    };
    dictionary
        .lines()
        .filter_map(|line| quoted(line).map(|word| unescape(&word)))
        .collect()
}

fn unescape(word: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), word.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let (byte, used) = match (first, after) {
            (b'\\', [b'x', a, b, ..]) => (hex(&[*a, *b]).expect("two hexadecimal digits"), 3),
            (b'\\', [escaped, ..]) => (*escaped, 1),
            _ => (first, 0),
        };
        bytes.push(byte);
        rest = &after[used..];
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_read() {
        let words = words("# a comment\n\"ab\"\nname=\"\\x00\\\"c\\\\\"\n\n");
        assert_eq!(words, [b"ab".to_vec(), b"\0\"c\\".to_vec()]);
    }

    #[test]
    fn most_mutations_differ_from_what_they_are_of_and_none_grows_without_bound() {
        let corpus = [vec![7; 100], vec![], b"words".to_vec()];
        let mut rng = Rng::new(1);
        let made: Vec<_> = (0..1000).map(|_| mutate(&corpus, &[], &mut rng)).collect();
        let same = made.iter().filter(|bytes| corpus.contains(bytes)).count();
        assert!(same < 200, "{same} of 1000 are as they were");
        assert!(made.iter().all(|bytes| bytes.len() < 2000));
    }
}
