//! How a kernel is laid over a machine: pure choices from a table, before any code.
//!
//! Every choice gives the same bits; only speed depends on it.

use crate::{KernelSpec, spec};
use atome_spec::{Activation, Isa, Method, Op, Packing};
use std::fmt;

/// Bytes that one prefetch brings.
const CACHE_LINE: u64 = 64;

/// The choices for one kernel on one instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// Method of the ternary product.
    pub method: Method,
    /// Groups of 16 rows that are accumulated together: 1, 2 or 4.
    pub row_groups: usize,
    /// Tokens that share one reading of the weights.
    pub tokens: usize,
    /// How the fields of code words are summed, with int8 activations.
    pub fields: Fields,
    /// How far ahead weights are prefetched, in bytes; 0 for not at all. Of a look-up, which
    /// asks for the whole next row, only whether it is 0 matters.
    pub prefetch_bytes: u64,
    /// Whether reductions of a bound length are unrolled into straight code.
    pub unroll_reductions: bool,
}

/// How the four 2-bit fields of a code word's bytes come into dot products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fields {
    /// Shifted down, into one sum.
    Shifted,
    /// Where they are, each into a sum of its own that is shifted at the end: no shift in the
    /// loop. For instructions that take codes up to 255.
    Separate,
    /// The same for three of them; the highest, which would make signed bytes negative, is
    /// shifted down into the lowest one's sum.
    SeparateLow,
}

impl Fields {
    /// Sums of a token and a group of rows.
    pub(crate) const fn sums(self) -> usize {
        match self {
            Fields::Shifted => 1,
            Fields::Separate => 4,
            Fields::SeparateLow => 3,
        }
    }

    /// The sum that field `q` goes into.
    pub(crate) const fn sum_of(self, q: usize) -> usize {
        q % self.sums()
    }

    /// The bit of a byte at which the codes of field `q` are multiplied.
    pub(crate) const fn shift_of(self, q: usize) -> u8 {
        2 * self.sum_of(q) as u8
    }
}

/// The table's choices for products with one type of activations.
#[derive(Clone, Copy)]
struct Products {
    /// Groups of rows of a `gemv`.
    gemv: usize,
    /// How a `gemv` sums fields.
    fields: Fields,
    /// Groups of rows and tokens of a `gemm`.
    gemm: (usize, usize),
    prefetch_bytes: u64,
}

const fn products(gemv: usize, gemm: (usize, usize), prefetch_bytes: u64) -> Products {
    Products {
        gemv,
        fields: Fields::Shifted,
        gemm,
        prefetch_bytes,
    }
}

// Accumulators are `groups * tokens` logical vectors, times the sums of fields. They must leave
// room for the codes and the tables in the register file: 32 registers of 512 bits, 16 of 256,
// 16 of 128 on x86-64 and 32 of 128 on AArch64.
const fn float(isa: Isa) -> Products {
    match isa {
        Isa::Avx512 | Isa::Avx512Vnni => products(4, (4, 4), 4096),
        Isa::Avx2 => products(2, (2, 2), 4096),
        Isa::Sse41 => products(1, (1, 2), 0),
        Isa::Neon | Isa::Dotprod => products(2, (2, 2), 0),
        _ => products(1, (1, 1), 0),
    }
}

const fn int8(isa: Isa) -> Products {
    match isa {
        Isa::Avx512Vnni => Products {
            fields: Fields::Separate,
            ..products(4, (4, 4), 4096)
        },
        Isa::Avx512 => products(4, (4, 4), 4096),
        Isa::Avx2 => products(2, (2, 2), 4096),
        Isa::Sse41 => products(1, (1, 2), 0),
        Isa::Dotprod => Products {
            fields: Fields::SeparateLow,
            ..products(1, (1, 4), 0)
        },
        Isa::Neon => products(2, (2, 2), 0),
        _ => products(1, (1, 1), 0),
    }
}

/// Where base-3 codes are found by arithmetic, a group of rows is enough: its code is long, and
/// further tokens share it.
const fn base3(isa: Isa) -> Products {
    match isa {
        Isa::Avx512Vnni => int8(isa),
        _ => products(1, (1, int8(isa).gemm.1), 0),
    }
}

/// The table's choice for `spec` on an instruction set; a tier stands for its baseline.
pub fn select(spec: &KernelSpec, isa: impl Into<Isa>) -> Schedule {
    let isa = isa.into();
    let products = match (spec.activation, spec.packing) {
        (Activation::F32, _) => float(isa),
        (Activation::I8, Some(Packing::Base3)) => base3(isa),
        (Activation::I8, _) => int8(isa),
    };
    let usual = spec::methods(spec.op, spec.activation).first();
    let method = spec.method.or(usual.copied()).unwrap_or(Method::Select);
    let (row_groups, tokens, fields) = match spec.op {
        Op::Gemv => (products.gemv, 1, products.fields),
        // Four times the code of `dot` for each token, and little to gain from a second one.
        _ if spec.activation == Activation::I8 && method != Method::Dot => {
            (products.gemm.0, 1, Fields::Shifted)
        }
        _ => (products.gemm.0, products.gemm.1, Fields::Shifted),
    };
    Schedule {
        method,
        row_groups,
        tokens,
        fields,
        prefetch_bytes: match (spec.op, isa) {
            (Op::Embed, Isa::Portable) => 0,
            (Op::Embed, _) => CACHE_LINE,
            _ => products.prefetch_bytes,
        },
        unroll_reductions: true,
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Schedule {
            method,
            row_groups,
            tokens,
            prefetch_bytes,
            ..
        } = self;
        write!(
            f,
            "method={method} row_groups={row_groups} tokens={tokens} \
             prefetch_bytes={prefetch_bytes}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn a_field_is_multiplied_where_its_sum_is_shifted_from() {
        assert_eq!([0, 1, 2, 3].map(|q| Fields::Shifted.shift_of(q)), [0; 4]);
        assert_eq!(
            [0, 1, 2, 3].map(|q| Fields::Separate.shift_of(q)),
            [0, 2, 4, 6]
        );
        assert_eq!(
            [0, 1, 2, 3].map(|q| Fields::SeparateLow.shift_of(q)),
            [0, 2, 4, 0]
        );
    }
}
