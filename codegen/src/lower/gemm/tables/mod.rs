//! int8 activations without multiplications: the sums of the products of a few trits are looked up in
//! tables of their activations, which are made once for many rows. Rows that fill no block are
//! multiplied as they are without tables.
//!
//! | file | what |
//! |---|---|
//! | `pairs` | two trits in tables of sixteen bytes |
//! | `sixes` | three trits, six bits, in tables of 64 sums of 16 bits |
//! | `triples` | three trits, a number, in tables of 27 sums of 16 bits |

mod pairs;
mod sixes;
mod triples;

use super::int8::Gemm;
use super::walk::{Tile, Walk};
use crate::ir::{Address, BinaryOp, Buffer, Builder, Elem, Lanes, Size, Value};
use crate::lower::any;
use crate::schedule::Fields;
use atome_spec::LANES;
use atome_spec::layout::BLOCK_ROWS;
use pairs::Pairs;
use sixes::Sixes;
use triples::Triples;

const LANES_U64: u64 = LANES as u64;
const BLOCK_ROWS_U64: u64 = BLOCK_ROWS as u64;
/// Groups of rows of a block.
const GROUPS: usize = BLOCK_ROWS / LANES;
/// Words of activations of a word of codes.
const QUADS: u64 = 4;

/// How trits are looked up.
enum Kind {
    Pairs(Pairs),
    Sixes(Sixes),
    Triples(Triples),
}

/// The memory of a product.
pub(super) struct Tables {
    kind: Kind,
    /// `[token][entry]`, the tables of a part of the columns.
    tables: Buffer,
    /// `[entry][index][16]`, the codes of a block of rows as indices.
    panel: Buffer,
    /// `[token][block][group][16 rows]`, the sums so far.
    totals: Buffer,
    limits: Limits,
}

/// What the memory is enough for.
#[derive(Clone, Copy)]
struct Limits {
    /// Tokens of a pass.
    tokens: u64,
    /// Blocks of rows that share tables.
    blocks: u64,
    /// Words of a part of the columns, whole steps.
    words: u64,
}

/// Blocks of rows that share tables.
struct Blocks {
    first: Address,
    count: Size,
}

/// Tokens that share indices.
struct Pass {
    first: Address,
    /// How many tiles.
    tiles: Size,
    /// Tokens of a tile.
    tile: u64,
}

/// Words whose tables there are.
struct Part {
    first: Address,
    /// Steps whose words are all there.
    steps: Size,
    /// Words of one more step.
    rest: Size,
}

/// A step of the columns.
struct Step<'a> {
    /// Its number in a part.
    number: Address,
    /// Its first word.
    word: &'a Address,
    /// How many there are.
    words: Size,
}

impl Tables {
    /// `None` if a schedule's look-ups need none.
    pub(super) fn new(b: &mut Builder, fields: Fields, one_token: bool) -> Option<Tables> {
        let (kind, limits) = match fields {
            Fields::Pairs => {
                let pairs = Pairs::new(b, one_token);
                let limits = pairs.limits();
                (Kind::Pairs(pairs), limits)
            }
            Fields::Triples if one_token => (Kind::Sixes(Sixes::new(b)), Sixes::LIMITS),
            Fields::Triples => (Kind::Triples(Triples::new(b)), Triples::LIMITS),
            _ => return None,
        };
        let entries = limits.words / kind.step() * kind.entries();
        // A table is loaded with what follows it, up to sixteen lanes.
        let tables = limits.tokens * entries * kind.table_len() + LANES_U64;
        let totals = limits.tokens * limits.blocks * BLOCK_ROWS_U64;
        Some(Tables {
            tables: b.scratch("tables", Elem::I32, tables),
            panel: b.scratch("panel", Elem::I32, entries * kind.panel_len()),
            totals: b.scratch("totals", Elem::I32, totals),
            kind,
            limits,
        })
    }

