//! Which function runs a call.
//!
//! Where the tier's vectors are wider than Cranelift's 128 bits, the microkernels compiled ahead of
//! time are called; everything else is compiled here, for the plan's shapes.

use super::entry::{EntryPoint, Node};
use crate::PrepareError;
use crate::backend::aot::{Map, Maps, form, run_map};
use crate::backend::frame::Placed;
use crate::backend::pick::Pick;
use crate::backend::share::{Split, share_call};
use crate::backend::walk::{TopK, select_top_k};
use crate::jit::{Code, CodeBuilder, FuncId, Maker, calls_ahead_of_time};
use crate::plan::{DimValue, KernelCall, Plan, Stage};
use crate::pool::Pool;
use atome_codegen::{KernelSpec, Schedule, compile, op};
use atome_kernels::Kernel;
use cranelift_codegen::ir::types::{F32, I64};
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Type};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Symbol of the selection of the best scores.
const TOP_K: &str = "atome_top_k";
/// Symbol of a call that threads share.
const SHARE_CALL: &str = "atome_share_call";
/// Symbol of a row-wise expression run by ahead-of-time kernels.
const MAP: &str = "atome_map";

/// The functions of one module, made as calls ask for them.
pub(super) struct Kernels<'p> {
    code: CodeBuilder,
    pick: Pick<'p>,
    pool: Option<&'p Pool>,
    compiled: BTreeMap<KernelSpec, FuncId>,
    imported: BTreeMap<&'static str, FuncId>,
    shared: BTreeMap<(FuncId, Split), Shared>,
    splits: Vec<Arc<Split>>,
    maps: Maps,
    tables: Vec<Box<[u64]>>,
}

/// Code, and what it reads.
pub(super) struct Finished {
    pub code: Code,
    pub tables: Vec<Box<[u64]>>,
    pub maps: Vec<Arc<Map>>,
    pub splits: Vec<Arc<Split>>,
}

/// A kernel call and the function that runs it.
pub(super) struct Prepared {
    pub function: FuncId,
    pub operands: Vec<Placed>,
    pub dims: Vec<DimValue>,
    pub scalars: Vec<f32>,
    /// Threads share it: the function is called by what runs a part.
    pub shared: Option<Shared>,
    /// What the function runs, over arguments in memory.
    pub map: Option<*const Map>,
}

/// How threads share a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Shared {
    /// Runs a part of it.
    pub part: FuncId,
    pub split: *const Split,
    /// The argument that says how much there is of what is split.
    pub count: usize,
}

