//! How a kernel is laid over a machine: pure choices, before any code.
//!
//! Every choice gives the same bits; only speed depends on it. A schedule has the choices that its
//! op has, prints as `method=dot mr=64 nr=4 fields=shifted sum=i32 prefetch=4096`, and is read back:
//!
//! | field | what |
//! |---|---|
//! | `method` | method of the ternary product |
//! | `mr` | rows of a register tile of a product, elements of a value of the gated delta rule: 16 a vector |
//! | `nr` | tokens of a register tile, which share one reading of the weights |
//! | `fields` | where the codes of a word are multiplied, for the method `dot` |
//! | `sum` | what these products are added up in; of a row in base 3, what three times a byte is computed in |
//! | `prefetch` | how far ahead weights are asked for, in bytes, and of one token read as one stream; 0 for neither |
//! | `unroll` | up to how many iterations a short loop of bound length becomes straight code |
//!
//! All columns of a panel of [`BLOCK_ROWS`](atome_spec::layout::BLOCK_ROWS) rows are summed in one
//! go, as the order of an f32 sum asks for, so there is no `kc`; the panel is the packing's.
//!
//! | file | what |
//! |---|---|
//! | `choice` | the values that a field may have |
//! | `table` | the choice for an op and an instruction set |
//! | `candidates` | what else there is to choose |
//! | `check` | whether a schedule fits a specification |
//! | `text` | the text form |

mod candidates;
mod check;
mod choice;
mod table;
mod text;

pub use candidates::candidates;
pub use check::ScheduleError;
pub use choice::{Field, Fields, Sum};
pub use table::{gains, is_ahead_of_time, looked_up, select, select_narrow};
pub use text::ParseError;

pub(crate) use choice::Choice;
pub(crate) use table::{gemm, gemv, unrolled};

use atome_spec::{LANES, Method};

/// The choices for one kernel; those that its op has not are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Schedule {
    /// Method of the ternary product.
    pub method: Option<Method>,
    /// Rows of a register tile: 16, 32 or 64.
    pub mr: Option<u32>,
    /// Tokens of a register tile.
    pub nr: Option<u32>,
    /// Where the codes of a word are multiplied.
    pub fields: Option<Fields>,
    /// What these products are added up in; of a row in base 3, what three times a byte is computed in.
    pub sum: Option<Sum>,
    /// How far ahead weights are prefetched, in bytes; 0 for not at all. Of a look-up, which
    /// asks for the whole next row, only whether it is 0 matters.
    pub prefetch: Option<u32>,
    /// Up to how many iterations a short loop of bound length becomes straight code.
    pub unroll: Option<u32>,
}

/// The choices as a lowering takes them. What is not chosen has the plainest value.
impl Schedule {
    pub(crate) fn method(&self) -> Method {
        self.method.unwrap_or(Method::Select)
    }

    /// Groups of 16 rows of a register tile.
    pub(crate) fn row_groups(&self) -> usize {
        self.mr.map_or(1, |rows| rows as usize / LANES)
    }

    /// Tokens of a register tile.
    pub(crate) fn tokens(&self) -> usize {
        self.nr.map_or(1, |tokens| tokens as usize)
    }

    pub(crate) fn fields(&self) -> Fields {
        self.fields.unwrap_or(Fields::Shifted)
    }

    pub(crate) fn sum(&self) -> Sum {
        self.sum.unwrap_or(Sum::I32)
    }

    /// Words between those that are read and those that are asked for; 0 if none are.
    pub(crate) fn prefetch_words(&self) -> u64 {
        u64::from(self.prefetch.unwrap_or(0)) / 4
    }

    pub(crate) fn unroll(&self) -> u32 {
        self.unroll.unwrap_or(1)
    }

    /// The choices of `self`, and those of `other` where it has none.
    ///
    /// ```
    /// use atome_codegen::Schedule;
    ///
    /// let pinned: Schedule = "mr=16".parse()?;
    /// let selected: Schedule = "mr=64 nr=4".parse()?;
    /// assert_eq!(pinned.or(selected).to_string(), "mr=16 nr=4");
    /// # Ok::<(), atome_codegen::schedule::ParseError>(())
    /// ```
    #[must_use]
    pub fn or(self, other: Schedule) -> Schedule {
        let method = self.method.or(other.method);
        // Fields of another method are none of this one.
        let same = other.method == method;
        let fields = self.fields.or(other.fields.filter(|_| same));
        let sum = self.sum.or(other.sum.filter(|_| same));
        let (fields, sum) = match method {
            Some(Method::Dot) => (fields.or(Some(Fields::Shifted)), sum.or(Some(Sum::I32))),
            Some(Method::Lut) => (fields.or(Some(Fields::Lanes)), sum),
            Some(Method::Select) | None => (fields, sum),
        };
        Schedule {
            method,
            mr: self.mr.or(other.mr),
            nr: self.nr.or(other.nr),
            fields,
            sum,
            prefetch: self.prefetch.or(other.prefetch),
            unroll: self.unroll.or(other.unroll),
        }
    }
}