    /// The whole product; `tile` is that of what is left over.
    pub(super) fn run(&self, b: &mut Builder, gemm: &Gemm, walk: &Walk, tile: &Tile<'_>) {
        let most = self.limits.blocks;
        let blocks = walk.rows.clone().div(BLOCK_ROWS_U64);
        let chunks = blocks.clone().div(most);
        b.for_loop(chunks.clone(), &[], |b, chunk, _| {
            let blocks = Blocks {
                first: Address::of(&[(chunk, most.into())]),
                count: most.into(),
            };
            self.tokens(b, gemm, walk, &blocks);
            vec![]
        });
        let rest = blocks.rem(most);
        b.for_loop(any(rest.clone(), most), &[], |b, _, _| {
            let blocks = Blocks {
                first: Address::at(chunks * most),
                count: rest,
            };
            self.tokens(b, gemm, walk, &blocks);
            vec![]
        });
        walk.last_block(b, tile);
    }

    fn tokens(&self, b: &mut Builder, gemm: &Gemm, walk: &Walk, blocks: &Blocks) {
        let tile = self.limits.tokens.min(walk.token_tile as u64);
        let tiles = self.limits.tokens / tile;
        let of_pass = tiles * tile;
        let passes = walk.tokens.clone().div(of_pass);
        b.for_loop(passes.clone(), &[], |b, number, _| {
            let pass = Pass {
                first: Address::of(&[(number, of_pass.into())]),
                tiles: tiles.into(),
                tile,
            };
            self.pass(b, gemm, walk, blocks, &pass);
            vec![]
        });
        let rest = walk.tokens.clone().rem(of_pass);
        b.for_loop(any(rest.clone(), of_pass), &[], |b, _, _| {
            let pass = Pass {
                first: Address::at(passes * of_pass),
                tiles: rest,
                tile: 1,
            };
            self.pass(b, gemm, walk, blocks, &pass);
            vec![]
        });
    }

    fn pass(&self, b: &mut Builder, gemm: &Gemm, walk: &Walk, blocks: &Blocks, pass: &Pass) {
        self.clear(b, walk, blocks, pass);
        let most = self.limits.words;
        let parts = walk.words.clone().div(most);
        b.for_loop(parts.clone(), &[], |b, part, _| {
            let part = Part {
                first: Address::of(&[(part, most.into())]),
                steps: (most / self.kind.step()).into(),
                rest: Size::ZERO,
            };
            self.part(b, gemm, blocks, pass, &part);
            vec![]
        });
        let words = walk.words.clone().rem(most);
        b.for_loop(any(words.clone(), most), &[], |b, _, _| {
            let part = Part {
                first: Address::at(parts * most),
                steps: words.clone().div(self.kind.step()),
                rest: words.rem(self.kind.step()),
            };
            self.part(b, gemm, blocks, pass, &part);
            vec![]
        });
        self.finish(b, gemm, blocks, pass);
    }

    /// Begins totals with what the look-ups of all columns give too much.
    fn clear(&self, b: &mut Builder, walk: &Walk, blocks: &Blocks, pass: &Pass) {
        let zero = b.splat_i32(0);
        let begin = match self.kind.excess() {
            0 => zero,
            excess => {
                let excess = b.splat_i32(-excess);
                let words = walk.words.clone();
                b.for_loop(words, &[zero], |b, _, sum| vec![b.add(sum[0], excess)])[0]
            }
        };
        b.for_loop(pass.tokens(), &[], |b, token, _| {
            b.for_loop(blocks.count.clone(), &[], |b, block, _| {
                for group in 0..GROUPS {
                    let at = self.total(&Address::of(&[(token, Size::ONE)]), block, group);
                    b.store(self.totals, at, begin, Lanes::All);
                }
                vec![]
            });
            vec![]
        });
    }

    /// Where a token's sums of a group of rows are; tokens and blocks count from the first that there are.
    fn total(&self, token: &Address, block: Value, group: usize) -> Address {
        let of_token = self.limits.blocks * BLOCK_ROWS_U64;
        let of_block = token.times(&of_token.into()).step(block, BLOCK_ROWS_U64);
        of_block.offset(group as u64 * LANES_U64)
    }

