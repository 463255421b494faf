//! What each op is, declared once: its dimensions, buffers and scalars, what its weights and
//! activations may be, what its schedules choose, who calls it, its numerics, and its lowering.
//!
//! A `Def` stands at the top of the op's file in [`lower`](mod@crate::lower), beside the code that
//! it must agree with, and everything else derives from it: the parameters of the lowering and
//! of `#[ternary_kernel]`, the table of `docs/ir.md`, the kernels there are, the check of a call.
//!
//! | file | what |
//! |---|---|
//! | `dim` | a dimension and its values |
//! | `buffer` | a buffer, and what is in it |
//! | `parts` | what of a call threads may share |
//! | `signature` | the parameters of a kernel |
//! | `table` | signatures and numerics as `docs/ir.md` has them |

mod buffer;
mod dim;
mod parts;
mod signature;
mod table;

pub use buffer::{BufferDef, Content};
pub use dim::{Bound, Dim};
pub use parts::{Parts, parts};
pub use signature::{Signature, signature};
pub use table::{numerics, table};

pub(crate) use buffer::{buffer, in_out, input, output, read_back};
pub(crate) use dim::{dim, named};
pub(crate) use signature::Dims;

use crate::ir::{Builder, Value};
use crate::lower::{self, Lowering};
use crate::schedule::Choice;
use crate::{KernelSpec, Schedule};
use atome_spec::{Activation, Isa, Kind, Method, Op, Packing};

/// What an op is, but for its numerics.
#[derive(Clone, Copy)]
pub(crate) struct Def {
    /// What it gives to the last bit, as `docs/ir.md` has it.
    pub(crate) numerics: &'static str,
    /// Its dimensions, in the order of the kernel's parameters.
    pub(crate) dims: &'static [Dim],
    /// Dimensions that depend on the specification, after those.
    pub(crate) more_dims: fn(&KernelSpec) -> Vec<Dim>,
    /// Its buffers, in the order of the kernel's parameters.
    pub(crate) buffers: fn(&Dims<'_>) -> Vec<BufferDef>,
    /// Its f32 parameters, in order.
    pub(crate) scalars: &'static [&'static str],
    /// What it has kernels for, a form for each type of activations and the packings that have the same methods, the
    /// default first.
    pub(crate) forms: &'static [Form],
    /// How threads may share a call, the best way first.
    pub(crate) parts: &'static [Parts],
    /// The schedule that is selected for an instruction set, but for the method.
    pub(crate) select: fn(&KernelSpec, Isa) -> Schedule,
    /// Who calls it.
    pub(crate) callers: Callers,
    /// What it gives for each element, if it is elementwise.
    pub(crate) function: Option<Function>,
    /// Whether a specification of it has an expression.
    pub(crate) has_expr: bool,
    /// Its lowering.
    pub(crate) lower: fn(&mut Lowering<'_>),
}

/// A function of one number or of several.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    /// How many.
    pub(crate) arity: usize,
    /// Its value for so many.
    pub(crate) value: fn(&mut Builder, &[Value]) -> Value,
    /// Whether it gives no NaN but the canonical one.
    pub(crate) is_canonical: bool,
}

impl Def {
    /// An op on f32 without dimensions, buffers or scalars, for plans alone.
    pub(crate) const fn of(lower: fn(&mut Lowering<'_>)) -> Def {
        Def {
            numerics: "",
            dims: &[],
            more_dims: |_| Vec::new(),
            buffers: |_| Vec::new(),
            scalars: &[],
            forms: Form::F32,
            parts: &[],
            select: |_, _| Schedule::default(),
            callers: Callers::Plans,
            function: None,
            has_expr: false,
            lower,
        }
    }
}

/// What an op has kernels for, with one type of activations and some packings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    activation: Activation,
    /// Packings of its weights, the default first; none if it reads no ternary weights.
    packings: &'static [Packing],
    /// Methods of its product, the one that is chosen unless another is asked for first.
    methods: &'static [Method],
    /// What else its schedules choose.
    choices: &'static [Choice],
}

impl Form {
    /// That of an op on f32 alone.
    const F32: &'static [Form] = &[Form::f32(&[])];

    /// That of an op on f32 alone, whose schedules have choices.
    pub(crate) const fn f32(choices: &'static [Choice]) -> Form {
        Form::ternary(Activation::F32, &[], &[], choices)
    }

