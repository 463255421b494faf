use super::{Address, Elem, Inst, Lanes, Size, Type, Value};

/// A buffer parameter, by position in [`Function::buffers`], or scratch memory, counted on after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Buffer(pub u32);

/// The most elements of scratch memory of a function: 128 KB, of any thread's stack.
pub const MOST_SCRATCH: u64 = 1 << 15;

/// What a function does with a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Only read.
    In,
    /// Only written; what was there does not matter.
    Out,
    /// Read and written.
    InOut,
}

/// A buffer parameter. Buffers of one call do not overlap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BufferParam {
    /// Name in text and in generated code.
    pub name: String,
    /// Reads, writes or both.
    pub access: Access,
    /// Element type.
    pub elem: Elem,
    /// Length in elements.
    pub len: Size,
}

/// An f32 parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scalar {
    /// Name in text and in generated code.
    pub name: String,
}

/// A kernel: buffers, dimensions and scalars in; stores into its buffers out.
///
/// Compiled, it is a C function whose arguments are the buffers' addresses, then the
/// dimensions as `u64`, then the scalars as `f32`, each in the order listed here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// Symbol name: letters, digits and `_`.
    pub name: String,
    /// Names of the dimensions that are still open.
    pub dims: Vec<String>,
    /// Buffer parameters.
    pub buffers: Vec<BufferParam>,
    /// Memory of the call's own, which begins with anything: a function writes what it reads. Access
    /// [`Access::InOut`], constant lengths.
    pub scratch: Vec<BufferParam>,
    /// Scalar parameters.
    pub scalars: Vec<Scalar>,
    /// Type of each value, by number.
    pub types: Vec<Type>,
    /// The body.
    pub body: Block,
}

/// Statements in order.
pub type Block = Vec<Stmt>;

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stmt {
    /// Defines a value.
    Let(Value, Inst),
    /// Writes a scalar or a vector; lanes not named are left as they were.
    Store {
        /// Where to.
        buffer: Buffer,
        /// First element.
        address: Address,
        /// What; its element type is the buffer's.
        value: Value,
        /// Which lanes.
        lanes: Lanes,
    },
    /// Asks for the cache line of an element; reads nothing, so any address is allowed.
    Prefetch(Buffer, Address),
    /// A counted loop.
    For(Loop),
}

/// `for counter in 0..trip`, with values carried from one iteration to the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loop {
    /// The counter, of type [`Type::Index`].
    pub counter: Value,
    /// How often the body runs.
    pub trip: Size,
    /// A scalar i32; where it is 0, the body does not run at all.
    pub when: Option<Value>,
    /// Copies of the body per iteration of the loop that is emitted: what the schedule
    /// asks of the unrolling pass. 1 leaves the loop as it is.
    pub unroll: u32,
    /// Carried values.
    pub carried: Vec<Carried>,
    /// The body.
    pub body: Block,
}

/// A value carried through a loop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Carried {
    /// Inside the body: the value at the iteration's start.
    pub param: Value,
    /// Before the loop: the first iteration's value.
    pub init: Value,
    /// Inside the body: the next iteration's value.
    pub next: Value,
    /// After the loop: the last `next`, or `init` if the body never ran.
    pub result: Value,
}

impl Loop {
    /// How often the body runs, where neither a dimension nor a number that is computed decides it.
    pub fn known_trip(&self) -> Option<u64> {
        let trip = self.trip.as_const()?;
        (self.when.is_none() || trip == 0).then_some(trip)
    }

    /// The values of the block around it that the loop itself uses: what decides whether it runs, and what its carried
    /// values are at first.
    pub fn for_each_entering(&self, mut f: impl FnMut(Value)) {
        self.when.into_iter().for_each(&mut f);
        self.carried.iter().for_each(|c| f(c.init));
    }

    /// Replaces the values of [`Loop::for_each_entering`].
    pub(crate) fn map_entering(&mut self, f: impl Fn(Value) -> Value) {
        self.when = self.when.map(&f);
        self.carried.iter_mut().for_each(|c| c.init = f(c.init));
    }
}

impl Function {
    /// What a number stands for, if for anything: a buffer, or scratch memory.
    pub fn buffer(&self, buffer: Buffer) -> Option<&BufferParam> {
        self.memories().nth(buffer.0 as usize)
    }

    /// The buffers, and then the scratch memory.
    pub fn memories(&self) -> impl Iterator<Item = &BufferParam> {
        self.buffers.iter().chain(&self.scratch)
    }

    /// Whether nothing ever writes to a buffer.
    pub(crate) fn is_only_read(&self, buffer: Buffer) -> bool {
        self.buffer(buffer)
            .is_some_and(|param| param.access == Access::In)
    }

    /// The type of a value.
    ///
    /// # Panics
    /// If the value is not of this function; the verifier rules that out.
    pub fn type_of(&self, value: Value) -> Type {
        self.types[value.0 as usize]
    }

    /// A new value of type `ty`, not yet defined.
    pub fn new_value(&mut self, ty: Type) -> Value {
        self.types.push(ty);
        Value(u32::try_from(self.types.len() - 1).expect("fewer than 2^32 values"))
    }

    /// The number of a dimension.
    pub fn dim(&self, name: &str) -> Option<super::Dim> {
        let at = self.dims.iter().position(|d| d == name)?;
        u32::try_from(at).ok().map(super::Dim)
    }

    /// Specialises: binds the named dimensions to constants and removes them from the
    /// parameters. Names that are not dimensions of this function are ignored.
    ///
    /// # Panics
    /// If a size names a dimension that the function has not, or divides by 0; the verifier rules
    /// that out.
    pub fn bind(&self, values: &[(&str, u64)]) -> Function {
        let bound = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let mut open = Vec::new();
        let sizes: Vec<Size> = self
            .dims
            .iter()
            .map(|name| match bound(name) {
                Some(v) => Size::Const(v),
                None => {
                    open.push(name.clone());
                    Size::Dim(super::Dim(open.len() as u32 - 1))
                }
            })
            .collect();
        let mut subst = |s: &Size| s.map_dims(&mut |d| sizes[d.0 as usize].clone());
        let mut function = self.clone();
        for buffer in &mut function.buffers {
            buffer.len = subst(&buffer.len);
        }
        map_block_sizes(&mut function.body, &mut subst);
        function.dims = open;
        function
    }
}

/// Replaces every size in a block, nested loops included, by what `f` gives for it.
fn map_block_sizes(block: &mut Block, f: &mut impl FnMut(&Size) -> Size) {
    for stmt in block {
        match stmt {
            Stmt::Let(_, inst) => *inst = inst.clone().map_sizes(&mut *f),
            Stmt::Store { address, lanes, .. } => {
                address.map_sizes(f);
                lanes.map_sizes(f);
            }
            Stmt::Prefetch(_, address) => address.map_sizes(f),
            Stmt::For(l) => {
                l.trip = f(&l.trip);
                map_block_sizes(&mut l.body, f);
            }
        }
    }
}
