//! A graph as text: [`Display`](std::fmt::Display) prints, [`FromStr`](std::str::FromStr) reads, and either is the other's
//! inverse.
//!
//! # Grammar
//! Blanks and line ends only separate; `#` starts a comment that ends with the line.
//! ```text
//! graph     = "graph" name ["window" natural] "{" {statement} "}"
//! statement = "param" name ":" kind ["tanh" | "newest_tap_first"] ["random" number ".." number]
//!           | "state" name ":" "f32" "[" natural "]"
//!           | "cache" name ":" "f32" "[" natural "," natural "]"
//!           | "output" rows
//!           | "angles" rows "base" "=" number
//!           | name "{" {statement} "}"
//!           | name ".." natural "{" {statement} "}"
//!           | "each" "token" "{" {call} "}"
//!           | "head" "{" {statement} "}"
//!           | call
//! kind      = "trits" "[" natural "," natural "]" ["by" natural] | "table" "[" natural "," natural "]"
//!           | "f32" "[" natural {"," natural} "]"
//! call      = name ":" op name "=" operand {"," name "=" operand}
//!           | name ":" "map" name "=" operand {"," name "=" operand} "{" expressions "}"
//!           | [rows "="] function name "(" [argument {"," argument}] ")" ["eps" "=" number]
//! operand   = rows | name | number
//! argument  = rows | natural
//! rows      = "%" name ["[" columns "]"]
//! columns   = natural | natural ".." natural | "positions" | ".." natural
//! name      = ["."] word {"." word}
//! number    = ["-"] decimal
//! ```
//! `docs/graph.md` says what it means.
//!
//! | file | concept |
//! |---|---|
//! | `lex` | characters to tokens |
//! | `cursor` | a place among the tokens |
//! | `parse` | statements |
//! | `call` | calls and their operands |
//! | `function` | calls that are composed, by the functions of a builder |
//! | `print`, `fold` | a graph to lines; scopes that are alike once |
//! | `error` | what can be wrong with a text |

mod call;
mod cursor;
mod error;
mod fold;
mod function;
mod lex;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use error::{ParseError, Problem};