    fn part(&self, b: &mut Builder, gemm: &Gemm, blocks: &Blocks, pass: &Pass, part: &Part) {
        b.for_loop(pass.tokens(), &[], |b, token, _| {
            let of_token = pass.first.clone().step(token, 1).times(&gemm.x_words);
            let tables = self.table(&Address::of(&[(token, Size::ONE)]));
            self.steps(b, part, &|b, step| {
                let from = of_token.clone().plus(&step.word.times(&QUADS.into()));
                let len = self.kind.entries() * self.kind.table_len();
                let at = tables.clone().plus(&step.number.times(&len.into()));
                let words = step.words.clone();
                self.kind.make(b, (gemm.x, &from, words), self.tables, &at);
            });
            vec![]
        });
        b.for_loop(blocks.count.clone(), &[], |b, block, _| {
            let rows = blocks.first.clone().step(block, 1);
            if self.kind.panel_len() > 0 {
                self.steps(b, part, &|b, step| {
                    let indices = self.indices(b, gemm, &rows, step);
                    let len = self.kind.entries() * self.kind.panel_len();
                    let at = step.number.times(&len.into());
                    for (i, index) in (0..).zip(indices) {
                        let at = at.clone().offset(i * LANES_U64);
                        b.store(self.panel, at, index, Lanes::All);
                    }
                });
            }
            b.for_loop(pass.tiles.clone(), &[], |b, tile, _| {
                self.tile(b, gemm, &rows, pass, part, (tile, block));
                vec![]
            });
            vec![]
        });
    }

