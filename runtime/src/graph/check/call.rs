//! The operands of one call.

use super::super::dims::{DimValue, Dims, instead, not_called};
use super::super::fault::GraphFault;
use super::super::signature::names;
use super::super::{Arg, Call, Extent, Graph, Name, Rows, Scalar, StateInfo, What};
use super::Place;
use crate::tensor::{Kind, Role};
use atome_codegen::KernelSpec;
use atome_codegen::ir::Access;
use atome_codegen::op::{Bound, BufferDef, Content, Dim, Signature};
use atome_spec::{Activation, Op};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// An operand, and what a call does with it.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub(super) name: Name,
    pub(super) arg: Arg,
    pub(super) access: Access,
    /// Whether it is read as it was before the call.
    pub(super) takes: bool,
    pub(super) holds: Holds,
    /// What a ternary parameter is read as.
    pub(super) role: Option<Role>,
}

/// What rows hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    F32,
    I32,
    /// int8 of rows of so many columns.
    I8(u64),
    /// Token ids.
    Ids,
    /// Numbers of cached positions.
    Slots,
}

/// What an op takes as an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Rows(Extent),
    Floats,
    Ternary(Role),
    /// A ternary tensor, or a table.
    Table,
    State,
    Cache,
}

/// Checks calls, each op's signature made once.
#[derive(Default)]
pub(super) struct Checker {
    known: BTreeMap<KernelSpec, Known>,
}

/// The parameters of an op's kernel.
struct Known {
    signature: Signature,
    buffers: Vec<Name>,
    scalars: Vec<Name>,
    /// By buffer, whether a block of more tokens has more of it.
    follows_tokens: Vec<bool>,
}

impl Known {
    fn new(spec: &KernelSpec) -> Known {
        let signature = spec.signature();
        let buffers = signature.buffers.iter();
        Known {
            buffers: buffers.clone().map(|buffer| buffer.name.clone()).collect(),
            scalars: signature.scalars.iter().map(|&name| name.into()).collect(),
            follows_tokens: buffers.map(|b| follows_tokens(&signature, b)).collect(),
            signature,
        }
    }
}

impl Checker {
    /// What a call does with its operands, which it has in the order of the kernel afterwards, and its dimensions.
    ///
    /// # Errors
    /// The first thing that does not fit the op.
    pub(super) fn check(
        &mut self,
        graph: &Graph,
        call: &mut Call,
        place: Place,
    ) -> Result<Vec<Used>, GraphFault> {
        if is_of_attention(&call.what) && !place.each_token() {
            let op = call.what.to_string();
            return Err(GraphFault::EachToken { op });
        }
        let each_token = place.each_token();
        let used = match call.what.clone() {
            What::TopK(k) => {
                let buffers = names(&call.what).buffers;
                arguments(graph, call, (&buffers, &[]))?;
                top_k(graph, call, k)?
            }
            What::Lookup => {
                if place == Place::Head {
                    return Err(GraphFault::LookupInHead);
                }
                let spec = KernelSpec::new(Op::LookupF32);
                self.kernel(graph, call, spec, each_token)?
            }
            What::Map(expr) => {
                let spec = KernelSpec {
                    expr: Some(expr),
                    ..KernelSpec::new(Op::Map)
                };
                self.kernel(graph, call, spec, each_token)?
            }
            What::Kernel(op, activation) => {
                if let Some(expected) = instead(op) {
                    return Err(not_called(op, expected));
                }
                let spec = KernelSpec::new(op).activation(activation);
                self.kernel(graph, call, spec, each_token)?
            }
        };
        apart(&used)?;
        Ok(used)
    }

