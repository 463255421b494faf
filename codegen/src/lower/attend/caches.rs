//! How caches lie, as sizes: what [`CacheType`] says, for dimensions that are known or not.

use super::{COLUMNS, LANES_U64};
use crate::ir::{Address, Buffer, Builder, Lanes, Size, Value};
use crate::lower::dots::Lines;
use crate::lower::lookup::row_elems;
use crate::lower::{any, half};
use crate::op::{Content, Dims};
use atome_spec::CacheType;

/// Caches of heads.
pub(super) struct Caches {
    pub(super) held: CacheType,
    pub(super) head_dim: Size,
    capacity: Size,
}

/// Columns of a value that a vector of words holds.
pub(super) struct Tile {
    /// The first one, and the vector's first word, from where the columns begin.
    pub(super) column: Address,
    pub(super) word: Address,
    /// Those that are there, of each vector of columns.
    pub(super) lanes: Vec<Lanes>,
    /// Words that are there: what pads those of f16 is.
    pub(super) words: Lanes,
}

/// Columns of a chunk's values that lie together, position by position.
pub(super) struct Columns {
    /// The first one.
    pub(super) column: Address,
    /// The first word of the first position, from where the chunk begins, a position's words for each of it.
    pub(super) word: Address,
    pub(super) width: Size,
}

impl Caches {
    /// Those of an op with these dimensions.
    pub(super) fn of(held: CacheType, dims: &Dims<'_>) -> Caches {
        Caches {
            held,
            head_dim: dims.get("head_dim"),
            capacity: dims.get("capacity"),
        }
    }

    pub(super) fn content(&self) -> Content {
        match self.held {
            CacheType::F32 => Content::F32,
            CacheType::F16 => Content::F16,
        }
    }

    /// The order of a block's lines of keys.
    pub(super) fn lines(&self) -> Lines {
        match self.held {
            CacheType::F32 => Lines::AsRead,
            CacheType::F16 => Lines::Halves,
        }
    }

    /// Elements of a word.
    pub(super) fn per_word(&self) -> u64 {
        self.held.per_word() as u64
    }

    /// Words of a head's keys and of its values.
    pub(super) fn words(&self) -> [Size; 2] {
        [self.key_words(), self.value_words()].map(|words| self.capacity.clone() * words)
    }

    /// Words of a position's key.
    pub(super) fn key_words(&self) -> Size {
        self.fault_line() + self.held.faults() as u64
    }

    /// The line of keys that has the faults of positions, if there are any.
    pub(super) fn fault_line(&self) -> Size {
        self.head_dim.clone().div_ceil(self.per_word())
    }

    /// Words of a position's value.
    pub(super) fn value_words(&self) -> Size {
        self.row_words(&self.head_dim)
    }

    /// Words of so many columns of a position.
    pub(super) fn row_words(&self, columns: &Size) -> Size {
        row_elems(self.per_word(), columns)
    }

    /// Calls `each` with all columns that lie together, one after the other.
    pub(super) fn for_each_columns(&self, b: &mut Builder, each: &dyn Fn(&mut Builder, &Columns)) {
        let words = COLUMNS / self.per_word();
        let full = self.head_dim.clone().div(COLUMNS);
        b.for_loop(full.clone(), &[], |b, i, _| {
            let columns = Columns {
                column: Address::of(&[(i, COLUMNS.into())]),
                word: Address::of(&[(i, words.into())]),
                width: COLUMNS.into(),
            };
            each(b, &columns);
            vec![]
        });
        let rest = self.head_dim.clone().rem(COLUMNS);
        b.for_loop(any(rest.clone(), COLUMNS), &[], |b, _, _| {
            let columns = Columns {
                column: Address::at(full.clone() * COLUMNS),
                word: Address::at(full * words),
                width: rest,
            };
            each(b, &columns);
            vec![]
        });
    }

    /// Calls `each` with the tiles of so many columns: so many together while there are, then those that are left.
    pub(super) fn for_each_tiles(
        &self,
        b: &mut Builder,
        (width, together): (&Size, u64),
        each: &dyn Fn(&mut Builder, &[Tile]),
    ) {
        let vectors = self.per_word();
        let columns = vectors * LANES_U64;
        let tile = |number: Address, lanes: &dyn Fn(u64) -> Lanes| Tile {
            column: number.times(&columns.into()),
            word: number.times(&LANES_U64.into()),
            lanes: (0..vectors).map(lanes).collect(),
            words: match self.held {
                CacheType::F32 => lanes(0),
                CacheType::F16 => Lanes::All,
            },
        };
        let full = width.clone().div(columns * together);
        b.for_loop(full.clone(), &[], |b, i, _| {
            let first = Address::of(&[(i, together.into())]);
            let tiles = (0..together).map(|n| tile(first.clone().offset(n), &|_| Lanes::All));
            each(b, &tiles.collect::<Vec<Tile>>());
            vec![]
        });
        let (before, rest) = (full * together, width.clone().rem(columns * together));
        if together > 1 {
            b.for_loop(rest.clone().div(columns), &[], |b, i, _| {
                let number = Address::of(&[(i, Size::ONE)]).offset(before.clone());
                each(b, &[tile(number, &|_| Lanes::All)]);
                vec![]
            });
        }
        let last = rest.clone().rem(columns);
        b.for_loop(any(last.clone(), columns), &[], |b, _, _| {
            let left = |n| Lanes::First(last.clone().sub(n * LANES_U64));
            each(b, &[tile(Address::at(before + rest.div(columns)), &left)]);
            vec![]
        });
    }

    /// The columns of a tile, by its words.
    pub(super) fn load(
        &self,
        b: &mut Builder,
        values: Buffer,
        at: Address,
        tile: &Tile,
    ) -> Vec<Value> {
        let words = b.load_vector(values, at, tile.words.clone());
        match self.held {
            CacheType::F32 => vec![words],
            CacheType::F16 => vec![half::decode(b, words, 0), half::decode(b, words, 16)],
        }
    }

    /// The words of so many elements, or vectors of them, as a word has.
    pub(super) fn word(&self, b: &mut Builder, elements: &[Value]) -> Value {
        match *elements {
            [low, high] => half::encode(b, low, high),
            _ => elements[0],
        }
    }
}
