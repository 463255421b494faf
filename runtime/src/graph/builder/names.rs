//! Names within scopes.

use super::super::{ParamId, Rows, StateId};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What a name names.
#[derive(Clone, Copy, Debug)]
pub(in crate::graph) enum Named {
    Param(ParamId),
    State(StateId),
    Rows(Rows),
}

/// The scopes that are open, and what has a name.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The names of the scopes that are open, each with a dot behind it.
    prefix: String,
    /// Where each of them begins in it.
    scopes: Vec<usize>,
    /// By whole names, those of rows behind a `%`.
    known: BTreeMap<String, Named>,
}

impl Names {
    pub(super) fn open(&mut self, name: &str) {
        self.scopes.push(self.prefix.len());
        self.prefix.push_str(name);
        self.prefix.push('.');
    }

    /// Closes the scope that was opened last, if one is open.
    pub(super) fn close(&mut self) {
        self.prefix.truncate(self.scopes.pop().unwrap_or_default());
    }

    /// Scopes that are open.
    pub(super) fn depth(&self) -> usize {
        self.scopes.len()
    }

    /// A name with those of the scopes that it is in.
    pub(super) fn whole(&self, name: &str) -> String {
        [&self.prefix, name].concat()
    }

    /// What a name names here: in the innermost scope that has it. One that begins with a dot is whole.
    pub(super) fn find(&self, sign: &str, name: &str) -> Option<Named> {
        let known = |prefix: &str, name| self.known.get(&[sign, prefix, name].concat()).copied();
        if let Some(whole) = name.strip_prefix('.') {
            return known("", whole);
        }
        let inner = known(&self.prefix, name);
        let mut outer = self.scopes.iter().rev();
        inner.or_else(|| outer.find_map(|end| known(&self.prefix[..*end], name)))
    }

    /// Gives a whole name; tells whether it was not taken.
    pub(super) fn take(&mut self, sign: &str, name: &str, named: Named) -> bool {
        match self.known.entry([sign, name].concat()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(named);
                true
            }
        }
    }
}
