use super::check::has_tables;
use super::{Fields, Schedule, Sum};
use crate::{KernelSpec, lower, op};
use atome_spec::{Activation, Isa, Kind, LANES, Method, Packing, layout};

/// The choices for `spec` on an instruction set; a tier stands for its baseline.
pub fn select(spec: &KernelSpec, isa: impl Into<Isa>) -> Schedule {
    Schedule {
        method: spec.product(),
        ..(lower::def(spec.op).select)(spec, isa.into())
    }
}

/// The choices for `spec` in code of 128-bit vectors, as Cranelift makes it, for a machine that has an
/// instruction set.
///
/// ```
/// use atome_codegen::{KernelSpec, schedule};
/// use atome_spec::{Activation, Isa, Op, Packing};
///
/// let spec = KernelSpec::new(Op::Gemv).packing(Packing::Int2).activation(Activation::I8);
/// let of = |isa| schedule::select_narrow(&spec, isa).to_string();
/// assert_eq!(of(Isa::Avx2), "method=dot mr=16 nr=1 fields=shifted sum=i16 prefetch=0");
/// assert_eq!(of(Isa::Avx512Vnni), "method=dot mr=16 nr=1 fields=shifted sum=i32 prefetch=0");
/// ```
pub fn select_narrow(spec: &KernelSpec, isa: impl Into<Isa>) -> Schedule {
    let isa = isa.into();
    let mut schedule = select(spec, isa.in_128_bits());
    // The instruction that adds four products to an i32 is there for narrow vectors too.
    if isa.has_dot() && schedule.method == Some(Method::Dot) {
        schedule.sum = Some(Sum::I32);
    }
    schedule
}

/// The packing of a matrix that look-ups read fastest, in place of another of the same codes. Where bytes are looked up,
/// they are sorted once and for all; elsewhere matrices are as they were.
///
/// ```
/// use atome_codegen::schedule;
/// use atome_spec::{Isa, Packing};
///
/// assert_eq!(schedule::looked_up(Packing::Int2, Isa::Avx2), Packing::Sorted);
/// assert_eq!(schedule::looked_up(Packing::Int2, Isa::Avx512), Packing::Int2);
/// assert_eq!(schedule::looked_up(Packing::Base3, Isa::Avx2), Packing::Base3);
/// ```
pub fn looked_up(packing: Packing, isa: impl Into<Isa>) -> Packing {
    match packing {
        Packing::Int2 if looks_up_bytes(isa.into()) => Packing::Sorted,
        _ => packing,
    }
}

/// Whether an instruction set has an ahead-of-time kernel of its own: its tier's baseline has every
/// kernel but those that another one of the same product beats, by look-ups in place of selections of int8, or
/// by matrices [as look-ups read them](looked_up); an extension those that [gain](gains) from it.
pub fn is_ahead_of_time(kind: Kind, isa: Isa) -> bool {
    if isa.is_extension() {
        return gains(&kind.into(), isa);
    }
    let methods = op::methods(kind);
    match kind.method.or(methods.first().copied()) {
        Some(Method::Select) if kind.activation == Activation::I8 => {
            !methods.contains(&Method::Lut)
        }
        Some(Method::Lut) => kind
            .packing
            .is_none_or(|packing| looked_up(packing.stored(), isa) == packing),
        _ => true,
    }
}

/// Whether bytes are looked up in tables of sixteen, sixteen rows or more at once, and nothing wider is.
const fn looks_up_bytes(isa: Isa) -> bool {
    match isa {
        Isa::Avx2 | Isa::AvxVnni | Isa::Sse41 | Isa::Simd128 | Isa::RelaxedSimd => true,
        Isa::Portable
        | Isa::Neon
        | Isa::Dotprod
        | Isa::I8mm
        | Isa::Avx512
        | Isa::Avx512Vnni
        | Isa::Avx512Vbmi => false,
    }
}