    fn kernel(
        &mut self,
        graph: &Graph,
        call: &mut Call,
        spec: KernelSpec,
        each_token: bool,
    ) -> Result<Vec<Used>, GraphFault> {
        let (op, activation) = (spec.op, spec.activation);
        let known = match self.known.entry(spec) {
            Entry::Occupied(known) => &*known.into_mut(),
            Entry::Vacant(new) => {
                let known = Known::new(new.key());
                &*new.insert(known)
            }
        };
        let signature = &known.signature;
        arguments(graph, call, (&known.buffers, &known.scalars))?;
        call.dims = Dims { graph, each_token }.of(call, op)?;
        let values = |tokens| values(&call.dims, graph.window, tokens);
        let sizes = Sizes {
            graph,
            each_token,
            one: values(1),
            two: values(2),
        };
        dimensions(signature, activation, &sizes.one)?;
        let is_lookup = call.what == What::Lookup;
        let kept = call.dims.iter().any(|d| matches!(d, DimValue::Kept(_)));
        let buffers = signature.buffers.iter().zip(&known.follows_tokens);
        let used = buffers.zip(&call.args).map(|(buffer, (name, arg))| {
            let ((buffer, follows_tokens), arg) = (buffer, *arg);
            let takes = match is_lookup && *name == "table" {
                true => Takes::Table,
                false => takes((op, kept), signature, buffer, *follows_tokens),
            };
            graph.fits(name, arg, takes)?;
            sizes.check(buffer, arg, takes)?;
            Ok(Used {
                name: name.clone(),
                arg,
                access: buffer.access,
                takes: buffer.takes,
                holds: holds(buffer.content, signature, &sizes.one),
                role: match (takes, arg) {
                    (Takes::Ternary(role), _) => Some(role),
                    (Takes::Table, Arg::Param(id)) => {
                        let ternary = matches!(graph.params[id.0].kind, Kind::Ternary { .. });
                        ternary.then_some(Role::Embedding)
                    }
                    _ => None,
                },
            })
        });
        let used = used.collect::<Result<_, GraphFault>>()?;
        scalars(graph, call)?;
        Ok(used)
    }
}

/// Puts operands and scalars into the order of the op; there are those that it has, once each, of this graph.
fn arguments(
    graph: &Graph,
    call: &mut Call,
    (buffers, scalars): (&[Name], &[Name]),
) -> Result<(), GraphFault> {
    call.args = ordered(&call.args, buffers)?;
    call.scalars = ordered(&call.scalars, scalars)?;
    for &(_, arg) in &call.args {
        let known = |known: bool, what| match known {
            true => Ok(()),
            false => Err(GraphFault::Foreign { what }),
        };
        match arg {
            Arg::Param(id) => known(id.0 < graph.params.len(), "parameter")?,
            Arg::State(id) => known(id.0 < graph.states.len(), "state")?,
            Arg::Rows(rows) => {
                known(rows.id < graph.rows.len(), "row")?;
                columns(graph, rows)?;
            }
        }
    }
    Ok(())
}

fn ordered<T: Copy>(given: &[(Name, T)], names: &[Name]) -> Result<Vec<(Name, T)>, GraphFault> {
    let extra = |name: &Name, twice| GraphFault::Extra {
        name: name.to_string(),
        expected: listed(names),
        twice,
    };
    for (i, (name, _)) in given.iter().enumerate() {
        let before = given[..i].iter().any(|(other, _)| other == name);
        if before || !names.contains(name) {
            return Err(extra(name, before));
        }
    }
    let find = |name: &Name| {
        let found = given.iter().find(|(given, _)| given == name);
        let missing = || GraphFault::Missing { name: name.clone() };
        found.cloned().ok_or_else(missing)
    };
    names.iter().map(find).collect()
}

/// Names as a message has them.
pub(in crate::graph) fn listed(names: &[Name]) -> String {
    match names {
        [] => "nothing more".to_owned(),
        _ => format!("`{}`", names.join("`, `")),
    }
}

/// Columns are those of their rows; rows that are not of tokens are taken as a whole.
fn columns(graph: &Graph, rows: Rows) -> Result<(), GraphFault> {
    let info = &graph.rows[rows.id];
    let end = rows.first.saturating_add(rows.width);
    let whole = rows.width == info.width;
    let some = info.extent == Extent::Tokens && rows.width > 0 && end <= info.width;
    match whole && rows.first == 0 || some {
        true => Ok(()),
        false => Err(GraphFault::Columns {
            rows: info.name.clone(),
            width: info.width,
            first: rows.first,
            end,
        }),
    }
}

fn is_of_attention(what: &What) -> bool {
    let ops = [Op::KvAppend, Op::AttnScores, Op::AttnMix];
    match what {
        What::TopK(_) => true,
        What::Kernel(op, _) => ops.contains(op),
        What::Map(_) | What::Lookup => false,
    }
}

