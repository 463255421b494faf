use super::{Plan, Stage};
use std::ops::Index;

/// Where a session enters a plan: one of its lists of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A block of tokens, up to the last residual.
    Block,
    /// The logits of the last token of the block that just ran, and the greatest of them.
    Head,
    /// The logits of each row of the block that just ran, and the greatest of each.
    Rows,
    /// A block whose rows are tokens of different sessions, up to the last residual.
    Sessions,
}

impl Entry {
    pub(crate) const ALL: [Entry; 4] = [Entry::Block, Entry::Head, Entry::Rows, Entry::Sessions];

    /// Its name in a printed plan.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Entry::Block => "block",
            Entry::Head => "head",
            Entry::Rows => "rows",
            Entry::Sessions => "sessions",
        }
    }
}

impl Plan {
    /// The calls of an entry, in order.
    pub(crate) fn stages(&self, entry: Entry) -> &[Stage] {
        match entry {
            Entry::Block => &self.stages,
            Entry::Head => &self.head,
            Entry::Rows => &self.rows_head,
            Entry::Sessions => &self.sessions,
        }
    }
}

/// Something for each entry.
#[derive(Debug)]
pub(crate) struct PerEntry<T>([T; 4]);

impl<T> PerEntry<T> {
    pub(crate) fn new<E>(mut of: impl FnMut(Entry) -> Result<T, E>) -> Result<PerEntry<T>, E> {
        let [block, head, rows, sessions] = Entry::ALL;
        let each = [of(block)?, of(head)?, of(rows)?, of(sessions)?];
        Ok(PerEntry(each))
    }
}

impl<T> Index<Entry> for PerEntry<T> {
    type Output = T;

    fn index(&self, entry: Entry) -> &T {
        &self.0[entry as usize]
    }
}
