//! Dimensions of a call, and the lengths of its operands.

use super::super::dims::DimValue;
use super::super::fault::GraphFault;
use super::super::{Arg, Extent, Graph, Name, StateInfo};
use super::call::Holds;
use super::takes::Takes;
use atome_codegen::op::{Bound, BufferDef, Content, Dim, Signature};
use atome_spec::Activation;

/// The dimensions of a call, and so the lengths of its operands.
pub(super) struct Sizes<'g> {
    graph: &'g Graph,
    each_token: bool,
    /// The dimensions of a block of one token, and of two; the greatest where they follow the position.
    one: Vec<u64>,
    two: Vec<u64>,
}

impl<'g> Sizes<'g> {
    /// Those of no call yet.
    pub(super) fn new(graph: &'g Graph) -> Sizes<'g> {
        Sizes {
            graph,
            each_token: false,
            one: Vec::new(),
            two: Vec::new(),
        }
    }

    /// Takes those of a call.
    pub(super) fn set(&mut self, dims: &[DimValue], each_token: bool) {
        let window = self.graph.window as u64;
        self.each_token = each_token;
        for (values, tokens) in [(&mut self.one, 1), (&mut self.two, 2)] {
            values.clear();
            values.extend(dims.iter().map(|dim| match *dim {
                DimValue::Const(n) | DimValue::Kept(n) => n,
                DimValue::Tokens => tokens,
                DimValue::PerToken(n) => n.saturating_mul(tokens),
                DimValue::Slot => 0,
                DimValue::Len => window,
            }));
        }
    }

    /// Dimensions are such as the op takes.
    pub(super) fn check_dims(
        &self,
        signature: &Signature,
        activation: Activation,
    ) -> Result<(), GraphFault> {
        for (dim, &found) in signature.dims.iter().zip(&self.one) {
            let range = dim.range(activation);
            let fault = |expected| GraphFault::Dim {
                dim: dim.name.clone(),
                expected,
                found,
            };
            if !range.contains(&found) {
                return Err(fault(format!("in {range:?}")));
            }
            let of = dim.multiple_of;
            if !found.is_multiple_of(of) {
                return Err(fault(format!("a multiple of {of}")));
            }
            if let Some(Bound::AtLeast(other)) = dim.bound {
                let at = signature.dims.iter().position(|dim| dim.name == other);
                let least = at.map_or(0, |i| self.one[i]);
                if found < least {
                    return Err(fault(format!("at least {least}")));
                }
            }
        }
        Ok(())
    }

    /// What rows of such a buffer hold.
    pub(super) fn holds(&self, content: Content, signature: &Signature) -> Holds {
        match content {
            Content::I32 => Holds::I32,
            Content::I8 => {
                let named = |dim: &Dim| ["width", "cols", "group"].contains(&&*dim.name);
                let at = signature.dims.iter().position(named);
                Holds::I8(at.map_or(0, |i| self.one[i]))
            }
            Content::Rows("capacity") => Holds::Slots,
            Content::Rows(_) => Holds::Ids,
            _ => Holds::F32,
        }
    }

    /// An operand is as long as the op's buffer.
    pub(super) fn check(
        &self,
        (signature, buffer): (&Signature, &BufferDef),
        arg: Arg,
        takes: Takes,
    ) -> Result<(), GraphFault> {
        let operand = || buffer.name.clone();
        let (Some(expected), Some(two)) = (buffer.len.eval(&self.one), buffer.len.eval(&self.two))
        else {
            return Err(GraphFault::TooLarge { operand: operand() });
        };
        let found = match arg {
            // In layouts of their own.
            Arg::Param(_) if takes != Takes::Floats => return Ok(()),
            Arg::Param(id) => self.graph.params[id.0].kind.elems() as u64,
            Arg::State(id) if takes == Takes::Cache => {
                let dims = signature.dims.iter().zip(&self.one);
                let positions = dims.filter(|(dim, _)| dim.name == "capacity");
                let positions = positions.map(|(_, &found)| found).next();
                let width = expected / positions.unwrap_or(1).max(1);
                return cache(&buffer.name, &self.graph.states[id.0], width);
            }
            Arg::State(id) => {
                let StateInfo { rows, width, .. } = self.graph.states[id.0];
                rows.saturating_mul(width) as u64
            }
            Arg::Rows(rows) if takes == Takes::Rows(Extent::Positions) => {
                rows.width.next_multiple_of(atome_spec::LANES) as u64
            }
            Arg::Rows(rows) => rows.width as u64,
        };
        if found != expected {
            return Err(GraphFault::Width {
                operand: operand(),
                expected,
                found,
            });
        }
        let Arg::Rows(rows) = arg else { return Ok(()) };
        let stride = self.graph.rows[rows.id].width as u64;
        if takes == Takes::Rows(Extent::Tokens) && !self.each_token && two - expected != stride {
            return Err(GraphFault::Stride {
                operand: operand(),
                found,
                width: stride,
            });
        }
        Ok(())
    }
}

/// A cache of keys has a row for each element, one of values a row of whole positions.
fn cache(operand: &Name, state: &StateInfo, width: u64) -> Result<(), GraphFault> {
    let expected = match &**operand {
        "keys" => (width, 1),
        _ => (1, width),
    };
    match (state.rows as u64, state.width as u64) == expected {
        true => Ok(()),
        false => Err(GraphFault::Cache {
            operand: operand.clone(),
            expected,
            found: format!("f32[{}, {}]", state.rows, state.width),
        }),
    }
}

impl Graph {
    /// Elements that a call has of an operand for one token.
    pub(in crate::graph) fn elems(&self, arg: Arg) -> usize {
        match arg {
            Arg::Rows(rows) => rows.width,
            Arg::Param(id) => self.params[id.0].kind.elems(),
            Arg::State(id) => {
                let StateInfo { rows, width, .. } = self.states[id.0];
                rows.saturating_mul(width)
            }
        }
    }
}
