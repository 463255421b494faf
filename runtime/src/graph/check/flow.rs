//! What rows hold between two calls, and who touches what is remembered.

use super::super::fault::GraphFault;
use super::super::{Angles, Arg, Call, Extent, Graph, Name, Rows};
use super::Place;
use super::call::{Holds, Used};
use atome_codegen::ir::Access;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// What all rows hold.
pub(super) struct Flow {
    /// By the number of the rows: what was written, to which of their columns.
    rows: Vec<Option<(Holds, Range<usize>)>>,
    /// By the number of a state.
    states: Vec<Touched>,
    /// By the number of the rows, of those that are no rows of tokens.
    positions: Vec<Touched>,
    /// By the number of the rows, whether the body touches them.
    pub(super) in_body: Vec<bool>,
}

/// What may be touched by calls of one part alone.
#[derive(Clone, Debug, Default)]
struct Touched {
    /// The part, and the last call of it.
    by: Option<(usize, Arc<str>)>,
    written: bool,
}

impl Flow {
    /// Before the first call there are token ids, and angles.
    pub(super) fn new(graph: &Graph) -> Flow {
        let count = graph.rows.len();
        let mut rows = vec![None; count];
        rows[graph.ids.id] = Some((Holds::Ids, 0..1));
        if let Some(Angles { rows: angles, .. }) = graph.angles {
            rows[angles.id] = Some((Holds::F32, 0..angles.width));
        }
        Flow {
            rows,
            states: vec![Touched::default(); graph.states.len()],
            positions: vec![Touched::default(); count],
            in_body: vec![false; count],
        }
    }

    /// Reads and writes what a call does.
    ///
    /// # Errors
    /// If something is read that is not there, or touched from where it may not.
    pub(super) fn run(
        &mut self,
        graph: &Graph,
        call: &Call,
        used: &[Used],
        place: Place,
    ) -> Result<(), GraphFault> {
        for ((name, arg), used) in call.args.iter().zip(used) {
            match *arg {
                Arg::Rows(rows) => self.rows(graph, call, (used, rows, name), place)?,
                Arg::State(id) => self.state(graph, call, (used, id.0), place)?,
                Arg::Param(_) => {}
            }
        }
        let args = call.args.iter().zip(used);
        args.for_each(|((_, arg), used)| self.write(*arg, used));
        Ok(())
    }

    fn rows(
        &mut self,
        graph: &Graph,
        call: &Call,
        (used, rows, name): (&Used, Rows, &Name),
        place: Place,
    ) -> Result<(), GraphFault> {
        let info = &graph.rows[rows.id];
        let operand = || name.clone();
        match place {
            Place::Part { number, .. } => {
                self.in_body[rows.id] = true;
                if info.extent != Extent::Tokens {
                    let touched = &mut self.positions[rows.id];
                    touched.by_part(("%", &info.name), call, (number, true))?;
                }
            }
            Place::Head if used.access != Access::In && self.in_body[rows.id] => {
                return Err(GraphFault::HeadWrites { operand: operand() });
            }
            Place::Head => {}
        }
        let is_angles = graph.angles.is_some_and(|angles| angles.rows.id == rows.id);
        if used.access != Access::In && (rows.id == graph.ids.id || is_angles) {
            return Err(GraphFault::WritesIds { operand: operand() });
        }
        if !used.takes {
            return Ok(());
        }
        let columns = rows.first..rows.first + rows.width;
        let there = match &self.rows[rows.id] {
            Some((holds, written)) => {
                let all = written.start <= columns.start && columns.end <= written.end;
                *holds == used.holds && all
            }
            None => false,
        };
        match there {
            true => Ok(()),
            false => Err(GraphFault::Holds {
                name: format!("%{}", info.name),
                expected: described(Some(&(used.holds, columns)), info.width),
                found: described(self.rows[rows.id].as_ref(), info.width),
            }),
        }
    }

    fn state(
        &mut self,
        graph: &Graph,
        call: &Call,
        (used, id): (&Used, usize),
        place: Place,
    ) -> Result<(), GraphFault> {
        let Place::Part { number, each_token } = place else {
            return Err(GraphFault::StateInHead);
        };
        let (info, touched) = (&graph.states[id], &mut self.states[id]);
        touched.by_part(("", &info.name), call, (number, each_token))?;
        // What of a cache was not written is what other sessions left there.
        if info.cache.is_some() && used.access == Access::In && !touched.written {
            return Err(GraphFault::Holds {
                name: info.name.clone(),
                expected: "the current token".to_owned(),
                found: "those before it".to_owned(),
            });
        }
        touched.written |= used.access != Access::In;
        Ok(())
    }

    fn write(&mut self, arg: Arg, used: &Used) {
        let Arg::Rows(rows) = arg else { return };
        if used.access == Access::In {
            return;
        }
        let new = rows.first..rows.first + rows.width;
        let held = &mut self.rows[rows.id];
        let columns = match held {
            Some((holds, old))
                if *holds == used.holds && new.start <= old.end && old.start <= new.end =>
            {
                new.start.min(old.start)..new.end.max(old.end)
            }
            _ => new,
        };
        *held = Some((used.holds, columns));
    }

    /// Whether rows are whole, and numbers.
    pub(super) fn is_whole(&self, rows: Rows) -> bool {
        self.rows[rows.id] == Some((Holds::F32, 0..rows.width))
    }
}

impl Touched {
    /// Refuses a second part, and a second call of a part that runs each over all tokens.
    fn by_part(
        &mut self,
        (sign, name): (&str, &str),
        call: &Call,
        (part, each_token): (usize, bool),
    ) -> Result<(), GraphFault> {
        if let Some((other, by)) = &self.by
            && !(*other == part && each_token)
        {
            return Err(GraphFault::Parts {
                name: format!("{sign}{name}"),
                other: by.to_string(),
            });
        }
        self.by = Some((part, Arc::clone(&call.name)));
        Ok(())
    }
}

fn described(held: Option<&(Holds, Range<usize>)>, width: usize) -> String {
    match held {
        None => "nothing".to_owned(),
        Some((holds, columns)) if *columns == (0..width) => holds.to_string(),
        Some((holds, columns)) => format!("{holds} in columns {columns:?}"),
    }
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holds::F32 => f.write_str("f32"),
            Holds::I32 => f.write_str("sums of int8"),
            Holds::I8(cols) => write!(f, "int8 of {cols} columns"),
            Holds::Ids => f.write_str("token ids"),
            Holds::Slots => f.write_str("kept positions"),
        }
    }
}
