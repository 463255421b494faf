//! A graph to a plan: every parameter, row and state gets its tensor, every call its operands in the order of its kernel.

use super::bind::{Bound, bind};
use super::declare::Declared;
use super::image::image;
use super::memory::place;
use super::saved::Saved;
use super::slots::Slots;
use super::{
    Base, Call, DimValue, KernelCall, Operand, Placing, Plan, Planned, Ports, Products, Row,
    Section, Stage, Tensor, TopKCall, Turns,
};
use crate::LoadError;
use crate::graph::{self, Arg, Extent, Graph, Part, Rows, Scalar, What};
use crate::tensor::{Kind, Tensors};
use atome_codegen::{KernelSpec, op};
use atome_spec::{Activation, Method, Op, Packing};
use std::sync::Arc;

/// Most bytes for the logits of all rows of a block, unless those of one row are more.
const ROWS_LOGITS_BYTES: usize = 64 << 20;

/// The plan of a graph for blocks of up to `block` tokens, and what fills its weights and constants.
///
/// # Errors
/// If a tensor that the graph names is missing or of another kind, if small parameters cannot be read, if a tensor or a
/// part of the arena is larger than this machine can address.
pub(crate) fn plan<'m>(
    graph: &Graph,
    tensors: &'m Tensors,
    block: usize,
    products: Products,
    placing: Placing,
) -> Result<Planned<'m>, LoadError> {
    let mut declared = Declared::new(graph.window);
    let slots = Slots::new(graph, block, &mut declared);
    let params = params(graph, tensors, products, &mut declared)?;
    let states = graph.states.iter().map(|state| declared.state(state));
    let lowering = Lowering {
        graph,
        slots,
        params,
        states: states.collect(),
        products,
        answer: None,
    };
    let stages = graph
        .body
        .iter()
        .flat_map(|part| lowering.part(part))
        .collect();
    let head = lowering.head(block, &mut declared);
    finish(graph, (block, placing), declared, stages, head)
}

/// The parameters that calls read, in the order of their declaration.
fn params<'m>(
    graph: &Graph,
    tensors: &'m Tensors,
    products: Products,
    declared: &mut Declared<'m>,
) -> Result<Vec<Option<Bound>>, LoadError> {
    let mut used = vec![false; graph.params.len()];
    for id in graph.calls().flat_map(graph::Call::params) {
        used[id.0] = true;
    }
    let bound = graph.params.iter().zip(used);
    bound
        .map(|(param, used)| match used {
            true => bind(declared, param, tensors, products).map(Some),
            false => Ok(None),
        })
        .collect()
}

/// A graph whose parameters and states have tensors.
struct Lowering<'g> {
    graph: &'g Graph,
    slots: Slots,
    params: Vec<Option<Bound>>,
    states: Vec<Tensor>,
    products: Products,
    /// Where a head puts its logits, and whether it is run for the last token alone.
    answer: Option<(Operand, bool)>,
}

/// The two forms of a head, and what they write.
struct Head {
    last: Vec<Stage>,
    rows: Vec<Stage>,
    rows_block: usize,
    ports: Ports,
}

