//! int8 activations, by a panel: the codes of a block of rows and as many quads as sums of 16 bits
//! hold are unpacked once, into memory that stays in the first cache, and multiplied by the
//! activations of a pass of tokens. Rows that fill no block are multiplied as they are without a
//! panel, and so are the tokens that fill no pass, unless it takes longer to unpack their codes
//! than to write and to read them.

use super::columns::Columns;
use super::groups::Groups;
use super::int8::Gemm;
use super::walk::{Place, Tile, Walk};
use crate::ir::{Address, Buffer, Builder, Elem, Lanes, Size, Value};
use crate::lower::any;
use crate::schedule::Fields;
use atome_spec::layout::BLOCK_ROWS;
use atome_spec::{LANES, Packing};

const LANES_U64: u64 = LANES as u64;
const BLOCK_ROWS_U64: u64 = BLOCK_ROWS as u64;
/// Groups of rows of a block.
const GROUPS: u64 = BLOCK_ROWS_U64 / LANES_U64;
/// Quads of a panel: the products of so many fit a sum of 16 bits.
const QUADS: u64 = 64;
/// Columns of a quad.
const PER_QUAD: u64 = 4;
/// Most tokens of a pass.
const PASS: u64 = 32;

/// The panel, and the sums of a pass so far.
pub(super) struct Panel {
    /// `[group][quad][16 rows]`, four codes each.
    codes: Buffer,
    /// `[token][group][16 rows]`
    totals: Buffer,
}

/// A block of rows.
#[derive(Clone, Copy)]
struct Rows {
    block: Value,
}

/// A pass of tokens.
struct Pass {
    first: Address,
    /// How many tiles.
    tiles: Size,
    /// Tokens of a tile.
    tile: u64,
}

/// Columns whose codes are in the panel at a time.
struct Part {
    columns: Columns,
    /// Their quads.
    quads: Size,
    /// The block and the number of the group of columns that it is, if these have scales.
    group: Option<(Value, Value)>,
}

impl Part {
    fn new(columns: Columns, of_word: u64) -> Part {
        Part {
            quads: columns.full.clone() * of_word + columns.rest.clone(),
            columns,
            group: None,
        }
    }
}

impl Panel {
    /// One for sums, or for results that groups of columns add to.
    pub(super) fn new(b: &mut Builder, grouped: bool) -> Panel {
        let total = if grouped { Elem::F32 } else { Elem::I32 };
        Panel {
            codes: b.scratch("panel", Elem::I32, GROUPS * QUADS * LANES_U64),
            totals: b.scratch("totals", total, PASS * BLOCK_ROWS_U64),
        }
    }

    /// The whole product; `tile` is that of what is left over.
    pub(super) fn run(&self, b: &mut Builder, gemm: &Gemm, walk: &Walk, tile: &Tile<'_>) {
        let tile_tokens = walk.token_tile as u64;
        let tiles = PASS / tile_tokens;
        let of_pass = tiles * tile_tokens;
        let passes = walk.tokens.clone().div(of_pass);
        let rest = walk.tokens.clone().rem(of_pass);
        let in_passes = passes.clone() * of_pass;
        let shares = gemm.packing == Packing::Base3;
        b.for_loop(walk.rows.clone().div(BLOCK_ROWS_U64), &[], |b, block, _| {
            let rows = Rows { block };
            b.for_loop(passes.clone(), &[], |b, number, _| {
                let pass = Pass {
                    first: Address::of(&[(number, of_pass.into())]),
                    tiles: tiles.into(),
                    tile: tile_tokens,
                };
                self.pass(b, gemm, rows, &pass);
                vec![]
            });
            if shares {
                b.for_loop(any(rest.clone().div(tile_tokens), tiles), &[], |b, _, _| {
                    let pass = Pass {
                        first: Address::at(in_passes.clone()),
                        tiles: rest.clone().div(tile_tokens),
                        tile: tile_tokens,
                    };
                    self.pass(b, gemm, rows, &pass);
                    vec![]
                });
            }
            vec![]
        });
        if shares {
            let done = in_passes + rest.clone().div(tile_tokens) * tile_tokens;
            let alone = Walk {
                token_tile: 1,
                ..walk.clone()
            };
            alone.full_blocks(b, (done, rest.rem(tile_tokens)), tile);
        } else {
            walk.full_blocks(b, (in_passes, rest), tile);
        }
        walk.last_block(b, tile);
    }

