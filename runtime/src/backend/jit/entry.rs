//! An entry point: one call after the other, with addresses computed from the arena's bases and
//! dimensions from the position.

use super::kernels::{Imports, Parallel, Prepared};
use crate::LoadError;
use crate::backend::frame::Placed;
use crate::backend::walk::TopK;
use crate::jit::{Body, CodeBuilder, FuncId};
use crate::plan::{DimValue, Plan, Row};
use atome_spec::Activation;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AbiParam, InstBuilder, Value};

/// What an entry point runs.
pub(super) struct Entry<'a> {
    pub name: &'a str,
    pub plan: &'a Plan,
    pub calls: &'a [Node],
    /// The block is known to have one token.
    pub one_token: bool,
}

/// A part of an entry point.
pub(super) enum Node {
    /// Run once.
    Block(Vec<Step>),
    /// Run for each token.
    EachToken(Vec<Step>),
}

/// A call.
pub(super) enum Step {
    Kernel(Prepared),
    TopK(TopK),
}

impl Entry<'_> {
    pub(super) fn define(
        &self,
        code: &mut CodeBuilder,
        imports: &Imports,
    ) -> Result<FuncId, LoadError> {
        let mut signature = code.signature();
        signature.params.extend([AbiParam::new(I64); 6]);
        let id = code.define_clif(self.name, signature, |body| {
            let bases = [0, 1, 2, 3].map(|i| body.param(i));
            let [position, tokens] = [4, 5].map(|i| body.param(i));
            let zero = body.builder.ins().iconst(I64, 0);
            let window = self.plan.window as i64;
            let at = Token {
                bases,
                position,
                tokens,
                token: zero,
                window,
                cache: None,
            };
            for node in self.calls {
                match node {
                    Node::Block(steps) => emit_steps(body, imports, &at, steps),
                    Node::EachToken(steps) if self.one_token => {
                        let at = at.with_cache(body);
                        emit_steps(body, imports, &at, steps);
                    }
                    Node::EachToken(steps) => emit_loop(body, imports, &at, steps),
                }
            }
            body.builder.ins().return_(&[]);
        })?;
        Ok(id)
    }
}

/// `for token in 0..tokens`; a block has at least one.
fn emit_loop(body: &mut Body<'_>, imports: &Imports, at: &Token, steps: &[Step]) {
    let (head, done) = (body.builder.create_block(), body.builder.create_block());
    let token = body.builder.append_block_param(head, I64);
    body.builder.ins().jump(head, &[at.token.into()]);
    body.builder.switch_to_block(head);
    let here = Token { token, ..*at }.with_cache(body);
    emit_steps(body, imports, &here, steps);
    let next = body.builder.ins().iadd_imm_s(token, 1);
    let more = body
        .builder
        .ins()
        .icmp(IntCC::UnsignedLessThan, next, at.tokens);
    body.builder
        .ins()
        .brif(more, head, &[next.into()], done, &[]);
    body.builder.switch_to_block(done);
}

fn emit_steps(body: &mut Body<'_>, imports: &Imports, at: &Token, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Kernel(call) => match call.parallel {
                Some(parallel) => emit_parallel(body, imports, at, call, parallel),
                None => {
                    let args = arguments(body, at, call);
                    body.call(call.function, &args);
                }
            },
            Step::TopK(top) => {
                let [scores, chosen, picked] =
                    [&top.scores, &top.chosen, &top.picked].map(|o| at.address(body, o));
                let cache = at.cache(body);
                let k = body.builder.ins().iconst(I64, top.k as i64);
                let args = [scores, cache.len, cache.start, k, chosen, picked];
                body.call(imports.top_k, &args);
            }
        }
    }
}

/// A product that the pool splits: the kernel's address comes after the pool's, then how many
/// columns a word holds.
fn emit_parallel(
    body: &mut Body<'_>,
    imports: &Imports,
    at: &Token,
    call: &Prepared,
    parallel: Parallel,
) {
    let pool = body.builder.ins().iconst(I64, imports.pool as i64);
    let kernel = body.address(call.function);
    let word_cols = body.builder.ins().iconst(I64, parallel.word_cols as i64);
    let mut args = vec![pool, kernel, word_cols];
    args.extend(arguments(body, at, call));
    let function = match parallel.activation {
        Activation::F32 => imports.parallel_gemm,
        Activation::I8 => imports.parallel_gemm_i8,
    };
    body.call(function, &args);
}

fn arguments(body: &mut Body<'_>, at: &Token, call: &Prepared) -> Vec<Value> {
    let mut args: Vec<Value> = call.operands.iter().map(|o| at.address(body, o)).collect();
    args.extend(call.dims.iter().map(|d| at.dim(body, *d)));
    args.extend(call.scalars.iter().map(|s| body.builder.ins().f32const(*s)));
    args
}

/// What addresses and dimensions are computed from.
#[derive(Clone, Copy)]
struct Token {
    /// In the order of `Base`.
    bases: [Value; 4],
    position: Value,
    tokens: Value,
    token: Value,
    window: i64,
    cache: Option<Cache>,
}

/// The attention cache as the token at hand sees it; `Frame` has the same arithmetic.
#[derive(Clone, Copy)]
struct Cache {
    slot: Value,
    len: Value,
    start: Value,
}

impl Token {
    fn with_cache(self, body: &mut Body<'_>) -> Token {
        Token {
            cache: Some(self.cache(body)),
            ..self
        }
    }

    fn cache(&self, body: &mut Body<'_>) -> Cache {
        if let Some(cache) = self.cache {
            return cache;
        }
        let window = body.builder.ins().iconst(I64, self.window);
        let at = body.builder.ins().iadd(self.position, self.token);
        let seen = body.builder.ins().iadd_imm_s(at, 1);
        let slot = body.builder.ins().urem(at, window);
        let len = body.builder.ins().umin(seen, window);
        let next = body.builder.ins().urem(seen, window);
        let full = body
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, seen, window);
        let zero = body.builder.ins().iconst(I64, 0);
        let start = body.builder.ins().select(full, next, zero);
        Cache { slot, len, start }
    }

    fn dim(&self, body: &mut Body<'_>, dim: DimValue) -> Value {
        match dim {
            DimValue::Const(n) => body.builder.ins().iconst(I64, n as i64),
            DimValue::Tokens => self.tokens,
            DimValue::Slot => self.cache(body).slot,
            DimValue::Len => self.cache(body).len,
            DimValue::Kept(k) => {
                let len = self.cache(body).len;
                let k = body.builder.ins().iconst(I64, k as i64);
                body.builder.ins().umin(k, len)
            }
        }
    }

    fn address(&self, body: &mut Body<'_>, operand: &Placed) -> Value {
        let base = self.bases[operand.base as usize];
        let base = body.builder.ins().iadd_imm_s(base, operand.offset as i64);
        let row = match operand.row {
            Row::First => return base,
            Row::Token => self.token,
            Row::Last => body.builder.ins().iadd_imm_s(self.tokens, -1),
        };
        let row = body.builder.ins().imul_imm_s(row, operand.row_bytes as i64);
        body.builder.ins().iadd(base, row)
    }
}
