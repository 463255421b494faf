//! Tensors: what a model asks for. Below graphs and formats, and knows neither.
//!
//! | file | concept |
//! |---|---|
//! | `param` | a tensor that a model asks a file for: its name, shape and role |

mod param;

pub(crate) use param::{Kind, Param, Prepare, Role};
