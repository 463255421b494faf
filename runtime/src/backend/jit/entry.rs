//! An entry point: one call after the other, with addresses computed from the arena's bases and
//! dimensions from the position.

use super::kernels::{Imports, Prepared, Shared};
use super::layers::{Layers, Number, layers};
use crate::PrepareError;
use crate::backend::aot::Map;
use crate::backend::cache::{Arithmetic, Cache};
use crate::backend::frame::Placed;
use crate::backend::walk::TopK;
use crate::jit::{Body, CodeBuilder, FuncId};
use crate::plan::{Call, DimValue, Plan, Row, Stage};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, I64};
use cranelift_codegen::ir::{
    AbiParam, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Type, Value,
};

/// What an entry point runs.
pub(super) struct EntryPoint<'a> {
    pub name: &'a str,
    pub plan: &'a Plan,
    pub calls: &'a [Node],
    /// The block is known to have one token.
    pub one_token: bool,
    /// It runs as often as its last parameter says, once or more; others do not look at it.
    pub repeats: bool,
}

/// A part of an entry point.
pub(super) type Node = Stage<Prepared, TopK>;

/// A call of it.
pub(super) type Step = Call<Prepared, TopK>;

impl EntryPoint<'_> {
    /// Compiles the entry point; its code reads `tables`, which have to stay where they are.
    pub(super) fn define(
        &self,
        code: &mut CodeBuilder,
        imports: &Imports,
        tables: &mut Vec<Box<[u64]>>,
    ) -> Result<FuncId, PrepareError> {
        let mut signature = code.signature();
        signature.params.extend([AbiParam::new(I64); 8]);
        let layers = layers(self.calls);
        let id = code.define_clif(self.name, signature, |body| {
            let bases = [0, 1, 2, 3, 4].map(|i| body.param(i));
            let [position, tokens] = [5, 6].map(|i| body.param(i));
            let zero = body.builder.ins().iconst(I64, 0);
            let at = Token {
                bases,
                position,
                tokens,
                token: zero,
                window: self.plan.window,
                cache: None,
            };
            let emit = |body: &mut Body<'_>| {
                for layers in &layers {
                    self.emit_layers(body, imports, &at, layers);
                }
            };
            match self.repeats {
                true => {
                    let times = body.param(7);
                    emit_loop(body, times, |body, _| emit(body));
                }
                false => emit(body),
            }
            body.builder.ins().return_(&[]);
        })?;
        tables.extend(layers.into_iter().map(|layers| layers.table));
        Ok(id)
    }

    /// The parts of a layer, in a loop if it comes more than once.
    fn emit_layers(&self, body: &mut Body<'_>, imports: &Imports, at: &Token, layers: &Layers<'_>) {
        if layers.times == 1 {
            let mut numbers = Numbers::new(layers, None);
            return self.emit_nodes(body, imports, at, layers, &mut numbers);
        }
        let table = layers.table.as_ptr().expose_provenance() as i64;
        let times = body.builder.ins().iconst(I64, layers.times as i64);
        emit_loop(body, times, |body, layer| {
            let row = body
                .builder
                .ins()
                .imul_imm_s(layer, 8 * layers.columns as i64);
            let row = body.builder.ins().iadd_imm_s(row, table);
            let mut numbers = Numbers::new(layers, Some(row));
            self.emit_nodes(body, imports, at, layers, &mut numbers);
        });
    }

    fn emit_nodes(
        &self,
        body: &mut Body<'_>,
        imports: &Imports,
        at: &Token,
        layers: &Layers<'_>,
        numbers: &mut Numbers<'_>,
    ) {
        for node in layers.nodes {
            match node {
                Node::Block(_) => emit_steps(body, imports, at, node.calls(), numbers),
                Node::EachToken(steps) if self.one_token => {
                    let at = at.with_cache(body);
                    emit_steps(body, imports, &at, steps, numbers);
                }
                Node::EachToken(steps) => emit_loop(body, at.tokens, |body, token| {
                    let here = Token { token, ..*at }.with_cache(body);
                    emit_steps(body, imports, &here, steps, numbers);
                }),
            }
        }
    }
}