impl<'p> Kernels<'p> {
    pub(super) fn new(pick: Pick<'p>, pool: Option<&'p Pool>) -> Result<Kernels<'p>, PrepareError> {
        let mut symbols: Vec<(&str, *const u8)> = vec![
            (TOP_K, select_top_k as *const u8),
            (SHARE_CALL, share_call as *const u8),
            (MAP, run_map as *const u8),
        ];
        symbols.extend(
            microkernels(pick)
                .into_iter()
                .map(|k| (k.name, k.entry().cast())),
        );
        // SAFETY: these are functions of this program, and none of them unwinds.
        let code = unsafe { Maker::of(pick.tier).module(&symbols) }?;
        Ok(Kernels {
            code,
            pick,
            pool,
            compiled: BTreeMap::new(),
            imported: BTreeMap::new(),
            shared: BTreeMap::new(),
            splits: Vec::new(),
            maps: Maps::default(),
            tables: Vec::new(),
        })
    }

    /// Stages of the plan, for blocks of one token or of any number.
    pub(super) fn prepare(
        &mut self,
        plan: &Plan,
        stages: &[Stage],
        one_token: bool,
    ) -> Result<Vec<Node>, PrepareError> {
        let nodes = stages.iter().map(|stage| {
            stage.try_map(&mut |call| self.kernel(plan, call, one_token), &|call| {
                TopK::new(plan, call)
            })
        });
        nodes.collect()
    }

    fn kernel(
        &mut self,
        plan: &Plan,
        call: &KernelCall,
        one_token: bool,
    ) -> Result<Prepared, PrepareError> {
        let call = form(call, one_token);
        let map = self.map(&call)?;
        let split = match map {
            None => self.pool.and_then(|_| Split::of(&call)),
            Some(_) => None,
        };
        let (function, dims) = match self.imported(&call)? {
            Some(function) => (function, call.dims.clone()),
            None if map.is_some() => (
                self.code.declare_symbol(MAP, &MAP_PARAMS)?,
                call.dims.clone(),
            ),
            None => {
                // Of what is split a part has any number.
                let open = split.as_ref().map(|split| split.dim);
                let schedule = self.pick.schedule(&call);
                let function = self.compiled(call.spec_open_in(open), schedule)?;
                (function, call.dims_open_in(open).collect())
            }
        };
        let shared = match split {
            Some(split) => Some(self.shared(&call, (function, &dims), split)?),
            None => None,
        };
        let operands = call.operands.iter().map(|o| Placed::new(plan, o)).collect();
        Ok(Prepared {
            function,
            operands,
            dims,
            scalars: call.scalars.clone(),
            shared,
            map,
        })
    }

    /// What runs parts of a call of a function with these open dimensions.
    fn shared(
        &mut self,
        call: &KernelCall,
        (function, dims): (FuncId, &[DimValue]),
        mut split: Split,
    ) -> Result<Shared, PrepareError> {
        let operands = call.operands.len();
        // Behind the dimensions that are open, too.
        let argument = |dim: usize| match dims.len() == call.dims.len() {
            true => operands + dim,
            false => operands + call.open_dims_before(dim, split.dim),
        };
        let count = argument(split.dim);
        split.used = split.used.map(|(at, of)| (argument(at - operands), of));
        let key = (function, split);
        if let Some(&known) = self.shared.get(&key) {
            return Ok(known);
        }
        let split = Arc::new(key.1.clone());
        let mut params = vec![I64; operands + dims.len()];
        params.resize(params.len() + call.scalars.len(), F32);
        let shared = Shared {
            part: self.part(function, &params, &split, count)?,
            split: Arc::as_ptr(&split),
            count,
        };
        self.splits.push(split);
        self.shared.insert(key, shared);
        Ok(shared)
    }

    /// A function like `PartFn` that calls one with these parameters.
    fn part(
        &mut self,
        function: FuncId,
        params: &[Type],
        split: &Split,
        count: usize,
    ) -> Result<FuncId, PrepareError> {
        let name = format!("part{}", self.shared.len());
        let mut signature = self.code.signature();
        signature.params.extend([AbiParam::new(I64); 3]);
        let part = self.code.define_clif(&name, signature, |body| {
            let [list, first, own_count] = [0, 1, 2].map(|i| body.param(i));
            let flags = MemFlagsData::trusted().with_readonly();
            let load = |(i, ty): (usize, &Type)| {
                let ins = body.builder.ins();
                ins.load(*ty, flags, list, 8 * i as i32)
            };
            let mut args: Vec<_> = params.iter().enumerate().map(load).collect();
            for (operand, stride) in split.moves() {
                let moved = body.builder.ins().imul_imm_s(first, stride as i64);
                args[operand] = body.builder.ins().iadd(args[operand], moved);
            }
            args[count] = own_count;
            body.call(function, &args);
            body.builder.ins().return_(&[]);
        })?;
        Ok(part)
    }

    /// An expression that ahead-of-time kernels run, where they are faster than code made here.
    fn map(&mut self, call: &KernelCall) -> Result<Option<*const Map>, PrepareError> {
        let Some(expr) = call
            .expr
            .as_ref()
            .filter(|expr| calls_ahead_of_time(self.pick.tier, &call.spec()) && Map::pays(expr))
        else {
            return Ok(None);
        };
        let map = self.maps.get(expr, self.pick.tier);
        Ok(map.map(|map| Arc::as_ptr(&map)))
    }

    /// The function of the ahead-of-time kernel for a call, if it is one that pays.
    fn imported(&mut self, call: &KernelCall) -> Result<Option<FuncId>, PrepareError> {
        let Some(kernel) = self.pick.microkernel(call) else {
            return Ok(None);
        };
        if let Some(&function) = self.imported.get(kernel.name) {
            return Ok(Some(function));
        }
        let declaration = op::signature(kernel.kind).declaration(kernel.name);
        let function = self.code.declare_import(kernel.name, &declaration)?;
        self.imported.insert(kernel.name, function);
        Ok(Some(function))
    }

    /// Code for a specification, laid out so or as is selected.
    fn compiled(
        &mut self,
        spec: KernelSpec,
        schedule: Option<Schedule>,
    ) -> Result<FuncId, PrepareError> {
        if let Some(&function) = self.compiled.get(&spec) {
            return Ok(function);
        }
        let function = match schedule {
            Some(schedule) => compile(&spec, &schedule)?,
            None => Maker::of(self.pick.tier).function(&spec)?,
        };
        let function = self.code.define(&function)?;
        self.compiled.insert(spec, function);
        Ok(function)
    }

    pub(super) fn define(&mut self, entry: EntryPoint<'_>) -> Result<FuncId, PrepareError> {
        let imports = Imports {
            top_k: self.code.declare_symbol(TOP_K, &TOP_K_PARAMS)?,
            share_call: self.code.declare_symbol(SHARE_CALL, &[I64; 5])?,
            pool: self.pool.map_or(std::ptr::null(), std::ptr::from_ref),
        };
        entry.define(&mut self.code, &imports, &mut self.tables)
    }

    pub(super) fn finish(self) -> Result<Finished, PrepareError> {
        Ok(Finished {
            code: self.code.finish()?,
            tables: self.tables,
            maps: self.maps.into_values(),
            splits: self.splits,
        })
    }
}

/// The Rust functions that entry points call.
pub(super) struct Imports {
    pub top_k: FuncId,
    pub share_call: FuncId,
    pub pool: *const Pool,
}

/// Parameters of [`select_top_k`].
const TOP_K_PARAMS: [Type; 6] = [I64; 6];
/// Parameters of [`run_map`].
const MAP_PARAMS: [Type; 4] = [I64; 4];

/// The kernels compiled ahead of time that code may call.
fn microkernels(pick: Pick<'_>) -> Vec<&'static Kernel> {
    let mut kernels: Vec<&Kernel> = atome_kernels::kernels(pick.tier).iter().collect();
    kernels.extend(pick.tuned.into_iter().flat_map(|tuned| tuned.kernels()));
    kernels
}
