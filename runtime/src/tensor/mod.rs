//! Tensors: what a model asks for, and what a file has. Below graphs and formats, and knows neither.
//!
//! | file | concept |
//! |---|---|
//! | `param` | a tensor that a model asks a file for: its name, shape and role |
//! | `tensors` | named tensors, wherever their elements are |
//! | `source` | tensors that are read a part at a time |
//! | `stored` | the bytes of a file, and parts of them that are as kernels read them |
//! | `memory`, `floats`, `table` | tensors in memory, floats of a file, tables of any type |
//! | `halves` | rows of f16 as kernels read them |
//! | `blocks` | checksums of the parts of a table |
//! | `latent` | trits of the floats that they were trained as |
//! | `trits` | trits without gaps, 4 or 5 a byte |
//! | `check` | whether tensors are those that a model asks for |
//! | `random` | seeded random tensors |

mod blocks;
mod check;
mod floats;
pub(crate) mod halves;
mod latent;
mod memory;
mod param;
mod random;
mod source;
mod stored;
mod table;
mod tensors;
pub(crate) mod trits;

pub(crate) use blocks::{BlockSums, block_fault, rows_of_block};
pub(crate) use check::{check_finite, check_tensors, check_trits, read_all};
pub(crate) use floats::{FileFloats, FloatType};
pub(crate) use latent::{Latent, quantize_into};
pub use memory::{Ternary, Values};
pub use param::Prepare;
pub(crate) use param::{Kind, Param, Role};
pub(crate) use random::random_tensors;
pub(crate) use source::Shapes;
pub use source::{Floats, TritRows};
pub(crate) use stored::Source;
pub use stored::Stored;
pub(crate) use table::{Elements, Tables, words};
pub use table::{EmbeddingTable, EmbeddingType};
pub use tensors::{FloatTensor, Tensor, Tensors, TernaryGroups, TernaryTensor};