    fn pass(&self, b: &mut Builder, gemm: &Gemm, rows: Rows, pass: &Pass) {
        self.clear(b, gemm, pass);
        if let Some(groups) = &gemm.groups {
            return self.grouped(b, gemm, groups, rows, pass);
        }
        let of_word = gemm.quads() as u64;
        let held = QUADS / of_word;
        let Columns { full, rest, .. } = gemm.all();
        let parts = full.clone().div(held);
        b.for_loop(parts.clone(), &[], |b, part, _| {
            let columns = Columns {
                first: Place::first().step(part, held, of_word),
                full: held.into(),
                rest: Size::ZERO,
            };
            let part = Part::new(columns, of_word);
            self.unpack(b, gemm, rows, &part);
            self.multiply(b, gemm, pass, &part);
            vec![]
        });
        let columns = Columns {
            first: Place::first().offset(&(parts * held), of_word),
            full: full.rem(held),
            rest,
        };
        let part = Part::new(columns, of_word);
        self.unpack(b, gemm, rows, &part);
        self.multiply(b, gemm, pass, &part);
        self.finish(b, gemm, rows, pass);
    }

    /// A pass by groups of columns, whose codes are in the panel one group after the other.
    fn grouped(&self, b: &mut Builder, gemm: &Gemm, groups: &Groups, rows: Rows, pass: &Pass) {
        b.for_loop(groups.count.clone(), &[], |b, number, _| {
            let part = Part {
                quads: groups.cols.clone().div(PER_QUAD),
                columns: gemm.group(groups, number),
                group: Some((rows.block, number)),
            };
            self.unpack(b, gemm, rows, &part);
            self.multiply(b, gemm, pass, &part);
            vec![]
        });
        b.for_loop(pass.tiles.clone() * pass.tile, &[], |b, token, _| {
            let of = pass.first.clone().step(token, 1);
            for group in 0..GROUPS {
                let at = Address::of(&[(token, BLOCK_ROWS_U64.into())]).offset(group * LANES_U64);
                let total = b.load_vector(self.totals, at, Lanes::All);
                let out = of.times(&gemm.out_stride).step(rows.block, BLOCK_ROWS_U64);
                b.store(gemm.out, out.offset(group * LANES_U64), total, Lanes::All);
            }
            vec![]
        });
    }

    /// What a group of columns adds to a total: the sum, by the scales of the activations and of the weights.
    fn scaled(
        &self,
        b: &mut Builder,
        (gemm, groups): (&Gemm, &Groups),
        (token, group): (&Address, Value),
        (block, number): (Value, Value),
        sum: Value,
    ) -> Value {
        let place = token.times(&groups.count).step(number, 1);
        let (factor, excess) = gemm.scale_of(b, &place);
        let number_of = gemm.number(b, &[sum], excess);
        let scales = Address::of(&[
            (block, groups.count.clone() * BLOCK_ROWS_U64),
            (number, BLOCK_ROWS_U64.into()),
            (group, LANES_U64.into()),
        ]);
        let scales = b.load_vector(groups.scales, scales, Lanes::All);
        let scale = b.mul(factor, scales);
        b.mul(number_of, scale)
    }

    fn clear(&self, b: &mut Builder, gemm: &Gemm, pass: &Pass) {
        let zero = match gemm.groups {
            Some(_) => b.splat_f32(0.0),
            None => b.splat_i32(0),
        };
        b.for_loop(
            pass.tiles.clone() * (pass.tile * GROUPS),
            &[],
            |b, at, _| {
                let at = Address::of(&[(at, LANES_U64.into())]);
                b.store(self.totals, at, zero, Lanes::All);
                vec![]
            },
        );
    }

    fn unpack(&self, b: &mut Builder, gemm: &Gemm, rows: Rows, part: &Part) {
        let Columns { first, full, rest } = &part.columns;
        let quads = gemm.quads();
        let of_word = quads as u64 * LANES_U64;
        b.for_loop(full.clone(), &[], |b, word, _| {
            let at = Address::of(&[(word, of_word.into())]);
            let word = first.word.clone().step(word, 1);
            self.unpack_word(b, gemm, rows, (&word, quads), &at);
            vec![]
        });
        b.for_loop(any(rest.clone(), quads as u64), &[], |b, _, _| {
            let at = Address::at(full.clone() * of_word);
            let word = first.word.clone().offset(full.clone());
            self.unpack_word(b, gemm, rows, (&word, gemm.rest_quads()), &at);
            vec![]
        });
    }