/// Whether a kernel gains from what an extension has beyond what it extends: dot products, those of
/// unsigned bytes where all four places of codes are multiplied as they are, or a table for base 3.
pub fn gains(spec: &KernelSpec, isa: Isa) -> bool {
    let base = isa.extends().unwrap_or(isa);
    let is_base3 = spec.packing == Some(Packing::Base3);
    let separate = select(spec, isa).fields == Some(Fields::Separate);
    let has_more = isa.has_dot() && !base.has_dot()
        || separate && isa.has_unsigned_dot() && !base.has_unsigned_dot()
        || is_base3 && isa.has_byte_table() && !base.has_byte_table();
    has_more && select(spec, isa).method == Some(Method::Dot)
}

/// Asks for code without loops where a length is bound, up to `iterations`.
pub(crate) const fn unrolled(iterations: u32) -> Schedule {
    Schedule {
        method: None,
        mr: None,
        nr: None,
        fields: None,
        sum: None,
        prefetch: None,
        unroll: Some(iterations),
    }
}

/// The choices for a `gemv`.
pub(crate) fn gemv(spec: &KernelSpec, isa: Isa) -> Schedule {
    let products = products(spec, isa);
    products.schedule((spec, isa), products.gemv)
}

/// The choices for a `gemm`.
pub(crate) fn gemm(spec: &KernelSpec, isa: Isa) -> Schedule {
    let products = products(spec, isa);
    products.schedule((spec, isa), products.gemm)
}

/// Whether an int8 product is by dot products.
fn multiplies(spec: &KernelSpec) -> bool {
    spec.activation == Activation::I8 && spec.product() == Some(Method::Dot)
}

/// The table's choices for products with one type of activations.
#[derive(Clone, Copy)]
struct Products {
    gemv: Tile,
    gemm: Tile,
    prefetch: u32,
}

/// A register tile, and how it sums.
#[derive(Clone, Copy)]
struct Tile {
    /// Groups of 16 rows.
    groups: u32,
    tokens: u32,
    fields: Fields,
    sum: Sum,
}

impl Products {
    fn schedule(self, (spec, isa): (&KernelSpec, Isa), tile: Tile) -> Schedule {
        let dots = multiplies(spec);
        let looks_up = spec.product() == Some(Method::Lut);
        let selects_floats = has_tables(spec);
        // Codes of base 3 are found by so many instructions that straight columns are too long for narrow vectors.
        let is_long = spec.packing == Some(Packing::Base3) && isa.vector_bits() == 128;
        Schedule {
            method: None,
            mr: Some(tile.groups * LANES as u32),
            nr: Some(tile.tokens),
            fields: (dots || looks_up || selects_floats).then_some(tile.fields),
            sum: dots.then_some(tile.sum),
            prefetch: Some(match ends_within(spec, self.prefetch) {
                true => 0,
                false => self.prefetch,
            }),
            unroll: match spec.activation {
                Activation::F32 => Some(if is_long { 1 } else { 4 }),
                Activation::I8 => None,
            },
        }
    }
}

/// Whether a matrix of known shape is no longer than the distance at which it would be asked for ahead: nothing of it would
/// be.
fn ends_within(spec: &KernelSpec, bytes: u32) -> bool {
    let known = |dim| usize::try_from(*spec.shape.get(dim)?).ok();
    let (Some(rows), Some(cols), Some(packing)) = (known("rows"), known("cols"), spec.packing)
    else {
        return false;
    };
    let words = layout::matrix_words(packing, rows, cols, known("group").filter(|n| *n > 0));
    words.saturating_mul(4) <= bytes as usize
}

fn products(spec: &KernelSpec, isa: Isa) -> Products {
    match (spec.activation, spec.packing) {
        (Activation::F32, _) => float(spec, isa),
        // Look-ups and selections have tiles of their own size.
        (Activation::I8, _) if !multiplies(spec) => by_word(spec, isa),
        (Activation::I8, None | Some(Packing::Int2 | Packing::Sorted)) => int2(isa),
        (Activation::I8, Some(Packing::Base3)) => base3(isa),
    }
}

const fn tile(groups: u32, tokens: u32) -> Tile {
    Tile {
        groups,
        tokens,
        fields: Fields::Shifted,
        sum: Sum::I32,
    }
}

