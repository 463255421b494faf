//! Maps and sets of what the compiler makes itself, which nobody else chooses: a hash that is fast in place of one that
//! withstands chosen keys.

use foldhash::fast::FixedState;

pub(crate) type Map<K, V> = std::collections::HashMap<K, V, FixedState>;
#[cfg(any(feature = "clif", feature = "rust", feature = "wide"))]
pub(crate) type Set<T> = std::collections::HashSet<T, FixedState>;
