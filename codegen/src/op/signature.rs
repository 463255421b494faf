use super::{BufferDef, Dim, packings};
use crate::ir::{self, Block, BufferParam, Function, Scalar, Size};
use crate::{KernelSpec, lower};
use atome_spec::{Kind, Packing};
use std::borrow::Cow;

/// The parameters of a kernel, in order: buffers, dimensions that are open, scalars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its open dimensions; [`Size::Dim`] of a length counts them.
    pub dims: Vec<Dim>,
    /// Its buffers.
    pub buffers: Vec<BufferDef>,
    /// Its f32 parameters.
    pub scalars: &'static [&'static str],
}

/// The parameters of a kernel with every dimension open. A packing that the op has no kernel for
/// counts as its first one.
///
/// ```
/// use atome_codegen::op;
/// use atome_spec::{Kind, Op, Packing};
///
/// let gemv = op::signature(Kind::new(Op::Gemv).packing(Packing::Int2));
/// let names: Vec<&str> = gemv.buffers.iter().map(|b| &*b.name).collect();
/// assert_eq!((names, gemv.scalars), (vec!["w", "x", "out"], &["scale"][..]));
/// // Rows in groups of 16, of as many words as 16 columns fit in.
/// assert_eq!(gemv.buffers[0].len.eval(&[20, 33]), Some(32 * 3));
/// assert_eq!(gemv.buffers[0].len.eval(&[u64::MAX, 33]), None);
/// ```
pub fn signature(kind: Kind) -> Signature {
    KernelSpec::from(kind).signature()
}

impl Signature {
    /// The parameters of a specification's kernel. Whatever does not fit the op is left out.
    pub(crate) fn of(spec: &KernelSpec) -> Signature {
        let def = lower::def(spec.op);
        let dims = Dims::of(spec);
        let all = spec.dims().into_iter();
        Signature {
            dims: all.filter(|d| !spec.shape.contains_key(&*d.name)).collect(),
            buffers: (def.buffers)(&dims),
            scalars: def.scalars,
        }
    }

    /// An open dimension as a size.
    pub fn dim(&self, name: &str) -> Option<Size> {
        let at = self.dims.iter().position(|dim| dim.name == name)?;
        Some(Size::Dim(ir::Dim(at as u32)))
    }

    /// The number of a buffer.
    pub fn buffer(&self, name: &str) -> Option<usize> {
        self.buffers.iter().position(|buffer| buffer.name == name)
    }

    /// A function with these parameters and nothing in it, to declare what is compiled elsewhere.
    pub fn declaration(&self, name: &str) -> Function {
        let buffers = self.buffers.iter().map(|buffer| BufferParam {
            name: buffer.name.to_string(),
            access: buffer.access,
            elem: buffer.content.elem(),
            len: buffer.len.clone(),
        });
        let scalars = self.scalars.iter().map(|&name| Scalar {
            name: name.to_owned(),
        });
        Function {
            name: name.to_owned(),
            dims: self.dims.iter().map(|dim| dim.name.to_string()).collect(),
            buffers: buffers.collect(),
            scratch: Vec::new(),
            scalars: scalars.collect(),
            types: Vec::new(),
            body: Block::new(),
        }
    }
}

/// The dimensions of a kernel as sizes, and its kind: what the lengths of its buffers depend on.
pub(crate) struct Dims<'a> {
    spec: &'a KernelSpec,
    sizes: Vec<(Cow<'static, str>, Size)>,
}

impl<'a> Dims<'a> {
    /// Constants for the dimensions that are bound, parameters for the others.
    pub(crate) fn of(spec: &'a KernelSpec) -> Dims<'a> {
        let mut open = 0..;
        let dims = spec.dims().into_iter();
        let sizes = dims.map(|dim| match spec.shape.get(&*dim.name) {
            Some(&n) => (dim.name, Size::Const(n)),
            None => (
                dim.name,
                Size::Dim(ir::Dim(open.next().unwrap_or(u32::MAX))),
            ),
        });
        let sizes = sizes.collect();
        Dims { spec, sizes }
    }

    /// A dimension of the op.
    ///
    /// # Panics
    /// If the op's definition does not list it: a fault of that, which every test of the op meets.
    pub(crate) fn get(&self, name: &str) -> Size {
        let found = self.sizes.iter().find(|(n, _)| n == name);
        let (_, size) = found.expect("an op's definition lists its dimensions");
        size.clone()
    }

    /// What the kernel is made from.
    pub(crate) fn spec(&self) -> &KernelSpec {
        self.spec
    }

    /// What the kernel is.
    pub(crate) fn kind(&self) -> Kind {
        self.spec.kind()
    }

    /// The packing of its weights.
    pub(crate) fn packing(&self) -> Packing {
        let known = packings(self.spec.op, self.spec.activation);
        let asked = self.spec.packing.filter(|p| known.contains(p));
        asked.or(known.first().copied()).unwrap_or(Packing::Int2)
    }
}
