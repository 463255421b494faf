use super::{DimValue, Tensor};
use atome_codegen::KernelSpec;
use atome_codegen::expr::Expr;
use atome_spec::{Activation, Method, Op, Packing};
use std::convert::Infallible;
use std::sync::Arc;

/// A part of the plan that is run once a block, or once for each of its tokens; of kernel calls and selections, or of what
/// a backend makes of these.
#[derive(Clone, Debug)]
pub(crate) enum Stage<K = KernelCall, T = TopKCall> {
    /// One call over all tokens of the block.
    Block(Call<K, T>),
    /// These calls for the first token, then for the second, and so on.
    EachToken(Vec<Call<K, T>>),
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) enum Call<K = KernelCall, T = TopKCall> {
    /// A compiled kernel.
    Kernel(K),
    /// The selection of the best cached positions, a plain function.
    TopK(T),
}

impl<K, T> Stage<K, T> {
    /// The calls of the stage.
    pub(crate) fn calls(&self) -> &[Call<K, T>] {
        match self {
            Stage::Block(call) => std::slice::from_ref(call),
            Stage::EachToken(calls) => calls,
        }
    }

    /// The kernel calls of the stage.
    pub(crate) fn kernels(&self) -> impl Iterator<Item = &K> {
        self.calls().iter().filter_map(|call| match call {
            Call::Kernel(call) => Some(call),
            Call::TopK(_) => None,
        })
    }

    /// The stage of what is made of each call.
    pub(crate) fn try_map<L, U, E>(
        &self,
        kernel: &mut impl FnMut(&K) -> Result<L, E>,
        top_k: &impl Fn(&T) -> U,
    ) -> Result<Stage<L, U>, E> {
        let mut map = |call: &Call<K, T>| {
            Ok(match call {
                Call::Kernel(call) => Call::Kernel(kernel(call)?),
                Call::TopK(call) => Call::TopK(top_k(call)),
            })
        };
        Ok(match self {
            Stage::Block(call) => Stage::Block(map(call)?),
            Stage::EachToken(calls) => {
                Stage::EachToken(calls.iter().map(map).collect::<Result<_, E>>()?)
            }
        })
    }
}

/// A kernel and what it is called with.
#[derive(Clone, Debug)]
pub(crate) struct KernelCall {
    /// What it is for, in the plan's listing.
    pub label: Arc<str>,
    /// The op; `gemm` stands for `gemv` where there is one token, and `group_gemm` for `group_gemv`.
    pub op: Op,
    /// Packing of its weights.
    pub packing: Option<Packing>,
    /// Type of its activations.
    pub activation: Activation,
    /// Method of its product; `None` for the one that the schedule prefers.
    pub method: Option<Method>,
    /// What it computes, for the op that has to be told.
    pub expr: Option<Arc<Expr>>,
    /// A value for each of the kernel's dimensions, in the order of [`KernelSpec::dims`].
    pub dims: Vec<DimValue>,
    /// An operand for each of the op's buffers, in the kernel's order.
    pub operands: Vec<Operand>,
    /// The kernel's scalars, in order.
    pub scalars: Vec<f32>,
}

/// Selection of the `k` best of the cached positions' scores.
#[derive(Clone, Debug)]
pub(crate) struct TopKCall {
    /// Most positions kept.
    pub k: u64,
    /// Scores in, `f32[capacity]`.
    pub scores: Operand,
    /// Slots out, best first, `i32[k]`.
    pub chosen: Operand,
    /// Their scores out, `f32[k]`.
    pub picked: Operand,
}

/// A tensor, from a row and an element of the row on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    /// The tensor.
    pub tensor: Tensor,
    /// Which row the operand starts at.
    pub row: Row,
    /// Distance between rows.
    pub row_bytes: usize,
    /// Bytes from the start of a row to the first element.
    pub offset_bytes: usize,
}

/// The first row of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// The tensor's start.
    First,
    /// The row of the current token.
    Token,
    /// The row of the block's last token.
    Last,
}

