//! Which function runs a call.
//!
//! Where the tier's vectors are wider than Cranelift's 128 bits, the microkernels compiled ahead of
//! time are called; everything else is compiled here, for the plan's shapes.

use super::entry::{EntryPoint, Node};
use crate::PrepareError;
use crate::backend::aot::{Map, Maps, form, is_shared, run_map};
use crate::backend::frame::Placed;
use crate::backend::parallel::{
    parallel_gemm, parallel_gemm_i8, parallel_group_gemm, parallel_group_gemm_i8,
};
use crate::backend::pick::Pick;
use crate::backend::walk::{TopK, select_top_k};
use crate::jit::{Code, CodeBuilder, FuncId, Maker, calls_ahead_of_time};
use crate::plan::{DimValue, KernelCall, Plan, Stage};
use crate::pool::Pool;
use atome_codegen::{KernelSpec, Schedule, compile, op};
use atome_kernels::Kernel;
use atome_spec::layout::word_cols;
use atome_spec::{Activation, Op, Packing};
use cranelift_codegen::ir::Type;
use cranelift_codegen::ir::types::{F32, I64};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Symbol of the selection of the best scores.
const TOP_K: &str = "atome_top_k";
/// Symbol of a matrix product split over threads.
const PARALLEL_GEMM: &str = "atome_parallel_gemm";
/// The same with int8 activations.
const PARALLEL_GEMM_I8: &str = "atome_parallel_gemm_i8";
/// The name that code calls [`parallel_group_gemm`] by.
const PARALLEL_GROUP_GEMM: &str = "atome_parallel_group_gemm";
/// The name that code calls [`parallel_group_gemm_i8`] by.
const PARALLEL_GROUP_GEMM_I8: &str = "atome_parallel_group_gemm_i8";
/// Symbol of a row-wise expression run by ahead-of-time kernels.
const MAP: &str = "atome_map";

/// The functions of one module, made as calls ask for them.
pub(super) struct Kernels<'p> {
    code: CodeBuilder,
    pick: Pick<'p>,
    pool: Option<&'p Pool>,
    compiled: BTreeMap<KernelSpec, FuncId>,
    imported: BTreeMap<&'static str, FuncId>,
    maps: Maps,
    tables: Vec<Box<[u64]>>,
}

/// Code, and what it reads.
pub(super) struct Finished {
    pub code: Code,
    pub tables: Vec<Box<[u64]>>,
    pub maps: Vec<Arc<Map>>,
}

/// A kernel call and the function that runs it.
pub(super) struct Prepared {
    pub function: FuncId,
    pub operands: Vec<Placed>,
    pub dims: Vec<DimValue>,
    pub scalars: Vec<f32>,
    /// Runs through the pool: the function is then an argument.
    pub parallel: Option<Parallel>,
    /// What the function runs, over arguments in memory.
    pub map: Option<*const Map>,
}

/// How a product is split.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Parallel {
    pub activation: Activation,
    /// Columns of a word of the weights; `None` where groups of columns have scales, which are of int2.
    pub word_cols: Option<usize>,
}