impl Lowering<'_> {
    fn part(&self, part: &Part) -> Vec<Stage> {
        let calls = part.calls.iter();
        let calls = calls.map(|call| self.call(call, part.each_token));
        match part.each_token {
            true => vec![Stage::EachToken(calls.collect())],
            false => calls.map(Stage::Block).collect(),
        }
    }

    fn call(&self, call: &graph::Call, each_token: bool) -> Call {
        // A checked call has them in the order of its kernel.
        let mut operands = Vec::with_capacity(call.args.len() + 1);
        for (_, arg) in &call.args {
            self.place(*arg, each_token, &mut operands);
        }
        let scalars = call.scalars.iter();
        let mut scalars: Vec<f32> = scalars.map(|(_, scalar)| self.scalar(*scalar)).collect();
        let mut dims = call.dims.clone();
        let (op, activation) = match call.what {
            What::Kernel(Op::MatMul, activation) => (self.product_of_numbers(call), activation),
            What::Kernel(op, activation) => (op, activation),
            What::Map(_) => (Op::Map, Activation::F32),
            What::Lookup => {
                let table = call.params().next().map(|id| self.bound(id));
                let lookup = table.map_or(Op::LookupF32, |table| table.lookup);
                let scale = table.filter(|_| lookup == Op::Embed);
                scalars.extend(scale.map(|table| table.scale));
                if lookup == Op::GroupEmbed {
                    dims = self.groups_of(call, &dims);
                }
                (lookup, Activation::F32)
            }
            What::TopK(k) => {
                let mut next = || operands.remove(0);
                return Call::TopK(TopKCall {
                    k: k as u64,
                    scores: next(),
                    chosen: next(),
                    picked: next(),
                });
            }
        };
        let packing = self.packing(call, op);
        Call::Kernel(KernelCall {
            label: Arc::clone(&call.name),
            op,
            packing,
            activation,
            method: self.method(op, packing, activation),
            expr: match &call.what {
                What::Map(expr) => Some(Arc::clone(expr)),
                What::Kernel(..) | What::Lookup | What::TopK(_) => None,
            },
            dims,
            operands,
            scalars,
        })
    }

    /// What multiplies by a parameter as it is stored.
    fn product_of_numbers(&self, call: &graph::Call) -> Op {
        let w = call.params().next().map(|id| self.bound(id).lookup);
        match w {
            Some(Op::LookupF16) => Op::MatMulF16,
            Some(Op::LookupI8) => Op::MatMulI8,
            _ => Op::MatMul,
        }
    }

    /// The dimensions of a lookup in a table whose groups of columns have scales, of those of any lookup.
    fn groups_of(&self, call: &graph::Call, dims: &[DimValue]) -> Vec<DimValue> {
        let kinds = call.params().map(|id| &self.graph.params[id.0].kind);
        let group = kinds.filter_map(|kind| match kind {
            Kind::Ternary { cols, group, .. } => Some((*cols, (*group)?)),
            Kind::Table { .. } | Kind::Floats(_) => None,
        });
        let [vocab, _, tokens] = dims else {
            unreachable!("a lookup has three dimensions");
        };
        let (cols, group) = group.last().unwrap_or((0, 1));
        let sizes = [cols / group, group].map(|n| DimValue::Const(n as u64));
        vec![*vocab, sizes[0], sizes[1], *tokens]
    }

    /// Appends where an operand lies.
    fn place(&self, arg: Arg, each_token: bool, operands: &mut Vec<Operand>) {
        match arg {
            Arg::Rows(rows) => operands.push(self.rows(rows, each_token)),
            Arg::Param(id) => operands.extend(self.bound(id).tensors.iter().map(|t| t.whole())),
            Arg::State(id) => operands.push(self.states[id.0].whole()),
        }
    }

    fn rows(&self, rows: Rows, each_token: bool) -> Operand {
        let graph = self.graph;
        let is_logits = graph.logits.is_some_and(|logits| logits.id == rows.id);
        let (answer, last) = self.answer.unzip();
        let tensor = match (answer.filter(|_| is_logits), self.slots.tensor(rows.id)) {
            (Some(logits), _) => return logits,
            (None, Some(tensor)) => tensor,
            (None, None) => unreachable!("what a call touches has a tensor"),
        };
        let info = &graph.rows[rows.id];
        let per_token = info.extent == Extent::Tokens;
        let row = match last {
            _ if !per_token => Row::First,
            _ if each_token => Row::Token,
            Some(true) if self.slots.is_from_body(rows.id) => Row::Last,
            _ => Row::First,
        };
        Operand {
            tensor,
            row,
            row_bytes: if per_token { 4 * info.width } else { 0 },
            offset_bytes: 4 * rows.first,
        }
    }

    fn bound(&self, id: graph::ParamId) -> &Bound {
        match &self.params[id.0] {
            Some(bound) => bound,
            None => unreachable!("what a call reads is bound"),
        }
    }

    fn scalar(&self, scalar: Scalar) -> f32 {
        match scalar {
            Scalar::Value(value) => value,
            Scalar::ScaleOf(id) => self.bound(id).scale,
        }
    }

    fn packing(&self, call: &graph::Call, op: Op) -> Option<Packing> {
        let packing = call.params().find_map(|id| self.bound(id).packing);
        packing.filter(|_| op::is_ternary(op))
    }

    /// How a product is formed, if not as its kernel's schedule prefers.
    fn method(&self, op: Op, packing: Option<Packing>, activation: Activation) -> Option<Method> {
        let forbids = self.products.no_multiply && activation == Activation::I8;
        let spec = KernelSpec {
            packing,
            ..KernelSpec::new(op).activation(activation)
        };
        forbids.then(|| spec.without_multiply().method).flatten()
    }

    /// The head for the last token of a block, and for all of them; the argmax of the logits follows.
    fn head(mut self, block: usize, declared: &mut Declared<'_>) -> Head {
        let classes = self.graph.logits.map_or(0, |logits| logits.width);
        let logits = declared.answer("logits", classes);
        let argmax = declared.answer("argmax", 1);
        let most = ROWS_LOGITS_BYTES / 4 / classes.max(1);
        let rows_block = block.min(most.max(1));
        let shape = (rows_block, classes);
        let rows = Operand {
            row_bytes: 4 * classes,
            ..declared
                .tensor("logits.rows", Section::Scratch, shape)
                .whole()
        };
        let calls = |this: &Self| -> Vec<Stage> {
            let calls = this.graph.head.iter();
            calls
                .map(|call| Stage::Block(this.call(call, false)))
                .collect()
        };

        self.answer = Some((logits.whole(), true));
        let mut last = calls(&self);
        last.push(Stage::Block(pick(logits.whole(), argmax, classes)));
        let one_token = |stage: &Stage| stage.map(KernelCall::bind_one_token);
        let last = last.iter().map(one_token).collect();

        self.answer = Some((rows, false));
        let mut all = calls(&self);
        let row = Operand {
            row: Row::Token,
            ..rows
        };
        all.push(Stage::EachToken(vec![pick(row, argmax, classes)]));
        let graph = self.graph;
        let Some(ids) = self.slots.tensor(graph.ids.id) else {
            unreachable!("every model looks up its tokens");
        };
        let angles = graph.angles.and_then(|angles| {
            Some(Turns {
                tensor: self.slots.tensor(angles.rows.id)?,
                pairs: angles.rows.width / 2,
                base: angles.base,
            })
        });
        Head {
            last,
            rows: all,
            rows_block,
            ports: Ports {
                ids,
                angles,
                logits,
                logits_rows: rows.tensor,
                argmax,
                output: graph
                    .output
                    .and_then(|rows| Some((self.slots.tensor(rows.id)?, rows.width))),
            },
        }
    }
}