    pub(crate) const fn ternary(
        activation: Activation,
        packings: &'static [Packing],
        methods: &'static [Method],
        choices: &'static [Choice],
    ) -> Form {
        Form {
            activation,
            packings,
            methods,
            choices,
        }
    }
}

/// Who calls the kernels of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Plans, which prove what they pass.
    Plans,
    /// Programs too, by a safe function of `atome-kernels`: it goes nowhere but where lengths and
    /// ids say.
    Programs,
    /// `#[ternary_kernel]` too.
    Attributes,
}

/// Who calls an op's kernels.
pub fn callers(op: Op) -> Callers {
    lower::def(op).callers
}

/// How many numbers an elementwise op is a function of; `None` for the other ops.
///
/// ```
/// use atome_codegen::op;
/// use atome_spec::Op;
///
/// assert_eq!([Op::Silu, Op::Mul, Op::Gemv].map(op::arity), [Some(1), Some(2), None]);
/// ```
pub fn arity(op: Op) -> Option<usize> {
    lower::def(op).function.map(|function| function.arity)
}

/// Whether a specification of the op needs an [expression](crate::expr), which says what it computes.
pub fn has_expr(op: Op) -> bool {
    lower::def(op).has_expr
}

/// An op's dimensions, in the order of the kernel's parameters, but for those that depend on an
/// expression.
pub fn dims(op: Op) -> &'static [Dim] {
    lower::def(op).dims
}

/// Activations an op has kernels for, the default first.
pub fn activations(op: Op) -> impl Iterator<Item = Activation> {
    let forms = lower::def(op).forms;
    let is_first = |at: usize| {
        let before = forms[..at].iter();
        before
            .clone()
            .all(|other| other.activation != forms[at].activation)
    };
    (0..forms.len())
        .filter(move |at| is_first(*at))
        .map(|at| forms[at].activation)
}

/// Packings an op has kernels for, the default first; none if it reads no ternary weights.
pub fn packings(op: Op, activation: Activation) -> Vec<Packing> {
    let forms = lower::def(op).forms.iter();
    let forms = forms.filter(|form| form.activation == activation);
    forms
        .flat_map(|form| form.packings.iter().copied())
        .collect()
}

/// Methods by which a kernel's product may be formed, the one that is chosen unless another is asked for first. Without a
/// packing, those of the op's first.
///
/// ```
/// use atome_codegen::op;
/// use atome_spec::{Activation, Kind, Method, Op, Packing};
///
/// let gemv = Kind::new(Op::Gemv).activation(Activation::I8);
/// assert_eq!(op::methods(gemv), [Method::Dot, Method::Lut, Method::Select]);
/// assert_eq!(op::methods(gemv.packing(Packing::Sorted)), [Method::Lut]);
/// ```
pub fn methods(kind: Kind) -> &'static [Method] {
    form(kind).map_or(&[], |form| form.methods)
}

/// What a kernel's schedules choose, but for the method and its fields.
pub(crate) fn choices(kind: Kind) -> &'static [Choice] {
    form(kind).map_or(&[], |form| form.choices)
}

/// Whether an op reads ternary weights, and so has a packing.
pub fn is_ternary(op: Op) -> bool {
    let forms = lower::def(op).forms;
    forms.iter().any(|form| !form.packings.is_empty())
}

/// The form that a kernel is of; of a packing that the op has no kernel for, its first one.
fn form(kind: Kind) -> Option<&'static Form> {
    let forms = lower::def(kind.op).forms.iter();
    let mut forms = forms.filter(|form| form.activation == kind.activation);
    let first = forms.clone().next();
    let packed = |packing: Packing| forms.find(|form| form.packings.contains(&packing));
    kind.packing.and_then(packed).or(first)
}

/// Every kernel there is, each method but an op's first named; none of an op that needs an expression.
pub fn kinds() -> Vec<Kind> {
    let ops = Op::ALL.iter().filter(|op| !has_expr(**op));
    ops.flat_map(|op| kinds_of(*op)).collect()
}

/// The kernels of an op.
fn kinds_of(op: Op) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for form in lower::def(op).forms {
        let kind = Kind::new(op).activation(form.activation);
        if form.packings.is_empty() {
            kinds.push(kind);
        }
        for kind in form.packings.iter().map(|&p| kind.packing(p)) {
            kinds.push(kind);
            let others = form.methods.iter().skip(1);
            kinds.extend(others.map(|&m| kind.method(m)));
        }
    }
    kinds
}
