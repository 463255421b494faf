use crate::LANES;
use crate::layout::f16_row_words;
use crate::name::named;
use crate::numerics::ATTEND_CHUNK;

/// What the caches of [`crate::Op::Attend`] hold: f32, or f16 with two elements a word.
///
/// They lie head by head, in the order in which they are read. Keys are in blocks of 16 positions, a block in lines of one word
/// each: in f32 an element, those that are summed up together one after the other, with `f = head_dim / 16` the element
/// `16 * i + j` as line `((j % 4) * f + i) * 4 + j / 4` where `i < f`, and where not as its own number. In f16 a line has
/// the elements of two such lines, the first in the low half, and a last line is the position's [fault](Self::faults). Values are in
/// chunks of 64 positions, a chunk in 64 columns at a time, and what is left of them, which lie position by position. In f16 the
/// words of a position are tiles of 16, of which the low halves are 16 columns and the high halves the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CacheType {
    /// Keys and values as they are.
    #[default]
    F32,
    /// Rounded to nearest, ties to even.
    F16,
}

named!(CacheType, "cache type", { F32 => "f32", F16 => "f16" });

/// Where an element of a cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Word, among those that are cached of its head.
    pub word: usize,
    /// First bit in the word.
    pub bit: u32,
}

/// Words of a value that lie one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first one, among those that are cached of its head.
    pub word: usize,
    /// How many.
    pub len: usize,
}

impl CacheType {
    /// Columns of cached values that lie together.
    pub const VALUE_COLS: usize = 64;

    /// Elements of a word.
    pub const fn per_word(self) -> usize {
        match self {
            CacheType::F32 => 1,
            CacheType::F16 => 2,
        }
    }

    /// Words of a position that are no elements of its key: in f16 the position's fault, an f32 that is added to its scores.
    /// It is NaN where an element of its key or value is no number that f16 has, and otherwise 0.
    pub const fn faults(self) -> usize {
        match self {
            CacheType::F32 => 0,
            CacheType::F16 => 1,
        }
    }

    /// Words that a position's key of `head_dim` elements takes, its fault among them.
    pub const fn key_words(self, head_dim: usize) -> usize {
        head_dim.div_ceil(self.per_word()) + self.faults()
    }

    /// Words that a position's value of `head_dim` elements takes.
    pub const fn value_words(self, head_dim: usize) -> usize {
        match self {
            CacheType::F32 => head_dim,
            CacheType::F16 => f16_row_words(head_dim),
        }
    }

    /// Where element `i` of a position's key is.
    pub const fn key(self, head_dim: usize, position: usize, i: usize) -> Place {
        let full = head_dim / LANES;
        let (vector, partial) = (i / LANES, i % LANES);
        let line = match vector < full {
            // Four partial sums are added up together.
            true => (partial % 4 * full + vector) * 4 + partial / 4,
            false => i,
        };
        let per_word = self.per_word();
        Place {
            word: self.key_line(head_dim, position, line / per_word),
            bit: half_bit(line % per_word),
        }
    }

    /// The word of a position in a line of keys.
    pub const fn key_line(self, head_dim: usize, position: usize, line: usize) -> usize {
        let block = position / LANES * self.key_words(head_dim);
        (block + line) * LANES + position % LANES
    }

    /// Where element `i` of a position's value is.
    pub const fn value(self, head_dim: usize, position: usize, i: usize) -> Place {
        let per_word = self.per_word();
        let tile = i / (LANES * per_word);
        let word = tile * LANES + i % LANES;
        Place {
            word: self.value_run(head_dim, position, word).word,
            bit: half_bit(i / LANES % per_word),
        }
    }

    /// The word of that number of a position's value, and those after it that are the next ones.
    pub const fn value_run(self, head_dim: usize, position: usize, word: usize) -> Run {
        let together = Self::VALUE_COLS / self.per_word();
        let (all, first) = (self.value_words(head_dim), word / together * together);
        let width = match all - first < together {
            true => all - first,
            false => together,
        };
        let chunk = position / ATTEND_CHUNK * ATTEND_CHUNK * all;
        let row = position % ATTEND_CHUNK * width;
        Run {
            word: chunk + first * ATTEND_CHUNK + row + word % together,
            len: width - word % together,
        }
    }
}

const fn half_bit(half: usize) -> u32 {
    16 * half as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every element has a place of its own, within what a head's positions take.
    #[test]
    fn places_are_apart() {
        for held in CacheType::ALL {
            for head_dim in [1, 2, 15, 16, 17, 33, 64, 80, 83, 130] {
                let positions = 2 * ATTEND_CHUNK;
                let halves = held.per_word() as u32;
                let places = |of: &dyn Fn(usize, usize) -> Place, words: usize| {
                    let mut found = [false; 2 * 64 * 131 * 2];
                    for (position, i) in
                        (0..positions).flat_map(|p| (0..head_dim).map(move |i| (p, i)))
                    {
                        let Place { word, bit } = of(position, i);
                        assert!(word < positions * words && bit < 16 * halves);
                        let place = &mut found[2 * word + bit as usize / 16];
                        assert!(!core::mem::replace(place, true), "{held} {head_dim}");
                    }
                };
                places(&|p, i| held.key(head_dim, p, i), held.key_words(head_dim));
                places(
                    &|p, i| held.value(head_dim, p, i),
                    held.value_words(head_dim),
                );
            }
        }
    }
}
