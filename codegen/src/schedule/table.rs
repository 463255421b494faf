use super::{Fields, Schedule};
use crate::{KernelSpec, lower, op};
use atome_spec::{Activation, Isa, Kind, LANES, Method, Packing};

/// The choices for `spec` on an instruction set; a tier stands for its baseline.
pub fn select(spec: &KernelSpec, isa: impl Into<Isa>) -> Schedule {
    let usual = op::methods(spec.op, spec.activation).first();
    Schedule {
        method: spec.method.or(usual.copied()),
        ..(lower::def(spec.op).select)(spec, isa.into())
    }
}

/// Whether an instruction set has an ahead-of-time kernel of its own: its tier's baseline has every
/// kernel but those that select int8, which look-ups beat; an extension those that
/// [gain](gains) from it.
pub fn is_ahead_of_time(kind: Kind, isa: Isa) -> bool {
    let selects_int8 = kind.activation == Activation::I8 && kind.method == Some(Method::Select);
    match isa.is_extension() {
        true => gains(&kind.into(), isa),
        false => !selects_int8,
    }
}

/// Whether a kernel gains from what an extension has beyond its tier: dot products.
pub fn gains(spec: &KernelSpec, isa: Isa) -> bool {
    isa.has_dot() && select(spec, isa).method == Some(Method::Dot)
}

/// Asks for code without loops where a length is bound, up to `iterations`.
pub(crate) const fn unrolled(iterations: u32) -> Schedule {
    Schedule {
        method: None,
        mr: None,
        nr: None,
        fields: None,
        prefetch: None,
        unroll: Some(iterations),
    }
}

/// The choices for a `gemv`.
pub(crate) fn gemv(spec: &KernelSpec, isa: Isa) -> Schedule {
    let products = products(spec, isa);
    products.tile(spec, (products.gemv, 1), products.fields)
}

/// The choices for a `gemm`.
pub(crate) fn gemm(spec: &KernelSpec, isa: Isa) -> Schedule {
    let products = products(spec, isa);
    let (groups, tokens) = products.gemm;
    // Four times the code of `dot` for each token, and little to gain from a second one.
    let tokens = match spec.activation {
        Activation::I8 if !multiplies(spec) => 1,
        Activation::I8 | Activation::F32 => tokens,
    };
    products.tile(spec, (groups, tokens), Fields::Shifted)
}

/// Whether the method is, or is chosen to be, by dot products.
fn multiplies(spec: &KernelSpec) -> bool {
    spec.activation == Activation::I8 && matches!(spec.method, None | Some(Method::Dot))
}

/// The table's choices for products with one type of activations.
#[derive(Clone, Copy)]
struct Products {
    /// Groups of 16 rows of a `gemv`.
    gemv: u32,
    /// How a `gemv` sums fields.
    fields: Fields,
    /// Groups of 16 rows and tokens of a `gemm`.
    gemm: (u32, u32),
    prefetch: u32,
}

impl Products {
    fn tile(self, spec: &KernelSpec, (groups, tokens): (u32, u32), fields: Fields) -> Schedule {
        Schedule {
            method: None,
            mr: Some(groups * LANES as u32),
            nr: Some(tokens),
            fields: multiplies(spec).then_some(fields),
            prefetch: Some(self.prefetch),
            unroll: match spec.activation {
                Activation::F32 => Some(4),
                Activation::I8 => None,
            },
        }
    }
}

fn products(spec: &KernelSpec, isa: Isa) -> Products {
    match (spec.activation, spec.packing) {
        (Activation::F32, _) => float(isa),
        (Activation::I8, None | Some(Packing::Int2)) => int8(isa),
        (Activation::I8, Some(Packing::Base3)) => base3(isa),
    }
}

const fn products_of(gemv: u32, gemm: (u32, u32), prefetch: u32) -> Products {
    Products {
        gemv,
        fields: Fields::Shifted,
        gemm,
        prefetch,
    }
}

// Accumulators are `groups * tokens` logical vectors, times the sums of fields. They must leave
// room for the codes and the tables in the register file, `Isa::registers`.
const fn float(isa: Isa) -> Products {
    match isa {
        Isa::Avx512 | Isa::Avx512Vnni => products_of(4, (4, 4), 4096),
        Isa::Avx2 => products_of(2, (2, 2), 4096),
        Isa::Sse41 => products_of(1, (1, 2), 0),
        Isa::Neon | Isa::Dotprod => products_of(2, (2, 2), 0),
        Isa::Portable => products_of(1, (1, 1), 0),
    }
}

const fn int8(isa: Isa) -> Products {
    match isa {
        Isa::Avx512Vnni => Products {
            fields: Fields::Separate,
            ..products_of(4, (4, 4), 4096)
        },
        Isa::Avx512 => products_of(4, (4, 4), 4096),
        Isa::Avx2 => products_of(2, (2, 2), 4096),
        Isa::Sse41 => products_of(1, (1, 2), 0),
        Isa::Dotprod => Products {
            fields: Fields::SeparateLow,
            ..products_of(1, (1, 4), 0)
        },
        Isa::Neon => products_of(2, (2, 2), 0),
        Isa::Portable => products_of(1, (1, 1), 0),
    }
}

/// Where base-3 codes are found by arithmetic, a group of rows is enough: its code is long, and
/// further tokens share it.
const fn base3(isa: Isa) -> Products {
    match isa {
        Isa::Avx512Vnni => int8(isa),
        Isa::Portable | Isa::Neon | Isa::Dotprod | Isa::Sse41 | Isa::Avx2 | Isa::Avx512 => {
            products_of(1, (1, int8(isa).gemm.1), 0)
        }
    }
}
