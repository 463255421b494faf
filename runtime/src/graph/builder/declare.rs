//! What a graph declares: parameters, rows and states.

use super::{Builder, Named, Place};
use crate::graph::check::limits;
use crate::graph::fault::GraphFault;
use crate::graph::{
    Angles, CacheLayout, Extent, Item, ParamId, Rows, RowsInfo, StateId, StateInfo,
};
use crate::tensor::{Kind, Param, Prepare, Role};

impl Builder {
    /// Declares a ternary tensor. What it is for is told by the call that reads it.
    pub fn ternary(&mut self, name: &str, [rows, cols]: [usize; 2]) -> ParamId {
        self.trits(name, [rows, cols], None)
    }

    /// Declares a ternary tensor that has a scale for each `group` columns of a row: 64, 128 or 256.
    pub fn ternary_by(&mut self, name: &str, shape: [usize; 2], group: usize) -> ParamId {
        self.trits(name, shape, Some(group))
    }

    fn trits(&mut self, name: &str, [rows, cols]: [usize; 2], group: Option<usize>) -> ParamId {
        let kind = Kind::Ternary {
            rows,
            cols,
            // Of a tensor that nothing reads, only the size matters.
            role: Role::Matrix,
            group,
        };
        self.param(name, kind, (0.0, 0.0))
    }

    /// Declares a table of rows to be looked up; a random model's elements are in the interval `typical`.
    pub fn table(&mut self, name: &str, [rows, cols]: [usize; 2], typical: (f32, f32)) -> ParamId {
        self.param(name, Kind::Table { rows, cols }, typical)
    }

    /// Declares f32 numbers; a random model's are in the interval `typical`.
    pub fn floats(&mut self, name: &str, shape: &[usize], typical: (f32, f32)) -> ParamId {
        self.param(name, Kind::Floats(shape.to_vec()), typical)
    }

    /// Says what becomes of a float tensor before kernels read it.
    pub fn prepare(&mut self, param: ParamId, prepare: Prepare) -> ParamId {
        let found = self.graph.params.get_mut(param.0);
        match found.filter(|param| matches!(param.kind, Kind::Floats(_))) {
            Some(found) => found.prepare = prepare,
            None => self.refuse(prepare.name(), GraphFault::NotFloats),
        }
        param
    }

    /// Says which interval a random model draws the numbers of a parameter from.
    pub fn typical(&mut self, param: ParamId, (low, high): (f32, f32)) -> ParamId {
        let found = self.graph.params.get_mut(param.0);
        let Some(found) = found.filter(|param| !matches!(param.kind, Kind::Ternary { .. })) else {
            self.refuse("random", GraphFault::NotFloats);
            return param;
        };
        found.typical = (low, high);
        let holds = limits::param(&found.kind, found.typical);
        let name = found.name.clone();
        self.expect(&name, holds);
        param
    }

    fn param(&mut self, name: &str, kind: Kind, typical: (f32, f32)) -> ParamId {
        let name = self.named(name);
        self.expect(&name, limits::param(&kind, typical));
        let id = self.graph.params.len();
        self.take("", &name, Named::Param(ParamId(id)));
        if id >= limits::PARAMS {
            self.refuse(&name, GraphFault::limit("parameters", limits::PARAMS));
        }
        if self.fault.is_none() {
            self.graph.params.push(Param {
                name,
                kind,
                prepare: Prepare::AsStored,
                typical,
            });
            self.record(Item::Param(id));
        }
        ParamId(id)
    }

    /// Makes rows of `width` values a token.
    pub fn rows(&mut self, name: &str, width: usize) -> Rows {
        self.make(name, width, Extent::Tokens)
    }

    /// Makes the rows that a session reads after a run, beside the logits.
    pub fn output(&mut self, name: &str, width: usize) -> Rows {
        let rows = self.rows(name, width);
        if self.graph.output.replace(rows).is_some() {
            self.refuse(name, GraphFault::SecondOutput);
        }
        self.record(Item::Output);
        rows
    }

    /// Makes the rows of the cosines and the sines of angles by which a token's position turns `pairs` pairs: that of pair i is
    /// the position times `base^(-i / pairs)`.
    pub fn angles(&mut self, name: &str, pairs: usize, base: f32) -> Rows {
        let rows = self.rows(name, pairs.saturating_mul(2));
        if !(base.is_finite() && base > 0.0) {
            let (name, expected) = ("base".into(), "a number above 0");
            let found = format!("{base:?}");
            self.refuse(
                "angles",
                GraphFault::Scalar {
                    name,
                    expected,
                    found,
                },
            );
        }
        if self.graph.angles.replace(Angles { rows, base }).is_some() {
            self.refuse(name, GraphFault::SecondAngles);
        }
        self.record(Item::Angles);
        rows
    }

    /// Makes one row with a value for each cached position.
    pub fn positions(&mut self, name: &str) -> Rows {
        self.make(name, self.graph.window, Extent::Positions)
    }

    /// Makes one row with a value for each position that attention keeps, at most `most`.
    pub fn kept(&mut self, name: &str, most: usize) -> Rows {
        self.make(name, most, Extent::Kept)
    }

    pub(super) fn make(&mut self, name: &str, width: usize, extent: Extent) -> Rows {
        let name = self.named(name);
        self.make_whole(name, width, extent)
    }

    /// Makes rows by a whole name.
    pub(super) fn make_whole(&mut self, name: String, width: usize, extent: Extent) -> Rows {
        let max = match extent {
            Extent::Tokens => limits::WIDTH,
            Extent::Positions | Extent::Kept => self.graph.window,
        };
        self.expect(&name, limits::size("columns", width, max));
        let id = self.graph.rows.len();
        let rows = Rows {
            id,
            first: 0,
            width,
        };
        self.take("%", &name, Named::Rows(rows));
        if id >= limits::ROWS {
            self.refuse(&name, GraphFault::limit("rows", limits::ROWS));
        }
        if self.fault.is_none() {
            self.graph.rows.push(RowsInfo {
                name,
                width,
                extent,
            });
        }
        rows
    }

    /// Makes a state of `elems` values, zeros at first.
    pub fn state(&mut self, name: &str, elems: usize) -> StateId {
        self.remember(name, 1, elems, None)
    }

    /// Makes a cache of `rows` rows, each with `width` values for every position that attention looks back.
    pub fn cache(&mut self, name: &str, rows: usize, width: usize) -> StateId {
        self.remember(name, rows, width, Some(CacheLayout::Blocks))
    }

    fn remember(
        &mut self,
        name: &str,
        rows: usize,
        width: usize,
        cache: Option<CacheLayout>,
    ) -> StateId {
        let name = self.named(name);
        if matches!(self.place, Place::Head | Place::Nowhere) {
            self.refuse(&name, GraphFault::StateInHead);
        }
        let elems = rows.saturating_mul(width);
        if elems > limits::STATE {
            self.refuse(&name, GraphFault::limit("elements", limits::STATE));
        }
        let id = self.graph.states.len();
        self.take("", &name, Named::State(StateId(id)));
        if id >= limits::PARAMS {
            self.refuse(&name, GraphFault::limit("states", limits::PARAMS));
        }
        if self.fault.is_none() {
            self.graph.states.push(StateInfo {
                name,
                rows,
                width,
                cache,
            });
            self.record(Item::State(id));
        }
        StateId(id)
    }
}
