//! What the tests that cross crates share.
//!
//! | module | concept |
//! |---|---|
//! | [`cases`] | every op on awkward shapes, with what the scalar reference gives |
//! | [`fuzz`] | what a stranger's bytes must not do: the fuzz targets |
//! | [`graphs`] | random graphs |
//! | [`oracle`] | every op, and whole models, in f64 |
//! | [`published`] | the published models and their golden outputs |
//! | [`runs`] | every way to run a model on this machine |
//! | [`sessions`] | the same bits from sessions, however they run |
//! | [`targets`] | the machines whose code this one runs |
//! | [`ulp`] | how far a numeric function is from the correctly rounded result |

pub mod cases;
pub mod edges;
pub mod fuzz;
pub mod graphs;
pub mod oracle;
pub mod published;
pub mod runs;
pub mod sessions;
pub mod targets;
pub mod ulp;