/// What an op takes as a buffer: rows where its length follows the tokens, parameters and states where not.
fn takes(
    (op, kept): (Op, bool),
    signature: &Signature,
    buffer: &BufferDef,
    follows_tokens: bool,
) -> Takes {
    match (op, buffer.content, &*buffer.name) {
        (_, Content::Matrix(_), _) if follows_i8(signature) => Takes::Ternary(Role::MatrixI8),
        (_, Content::Matrix(_), _) => Takes::Ternary(Role::Matrix),
        (_, Content::Taps(_), _) => Takes::Ternary(Role::Taps),
        (_, Content::Table(_), _) => Takes::Table,
        (Op::AttnScores, _, "scores") => Takes::Rows(Extent::Positions),
        (Op::AttnMix, _, "chosen" | "p") => Takes::Rows(Extent::Kept),
        (Op::Softmax, _, _) if kept => Takes::Rows(Extent::Kept),
        (Op::KvAppend | Op::AttnScores | Op::AttnMix, _, "keys" | "values") => Takes::Cache,
        (Op::KvAppend | Op::AttnScores | Op::AttnMix, ..) => Takes::Rows(Extent::Tokens),
        _ if follows_tokens => Takes::Rows(Extent::Tokens),
        _ if buffer.access == Access::In => Takes::Floats,
        _ => Takes::State,
    }
}

fn follows_i8(signature: &Signature) -> bool {
    signature.buffers.iter().any(|b| b.content == Content::I8)
}

/// Whether a block of more tokens has more elements.
fn follows_tokens(signature: &Signature, buffer: &BufferDef) -> bool {
    let counts = |name| signature.dims.iter().position(|dim| dim.name == name);
    let tokens = counts("tokens").or_else(|| counts("rows"));
    let len = |n: u64| {
        let value = |i| if Some(i) == tokens { n } else { 64 };
        let values: Vec<u64> = (0..signature.dims.len()).map(value).collect();
        buffer.len.eval(&values)
    };
    len(1) != len(2)
}

fn holds(content: Content, signature: &Signature, values: &[u64]) -> Holds {
    match content {
        Content::I32 => Holds::I32,
        Content::I8 => {
            let named = |dim: &Dim| ["width", "cols"].contains(&&*dim.name);
            let at = signature.dims.iter().position(named);
            Holds::I8(at.map_or(0, |i| values[i]))
        }
        Content::Rows("capacity") => Holds::Slots,
        Content::Rows(_) => Holds::Ids,
        _ => Holds::F32,
    }
}

/// A value for each dimension in blocks of so many tokens, the greatest where it follows the position.
fn values(dims: &[DimValue], window: usize, tokens: u64) -> Vec<u64> {
    let value = |dim: &DimValue| match *dim {
        DimValue::Const(n) | DimValue::Kept(n) => n,
        DimValue::Tokens => tokens,
        DimValue::Slot => 0,
        DimValue::Len => window as u64,
    };
    dims.iter().map(value).collect()
}

/// Dimensions are such as the op takes.
fn dimensions(
    signature: &Signature,
    activation: Activation,
    values: &[u64],
) -> Result<(), GraphFault> {
    for (dim, &found) in signature.dims.iter().zip(values) {
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
            let least = at.map_or(0, |i| values[i]);
            if found < least {
                return Err(fault(format!("at least {least}")));
            }
        }
    }
    Ok(())
}

/// The lengths of a call's operands.
struct Sizes<'g> {
    graph: &'g Graph,
    each_token: bool,
    /// The dimensions of a block of one token, and of two.
    one: Vec<u64>,
    two: Vec<u64>,
}

impl Sizes<'_> {
    fn check(&self, buffer: &BufferDef, arg: Arg, takes: Takes) -> Result<(), GraphFault> {
        let operand = buffer.name.clone();
        let (Some(expected), Some(two)) = (buffer.len.eval(&self.one), buffer.len.eval(&self.two))
        else {
            return Err(GraphFault::TooLarge { operand });
        };
        let found = match arg {
            // In layouts of their own.
            Arg::Param(_) if takes != Takes::Floats => return Ok(()),
            Arg::Param(id) => self.graph.params[id.0].kind.elems() as u64,
            Arg::State(id) if takes == Takes::Cache => {
                let positions = self.graph.window.next_multiple_of(atome_spec::LANES);
                return cache(
                    operand,
                    &self.graph.states[id.0],
                    expected / positions as u64,
                );
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
                operand,
                expected,
                found,
            });
        }
        let Arg::Rows(rows) = arg else { return Ok(()) };
        let stride = self.graph.rows[rows.id].width as u64;
        if takes == Takes::Rows(Extent::Tokens) && !self.each_token && two - expected != stride {
            return Err(GraphFault::Stride {
                operand,
                found,
                width: stride,
            });
        }
        Ok(())
    }
}

