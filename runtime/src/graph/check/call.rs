//! A call against its op: what it does with its operands.

use super::super::dims::{DimValue, Dims, instead, not_called};
use super::super::fault::GraphFault;
use super::super::signature::{is_operand, names, sizes};
use super::super::{Arg, Call, Extent, Graph, Name, What};
use super::Place;
use super::arguments::{apart, arguments, scalars};
use super::sizes::Sizes;
use super::takes::{self, Takes, takes};
use crate::tensor::Role;
use atome_codegen::KernelSpec;
use atome_codegen::ir::Access;
use atome_codegen::op::Signature;
use atome_spec::Op;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// What a call does with an operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
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

/// Checks the calls of a graph, each op's signature made once.
pub(super) struct Checker<'g> {
    graph: &'g Graph,
    known: BTreeMap<KernelSpec, Known>,
    /// What the last call does with its operands, in their order.
    used: Vec<Used>,
    sizes: Sizes<'g>,
}

/// The parameters of an op's kernel.
struct Known {
    signature: Signature,
    buffers: Vec<Name>,
    scalars: Vec<Name>,
    sizes: Vec<Name>,
    takes: Vec<Takes>,
}

impl Known {
    fn new(spec: &KernelSpec) -> Known {
        let signature = spec.signature();
        let buffers = signature.buffers.iter();
        let of_calls = buffers.clone().filter(|buffer| is_operand(buffer));
        let buffers = of_calls.clone();
        Known {
            buffers: of_calls.map(|buffer| buffer.name.clone()).collect(),
            scalars: signature.scalars.iter().map(|&name| name.into()).collect(),
            sizes: sizes(spec.op).iter().map(|&name| name.into()).collect(),
            takes: buffers
                .map(|buffer| takes(spec.op, &signature, buffer))
                .collect(),
            signature,
        }
    }
}

impl<'g> Checker<'g> {
    pub(super) fn new(graph: &'g Graph) -> Checker<'g> {
        Checker {
            graph,
            known: BTreeMap::new(),
            used: Vec::new(),
            sizes: Sizes::new(graph),
        }
    }

    /// What a call does with its operands, which it has in the order of the kernel afterwards, and its dimensions.
    ///
    /// # Errors
    /// The first thing that does not fit the op.
    pub(super) fn check(&mut self, call: &mut Call, place: Place) -> Result<&[Used], GraphFault> {
        if is_of_attention(&call.what) && !place.each_token() {
            let op = call.what.to_string();
            return Err(GraphFault::EachToken { op });
        }
        self.used.clear();
        let each_token = place.each_token();
        match &call.what {
            &What::TopK(k) => {
                let buffers = names(&call.what).buffers;
                arguments(self.graph, call, (&buffers, &[], &[]))?;
                self.top_k(call, k)?;
            }
            What::Lookup => {
                if place == Place::Head {
                    return Err(GraphFault::LookupInHead);
                }
                self.kernel(call, KernelSpec::new(Op::LookupF32), each_token)?;
            }
            What::Map(expr) => {
                let spec = KernelSpec {
                    expr: Some(Arc::clone(expr)),
                    ..KernelSpec::new(Op::Map)
                };
                self.kernel(call, spec, each_token)?;
            }
            &What::Kernel(op, activation) => {
                if let Some(expected) = instead(op) {
                    return Err(not_called(op, expected));
                }
                let spec = KernelSpec::new(op).activation(activation);
                self.kernel(call, spec, each_token)?;
            }
        }
        apart(call, &self.used)?;
        Ok(&self.used)
    }

    fn kernel(
        &mut self,
        call: &mut Call,
        spec: KernelSpec,
        each_token: bool,
    ) -> Result<(), GraphFault> {
        let (graph, op, activation) = (self.graph, spec.op, spec.activation);
        let known = match self.known.entry(spec) {
            Entry::Occupied(known) => &*known.into_mut(),
            Entry::Vacant(new) => {
                let known = Known::new(new.key());
                &*new.insert(known)
            }
        };
        let signature = &known.signature;
        let names = (&*known.buffers, &*known.scalars, &*known.sizes);
        arguments(graph, call, names)?;
        call.dims = Dims { graph, each_token }.of(call, op)?;
        self.sizes.set(&call.dims, each_token);
        self.sizes.check_dims(signature, activation)?;
        let kept = call.dims.iter().any(|d| matches!(d, DimValue::Kept(_)));
        let operands = signature.buffers.iter().filter(|buffer| is_operand(buffer));
        let buffers = operands.zip(&known.takes);
        for ((buffer, takes), (name, arg)) in buffers.zip(&call.args) {
            let takes = if kept { takes.kept(op) } else { *takes };
            graph.fits(name, *arg, takes)?;
            self.sizes.check((signature, buffer), *arg, takes)?;
            self.used.push(Used {
                access: buffer.access,
                takes: buffer.takes,
                holds: self.sizes.holds(buffer.content, signature),
                role: graph.role(*arg, takes),
            });
        }
        scalars(graph, call)
    }

    /// A selection of cached positions.
    fn top_k(&mut self, call: &Call, k: usize) -> Result<(), GraphFault> {
        let (positions, kept) = (Extent::Positions, Extent::Kept);
        let used = [
            ("scores", Access::In, positions, Holds::F32),
            ("chosen", Access::Out, kept, Holds::Slots),
            ("picked", Access::Out, kept, Holds::F32),
        ];
        for (name, access, extent, holds) in used {
            let arg = call.find(name)?;
            self.graph.fits(&name.into(), arg, Takes::Rows(extent))?;
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
            self.used.push(Used {
                access,
                takes: access == Access::In,
                holds,
                role: None,
            });
        }
        Ok(())
    }
}

fn is_of_attention(what: &What) -> bool {
    match *what {
        What::TopK(_) => true,
        What::Kernel(op, _) => takes::is_of_attention(op),
        What::Map(_) | What::Lookup => false,
    }
}
