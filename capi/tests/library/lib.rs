//! The library once more, as an example: alone among the libraries of a workspace, cargo builds one for a test without building
//! anything else in another way.
#![allow(
    unsafe_code,
    reason = "C gives addresses; `lent` makes references of them and says what they must be"
)]

#[path = "../../src/lent.rs"]
mod lent;
#[path = "../../src/model.rs"]
mod model;
#[path = "../../src/options.rs"]
mod options;
#[path = "../../src/product.rs"]
mod product;
#[path = "../../src/rows.rs"]
mod rows;
#[path = "../../src/sampler.rs"]
mod sampler;
#[path = "../../src/session.rs"]
mod session;
#[path = "../../src/status.rs"]
mod status;
#[path = "../../src/text.rs"]
mod text;
