//! The text form of functions: [`Display`](std::fmt::Display) prints, [`parse`] reads.
//!
//! For every valid function `f`, `parse(&f.to_string())` is `f` again, value numbers and
//! types included, except that the type table forgets numbers without a definition; and
//! it prints as the same text.
//!
//! ```text
//! kernel gemv(rows, cols) scalars(scale) {      dimensions, f32 parameters
//!   in x: f32[cols]                             in, out or inout; f32 or i32; length
//!   out out: f32[rows]
//!
//!   %0: f32 = const.f32 1.5                     every definition has its type
//!   %9: f32 = for %1 in 0..cols unroll 2 carry %2: f32 = %0 {
//!     ...                                       %9 is the last value of %2
//!     yield %8                                  %8 is the next value of %2
//!   }
//!   store out[0] = %9
//! }
//! ```
//!
//! # Grammar
//! Blanks and line ends only separate; `//` starts a comment that ends with the line.
//! `%` with a digit right after it is a value, otherwise the remainder operator.
//! ```text
//! function = "kernel" name "(" [name {"," name}] ")" ["scalars" "(" name {"," name} ")"]
//!            "{" {buffer} {stmt} "}"
//! buffer   = ("in" | "out" | "inout") name ":" ("f32" | "i32") "[" size "]"
//! stmt     = def "=" inst
//!          | [def {"," def} "="] loop
//!          | "store" place "=" value ["lanes" size]
//!          | "prefetch" place
//! loop     = "for" value [":" type] "in" "0" ".." size ["unroll" natural]
//!            ["carry" def "=" value {"," def "=" value}]
//!            "{" {stmt} ["yield" value {"," value}] "}"
//! def      = value ":" type
//! type     = "index" | "f32" | "i32" | "f32x16" | "i32x16"
//! place    = name "[" address "]"
//! address  = term {"+" term} ["+" size] | size
//! term     = value ["*" atom]
//! size     = product {"+" product | "-" natural}
//! product  = atom {"*" atom | "/" natural | "%" natural}
//! atom     = natural | name | "(" size ")"
//! inst     = "const.f32" f32 | "const.i32" i32 | "size.f32" size | "param" name
//!          | "splat" value | "iota" | unary value | binary value "," value
//!          | ("shl" | "shr" | "sar") value "," natural
//!          | ("lt" | "le" | "eq") value "," value
//!          | "select" value "," value "," value
//!          | ("reduce.add" | "reduce.max") value
//!          | "extract" value "," natural | "keep" value "lanes" size
//!          | "trit_select" value "," "bit" natural "," value
//!          | "load" place ["lanes" size] | "to_index" value | "from_index" value
//! unary    = "neg" | "abs" | "sqrt" | "to_float" | "to_bits" | "from_bits"
//! binary   = "add" | "sub" | "mul" | "div" | "max" | "min" | "and" | "or" | "xor"
//! f32      = ["-"] (decimal | "inf") | "0x" bits
//! ```

mod cursor;
mod error;
mod lex;
mod mnemonic;
mod operand;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use error::{ParseError, Problem};
pub use parse::parse;
pub use print::Shown;