impl Tile {
    const fn fields(self, fields: Fields) -> Tile {
        Tile { fields, ..self }
    }

    const fn sum(self, sum: Sum) -> Tile {
        Tile { sum, ..self }
    }
}

const fn products_of(gemv: Tile, gemm: Tile, prefetch: u32) -> Products {
    Products {
        gemv,
        gemm,
        prefetch,
    }
}

// Accumulators are `groups * tokens` logical vectors, times the sums of fields. They must leave
// room for the codes and the tables in the register file, `Isa::registers`.
fn float(spec: &KernelSpec, isa: Isa) -> Products {
    let by_tables = has_tables(spec) && isa.vector_bits() == 512;
    let products = match isa {
        Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Vbmi if by_tables => {
            return tables_of_floats(spec);
        }
        Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Vbmi => {
            products_of(tile(4, 1), tile(4, 4), 4096)
        }
        Isa::Avx2 | Isa::AvxVnni => products_of(tile(2, 1), tile(1, 4), 4096),
        Isa::Sse41 => products_of(tile(1, 1), tile(1, 2), 0),
        Isa::Neon | Isa::Dotprod | Isa::I8mm => products_of(tile(2, 1), tile(2, 2), 0),
        Isa::Simd128 | Isa::RelaxedSimd => products_of(tile(1, 1), tile(1, 2), 0),
        Isa::Portable => products_of(tile(1, 1), tile(1, 1), 0),
    };
    Products {
        gemv: products.gemv.fields(Fields::Lanes),
        gemm: products.gemm.fields(Fields::Lanes),
        ..products
    }
}

/// Where a register is a table of 16 numbers, they are worth making once, but for one block of rows.
fn tables_of_floats(spec: &KernelSpec) -> Products {
    let is_one_block = |rows: &u64| *rows < 2 * layout::BLOCK_ROWS as u64;
    let [one, few] = match spec.shape.get("rows").is_some_and(is_one_block) {
        true => [tile(4, 1), tile(4, 4)].map(|tile| tile.fields(Fields::Lanes)),
        false => [tile(4, 1), tile(4, 2)].map(|tile| tile.fields(Fields::Tables)),
    };
    products_of(one, few, 4096)
}

const fn int2(isa: Isa) -> Products {
    match isa {
        Isa::Avx512Vnni | Isa::Avx512Vbmi => {
            products_of(tile(4, 1).fields(Fields::Separate), tile(4, 4), 8192)
        }
        Isa::AvxVnni => products_of(tile(1, 1).fields(Fields::Separate), tile(1, 4), 8192),
        // Without an instruction that adds products of bytes to an i32, sums of 16 bits spare two
        // instructions of three. Sums of 32 bits are in registers between loops only.
        Isa::Avx512 => products_of(
            tile(4, 1).fields(Fields::Halves).sum(Sum::I16),
            tile(2, 6).sum(Sum::I16),
            8192,
        ),
        Isa::Avx2 => products_of(
            tile(2, 1).fields(Fields::Halves).sum(Sum::I16),
            tile(1, 4).fields(Fields::Panel).sum(Sum::I16),
            8192,
        ),
        Isa::Sse41 => products_of(tile(1, 1).sum(Sum::I16), tile(1, 2).sum(Sum::I16), 0),
        // The codes of the highest field would be negative signed bytes. Of many tokens codes are unpacked
        // once, and signed bytes are as good.
        Isa::Dotprod => products_of(
            tile(1, 1).fields(Fields::SeparateLow),
            tile(1, 4).fields(Fields::Panel),
            0,
        ),
        Isa::I8mm => products_of(
            tile(1, 1).fields(Fields::Separate),
            tile(1, 4).fields(Fields::Panel),
            0,
        ),
        Isa::Neon => products_of(
            tile(1, 1).fields(Fields::Halves).sum(Sum::I16),
            tile(1, 4).fields(Fields::Panel).sum(Sum::I16),
            0,
        ),
        Isa::Simd128 => products_of(
            tile(1, 1).sum(Sum::I16),
            tile(1, 2).fields(Fields::Panel).sum(Sum::I16),
            0,
        ),
        // An engine on x86-64 makes five instructions of the product that adds to an i32, and one of that of halves.
        Isa::RelaxedSimd => products_of(
            tile(1, 1).fields(Fields::Halves).sum(Sum::I16),
            tile(1, 2).fields(Fields::Panel).sum(Sum::I16),
            0,
        ),
        Isa::Portable => products_of(tile(1, 1), tile(1, 1), 0),
    }
}

