use crate::UnknownName;
use crate::layout::WORD_COLS;
use crate::name::named;

/// How trits become bytes. [`crate::layout`] gives the order in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Packing {
    /// 2.0 bits a weight: four trits a byte, code = trit + 1.
    Int2,
    /// 1.6 bits a weight: five trits a byte, 3^5 = 243 values.
    Base3,
    /// The words of [`Packing::Int2`] with the bytes of each whole block of rows in another order, so that a look-up of
    /// bytes finds its indices as they lie. For matrices in memory alone: no file has it, and no table.
    Sorted,
}

/// What there is to know of a packing, but for its name and its codes.
struct Row {
    /// Columns held by one `u32` of a `gemv`/`gemm` matrix.
    word_cols: usize,
    /// Columns held by one 64-byte embedding tile.
    tile_cols: usize,
}

impl Packing {
    /// Those that files and tables have, the default first.
    pub const STORED: &'static [Packing] = &[Packing::Int2, Packing::Base3];
    /// The names of [`Packing::STORED`], in the same order.
    pub const STORED_NAMES: &'static [&'static str] =
        &[Packing::Int2.name(), Packing::Base3.name()];

    /// The one that files have for the same codes.
    ///
    /// ```
    /// use atome_spec::Packing;
    ///
    /// assert_eq!(Packing::Sorted.stored(), Packing::Int2);
    /// assert!(Packing::STORED.iter().all(|packing| packing.stored() == *packing));
    /// ```
    #[must_use]
    pub const fn stored(self) -> Packing {
        match self {
            Packing::Int2 | Packing::Sorted => Packing::Int2,
            Packing::Base3 => Packing::Base3,
        }
    }

    /// The packing of files that has a name.
    ///
    /// # Errors
    /// If none has it.
    pub fn stored_as(name: &str) -> Result<Packing, UnknownName> {
        let found = Packing::STORED
            .iter()
            .find(|packing| packing.name() == name);
        found.copied().ok_or(UnknownName {
            kind: "packing",
            known: Packing::STORED_NAMES,
        })
    }

    const fn row(self) -> Row {
        match self {
            Packing::Int2 | Packing::Sorted => Row {
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

named!(Packing, "packing", { Int2 => "int2", Base3 => "base3", Sorted => "sorted" });
