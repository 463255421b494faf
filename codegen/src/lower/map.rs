//! Row-wise expressions: a lane a channel, all statements for sixteen channels before the next ones.
//! A state is in memory between tokens, so a step is a block of one token.

use super::elementwise::canonical;
use super::{Lowering, strided};
use crate::KernelSpec;
use crate::expr::{Chain, Expr, Operand, Source};
use crate::ir::{Access, Address, Buffer, Builder, Lanes, Size, Value};
use crate::op::{Bound, Callers, Content, Def, Dim, Dims, Parts, buffer, dim, named};
use std::borrow::Cow;

pub(super) const MAP: Def = Def {
    numerics: "Its expression says what it computes: statements over operands, for each token in order \
        and each channel. Each operation is the elementwise op of its name and rounds once; what \
        is stored is 0x7fc00000 where it is NaN. A `row` operand has `NAME_stride` elements \
        between tokens; one `per head` has a value for each of `heads`, which the `head_dim` \
        channels of the head share. The dimensions are `tokens`, then `channels` or `heads, \
        head_dim`, then the strides in the order of the rows; the buffers are the operands in \
        order. A state holds what the token before left.",
    dims: &[dim("tokens")],
    more_dims: dims,
    buffers: |d| {
        let Some(expr) = d.spec().expr.as_deref() else {
            return Vec::new();
        };
        let operands = expr.operands().iter().enumerate();
        operands
            .map(|(i, operand)| {
                let len = len(d, expr, operand);
                let name = Cow::Owned(operand.name.clone());
                buffer(name, expr.access(i), Content::F32, &len)
            })
            .collect()
    },
    parts: &[
        Parts::of("channels").in_lines().alone(&["tokens"]),
        Parts::of("heads").alone(&["tokens"]),
        Parts::of("tokens"),
    ],
    callers: Callers::Attributes,
    has_expr: true,
    ..Def::of(lower)
};

/// Channels, by heads if something is shared by those of a head; then how far apart rows are.
fn dims(spec: &KernelSpec) -> Vec<Dim> {
    let Some(expr) = spec.expr.as_deref() else {
        return Vec::new();
    };
    let mut dims = match expr.has_heads() {
        true => vec![dim("heads"), dim("head_dim")],
        false => vec![dim("channels")],
    };
    for operand in expr.operands() {
        let Some(stride) = operand.stride() else {
            continue;
        };
        let stride = named(Cow::Owned(stride));
        dims.push(match (expr.has_heads(), operand.per_head) {
            (false, _) => stride.bound(Bound::AtLeast("channels")),
            (true, true) => stride.bound(Bound::AtLeast("heads")),
            (true, false) => stride,
        });
    }
    dims
}

/// Values of an operand for one token.
fn width(d: &Dims<'_>, expr: &Expr, operand: &Operand) -> Size {
    match (expr.has_heads(), operand.per_head) {
        (false, _) => d.get("channels"),
        (true, true) => d.get("heads"),
        (true, false) => d.get("heads") * d.get("head_dim"),
    }
}

fn len(d: &Dims<'_>, expr: &Expr, operand: &Operand) -> Size {
    let width = width(d, expr, operand);
    match operand.stride() {
        Some(stride) => strided(&d.get("tokens"), &d.get(&stride), &width),
        None => width,
    }
}

/// What an operand is read and written by.
#[derive(Clone)]
struct Place {
    buffer: Buffer,
    /// Elements between tokens.
    stride: Size,
    per_head: bool,
}

fn lower(l: &mut Lowering<'_>) {
    let spec = l.spec;
    let Some(expr) = spec.expr.as_deref() else {
        return;
    };
    let places: Vec<Place> = expr
        .operands()
        .iter()
        .map(|operand| place(l, operand))
        .collect();
    let reads: Vec<bool> = (0..places.len())
        .map(|i| expr.access(i) != Access::Out)
        .collect();
    let kernel = Kernel {
        places: &places,
        reads: &reads,
        chain: expr.chain(),
    };
    let tokens = l.dim("tokens");
    let heads = expr
        .has_heads()
        .then(|| [l.dim("heads"), l.dim("head_dim")]);
    let channels = heads.is_none().then(|| l.dim("channels"));
    let b = &mut l.b;
    b.for_loop(tokens, &[], |b, t, _| {
        if let Some(channels) = &channels {
            kernel.channels(b, t, channels, None);
        }
        if let Some([heads, head_dim]) = &heads {
            b.for_loop(heads.clone(), &[], |b, head, _| {
                kernel.channels(b, t, head_dim, Some((head, head_dim)));
                vec![]
            });
        }
        vec![]
    });
}

fn place(l: &Lowering<'_>, operand: &Operand) -> Place {
    Place {
        buffer: l.buffer(&operand.name),
        stride: operand.stride().map_or(Size::ZERO, |name| l.dim(&name)),
        per_head: operand.per_head,
    }
}

struct Kernel<'k> {
    places: &'k [Place],
    /// Which operands are read.
    reads: &'k [bool],
    chain: &'k Chain,
}

impl Kernel<'_> {
    /// All of `n` channels of a token: those of a head, if one is given.
    fn channels(&self, b: &mut Builder, t: Value, n: &Size, head: Option<(Value, &Size)>) {
        let shared: Vec<Option<Value>> = self.shared(b, t, head);
        b.for_each_vector(n, &[], |b, at, lanes, _| {
            let at = match head {
                Some((head, head_dim)) => at.step(head, head_dim.clone()),
                None => at,
            };
            self.vector(b, t, &at, &lanes, &shared);
            vec![]
        });
    }

    /// What all channels of a head share, in every lane.
    fn shared(
        &self,
        b: &mut Builder,
        t: Value,
        head: Option<(Value, &Size)>,
    ) -> Vec<Option<Value>> {
        let load = |place: &Place| {
            let (head, _) = head.filter(|_| place.per_head)?;
            let at = Address::of(&[(head, Size::ONE)]).step(t, place.stride.clone());
            let value = b.load(place.buffer, at);
            Some(b.splat(value))
        };
        self.places.iter().map(load).collect()
    }

    fn vector(
        &self,
        b: &mut Builder,
        t: Value,
        at: &Address,
        lanes: &Lanes,
        shared: &[Option<Value>],
    ) {
        let address = |place: &Place| match place.stride {
            Size::ZERO => at.clone(),
            _ => at.clone().step(t, place.stride.clone()),
        };
        let mut operands = shared.to_vec();
        for (i, place) in self.places.iter().enumerate() {
            if self.reads[i] && operands[i].is_none() {
                operands[i] = Some(b.load_vector(place.buffer, address(place), lanes.clone()));
            }
        }
        let results = self.results(b, &operands);
        for store in &self.chain.stores {
            let place = &self.places[store.operand];
            let function = super::function(self.chain.steps[store.step].op);
            let value = canonical(b, &function, results[store.step]);
            b.store(place.buffer, address(place), value, lanes.clone());
        }
    }

    /// The results of all steps.
    fn results(&self, b: &mut Builder, operands: &[Option<Value>]) -> Vec<Value> {
        let mut results: Vec<Value> = Vec::new();
        for step in &self.chain.steps {
            let values = step.sources.iter().map(|source| match *source {
                Source::Number(number) => {
                    let scalar = b.f32(number.value());
                    b.splat(scalar)
                }
                Source::Step(step) => results[step],
                Source::Operand(operand) => match operands[operand] {
                    Some(value) => value,
                    None => unreachable!("what a step reads is loaded"),
                },
            });
            let values: Vec<Value> = values.collect();
            results.push((super::function(step.op).value)(b, &values));
        }
        results
    }
}