impl Stage {
    /// The stage with every kernel call replaced.
    pub(crate) fn map(&self, call: impl Fn(&KernelCall) -> KernelCall) -> Stage {
        let replaced = self.try_map(&mut |kernel| Ok(call(kernel)), &TopKCall::clone);
        match replaced {
            Ok(stage) => stage,
            Err(never) => {
                let never: Infallible = never;
                match never {}
            }
        }
    }

    /// The stage for a block whose rows are tokens of different sessions: what has a state is
    /// run once for each.
    pub(super) fn for_sessions(&self, is_state: impl Fn(Tensor) -> bool) -> Stage {
        match self {
            Stage::Block(Call::Kernel(call))
                if call.operands.iter().any(|o| is_state(o.tensor)) =>
            {
                let mut call = call.bind_one_token();
                for operand in &mut call.operands {
                    if operand.row == Row::First && !is_state(operand.tensor) {
                        operand.row = Row::Token;
                    }
                }
                Stage::EachToken(vec![Call::Kernel(call)])
            }
            other => other.clone(),
        }
    }
}

impl KernelCall {
    /// Greatest number of operands, dimensions and scalars together, of any op.
    pub(crate) const MAX_ARGUMENTS: usize = 40;

    /// This call with the number of tokens bound to one.
    pub(crate) fn bind_one_token(&self) -> KernelCall {
        let mut call = self.clone();
        for dim in &mut call.dims {
            match *dim {
                DimValue::Tokens => *dim = DimValue::Const(1),
                DimValue::PerToken(n) => *dim = DimValue::Const(n),
                DimValue::Const(_) | DimValue::Slot | DimValue::Len | DimValue::Kept(_) => {}
            }
        }
        call
    }

    /// This call for a block of exactly one token, by the simplest op: `gemm` becomes `gemv`.
    pub(crate) fn for_one_token(&self) -> KernelCall {
        let mut call = self.bind_one_token();
        match call.op {
            Op::Gemm => {
                call.op = Op::Gemv;
                call.dims.truncate(2);
            }
            Op::GroupGemm => {
                call.op = Op::GroupGemv;
                call.dims.truncate(3);
            }
            _ => {}
        }
        call
    }

    /// The specification with every known dimension bound.
    pub(crate) fn spec(&self) -> KernelSpec {
        self.spec_open_in(None)
    }

    /// The specification with every dimension open.
    pub(crate) fn open_spec(&self) -> KernelSpec {
        KernelSpec {
            packing: self.packing,
            activation: self.activation,
            method: self.method,
            expr: self.expr.clone(),
            ..KernelSpec::new(self.op)
        }
    }

    /// [`KernelCall::spec`] with the dimension of a number open as well.
    pub(crate) fn spec_open_in(&self, dim: Option<usize>) -> KernelSpec {
        let mut kernel = self.open_spec();
        for (number, (dim_of, value)) in kernel.dims().into_iter().zip(&self.dims).enumerate() {
            if let DimValue::Const(n) = value
                && dim != Some(number)
            {
                kernel = kernel.bind(&dim_of.name, *n);
            }
        }
        kernel
    }

    /// The values of the dimensions that [`KernelCall::spec_open_in`] leaves open, in order.
    pub(crate) fn dims_open_in(&self, dim: Option<usize>) -> impl Iterator<Item = DimValue> + '_ {
        let dims = self.dims.iter().copied().enumerate();
        let is_open = move |(number, value): &(usize, DimValue)| {
            !matches!(value, DimValue::Const(_)) || dim == Some(*number)
        };
        dims.filter(is_open).map(|(_, value)| value)
    }

    /// How many of the dimensions before one are open, if this one is, whatever is known of it.
    #[cfg(feature = "jit")]
    pub(crate) fn open_dims_before(&self, dim: usize, open: usize) -> usize {
        let before = self.dims[..dim].iter().enumerate();
        let is_open = |(i, d): &(usize, &DimValue)| *i == open || !matches!(d, DimValue::Const(_));
        before.filter(is_open).count()
    }
}
