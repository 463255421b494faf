//! The module once more, as an example: alone among the libraries of a workspace, cargo builds one for a test without building
//! anything else in another way.
#[path = "../../src/lib.rs"]
mod library;
