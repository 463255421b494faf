//! What a causal filter remembers of some channels, in registers while tokens pass.

use crate::ir::{Address, Buffer, Builder, Lanes, Size, Value};

/// Most tokens before the current one that are kept in registers.
const HELD: u64 = 7;

/// Rows of the tokens before the first one, the newest first, of a filter whose length is known.
pub(super) struct Past {
    history: Buffer,
    channels: Size,
    pub(super) rows: u64,
}

impl Past {
    /// Of a history of so many rows; `None` if they are too many or not known.
    pub(super) fn held(history: Buffer, channels: &Size, rows: &Size) -> Option<Past> {
        let rows = rows.as_const().filter(|rows| *rows <= HELD)?;
        Some(Past {
            history,
            channels: channels.clone(),
            rows,
        })
    }

    /// Runs `token` for one token after the other: with its number and the samples of some channels, the newest first, which is
    /// what `newest` gives. The history is read before the first and written behind the last.
    pub(super) fn for_each_token(
        &self,
        b: &mut Builder,
        (at, lanes): (&Address, &Lanes),
        tokens: &Size,
        newest: impl FnOnce(&mut Builder, Value) -> Value,
        token: impl FnOnce(&mut Builder, Value, &[Value]),
    ) {
        let row = |k: u64| at.clone().offset(self.channels.clone() * k);
        let before = (0..self.rows).map(|k| b.load_vector(self.history, row(k), lanes.clone()));
        let before: Vec<Value> = before.collect();
        let after = b.for_loop(tokens.clone(), &before, |b, t, before| {
            let mut samples = vec![newest(b, t)];
            samples.extend(before);
            token(b, t, &samples);
            samples.pop();
            samples
        });
        for (k, sample) in (0..).zip(after) {
            b.store(self.history, row(k), sample, lanes.clone());
        }
    }
}