/// The call that finds the greatest of the logits.
fn pick(logits: Operand, argmax: Tensor, classes: usize) -> Call {
    Call::Kernel(KernelCall {
        label: "argmax".into(),
        op: Op::Argmax,
        packing: None,
        activation: Activation::F32,
        method: None,
        expr: None,
        dims: vec![DimValue::Const(classes as u64)],
        operands: vec![logits, argmax.whole()],
        scalars: Vec::new(),
    })
}

/// Places the tensors.
fn finish<'m>(
    graph: &Graph,
    (block, placing): (usize, Placing),
    declared: Declared<'m>,
    stages: Vec<Stage>,
    head: Head,
) -> Result<Planned<'m>, LoadError> {
    let Declared {
        mut unplaced,
        contents,
        kept,
        window,
    } = declared;
    let is_state = |tensor: Tensor| unplaced[tensor.0].section.base() == Base::Slot;
    let sessions = stages.iter().map(|s| s.for_sessions(is_state)).collect();
    let found = placing.in_file.then(|| image(contents.iter())).flatten();
    let (image, in_file) = found.unzip();
    let in_file: Vec<(Tensor, usize)> = in_file.unwrap_or_default();
    for (Tensor(number), _) in &in_file {
        unplaced[*number].section = Section::File;
    }
    let inputs = [
        Some(head.ports.ids),
        head.ports.angles.map(|angles| angles.tensor),
    ];
    let inputs: Vec<Tensor> = inputs.into_iter().flatten().collect();
    let memory = place(
        (unplaced, &inputs),
        &in_file,
        &stages,
        (&head.last, &head.rows),
        placing.align,
    )?;
    let output_bytes = head.ports.output_bytes();
    let saved = Saved::new(&kept, &memory.tensors, window, output_bytes)?;
    let plan = Plan {
        align: placing.align,
        block,
        rows_block: head.rows_block,
        window: graph.window as u64,
        stages,
        head: head.last,
        rows_head: head.rows,
        sessions,
        tensors: memory.tensors,
        sizes: memory.sizes,
        saved,
        ports: head.ports,
        fused: Vec::new(),
        image,
    };
    Ok((plan, contents))
}

impl Tensor {
    /// The tensor from its start.
    pub(super) fn whole(self) -> Operand {
        Operand {
            tensor: self,
            row: Row::First,
            row_bytes: 0,
            offset_bytes: 0,
        }
    }
}
