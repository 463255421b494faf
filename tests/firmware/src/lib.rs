//! The little that a board needs to run a classifier in firmware.
//!
//! | file | concept |
//! |---|---|
//! | `board` | from reset to `main`: memory, the floating-point unit, the stack |
//! | `host` | words to the machine that emulates the board |
//! | `bin/sensor` | firmware: bytes in, a class out, nothing else |
//! | `bin/check` | what the model answers, against the runtime; instructions and stack of an inference |
#![no_std]

pub mod board;
pub mod host;