impl<'p> Kernels<'p> {
    pub(super) fn new(pick: Pick<'p>, pool: Option<&'p Pool>) -> Result<Kernels<'p>, PrepareError> {
        let mut symbols: Vec<(&str, *const u8)> = vec![
            (TOP_K, select_top_k as *const u8),
            (PARALLEL_GEMM, parallel_gemm as *const u8),
            (PARALLEL_GEMM_I8, parallel_gemm_i8 as *const u8),
            (PARALLEL_GROUP_GEMM, parallel_group_gemm as *const u8),
            (PARALLEL_GROUP_GEMM_I8, parallel_group_gemm_i8 as *const u8),
            (MAP, run_map as *const u8),
        ];
        symbols.extend(
            microkernels(pick)
                .into_iter()
                .map(|k| (k.name, k.entry().cast())),
        );
        // SAFETY: these are functions of this program, and none of them unwinds.
        let code = unsafe { Maker::of(pick.tier).module(&symbols) }?;
        let (compiled, imported) = (BTreeMap::new(), BTreeMap::new());
        Ok(Kernels {
            code,
            pick,
            pool,
            compiled,
            imported,
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
        // A split product has any number of rows.
        let parallel = is_shared(call.op) && self.pool.is_some();
        let call = form(call, one_token, parallel);
        let map = self.map(&call)?;
        let (function, dims) = match self.imported(&call, parallel)? {
            Some(function) => (function, call.dims.clone()),
            None if map.is_some() => (
                self.code.declare_symbol(MAP, &MAP_PARAMS)?,
                call.dims.clone(),
            ),
            None if parallel => (self.compiled(call.open_spec(), None)?, call.dims.clone()),
            None => {
                let schedule = self.pick.schedule(&call);
                (
                    self.compiled(call.spec(), schedule)?,
                    call.open_dims().collect(),
                )
            }
        };
        let operands = call.operands.iter().map(|o| Placed::new(plan, o)).collect();
        let parallel = parallel.then(|| Parallel {
            activation: call.activation,
            word_cols: match call.op {
                Op::GroupGemm => None,
                _ => Some(word_cols(call.packing.unwrap_or(Packing::Int2))),
            },
        });
        Ok(Prepared {
            function,
            operands,
            dims,
            scalars: call.scalars.clone(),
            parallel,
            map,
        })
    }

    /// An expression that ahead-of-time kernels run, where they are faster than code made here.
    fn map(&mut self, call: &KernelCall) -> Result<Option<*const Map>, PrepareError> {
        let Some(expr) = call
            .expr
            .as_ref()
            .filter(|expr| calls_ahead_of_time(self.pick.tier) && Map::pays(expr))
        else {
            return Ok(None);
        };
        let map = self.maps.get(expr, self.pick.tier);
        Ok(map.map(|map| Arc::as_ptr(&map)))
    }

    /// The function of the ahead-of-time kernel for a call, if it is one that pays.
    fn imported(
        &mut self,
        call: &KernelCall,
        shared: bool,
    ) -> Result<Option<FuncId>, PrepareError> {
        let Some(kernel) = self.pick.microkernel(call, shared) else {
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
            parallel_gemm: self
                .code
                .declare_symbol(PARALLEL_GEMM, &PARALLEL_GEMM_PARAMS)?,
            parallel_gemm_i8: self
                .code
                .declare_symbol(PARALLEL_GEMM_I8, &PARALLEL_GEMM_I8_PARAMS)?,
            parallel_group_gemm: self
                .code
                .declare_symbol(PARALLEL_GROUP_GEMM, &PARALLEL_GROUP_GEMM_PARAMS)?,
            parallel_group_gemm_i8: self
                .code
                .declare_symbol(PARALLEL_GROUP_GEMM_I8, &PARALLEL_GROUP_GEMM_I8_PARAMS)?,
            pool: self.pool.map_or(std::ptr::null(), std::ptr::from_ref),
        };
        entry.define(&mut self.code, &imports, &mut self.tables)
    }

    pub(super) fn finish(self) -> Result<Finished, PrepareError> {
        Ok(Finished {
            code: self.code.finish()?,
            tables: self.tables,
            maps: self.maps.into_values(),
        })
    }
}

/// The Rust functions that entry points call.
pub(super) struct Imports {
    pub top_k: FuncId,
    pub parallel_gemm: FuncId,
    pub parallel_gemm_i8: FuncId,
    pub parallel_group_gemm: FuncId,
    pub parallel_group_gemm_i8: FuncId,
    pub pool: *const Pool,
}

/// Parameters of [`select_top_k`].
const TOP_K_PARAMS: [Type; 6] = [I64; 6];
/// Parameters of [`run_map`].
const MAP_PARAMS: [Type; 4] = [I64; 4];
/// Parameters of [`parallel_gemm`].
const PARALLEL_GEMM_PARAMS: [Type; 11] = params();
/// Parameters of [`parallel_gemm_i8`].
const PARALLEL_GEMM_I8_PARAMS: [Type; 13] = params();

/// Parameters of [`parallel_group_gemm`].
const PARALLEL_GROUP_GEMM_PARAMS: [Type; 11] = [I64; 11];
/// Parameters of [`parallel_group_gemm_i8`].
const PARALLEL_GROUP_GEMM_I8_PARAMS: [Type; 13] = [I64; 13];

/// Addresses and numbers, then a scale.
const fn params<const N: usize>() -> [Type; N] {
    let mut params = [I64; N];
    params[N - 1] = F32;
    params
}

/// The kernels compiled ahead of time that code may call.
fn microkernels(pick: Pick<'_>) -> Vec<&'static Kernel> {
    let mut kernels = Vec::new();
    if calls_ahead_of_time(pick.tier) {
        kernels.extend(atome_kernels::kernels(pick.tier));
    }
    kernels.extend(pick.tuned.into_iter().flat_map(|tuned| tuned.kernels()));
    kernels
}
