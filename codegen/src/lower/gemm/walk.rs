//! How a matrix's rows and the tokens are walked: blocks, tiles of row groups, tiles of tokens.

use crate::ir::{Address, Builder, Lanes, Size, Value};
use crate::lower::any;
use atome_spec::LANES;
use atome_spec::layout::BLOCK_ROWS;

const LANES_U64: u64 = LANES as u64;
const BLOCK_ROWS_U64: u64 = BLOCK_ROWS as u64;

/// The shape of a product and of its tiles.
#[derive(Clone)]
pub(super) struct Walk {
    pub(super) rows: Size,
    /// Words a row.
    pub(super) words: Size,
    /// Groups of columns with scales of their own, which lie as words do.
    pub(super) groups: Size,
    pub(super) tokens: Size,
    /// Groups of 16 rows of a tile.
    pub(super) row_groups: usize,
    /// Tokens of a tile.
    pub(super) token_tile: usize,
}

/// Up to four groups of 16 rows.
#[derive(Clone)]
pub(super) struct Rows {
    /// First word of the first group.
    pub(super) codes: Address,
    /// First scale of the first group.
    scales: Address,
    /// Distance between a group's words of consecutive columns.
    pub(super) stride: Size,
    /// First element of the first group in a token's output.
    pub(super) out: Address,
    pub(super) groups: usize,
    /// Rows of the last group.
    last: Lanes,
}

impl Rows {
    /// The lanes of group `g` that are rows.
    pub(super) fn lanes(&self, g: usize) -> Lanes {
        if g + 1 == self.groups {
            self.last.clone()
        } else {
            Lanes::All
        }
    }

    /// The same rows in tiles of at most so many groups.
    pub(super) fn tiles(&self, groups: usize) -> Vec<Rows> {
        let firsts = (0..self.groups).step_by(groups);
        let tile = |first: usize| Rows {
            codes: self.codes(first, &Address::at(0)),
            scales: self.scales(first, &Address::at(0)),
            out: self.out(first, &Address::at(0)),
            groups: groups.min(self.groups - first),
            last: self.lanes((first + groups).min(self.groups) - 1),
            stride: self.stride.clone(),
        };
        firsts.map(tile).collect()
    }

    /// Where group `g` has its words, `word` words of a row on.
    pub(super) fn codes(&self, g: usize, word: &Address) -> Address {
        moved(&self.codes, word).offset((g * LANES) as u64)
    }

    /// Where group `g` has its scales, `number` groups of columns on.
    pub(super) fn scales(&self, g: usize, number: &Address) -> Address {
        moved(&self.scales, number).offset((g * LANES) as u64)
    }

    /// Where group `g` of a token has its output; `token` is the token's.
    pub(super) fn out(&self, g: usize, token: &Address) -> Address {
        moved(&self.out, token).offset((g * LANES) as u64)
    }
}

fn moved(at: &Address, by: &Address) -> Address {
    at.clone().plus(by)
}

/// A word of each row, and what it is multiplied by.
#[derive(Clone)]
pub(super) struct Place {
    /// Words of a row before it.
    pub(super) word: Address,
    /// Where a token's activations of it begin.
    pub(super) x: Address,
}

impl Place {
    /// The first word of a row.
    pub(super) fn first() -> Place {
        Place {
            word: Address::at(0),
            x: Address::at(0),
        }
    }

    /// `number` times `words` words on, of which each is multiplied by `of_word` elements.
    pub(super) fn step(self, number: Value, words: u64, of_word: u64) -> Place {
        Place {
            word: self.word.step(number, words),
            x: self.x.step(number, words * of_word),
        }
    }

    /// `words` words on.
    pub(super) fn offset(self, words: &Size, of_word: u64) -> Place {
        Place {
            word: self.word.offset(words.clone()),
            x: self.x.offset(words.clone() * of_word),
        }
    }
}

/// The tokens of a tile.
pub(super) struct Tokens<'a> {
    /// How many.
    pub(super) count: usize,
    first: &'a dyn Fn(&Size) -> Address,
}

impl<'a> Tokens<'a> {
    fn new(count: usize, first: &'a dyn Fn(&Size) -> Address) -> Tokens<'a> {
        Tokens { count, first }
    }

    /// The offset of token `t` of the tile, for a distance between tokens.
    pub(super) fn offset(&self, t: usize, stride: &Size) -> Address {
        (self.first)(stride).offset(stride.clone() * t as u64)
    }
}

/// What makes the code of some tokens.
pub(super) type EachTokens<'a> = dyn Fn(&mut Builder, &Tokens<'_>) + 'a;

/// What makes the code of one tile.
pub(super) type Tile<'a> = dyn Fn(&mut Builder, &Rows, &Tokens<'_>) + 'a;

impl Walk {
    /// Every tile, row blocks first.
    pub(super) fn run(&self, b: &mut Builder, tile: &Tile<'_>) {
        self.full_blocks(b, (Size::ZERO, self.tokens.clone()), tile);
        self.last_block(b, tile);
    }

