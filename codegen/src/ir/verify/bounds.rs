//! Invariant 12: what can be decided about addresses without running the function.
//!
//! Inside loops that all surely run, the counters take every combination of their values,
//! so an address whose sizes are constants has a greatest value that surely occurs: the one
//! with every counter at its end. An index that comes from data counts as 0, its least
//! value, so an access is reported only if it leaves its buffer whatever the data are.

use super::fault::Fault;
use crate::ir::{Address, BufferParam, Lanes, Loop, Type, Value};
use atome_spec::LANES;

/// The loops around a statement.
#[derive(Default)]
pub(super) struct Ranges {
    /// The counter of each loop and its greatest value; `None` if the loop may not run.
    loops: Vec<(Value, Option<u64>)>,
}

impl Ranges {
    /// Enters a loop's body.
    pub(super) fn enter(&mut self, l: &Loop) {
        let greatest = l.known_trip().and_then(|trip| trip.checked_sub(1));
        self.loops.push((l.counter, greatest));
    }

    /// Leaves the innermost loop's body.
    pub(super) fn leave(&mut self) {
        self.loops.pop();
    }

    /// Whether the statement surely runs with every counter at its end.
    fn surely_runs(&self) -> bool {
        self.loops.iter().all(|(_, greatest)| greatest.is_some())
    }

    /// A value that an index surely reaches, at the iteration where every counter does.
    fn reached(&self, index: Value) -> u64 {
        let found = self.loops.iter().find(|(counter, _)| *counter == index);
        found.and_then(|(_, greatest)| *greatest).unwrap_or(0)
    }

    /// Checks an access to lanes of type `ty`.
    pub(super) fn check_access(
        &self,
        buffer: &BufferParam,
        address: &Address,
        lanes: &Lanes,
        ty: Type,
    ) -> Result<(), Fault> {
        let (Some(len), Some(last)) = (buffer.len.as_const(), self.last(address, lanes, ty)) else {
            return Ok(());
        };
        if last < u128::from(len) {
            return Ok(());
        }
        let buffer = buffer.name.clone();
        Err(Fault::OutOfBounds { buffer, len, last })
    }

    /// The greatest element that an access surely touches, if it surely touches any.
    fn last(&self, address: &Address, lanes: &Lanes, ty: Type) -> Option<u128> {
        if !self.surely_runs() {
            return None;
        }
        let count = match lanes {
            _ if !ty.is_vector() => 1,
            Lanes::All => LANES as u64,
            Lanes::First(n) => n.as_const()?.min(LANES as u64),
        };
        let mut last = u128::from(address.base.as_const()?) + u128::from(count.checked_sub(1)?);
        for (index, stride) in &address.terms {
            let step = u128::from(self.reached(*index)) * u128::from(stride.as_const()?);
            last = last.saturating_add(step);
        }
        Some(last)
    }

    /// Checks that an index fits an i32.
    pub(super) fn check_index(&self, index: Value) -> Result<(), Fault> {
        let greatest = self.reached(index);
        if self.surely_runs() && greatest > i32::MAX as u64 {
            return Err(Fault::IndexTooGreat { index, greatest });
        }
        Ok(())
    }
}
