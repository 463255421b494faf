//! The state of the translation of one function: values, scopes, what is computed once.

use super::allocate::{ARGUMENTS, Registers};
use super::base3::Split;
use super::build::moved;
use super::inst::{Inst, Kind, Label, Mem, Reg, Rm, Vector};
use super::op;
use super::uses::Uses;
use crate::emit::bytes::SmallBytes;
use crate::hash::Map;
use crate::ir::{Elem, Function, Size, Type, Value};
use atome_spec::{Isa, Tier};

/// Lanes of a logical vector.
pub(super) const LANES: usize = 16;
pub(super) const ELEM_BYTES: i32 = 4;

/// What stands for a value.
#[derive(Clone, Debug)]
pub(super) enum Repr {
    /// A scalar by its bits, or an index.
    Const(u32),
    /// A scalar, in the lowest lane of a vector register.
    Scalar(Reg),
    /// An index.
    Index(Reg),
    /// A loop's counter: what its loop counts, times the strides of its accesses.
    Counter(usize),
    /// A vector, one register or two; those of a splat are one and the same.
    Vector(Vec<Reg>),
    /// A comparison that selects do themselves.
    Compare,
}

/// What makes a value that is computed once and used again while its scope is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A size, as an integer.
    Size(Size),
    /// Its product with a number.
    Times(Size, u64),
    /// The lesser of a size and 16.
    AtMostLanes(Size),
    /// A size as f32.
    SizeF32(Size),
    /// The mask of the first lanes, as an integer.
    Bits(Size),
    /// The lanes of a part before a size, as a vector.
    Before(Size, usize),
    /// An integer.
    Int(i64),
    /// Lanes of a constant vector.
    Lanes(Kind, Vec<u32>),
    /// A scalar in all lanes.
    Splat(Reg),
    /// The table of a trit select.
    Table(Reg, u8),
    /// Codes moved so that a trit select takes them.
    Moved(Reg, u8),
    /// A buffer moved by a size, in elements.
    Base(u32, Size),
    /// An address moved by an index times a stride, in elements.
    Step(Reg, Value, Size),
    /// An index times a stride, in bytes.
    Scaled(Value, Size),
    /// An address moved by bytes beyond the reach of an offset.
    Far(Reg, i64),
}

/// Instructions, and loops of them.
pub(super) enum Node {
    Inst(Inst),
    Loop(Vec<Node>),
}

/// A region whose values may be used until it ends.
#[derive(Default)]
struct Scope {
    nodes: Vec<Node>,
    keys: Vec<Key>,
}

/// What a loop counts: registers and the steps by which they grow.
#[derive(Default)]
pub(super) struct Counted {
    /// The count itself, if it is used.
    pub(super) count: Option<Reg>,
    /// By stride: the register, and what it is multiplied by in an address.
    pub(super) scaled: Map<Size, (Reg, u8)>,
}

