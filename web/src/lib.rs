//! The module that `package/index.mjs` loads: models of `atome` behind functions of numbers over one linear memory.
//!
//! | file | concept |
//! |---|---|
//! | `answer` | what a call comes to: a handle or a status, a message, bytes |
//! | `memory` | memory that the caller writes |
//! | `model` | loaded models |
//! | `session` | sequences of tokens over a model |
//! | `sampler` | from logits to a token |
//! | `text` | text to tokens and back |
//!
//! A handle is the address of a boxed value, or 0. What is unsafe is so for the caller, `package/index.mjs`: it gives handles that it was given and has
//! not closed, and memory that it asked for here. There is one thread. A panic ends the module, and its message is kept.
#![allow(
    unsafe_code,
    reason = "the caller gives addresses; `memory` says what they must be"
)]

mod answer;
mod memory;
mod model;
mod sampler;
mod session;
mod text;