    /// Makes code for each step of a part.
    fn steps(&self, b: &mut Builder, part: &Part, step: &dyn Fn(&mut Builder, &Step<'_>)) {
        let words = self.kind.step();
        b.for_loop(part.steps.clone(), &[], |b, number, _| {
            let of = Step {
                number: Address::of(&[(number, Size::ONE)]),
                word: &part.first.clone().step(number, words),
                words: words.into(),
            };
            step(b, &of);
            vec![]
        });
        b.for_loop(any(part.rest.clone(), words), &[], |b, _, _| {
            let of = Step {
                number: Address::at(part.steps.clone()),
                word: &part.first.clone().offset(part.steps.clone() * words),
                words: part.rest.clone(),
            };
            step(b, &of);
            vec![]
        });
    }

    /// The tables of a token.
    fn table(&self, token: &Address) -> Address {
        let steps = self.limits.words / self.kind.step();
        token.times(&(steps * self.kind.entries() * self.kind.table_len()).into())
    }

    /// The indices that a step of a block of rows has. Words that are not there have codes 0.
    fn indices(
        &self,
        b: &mut Builder,
        gemm: &Gemm,
        block: &Address,
        step: &Step<'_>,
    ) -> Vec<Value> {
        let first = codes_at(gemm, block, step.word);
        let zero = b.splat_i32(0);
        let word = |b: &mut Builder, word: u64| {
            let load = |b: &mut Builder| {
                let at = first.clone().offset(word * BLOCK_ROWS_U64);
                let at = (0..GROUPS as u64).map(|group| at.clone().offset(group * LANES_U64));
                at.map(|at| gemm.load_packed(b, at)).collect::<Vec<Value>>()
            };
            let codes = match step.words.as_const() {
                Some(words) if word < words => load(b),
                Some(_) => vec![zero; GROUPS],
                None => {
                    let there = any(step.words.clone().sub(word), self.kind.step());
                    b.for_loop(there, &[zero; GROUPS], |b, _, _| load(b))
                }
            };
            std::array::from_fn(|group| codes[group])
        };
        let codes: Vec<[Value; GROUPS]> = (0..self.kind.step()).map(|i| word(b, i)).collect();
        self.kind.indices(b, &codes)
    }

    /// The pairs of a byte of a word, made where they are used or kept.
    fn pairs(
        &self,
        b: &mut Builder,
        gemm: &Gemm,
        (rows, first): (&Address, &Address),
        (entry, byte): (Value, u64),
    ) -> [Value; 2] {
        match self.kind.panel_len() {
            0 => {
                let at = codes_at(gemm, rows, &first.clone().step(entry, 1));
                let bytes = gemm.load_packed(b, at.offset(byte * LANES_U64));
                pairs::indices(b, bytes)
            }
            len => [0, 1].map(|pair| {
                let at = Address::of(&[(entry, len.into())]);
                let at = at.offset((2 * byte + pair) * LANES_U64);
                b.load_vector(self.panel, at, Lanes::All)
            }),
        }
    }

    /// The indices of an iteration.
    fn entry(
        &self,
        b: &mut Builder,
        gemm: &Gemm,
        (rows, first): (&Address, &Address),
        entry: Value,
    ) -> Vec<Value> {
        match self.kind.panel_len() {
            0 => {
                let step = Step {
                    number: Address::of(&[(entry, Size::ONE)]),
                    word: &first.clone().step(entry, 1),
                    words: Size::ONE,
                };
                self.indices(b, gemm, rows, &step)
            }
            len => {
                let first = Address::of(&[(entry, len.into())]);
                let at = (0..len).step_by(LANES).map(|at| first.clone().offset(at));
                at.map(|at| b.load_vector(self.panel, at, Lanes::All))
                    .collect()
            }
        }
    }

    fn tile(
        &self,
        b: &mut Builder,
        gemm: &Gemm,
        rows: &Address,
        pass: &Pass,
        part: &Part,
        (tile, block): (Value, Value),
    ) {
        let tokens = pass.tile;
        let zero = b.splat_i32(0);
        let begun = vec![zero; tokens as usize * Kind::SUMS];
        let token = |t: u64| Address::of(&[(tile, tokens.into())]).offset(t);
        let steps = part.steps.clone() + any(part.rest.clone(), self.kind.step());
        let trip = steps * self.kind.entries();
        let sums = b.for_loop(trip, &begun, |b, entry, sums| {
            let of = (rows, &part.first);
            let kept = match self.kind {
                Kind::Pairs(_) => Vec::new(),
                Kind::Sixes(_) | Kind::Triples(_) => self.entry(b, gemm, of, entry),
            };
            let mut added = Vec::new();
            for (t, sums) in (0..).zip(sums.chunks(Kind::SUMS)) {
                let at = self.table(&token(t)).step(entry, self.kind.table_len());
                let tables = (self.tables, &at);
                added.extend(match self.kind {
                    Kind::Pairs(_) => {
                        let mut pairs =
                            |b: &mut Builder, byte| self.pairs(b, gemm, of, (entry, byte));
                        pairs::add(b, &mut pairs, tables, sums)
                    }
                    Kind::Sixes(_) => sixes::add(b, &kept, tables, sums),
                    Kind::Triples(_) => triples::add(b, &kept, tables, sums),
                });
            }
            added
        });
        for (t, sums) in (0..).zip(sums.chunks(Kind::SUMS)) {
            let of_groups = self.kind.of_groups(b, sums);
            for (group, sum) in of_groups.into_iter().enumerate() {
                let at = self.total(&token(t), block, group);
                let total = b.load_vector(self.totals, at.clone(), Lanes::All);
                let total = b.add(total, sum);
                b.store(self.totals, at, total, Lanes::All);
            }
        }
    }

    fn finish(&self, b: &mut Builder, gemm: &Gemm, blocks: &Blocks, pass: &Pass) {
        b.for_loop(pass.tokens(), &[], |b, token, _| {
            let of = pass.first.clone().step(token, 1);
            let (scale, _) = gemm.scale_of(b, &of);
            b.for_loop(blocks.count.clone(), &[], |b, block, _| {
                for group in 0..GROUPS {
                    let at = self.total(&Address::of(&[(token, Size::ONE)]), block, group);
                    let total = b.load_vector(self.totals, at, Lanes::All);
                    let scaled = gemm.scaled(b, &[total], scale, None);
                    let rows = blocks.first.clone().step(block, 1);
                    let rows = rows.times(&BLOCK_ROWS_U64.into());
                    let out = of.times(&gemm.out_stride).plus(&rows);
                    let out = out.offset(group as u64 * LANES_U64);
                    b.store(gemm.out, out, scaled, Lanes::All);
                }
                vec![]
            });
            vec![]
        });
    }
}

/// Where a block of rows has the codes of a word.
fn codes_at(gemm: &Gemm, block: &Address, word: &Address) -> Address {
    let first = word.times(&BLOCK_ROWS_U64.into());
    first.plus(&block.times(&gemm.block_words()))
}

impl Pass {
    fn tokens(&self) -> Size {
        self.tiles.clone() * self.tile
    }
}

impl Kind {
    /// Sums of a token and a block, in registers.
    const SUMS: usize = 2;