/// A cache has keys an element of all positions after the other, and values a position after the other.
fn cache(operand: Name, state: &StateInfo, width: u64) -> Result<(), GraphFault> {
    let expected = match &*operand {
        "keys" => (width, 1),
        _ => (1, width),
    };
    match (state.rows as u64, state.width as u64) == expected {
        true => Ok(()),
        false => Err(GraphFault::Cache {
            operand,
            expected,
            found: format!("f32[{}, {}]", state.rows, state.width),
        }),
    }
}

/// A selection of cached positions.
fn top_k(graph: &Graph, call: &Call, k: usize) -> Result<Vec<Used>, GraphFault> {
    let (positions, kept) = (Extent::Positions, Extent::Kept);
    let used = [
        ("scores", Access::In, positions, Holds::F32),
        ("chosen", Access::Out, kept, Holds::Slots),
        ("picked", Access::Out, kept, Holds::F32),
    ];
    let used = used.map(|(name, access, extent, holds)| {
        let arg = call.find(name)?;
        graph.fits(&name.into(), arg, Takes::Rows(extent))?;
        if let Arg::Rows(rows) = arg
            && extent == kept
            && rows.width != k
        {
            return Err(GraphFault::Width {
                operand: name.into(),
                expected: k as u64,
                found: rows.width as u64,
            });
        }
        Ok(Used {
            name: name.into(),
            arg,
            access,
            takes: access == Access::In,
            holds,
            role: None,
        })
    });
    used.into_iter().collect()
}

/// Numbers are finite; a scale is that of the call's own weights.
fn scalars(graph: &Graph, call: &Call) -> Result<(), GraphFault> {
    for (name, scalar) in &call.scalars {
        let fault = |found| GraphFault::Scalar {
            name: name.clone(),
            expected: "a finite number, or the call's ternary weights for their scale",
            found,
        };
        match *scalar {
            Scalar::Value(x) if x.is_finite() => {}
            Scalar::Value(x) => return Err(fault(format!("{x:?}"))),
            Scalar::ScaleOf(id) => {
                let ternary = |id: usize| matches!(graph.params[id].kind, Kind::Ternary { .. });
                if !call.params().any(|read| read == id) || !ternary(id.0) {
                    let found = graph.params.get(id.0).map(|param| param.name.as_str());
                    return Err(fault(format!("`{}`", found.unwrap_or("no parameter"))));
                }
            }
        }
    }
    Ok(())
}

/// What is written is no other operand.
fn apart(used: &[Used]) -> Result<(), GraphFault> {
    let same = |a: Arg, b: Arg| match (a, b) {
        (Arg::Rows(a), Arg::Rows(b)) => a.id == b.id,
        (a, b) => a == b,
    };
    for (i, written) in used.iter().enumerate() {
        let mut others = used.iter().enumerate().filter(|(j, _)| *j != i);
        if written.access != Access::In && others.any(|(_, other)| same(written.arg, other.arg)) {
            let operand = written.name.clone();
            return Err(GraphFault::Shared { operand });
        }
    }
    Ok(())
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

    /// An operand is of the kind that an op takes.
    fn fits(&self, name: &Name, arg: Arg, takes: Takes) -> Result<(), GraphFault> {
        let kind = |id: usize| &self.params[id].kind;
        let (expected, fits) = match takes {
            Takes::Rows(extent) => {
                let is = |rows: Rows| self.rows[rows.id].extent == extent;
                let expected = match extent {
                    Extent::Tokens => "rows of tokens",
                    Extent::Positions => "a row of positions",
                    Extent::Kept => "a row of kept positions",
                };
                (expected, matches!(arg, Arg::Rows(rows) if is(rows)))
            }
            Takes::Floats => (
                "a parameter of f32",
                matches!(arg, Arg::Param(id) if matches!(kind(id.0), Kind::Floats(_))),
            ),
            Takes::Ternary(_) => (
                "a ternary parameter",
                matches!(arg, Arg::Param(id) if matches!(kind(id.0), Kind::Ternary { .. })),
            ),
            Takes::Table => (
                "a table or a ternary parameter",
                matches!(arg, Arg::Param(id) if !matches!(kind(id.0), Kind::Floats(_))),
            ),
            Takes::State => (
                "a state",
                matches!(arg, Arg::State(id) if !self.states[id.0].cache),
            ),
            Takes::Cache => (
                "a cache",
                matches!(arg, Arg::State(id) if self.states[id.0].cache),
            ),
        };
        match fits {
            true => Ok(()),
            false => Err(self.unfit(name.clone(), expected, arg)),
        }
    }
}