    /// The tiles of whole blocks, for so many tokens from one on.
    pub(super) fn full_blocks(&self, b: &mut Builder, tokens: (Size, Size), tile: &Tile<'_>) {
        self.each_block(b, &|b, rows| {
            self.some_tokens(b, rows, tokens.clone(), tile)
        });
    }

    /// The rows of whole blocks, tile by tile.
    pub(super) fn each_block(&self, b: &mut Builder, each: &dyn Fn(&mut Builder, &Rows)) {
        let groups = self.row_groups;
        let tile_rows = (groups * LANES) as u64;
        let [block_words, block_scales] =
            [&self.words, &self.groups].map(|each| each.clone() * BLOCK_ROWS_U64);
        b.for_loop(self.rows.clone().div(BLOCK_ROWS_U64), &[], |b, block, _| {
            b.for_loop(BLOCK_ROWS_U64 / tile_rows, &[], |b, part, _| {
                let part = Rows {
                    codes: Address::of(&[(block, block_words.clone())]).step(part, tile_rows),
                    scales: Address::of(&[(block, block_scales.clone())]).step(part, tile_rows),
                    stride: BLOCK_ROWS_U64.into(),
                    out: Address::of(&[(block, BLOCK_ROWS_U64.into())]).step(part, tile_rows),
                    groups,
                    last: Lanes::All,
                };
                each(b, &part);
                vec![]
            });
            vec![]
        });
    }

    /// The block of fewer than 64 rows. Its number of groups sets its stride, so when it is
    /// not known the groups are walked one by one.
    pub(super) fn last_block(&self, b: &mut Builder, tile: &Tile<'_>) {
        let rows = &self.rows;
        let rest = rows.clone().rem(BLOCK_ROWS_U64);
        let first_row = rows.clone().div(BLOCK_ROWS_U64) * BLOCK_ROWS_U64;
        let [first_word, first_scale] =
            [&self.words, &self.groups].map(|each| first_row.clone() * each.clone());
        let groups = rest.clone().div_ceil(LANES_U64);
        let stride = groups.clone() * LANES_U64;
        let last = match rest.clone().rem(LANES_U64) {
            Size::Const(0) => Lanes::All,
            lanes => Lanes::First(lanes),
        };
        let part = |first: Address, groups, last| Rows {
            codes: first.clone().offset(first_word.clone()),
            scales: first.clone().offset(first_scale.clone()),
            stride: stride.clone(),
            out: first.offset(first_row.clone()),
            groups,
            last,
        };
        match groups.as_const() {
            Some(0) => {}
            Some(n) => {
                let n = n as usize;
                let mut at = 0;
                while at < n {
                    let groups = self.row_groups.min(n - at);
                    let lanes = if at + groups == n {
                        last.clone()
                    } else {
                        Lanes::All
                    };
                    let first = Address::at((at * LANES) as u64);
                    self.all_tokens(b, &part(first, groups, lanes), tile);
                    at += groups;
                }
            }
            None => {
                let full = rest.clone().div(LANES_U64);
                b.for_loop(full.clone(), &[], |b, group, _| {
                    let first = Address::of(&[(group, LANES_U64.into())]);
                    self.all_tokens(b, &part(first, 1, Lanes::All), tile);
                    vec![]
                });
                b.for_loop(any(rest.rem(LANES_U64), LANES_U64), &[], |b, _, _| {
                    let first = Address::at(full * LANES_U64);
                    self.all_tokens(b, &part(first, 1, last), tile);
                    vec![]
                });
            }
        }
    }

    fn all_tokens(&self, b: &mut Builder, rows: &Rows, tile: &Tile<'_>) {
        self.some_tokens(b, rows, (Size::ZERO, self.tokens.clone()), tile);
    }

    /// The tiles of all tokens.
    pub(super) fn each_tokens(&self, b: &mut Builder, each: &EachTokens<'_>) {
        self.tiles_of_tokens(b, (Size::ZERO, self.tokens.clone()), each);
    }

    /// The tiles of so many tokens from one on.
    fn some_tokens(&self, b: &mut Builder, rows: &Rows, tokens: (Size, Size), tile: &Tile<'_>) {
        self.tiles_of_tokens(b, tokens, &|b, tokens| tile(b, rows, tokens));
    }

    fn tiles_of_tokens(&self, b: &mut Builder, (from, count): (Size, Size), each: &EachTokens<'_>) {
        let size = self.token_tile as u64;
        let full = count.clone().div(size);
        if size > 1 {
            b.for_loop(full.clone(), &[], |b, t, _| {
                let first = |stride: &Size| {
                    Address::of(&[(t, stride.clone() * size)]).offset(from.clone() * stride.clone())
                };
                each(b, &Tokens::new(self.token_tile, &first));
                vec![]
            });
        }
        let (done, rest) = match size {
            1 => (from, count),
            _ => (from + full * size, count.rem(size)),
        };
        if rest == Size::ONE && done == Size::ZERO {
            return each(b, &Tokens::new(1, &|_| Address::at(0)));
        }
        b.for_loop(rest, &[], |b, t, _| {
            let first = |stride: &Size| {
                Address::of(&[(t, stride.clone())]).offset(done.clone() * stride.clone())
            };
            each(b, &Tokens::new(1, &first));
            vec![]
        });
    }
}
