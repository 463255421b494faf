use crate::layout::WORD_COLS;
use crate::name::named;

/// How trits become bytes. [`crate::layout`] gives the order in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Packing {
    /// 2.0 bits a weight: four trits a byte, code = trit + 1.
    Int2,
    /// 1.6 bits a weight: five trits a byte, 3^5 = 243 values.
    Base3,
}

/// What there is to know of a packing, but for its name and its codes.
struct Row {
    /// Columns held by one `u32` of a `gemv`/`gemm` matrix.
    word_cols: usize,
    /// Columns held by one 64-byte embedding tile.
    tile_cols: usize,
}

impl Packing {
    const fn row(self) -> Row {
        match self {
            Packing::Int2 => Row {
                word_cols: WORD_COLS,
                tile_cols: 256,
            },
            Packing::Base3 => Row {
                word_cols: 20,
                tile_cols: 320,
            },
        }
    }

    /// Columns held by one `u32` of a `gemv`/`gemm` matrix.
    pub const fn word_cols(self) -> usize {
        self.row().word_cols
    }

    /// Columns held by one 64-byte embedding tile.
    pub const fn tile_cols(self) -> usize {
        self.row().tile_cols
    }
}

named!(Packing, "packing", { Int2 => "int2", Base3 => "base3" });