    /// Unpacks so many quads of a word of each group of rows to `at` in the group's part of the panel.
    fn unpack_word(
        &self,
        b: &mut Builder,
        gemm: &Gemm,
        rows: Rows,
        (word, quads): (&Address, usize),
        at: &Address,
    ) {
        let block = gemm.block_words();
        let first = word.times(&BLOCK_ROWS_U64.into()).step(rows.block, block);
        for group in 0..GROUPS {
            let word = gemm.load_word(b, first.clone().offset(group * LANES_U64));
            for quad in 0..quads {
                let codes = word.bytes(b, Fields::Shifted, quad);
                let at = at.clone().offset((group * QUADS + quad as u64) * LANES_U64);
                b.store(self.codes, at, codes, Lanes::All);
            }
        }
    }

    /// Adds the products of the panel with the activations of each token.
    fn multiply(&self, b: &mut Builder, gemm: &Gemm, pass: &Pass, part: &Part) {
        b.for_loop(pass.tiles.clone(), &[], |b, tile, _| {
            b.for_loop(GROUPS, &[], |b, group, _| {
                self.tile(b, gemm, pass, part, (tile, group));
                vec![]
            });
            vec![]
        });
    }

    fn tile(
        &self,
        b: &mut Builder,
        gemm: &Gemm,
        pass: &Pass,
        part: &Part,
        (tile, group): (Value, Value),
    ) {
        let total = |t: u64| {
            let at = Address::of(&[
                (tile, (pass.tile * BLOCK_ROWS_U64).into()),
                (group, LANES_U64.into()),
            ]);
            at.offset(t * BLOCK_ROWS_U64)
        };
        let load = |b: &mut Builder, t| b.load_vector(self.totals, total(t), Lanes::All);
        // Sums of 16 bits begin with 0, and need no total before they are done.
        let held = gemm.product.words_held().is_some() || gemm.groups.is_some();
        let before = |b: &mut Builder| (0..pass.tile).map(|t| load(b, t)).collect::<Vec<Value>>();
        let begun = match held {
            true => vec![b.splat_i32(0); pass.tile as usize],
            false => before(b),
        };
        let first = &part.columns.first.x;
        let sums = b.for_loop(part.quads.clone(), &begun, |b, quad, sums| {
            let at = Address::of(&[
                (group, (QUADS * LANES_U64).into()),
                (quad, LANES_U64.into()),
            ]);
            let codes = b.load_vector(self.codes, at, Lanes::All);
            let quad = first.clone().step(quad, 1);
            let added = sums.iter().zip(0..).map(|(sum, t)| {
                let token = pass.first.clone().step(tile, pass.tile).offset(t);
                let x = b.load(gemm.x, token.times(&gemm.x_words).plus(&quad));
                gemm.product.add_bytes(b, *sum, codes, x)
            });
            added.collect()
        });
        if let (Some(groups), Some(place)) = (&gemm.groups, part.group) {
            let none = gemm.product.none(b, pass.tile as usize);
            let sums = gemm.product.end(b, &sums, &none);
            for (t, sum) in (0..).zip(sums) {
                let token = pass.first.clone().step(tile, pass.tile).offset(t);
                let added = self.scaled(b, (gemm, groups), (&token, group), place, sum);
                let old = load(b, t);
                let new = b.add(old, added);
                b.store(self.totals, total(t), new, Lanes::All);
            }
            return;
        }
        let totals = match held {
            true => before(b),
            false => Vec::new(),
        };
        let totals = gemm.product.end(b, &sums, &totals);
        for (t, sum) in (0..).zip(totals) {
            b.store(self.totals, total(t), sum, Lanes::All);
        }
    }

    fn finish(&self, b: &mut Builder, gemm: &Gemm, rows: Rows, pass: &Pass) {
        b.for_loop(pass.tiles.clone() * pass.tile, &[], |b, token, _| {
            let of = pass.first.clone().step(token, 1);
            let (scale, excess) = gemm.scale_of(b, &of);
            for group in 0..GROUPS {
                let at = Address::of(&[(token, BLOCK_ROWS_U64.into())]).offset(group * LANES_U64);
                let total = b.load_vector(self.totals, at, Lanes::All);
                let scaled = gemm.scaled(b, &[total], scale, excess);
                let out = of.times(&gemm.out_stride).step(rows.block, BLOCK_ROWS_U64);
                b.store(gemm.out, out.offset(group * LANES_U64), scaled, Lanes::All);
            }
            vec![]
        });
    }
}