    /// Words of codes of a step.
    fn step(&self) -> u64 {
        match self {
            Kind::Pairs(_) | Kind::Sixes(_) => 1,
            Kind::Triples(_) => triples::WORDS as u64,
        }
    }

    /// Iterations of a step.
    fn entries(&self) -> u64 {
        match self {
            Kind::Pairs(_) | Kind::Sixes(_) => 1,
            Kind::Triples(_) => Triples::ENTRIES,
        }
    }

    /// Elements of the tables of an iteration.
    fn table_len(&self) -> u64 {
        match self {
            Kind::Pairs(_) => Pairs::TABLE_LEN,
            Kind::Sixes(_) => Sixes::TABLE_LEN,
            Kind::Triples(_) => Triples::TABLE_LEN,
        }
    }

    /// Elements of the indices of an iteration and a block; 0 where they are made anew for each tile.
    fn panel_len(&self) -> u64 {
        match self {
            Kind::Pairs(pairs) => pairs.panel_len(),
            Kind::Sixes(_) => 0,
            Kind::Triples(_) => Triples::PANEL_LEN,
        }
    }

    /// What the look-ups of a word give too much.
    fn excess(&self) -> i32 {
        match self {
            Kind::Pairs(_) => Pairs::EXCESS,
            Kind::Sixes(_) | Kind::Triples(_) => 0,
        }
    }

    /// Makes the tables of a step from the activations of so many words.
    fn make(
        &self,
        b: &mut Builder,
        (x, from, words): (Buffer, &Address, Size),
        tables: Buffer,
        at: &Address,
    ) {
        let splats = |b: &mut Builder| -> [Value; QUADS as usize] {
            std::array::from_fn(|quad| {
                let x = b.load(x, from.clone().offset(quad as u64));
                let x = b.splat(x);
                let flip = b.i32_like(x, i32::from_le_bytes([0x80; 4]));
                b.binary(BinaryOp::Xor, x, flip)
            })
        };
        match self {
            Kind::Pairs(pairs) => {
                let u = splats(b);
                pairs.make(b, u, tables, at);
            }
            Kind::Sixes(sixes) => {
                let u = splats(b);
                sixes.make(b, u, tables, at);
            }
            Kind::Triples(triples) => {
                let lanes = Lanes::First(words * QUADS);
                triples.make(b, (x, from, lanes), tables, at);
            }
        }
    }

    /// The indices of a step from the codes of its words.
    fn indices(&self, b: &mut Builder, codes: &[[Value; GROUPS]]) -> Vec<Value> {
        match self {
            Kind::Pairs(_) => {
                let each = codes[0].map(|bytes| pairs::indices(b, bytes));
                each.as_flattened().to_vec()
            }
            Kind::Sixes(_) => sixes::halves_of_groups(b, codes[0]).to_vec(),
            Kind::Triples(triples) => triples.indices(b, codes),
        }
    }

    /// Sums as numbers of 32 bits, one of each row of each group.
    fn of_groups(&self, b: &mut Builder, sums: &[Value]) -> [Value; GROUPS] {
        match self {
            Kind::Pairs(_) => pairs::of_groups(b, sums),
            Kind::Sixes(_) | Kind::Triples(_) => sixes::of_groups(b, sums),
        }
    }
}
