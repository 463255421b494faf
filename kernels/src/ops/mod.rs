//! Operations too irregular for the compiler: plain functions that compiled plans call, and those of callers who bring
//! weights that are not packed.

mod byte_rows;
mod top_k;

pub use byte_rows::ByteRows;
pub use top_k::top_k;
