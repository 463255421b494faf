//! A server and its clients. One binary, as each links all of the server:
//! `cargo test -p atome-serve --test server`, and a module's name for a part.
//!
//! | module | what must hold |
//! |---|---|
//! | `completions`, `chats`, `looks` | what each path answers |
//! | `refusals` | what it cannot do is said by field |
//! | `bounds` | keys, hosts, origins, queue, time, the end |
//! | `same_bytes` | answers do not depend on how they came about |
//! | `sessions` | nor do sessions, wherever they were |
//! | `faults` | slow, gone and malformed clients, full disks |
//! | `page` | the page takes nothing from elsewhere |
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bounds;
mod chats;
mod completions;
mod faults;
mod looks;
mod page;
mod refusals;
mod same_bytes;
mod sessions;
mod support;
