//! Texts at which a continuation ends, wherever the borders of its tokens are.

/// Looks for stop strings in bytes that come in pieces.
///
/// ```
/// let mut stops = atome_text::Stops::new(["END".to_owned()]);
/// assert_eq!(stops.push(b"abcE"), (b"abc".to_vec(), false));
/// assert_eq!(stops.push(b"ND!"), (vec![], true));
/// ```
#[derive(Clone, Debug)]
pub struct Stops {
    texts: Vec<Vec<u8>>,
    /// Bytes that may be the start of a stop string.
    held: Vec<u8>,
}

impl Stops {
    /// Looks for any of these; an empty one is none.
    #[must_use]
    pub fn new(texts: impl IntoIterator<Item = String>) -> Stops {
        let texts = texts.into_iter().map(String::into_bytes);
        Stops {
            texts: texts.filter(|text| !text.is_empty()).collect(),
            held: Vec::new(),
        }
    }

    /// Takes in bytes; gives those that are before any stop string, and whether one was found. What may be the start of one
    /// is held back.
    pub fn push(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        self.held.extend(bytes);
        let find = |text: &Vec<u8>| self.held.windows(text.len()).position(|w| w == text);
        if let Some(end) = self.texts.iter().filter_map(find).min() {
            self.held.truncate(end);
            return (std::mem::take(&mut self.held), true);
        }
        let is_start = |from: &usize| {
            let rest = &self.held[*from..];
            self.texts.iter().any(|text| text.starts_with(rest))
        };
        let longest = self.texts.iter().map(Vec::len).max().unwrap_or(0);
        let first = self.held.len().saturating_sub(longest);
        let from = (first..self.held.len()).find(is_start);
        let rest = self.held.split_off(from.unwrap_or(self.held.len()));
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// What was held back, where the text ends without a stop string.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of pieces: the text, and whether it was stopped.
    fn all(stops: &[&str], pieces: &[&[u8]]) -> (String, bool) {
        let mut stops = Stops::new(stops.iter().map(|&text| text.to_owned()));
        let mut text = Vec::new();
        for piece in pieces {
            let (bytes, found) = stops.push(piece);
            text.extend(bytes);
            if found {
                return (String::from_utf8(text).unwrap(), true);
            }
        }
        text.extend(stops.finish());
        (String::from_utf8(text).unwrap(), false)
    }

    #[test]
    fn a_stop_is_found_across_any_borders() {
        let text = "one two\nUser: three";
        for i in 0..=text.len() {
            for j in i..=text.len() {
                let bytes = text.as_bytes();
                let pieces = [&bytes[..i], &bytes[i..j], &bytes[j..]];
                assert_eq!(all(&["\nUser:"], &pieces), ("one two".into(), true));
                assert_eq!(all(&["\nUsers"], &pieces), (text.into(), false));
                assert_eq!(all(&["three", "two"], &pieces), ("one ".into(), true));
                assert_eq!(all(&[], &pieces), (text.into(), false));
                assert_eq!(all(&[""], &pieces), (text.into(), false));
            }
        }
        let singles: Vec<&[u8]> = b"aaab".chunks(1).collect();
        assert_eq!(all(&["aab"], &singles), ("a".into(), true));
    }

    #[test]
    fn only_what_may_be_a_start_is_held_back() {
        let mut stops = Stops::new(["END".to_owned()]);
        assert_eq!(stops.push(b"abcE"), (b"abc".to_vec(), false));
        assert_eq!(stops.push(b"N"), (vec![], false));
        assert_eq!(stops.push(b"x"), (b"ENx".to_vec(), false));
        assert_eq!(stops.push(b"EEND!"), (b"E".to_vec(), true));
    }
}