/// `for i in 0..count`, where `count` is at least one.
fn emit_loop(body: &mut Body<'_>, count: Value, emit: impl FnOnce(&mut Body<'_>, Value)) {
    let (head, done) = (body.builder.create_block(), body.builder.create_block());
    let i = body.builder.append_block_param(head, I64);
    let zero = body.builder.ins().iconst(I64, 0);
    body.builder.ins().jump(head, &[zero.into()]);
    body.builder.switch_to_block(head);
    emit(body, i);
    let next = body.builder.ins().iadd_imm_s(i, 1);
    let more = body
        .builder
        .ins()
        .icmp(IntCC::UnsignedLessThan, next, count);
    body.builder
        .ins()
        .brif(more, head, &[next.into()], done, &[]);
    body.builder.switch_to_block(done);
}

/// The next number of a layer's calls.
enum Next {
    /// Known when compiling.
    Known(u64),
    /// From the table.
    Read(Value),
}

/// The numbers of a layer's calls, one after the other.
struct Numbers<'l> {
    numbers: std::slice::Iter<'l, Number>,
    /// The table's row of the layer.
    row: Option<Value>,
}

impl<'l> Numbers<'l> {
    fn new(layers: &'l Layers<'_>, row: Option<Value>) -> Numbers<'l> {
        Numbers {
            numbers: layers.numbers.iter(),
            row,
        }
    }

    fn next(&mut self, body: &mut Body<'_>, ty: Type) -> Next {
        let number = self
            .numbers
            .next()
            .expect("every call's numbers are listed");
        match (*number, self.row) {
            (Number::Same(number), _) => Next::Known(number),
            (Number::Column(column), Some(row)) => {
                let flags = MemFlagsData::trusted().with_readonly();
                Next::Read(body.builder.ins().load(ty, flags, row, 8 * column as i32))
            }
            (Number::Column(_), None) => unreachable!("a layer that comes once is its own table"),
        }
    }
}

fn emit_steps(
    body: &mut Body<'_>,
    imports: &Imports,
    at: &Token,
    steps: &[Step],
    numbers: &mut Numbers<'_>,
) {
    for step in steps {
        match step {
            Step::Kernel(call) => match (call.shared, call.map) {
                (Some(shared), _) => emit_shared(body, imports, at, call, shared, numbers),
                (None, Some(map)) => emit_map(body, at, call, map, numbers),
                (None, None) => {
                    let args = arguments(body, at, call, numbers);
                    body.call(call.function, &args);
                }
            },
            Step::TopK(top) => {
                let [scores, chosen, picked] =
                    [&top.scores, &top.chosen, &top.picked].map(|o| at.address(body, o, numbers));
                let cache = at.cache(body);
                let k = body.builder.ins().iconst(I64, top.k as i64);
                let args = [scores, cache.len, cache.start, k, chosen, picked];
                body.call(imports.top_k, &args);
            }
        }
    }
}

/// A call that threads of the pool share, whose arguments are passed in memory.
fn emit_shared(
    body: &mut Body<'_>,
    imports: &Imports,
    at: &Token,
    call: &Prepared,
    shared: Shared,
    numbers: &mut Numbers<'_>,
) {
    let args = arguments(body, at, call, numbers);
    let list = in_memory(body, &args);
    let number = |body: &mut Body<'_>, n: usize| body.builder.ins().iconst(I64, n as i64);
    let pool = number(body, imports.pool.expose_provenance());
    let split = number(body, shared.split.expose_provenance());
    let part = body.address(shared.part);
    body.call(
        imports.share_call,
        &[pool, split, part, list, args[shared.count]],
    );
}

/// The address of values on the stack, eight bytes apart.
fn in_memory(body: &mut Body<'_>, values: &[Value]) -> Value {
    let bytes = 8 * values.len() as u32;
    let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
    let slot = body.builder.create_sized_stack_slot(slot);
    for (i, value) in values.iter().enumerate() {
        let ins = body.builder.ins();
        ins.stack_store(I64, *value, slot, 8 * i as i32);
    }
    body.builder.ins().stack_addr(I64, slot, 0)
}

