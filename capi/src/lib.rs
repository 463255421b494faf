//! The C library `libatome`: the kernels of `atome-kernels` and the models of `atome` behind C functions. What each takes, gives
//! and refuses is written where its callers look, in `include/atome.h`.
//!
//! | file | concept |
//! |---|---|
//! | `status` | what a call comes to: a status, a message, no panic |
//! | `lent` | pointers of callers as slices and references, checked |
//! | `rows` | embedding tables: the specification's primitive, packed tables |
//! | `product` | ternary matrices: packing, quantising, products |
//! | `model`, `options` | loaded models |
//! | `session` | sequences of tokens over a model |
//! | `sampler` | from logits to a token |
//! | `text` | text to tokens and back |
//!
//! A handle that C holds is the address of a boxed value of the type of its name, or of one in memory that the caller gave. A null,
//! misaligned or oversized argument is found here, what else is wrong with it by the crate that it is for.
#![allow(
    unsafe_code,
    reason = "C gives addresses; `lent` makes references of them and says what they must be"
)]

mod lent;
mod model;
mod options;
mod product;
mod rows;
mod sampler;
mod session;
mod status;
mod text;
