//! Operations too irregular for the compiler: plain functions that compiled plans call.

mod top_k;

pub use top_k::top_k;