/// An expression, whose operands and dimensions are passed in memory.
fn emit_map(
    body: &mut Body<'_>,
    at: &Token,
    call: &Prepared,
    map: *const Map,
    numbers: &mut Numbers<'_>,
) {
    let args = arguments(body, at, call, numbers);
    let list = in_memory(body, &args);
    let counts = [call.operands.len(), call.dims.len()];
    let [operands, dims] = counts.map(|n| body.builder.ins().iconst(I64, n as i64));
    let map = map.expose_provenance() as i64;
    let map = body.builder.ins().iconst(I64, map);
    body.call(call.function, &[map, list, operands, dims]);
}

fn arguments(
    body: &mut Body<'_>,
    at: &Token,
    call: &Prepared,
    numbers: &mut Numbers<'_>,
) -> Vec<Value> {
    let operands = call.operands.iter();
    let mut args: Vec<Value> = operands.map(|o| at.address(body, o, numbers)).collect();
    args.extend(call.dims.iter().map(|d| at.dim(body, *d)));
    args.extend(call.scalars.iter().map(|_| match numbers.next(body, F32) {
        Next::Known(bits) => body.builder.ins().f32const(f32::from_bits(bits as u32)),
        Next::Read(value) => value,
    }));
    args
}

/// What addresses and dimensions are computed from.
#[derive(Clone, Copy)]
struct Token {
    /// In the order of `Base`.
    bases: [Value; 5],
    position: Value,
    tokens: Value,
    token: Value,
    window: u64,
    cache: Option<Cache<Value>>,
}

/// Numbers that the code computes.
impl Arithmetic for Body<'_> {
    type Number = Value;

    fn constant(&mut self, n: u64) -> Value {
        self.builder.ins().iconst(I64, n as i64)
    }

    fn add(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().iadd(x, y)
    }

    fn min(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().umin(x, y)
    }

    fn rem(&mut self, x: Value, y: Value) -> Value {
        self.builder.ins().urem(x, y)
    }

    fn if_above(&mut self, x: Value, y: Value, value: Value) -> Value {
        let zero = self.constant(0);
        let is_above = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, x, y);
        self.builder.ins().select(is_above, value, zero)
    }
}

impl Token {
    fn with_cache(self, body: &mut Body<'_>) -> Token {
        Token {
            cache: Some(self.cache(body)),
            ..self
        }
    }

    fn cache(&self, body: &mut Body<'_>) -> Cache<Value> {
        if let Some(cache) = self.cache {
            return cache;
        }
        let seen = body.builder.ins().iadd(self.position, self.token);
        Cache::new(body, seen, self.window)
    }

    fn dim(&self, body: &mut Body<'_>, dim: DimValue) -> Value {
        match dim {
            DimValue::Const(n) => body.builder.ins().iconst(I64, n as i64),
            DimValue::Tokens => self.tokens,
            DimValue::PerToken(n) => body.builder.ins().imul_imm_s(self.tokens, n as i64),
            DimValue::Slot => self.cache(body).slot,
            DimValue::Len => self.cache(body).len,
            DimValue::Kept(k) => {
                let len = self.cache(body).len;
                let k = body.builder.ins().iconst(I64, k as i64);
                body.builder.ins().umin(k, len)
            }
        }
    }

    fn address(&self, body: &mut Body<'_>, operand: &Placed, numbers: &mut Numbers<'_>) -> Value {
        let base = self.bases[operand.base as usize];
        let base = match numbers.next(body, I64) {
            Next::Known(offset) => body.builder.ins().iadd_imm_s(base, offset as i64),
            Next::Read(offset) => body.builder.ins().iadd(base, offset),
        };
        let row = match operand.row {
            Row::First => return base,
            Row::Token => self.token,
            Row::Last => body.builder.ins().iadd_imm_s(self.tokens, -1),
        };
        let row = body.builder.ins().imul_imm_s(row, operand.row_bytes as i64);
        body.builder.ins().iadd(base, row)
    }
}