/// The translation of one function.
pub(super) struct Emitter<'a> {
    pub(super) source: &'a Function,
    pub(super) isa: Isa,
    pub(super) registers: Registers,
    pub(super) constants: Vec<u8>,
    known_constants: Map<Vec<u32>, i32>,
    buffers: Vec<Reg>,
    dims: Vec<Reg>,
    scalars: Vec<Reg>,
    /// Registers that arguments come in.
    pub(super) arguments: Vec<(Reg, u8)>,
    values: Vec<Option<(Repr, usize)>>,
    scopes: Vec<Scope>,
    memo: Map<Key, (Reg, usize)>,
    /// The scope in which sizes are made.
    pub(super) sizes: usize,
    pub(super) counted: Vec<Counted>,
    pub(super) small_bytes: SmallBytes,
    /// What the last bytes of base 3 were split into, where they still are.
    pub(super) last_split: Option<Split>,
    pub(super) uses: Uses,
    labels: usize,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(source: &'a Function, isa: Isa, uses: Uses) -> Emitter<'a> {
        let mut emitter = Emitter {
            source,
            isa,
            registers: Registers {
                kinds: Vec::new(),
                homes: Map::default(),
                vectors: isa.registers(),
                frame: 0,
            },
            constants: Vec::new(),
            known_constants: Map::default(),
            buffers: Vec::new(),
            dims: Vec::new(),
            scalars: Vec::new(),
            arguments: Vec::new(),
            values: vec![None; source.types.len()],
            scopes: vec![Scope::default(), Scope::default()],
            memo: Map::default(),
            sizes: 0,
            counted: Vec::new(),
            small_bytes: SmallBytes::of(source),
            last_split: None,
            uses,
            labels: 0,
        };
        emitter.take_arguments();
        emitter
    }

    /// Integers come in six registers, f32 in eight, the rest on the stack.
    fn take_arguments(&mut self) {
        /// From the frame pointer to the first argument on the stack.
        const FIRST: i32 = 16;
        const FLOATS: usize = 8;
        let integers = self.source.buffers.len() + self.source.dims.len();
        let mut on_stack = 0;
        let mut next = || {
            on_stack += 1;
            Mem::Argument(FIRST + 8 * (on_stack - 1))
        };
        let mut taken = Vec::new();
        for i in 0..integers {
            let reg = self.registers.add(Kind::Int);
            match ARGUMENTS.get(i) {
                Some(number) => {
                    let came = self.registers.add(Kind::Int);
                    self.arguments.push((came, *number));
                    self.push_at(0, Inst::Move(reg, came));
                }
                None => {
                    let mem = next();
                    self.registers.homes.insert(reg, mem);
                    self.push_at(0, Inst::Load(reg, mem));
                }
            }
            taken.push(reg);
        }
        self.dims = taken.split_off(self.source.buffers.len());
        self.buffers = taken;
        for i in 0..self.source.scalars.len() {
            let reg = self.registers.add(Kind::Quarter);
            if i < FLOATS {
                let came = self.registers.add(Kind::Quarter);
                self.arguments.push((came, i as u8));
                self.push_at(0, moved(reg, came, Kind::Quarter));
            } else {
                let load = Vector {
                    dst: Some(reg),
                    b: Some(Rm::Mem(next())),
                    ..Vector::new(&op::LOAD_SCALAR, Kind::Quarter)
                };
                self.push_at(0, Inst::Vector(load));
            }
            self.scalars.push(reg);
        }
        for memory in &self.source.scratch {
            let bytes = memory.len.as_const().unwrap_or(0) as i32 * ELEM_BYTES;
            let at = self.registers.slot((bytes + 63) / 64 * 64);
            let reg = self.registers.add(Kind::Int);
            self.push_at(0, Inst::Address(reg, Mem::Frame(at)));
            self.buffers.push(reg);
        }
    }

    /// The whole register of a vector.
    pub(super) fn kind(&self) -> Kind {
        match self.isa.tier() {
            Tier::X86_64V4 => Kind::Full,
            _ => Kind::Half,
        }
    }

    /// Whether there are masks and registers of 512 bits.
    pub(super) fn masks(&self) -> bool {
        self.kind() == Kind::Full
    }

    /// Registers of a vector.
    pub(super) fn parts(&self) -> usize {
        if self.masks() { 1 } else { 2 }
    }

    /// Lanes of a register.
    pub(super) fn part_lanes(&self) -> usize {
        LANES / self.parts()
    }

    /// The register that a value of a type has a part of.
    pub(super) fn kind_of(&self, value: Value) -> Kind {
        match self.source.type_of(value) {
            Type::Index => Kind::Int,
            Type::Scalar(_) => Kind::Quarter,
            Type::Vector(_) => self.kind(),
        }
    }

    pub(super) fn elem(&self, value: Value) -> Elem {
        self.source.type_of(value).elem().unwrap_or(Elem::I32)
    }

    pub(super) fn is_vector(&self, value: Value) -> bool {
        self.source.type_of(value).is_vector()
    }

    pub(super) fn buffer(&self, number: u32) -> Reg {
        self.buffers[number as usize]
    }

    pub(super) fn dim(&self, number: u32) -> Reg {
        self.dims[number as usize]
    }

    pub(super) fn scalar_param(&self, number: u32) -> Reg {
        self.scalars[number as usize]
    }

    pub(super) fn new_label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    pub(super) fn push(&mut self, inst: Inst) {
        let innermost = self.scopes.len() - 1;
        self.push_at(innermost, inst);
    }

    fn push_at(&mut self, scope: usize, inst: Inst) {
        self.scopes[scope].nodes.push(Node::Inst(inst));
    }

    /// Where a constant lies.
    pub(super) fn constant(&mut self, lanes: Vec<u32>) -> i32 {
        if let Some(at) = self.known_constants.get(&lanes) {
            return *at;
        }
        let at = self.constants.len().next_multiple_of(lanes.len() * 4);
        self.constants.resize(at, 0);
        self.constants
            .extend(lanes.iter().flat_map(|lane| lane.to_le_bytes()));
        self.known_constants.insert(lanes, at as i32);
        at as i32
    }

    pub(super) fn define(&mut self, value: Value, repr: Repr) {
        let scope = match repr {
            Repr::Const(_) => 0,
            _ => self.scopes.len() - 1,
        };
        self.values[value.0 as usize] = Some((repr, scope));
    }

    /// Defines a value that is of an outer scope.
    pub(super) fn define_at(&mut self, scope: usize, value: Value, repr: Repr) {
        self.values[value.0 as usize] = Some((repr, scope));
    }

    pub(super) fn repr(&self, value: Value) -> &Repr {
        let (repr, _) = self.values[value.0 as usize]
            .as_ref()
            .expect("values are defined before they are used");
        repr
    }

    pub(super) fn scope_of(&self, value: Value) -> usize {
        self.values[value.0 as usize].as_ref().map_or(0, |v| v.1)
    }

    pub(super) fn depth(&self) -> usize {
        self.scopes.len() - 1
    }

    /// Part `part` of a vector, or a scalar.
    /// An i32 scalar in a register of numbers.
    pub(super) fn integer(&mut self, value: Value) -> Reg {
        let x = self.part(value, 0);
        let dst = self.registers.add(Kind::Int);
        self.push(Inst::IntOfLane(dst, Rm::Reg(x)));
        dst
    }

    pub(super) fn part(&mut self, value: Value, part: usize) -> Reg {
        match self.repr(value) {
            Repr::Scalar(reg) | Repr::Index(reg) => *reg,
            Repr::Vector(parts) => parts[part],
            Repr::Const(bits) => {
                let bits = *bits;
                match self.source.type_of(value) {
                    Type::Index => self.int(i64::from(bits)),
                    _ => self.lanes(Kind::Quarter, &[bits]),
                }
            }
            Repr::Counter(which) => self.counted[*which]
                .count
                .expect("a counter that is used is counted"),
            Repr::Compare => unreachable!("a comparison that selects do is used by them alone"),
        }
    }

    /// What `make` gives, made in a scope when it is first asked for.
    pub(super) fn once(
        &mut self,
        scope: usize,
        key: Key,
        make: impl FnOnce(&mut Emitter<'a>) -> Reg,
    ) -> Reg {
        // What an inner scope has made is not there yet in an outer one.
        let known = self.memo.get(&key).copied();
        if let Some((reg, made)) = known
            && made <= scope
        {
            return reg;
        }
        // What is made meanwhile goes to that scope too.
        let inner = self.scopes.split_off(scope + 1);
        let reg = make(self);
        self.scopes.extend(inner);
        self.scopes[scope].keys.push(key.clone());
        self.memo.insert(key, (reg, scope));
        reg
    }

    /// What `make` gives, which depends on dimensions alone.
    pub(super) fn once_sizes(
        &mut self,
        key: Key,
        make: impl FnOnce(&mut Emitter<'a>) -> Reg,
    ) -> Reg {
        self.once(self.sizes.min(self.depth()), key, make)
    }

    /// Has sizes made in the scope that is opened next, which is run once at most, unless a loop is around it.
    pub(super) fn sizes_inside(&mut self) {
        if self.depth() == self.sizes.max(1) {
            self.sizes = self.depth() + 1;
        }
    }

    pub(super) fn open_scope(&mut self) {
        self.last_split = None;
        self.scopes.push(Scope::default());
    }

    /// Ends the innermost scope and gives its code.
    pub(super) fn close_scope(&mut self) -> Vec<Node> {
        self.last_split = None;
        let scope = self.scopes.pop().unwrap_or_default();
        let closed = self.scopes.len();
        for key in &scope.keys {
            if self.memo.get(key).is_some_and(|(_, made)| *made == closed) {
                self.memo.remove(key);
            }
        }
        scope.nodes
    }

    /// The body of a loop, or what is run once at most.
    pub(super) fn push_body(&mut self, body: Vec<Node>, once: bool) {
        let innermost = self.scopes.len() - 1;
        let nodes = &mut self.scopes[innermost].nodes;
        match once {
            true => nodes.extend(body),
            false => nodes.push(Node::Loop(body)),
        }
    }

    /// All code: what is computed once, and then the body.
    pub(super) fn take_nodes(&mut self) -> Vec<Node> {
        let scopes = std::mem::take(&mut self.scopes);
        scopes.into_iter().flat_map(|scope| scope.nodes).collect()
    }
}

impl From<Reg> for Rm {
    fn from(reg: Reg) -> Rm {
        Rm::Reg(reg)
    }
}

impl From<Mem> for Rm {
    fn from(mem: Mem) -> Rm {
        Rm::Mem(mem)
    }
}
