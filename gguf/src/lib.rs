//! GGUF files, versions 2 and 3: metadata and named tensors, borrowed from bytes that the caller has mapped or read.
//!
//! Nothing is trusted and little is copied: every length, product, offset and alignment is checked against the bytes before
//! it is used, and strings, arrays and tensors are slices of the file. What is wrong is said in one line, with what was
//! expected, what was found, and the key or tensor and byte where it was.
//!
//! | module | job |
//! |---|---|
//! | [`file`](Gguf) | the header, and all parts together |
//! | `metadata`, `value` | keys and typed values |
//! | `tensor`, `place` | the table of tensors, and where their bytes are |
//! | `type_id` | the numbers of element types, their names and sizes |
//! | `block` | types that are read: weights, trits and scales of their blocks |
//! | [`split`] | models in several files |
//! | [`mod@write`] | files from keys and tensors |
//!
//! ```
//! use atome_gguf::write::Writer;
//! use atome_gguf::{Gguf, TypeId, Value};
//!
//! let mut writer = Writer::new();
//! writer.key("general.architecture", Value::String("tiny"));
//! writer.tensor("norm.weight", &[2], TypeId::F32, &[0, 0, 128, 63, 0, 0, 0, 192]);
//! let bytes = writer.finish();
//!
//! let file = Gguf::parse(&bytes)?;
//! assert_eq!(file.metadata().string("general.architecture")?, Some("tiny"));
//! let norm = file.tensor("norm.weight").expect("it was written");
//! assert_eq!(norm.values()?, [1.0, -2.0]);
//! # Ok::<(), atome_gguf::Error>(())
//! ```
#![forbid(unsafe_code)]

mod block;
mod cursor;
mod error;
mod file;
mod metadata;
mod place;
pub mod split;
mod tensor;
mod type_id;
mod value;
pub mod write;

pub use block::{Layout, NotATrit, Ternary};
pub use error::{Error, Fault, Found, Place};
pub use file::{Gguf, is_gguf};
pub use metadata::{Entry, Metadata};
pub use tensor::Tensor;
pub use type_id::TypeId;
pub use value::{Array, Scalar, Strings, Value, ValueType};
