//! The calls of an entry, with offsets into the weights and the memory that the compiler knows.

use crate::embed::image::Image;
use crate::plan::{Base, Call, DimValue, KernelCall, Operand, Plan, TopKCall};
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{FuncId, Module};
use cranelift_object::ObjectModule;
use std::collections::BTreeMap;

/// Where calls are written.
pub(super) struct At<'a> {
    pub(super) plan: &'a Plan,
    pub(super) image: &'a Image,
    pub(super) kernels: &'a BTreeMap<String, FuncId>,
    /// If there is a call of it.
    pub(super) top_k: Option<FuncId>,
}

impl At<'_> {
    pub(super) fn call(
        &self,
        b: &mut FunctionBuilder<'_>,
        params: &[Value],
        module: &mut ObjectModule,
        call: &Call,
    ) {
        let (callee, args) = match call {
            Call::Kernel(call) => self.kernel(b, params, call),
            Call::TopK(top) => {
                let callee = self.top_k.expect("it is defined where it is called");
                (callee, self.best(b, params, top))
            }
        };
        let callee = module.declare_func_in_func(callee, b.func);
        b.ins().call(callee, &args);
    }

    fn kernel(
        &self,
        b: &mut FunctionBuilder<'_>,
        params: &[Value],
        call: &KernelCall,
    ) -> (FuncId, Vec<Value>) {
        let operands = call.operands.iter();
        let mut args: Vec<Value> = operands.map(|o| self.address(b, params, o)).collect();
        args.extend(call.dims_open_in(None).map(|dim| match dim {
            DimValue::Const(n) | DimValue::PerToken(n) => b.ins().iconst(I64, n as i64),
            DimValue::Tokens => b.ins().iconst(I64, 1),
            DimValue::Slot => params[2],
            DimValue::Len => params[3],
            DimValue::Kept(k) => {
                let k = b.ins().iconst(I64, k as i64);
                b.ins().umin(k, params[3])
            }
        }));
        args.extend(call.scalars.iter().map(|x| b.ins().f32const(*x)));
        (self.kernels[&call.spec().symbol()], args)
    }

    fn best(&self, b: &mut FunctionBuilder<'_>, params: &[Value], top: &TopKCall) -> Vec<Value> {
        let [scores, chosen, picked] =
            [&top.scores, &top.chosen, &top.picked].map(|o| self.address(b, params, o));
        let k = b.ins().iconst(I64, top.k as i64);
        vec![scores, params[3], params[4], k, chosen, picked]
    }

    fn address(&self, b: &mut FunctionBuilder<'_>, params: &[Value], operand: &Operand) -> Value {
        let tensor = self.plan.tensor(operand.tensor);
        let (base, offset) = match tensor.section.base() {
            Base::Slot => (params[1], tensor.offset),
            Base::Scratch => (params[1], self.plan.sizes.slot + tensor.offset),
            Base::File | Base::Weights | Base::Constants => {
                (params[0], self.image.offset(operand.tensor))
            }
        };
        let offset = offset + operand.offset_bytes;
        b.ins().iadd_imm_s(base, offset as i64)
    }
}