/// Where there is no table of 128 bytes, codes are found once for several tokens.
const fn base3(isa: Isa) -> Products {
    const fn halves(groups: u32) -> Tile {
        tile(groups, 1).fields(Fields::Halves).sum(Sum::I16)
    }
    const fn panel(tokens: u32, sum: Sum) -> Tile {
        tile(1, tokens).fields(Fields::Panel).sum(sum)
    }
    match isa {
        Isa::Avx512Vbmi => Products {
            prefetch: 16384,
            ..int2(isa)
        },
        Isa::Avx512Vnni => products_of(
            tile(4, 1).fields(Fields::Separate),
            panel(8, Sum::I32),
            8192,
        ),
        Isa::AvxVnni => products_of(
            tile(1, 1).fields(Fields::Separate),
            panel(4, Sum::I32),
            8192,
        ),
        Isa::Avx512 => products_of(halves(4), panel(8, Sum::I16), 8192),
        Isa::Avx2 => products_of(halves(2), panel(4, Sum::I16), 8192),
        Isa::Sse41 => products_of(tile(1, 1).sum(Sum::I16), panel(1, Sum::I16), 0),
        // Tables and sums of four places would be more than there are registers.
        Isa::Dotprod | Isa::I8mm => products_of(tile(1, 1), panel(4, Sum::I32), 0),
        Isa::Neon => products_of(tile(1, 1).sum(Sum::I16), panel(4, Sum::I16), 0),
        Isa::Simd128 | Isa::RelaxedSimd => {
            products_of(tile(1, 1).sum(Sum::I16), panel(2, Sum::I16), 0)
        }
        Isa::Portable => products_of(tile(1, 1), tile(1, 1), 0),
    }
}

/// Products of int8 without multiplications. Tiles of rows are those of look-ups lane by lane, of whole
/// words, and of the rows that fill no block.
fn by_word(spec: &KernelSpec, isa: Isa) -> Products {
    let prefetch = match isa {
        Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Vbmi | Isa::Avx2 | Isa::AvxVnni => 4096,
        Isa::Portable
        | Isa::Neon
        | Isa::Dotprod
        | Isa::I8mm
        | Isa::Simd128
        | Isa::RelaxedSimd
        | Isa::Sse41 => 0,
    };
    let groups = match (spec.packing, isa) {
        (Some(Packing::Base3), Isa::Avx512Vbmi) => 4,
        (Some(Packing::Base3), _) => {
            let lanes = tile(1, 1).fields(Fields::Lanes);
            return products_of(lanes, lanes, 0);
        }
        (_, Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Vbmi) => 4,
        (_, Isa::Avx2 | Isa::AvxVnni | Isa::Neon) => 2,
        (
            _,
            Isa::Portable | Isa::Dotprod | Isa::I8mm | Isa::Simd128 | Isa::RelaxedSimd | Isa::Sse41,
        ) => 1,
    };
    let lanes = tile(groups, 1).fields(Fields::Lanes);
    // Bytes or halves of a register are looked up at once, in tables that are made once for many rows.
    let gemm = match (spec.product(), spec.packing, isa) {
        (_, Some(Packing::Sorted), _) => tile(groups, 1).fields(Fields::Pairs),
        (
            Some(Method::Lut),
            Some(Packing::Int2),
            Isa::Avx512 | Isa::Avx512Vnni | Isa::Avx512Vbmi,
        ) => tile(groups, 4).fields(Fields::Triples),
        _ => lanes,
    };
    products_of(Tile { tokens: 1, ..gemm }, gemm, prefetch)
}
