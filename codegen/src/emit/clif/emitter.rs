use super::base3::Split;
use crate::emit::bytes::SmallBytes;
use crate::emit::order::InOrder;
use crate::hash::Map;
use crate::ir::{BufferParam, Dim, Elem, Function, Size, Type, Value};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    self as clif, AbiParam, InstBuilder, Signature, StackSlotData, StackSlotKind, UserFuncName,
    types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_codegen::settings;
use target_lexicon::Architecture;

/// 128-bit parts of a logical vector.
pub(super) const PARTS: usize = 4;
/// Lanes of a part.
pub(super) const PART_LANES: usize = 4;
/// Bytes of a part.
pub(super) const PART_BYTES: i32 = 16;

/// What stands for a value of the IR in CLIF.
#[derive(Clone, Copy, Debug)]
pub(super) enum Repr {
    /// A scalar constant by its bits, or an index constant; put down where it is used.
    Const(u32),
    /// A scalar or an index.
    Scalar(clif::Value),
    /// A vector. The parts of a splat are one and the same value.
    Vector([clif::Value; PARTS]),
}

/// What makes a value that is computed once and used again while its scope is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A size as an i64.
    Size(Size),
    /// The lesser of a size and 16, as an i64.
    AtMostLanes(Size),
    /// A size as an f32.
    SizeF32(Size),
    /// A lane mask of `Keep`, by part.
    Keep(Size, usize),
    /// A 32-bit scalar constant.
    Scalar(Elem, u32),
    /// An i64 constant.
    Index(i64),
    /// A 128-bit constant, as f32 or i32 lanes.
    Lanes(Elem, [u32; PART_LANES]),
    /// A scalar in all lanes.
    Splat(clif::Value),
    /// The bits of `-x` in all lanes, as i32.
    Negated(Value),
    /// A buffer's address moved by a size, in elements.
    Base(u32, Size),
    /// A pointer moved by `index * stride` elements.
    Step(clif::Value, Value, Size),
    /// A pointer moved by a constant, in bytes.
    Moved(clif::Value, i64),
}

/// A region whose values may be reused until it ends: the entry block, the body, a loop.
struct Scope {
    /// The jump by which control comes in, the last instruction of the scope around.
    /// What a scope computes afterwards is put in front of the jump that leaves it.
    entered_by: Option<clif::Inst>,
    keys: Vec<Key>,
}

/// The state of the translation of one function.
pub(super) struct Emitter<'a> {
    pub(super) source: &'a Function,
    pub(super) cur: FuncCursor<'a>,
    buffers: Vec<clif::Value>,
    dims: Vec<clif::Value>,
    scalars: Vec<clif::Value>,
    values: Vec<Option<(Repr, usize)>>,
    scopes: Vec<Scope>,
    /// Each with the scope that it is computed in.
    memo: Map<Key, (clif::Value, usize)>,
    slot: Option<clif::StackSlot>,
    blends_by_sign: bool,
    dot: Dot,
    pub(super) small_bytes: SmallBytes,
    /// Of the innermost scope.
    pub(super) last_split: Option<Split>,
}

/// The CLIF signature of a function: addresses, then dimensions, then scalars.
pub(super) fn signature(function: &Function, isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(CallConv::triple_default(isa.triple()));
    let integers = function.buffers.len() + function.dims.len();
    let floats = function.scalars.len();
    signature.params = std::iter::repeat_n(types::I64, integers)
        .chain(std::iter::repeat_n(types::F32, floats))
        .map(AbiParam::new)
        .collect();
    signature
}

/// Translates a verified function.
pub(super) fn translate(source: &Function, isa: &dyn TargetIsa) -> clif::Function {
    let name = UserFuncName::testcase(&source.name);
    let mut function = clif::Function::with_name_signature(name, signature(source, isa));
    let mut emitter = Emitter::enter(source, &mut function, isa);
    emitter.block(&source.body);
    emitter.cur.ins().return_(&[]);
    function
}

/// Memory on the stack.
fn stack(cur: &mut FuncCursor<'_>, memory: &BufferParam) -> clif::Value {
    const ELEM_BYTES: u64 = 4;
    let bytes = memory.len.as_const().unwrap_or(0) * ELEM_BYTES;
    let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes as u32, 4);
    let slot = cur.func.create_sized_stack_slot(data);
    cur.ins().stack_addr(types::I64, slot, 0)
}

impl<'a> Emitter<'a> {
    fn enter(
        source: &'a Function,
        function: &'a mut clif::Function,
        isa: &dyn TargetIsa,
    ) -> Emitter<'a> {
        let entry = function.dfg.make_block();
        function.layout.append_block(entry);
        let params: Vec<clif::Value> = function
            .signature
            .params
            .clone()
            .iter()
            .map(|p| function.dfg.append_block_param(entry, p.value_type))
            .collect();
        let (buffers, rest) = params.split_at(source.buffers.len());
        let (dims, scalars) = rest.split_at(source.dims.len());
        let body = function.dfg.make_block();
        let mut cur = FuncCursor::new(function).at_bottom(entry);
        let scratch: Vec<clif::Value> = source.scratch.iter().map(|m| stack(&mut cur, m)).collect();
        let jump = cur.ins().jump(body, &[]);
        cur.func.layout.append_block(body);
        cur.goto_bottom(body);
        Emitter {
            source,
            cur,
            buffers: [buffers, &scratch].concat(),
            dims: dims.to_vec(),
            scalars: scalars.to_vec(),
            values: vec![None; source.types.len()],
            scopes: vec![
                Scope {
                    entered_by: None,
                    keys: Vec::new(),
                },
                Scope {
                    entered_by: Some(jump),
                    keys: Vec::new(),
                },
            ],
            memo: Map::default(),
            slot: None,
            blends_by_sign: blends_by_sign(isa),
            dot: dot(isa),
            small_bytes: SmallBytes::of(source),
            last_split: None,
        }
    }

    pub(super) fn buffer(&self, number: u32) -> clif::Value {
        self.buffers[number as usize]
    }

    pub(super) fn dim(&self, dim: Dim) -> clif::Value {
        self.dims[dim.0 as usize]
    }

    pub(super) fn param(&self, number: u32) -> clif::Value {
        self.scalars[number as usize]
    }

    /// Whether one instruction chooses lanes by the sign of a mask's lanes.
    pub(super) fn blends_by_sign(&self) -> bool {
        self.blends_by_sign
    }

    /// The instructions that dot products are made of.
    pub(super) fn dot(&self) -> Dot {
        self.dot
    }

    /// The element type of a value; that of an index is of no use.
    pub(super) fn elem(&self, value: Value) -> Elem {
        self.source.type_of(value).elem().unwrap_or(Elem::I32)
    }

    pub(super) fn is_vector(&self, value: Value) -> bool {
        self.source.type_of(value).is_vector()
    }

    /// Defines a value in the innermost scope.
    pub(super) fn define(&mut self, value: Value, repr: Repr) {
        // A constant may be moved to the entry block; everything else stays where it is.
        let scope = match repr {
            Repr::Const(_) => 0,
            Repr::Scalar(_) | Repr::Vector(_) => self.scopes.len() - 1,
        };
        self.values[value.0 as usize] = Some((repr, scope));
    }

    pub(super) fn repr(&self, value: Value) -> Repr {
        self.values[value.0 as usize]
            .expect("the verifier saw the definition")
            .0
    }

    /// The scope, counted from the entry block, in which a value is defined.
    pub(super) fn scope_of(&self, value: Value) -> usize {
        self.values[value.0 as usize]
            .expect("the verifier saw the definition")
            .1
    }

    /// One part of a value; a scalar has one part.
    pub(super) fn part(&mut self, value: Value, part: usize) -> clif::Value {
        match self.repr(value) {
            Repr::Scalar(x) => x,
            Repr::Vector(parts) => parts[part],
            Repr::Const(bits) => match self.source.type_of(value) {
                Type::Index => self.index_const(i64::from(bits)),
                ty => self.scalar_const(ty.elem().unwrap_or(Elem::I32), bits),
            },
        }
    }

    /// Every part of a value, one for a scalar and four for a vector.
    pub(super) fn parts(&mut self, value: Value) -> Vec<clif::Value> {
        match self.repr(value) {
            Repr::Vector(parts) => parts.to_vec(),
            _ => vec![self.part(value, 0)],
        }
    }

    pub(super) fn open_scope(&mut self, entered_by: clif::Inst) {
        self.last_split = None;
        self.scopes.push(Scope {
            entered_by: Some(entered_by),
            keys: Vec::new(),
        });
    }

    pub(super) fn close_scope(&mut self) {
        self.last_split = None;
        if let Some(scope) = self.scopes.pop() {
            for key in scope.keys {
                self.memo.remove(&key);
            }
        }
    }

    /// The value for `key`, computed by `make` at the end of what scope `scope` has so far,
    /// or reused if it was computed there or further out. (One value of CLIF can stand for values
    /// of different scopes, so an inner scope may have come first.)
    pub(super) fn once(
        &mut self,
        scope: usize,
        key: Key,
        make: impl FnOnce(&mut Self) -> clif::Value,
    ) -> clif::Value {
        if let Some(&(value, made_in)) = self.memo.get(&key)
            && made_in <= scope
        {
            return value;
        }
        let here = self.cur.position();
        if let Some(inner) = self.scopes.get(scope + 1) {
            self.cur
                .goto_inst(inner.entered_by.expect("only the entry block has none"));
        }
        let value = make(self);
        self.cur.set_position(here);
        self.memo.insert(key.clone(), (value, scope));
        self.scopes[scope].keys.push(key);
        value
    }

    pub(super) fn scalar_const(&mut self, elem: Elem, bits: u32) -> clif::Value {
        self.once(0, Key::Scalar(elem, bits), |e| match elem {
            Elem::F32 => e
                .cur
                .ins()
                .f32const(clif::immediates::Ieee32::with_bits(bits)),
            Elem::I32 => e.cur.ins().iconst(types::I32, i64::from(bits)),
        })
    }

    pub(super) fn index_const(&mut self, n: i64) -> clif::Value {
        self.once(0, Key::Index(n), |e| e.cur.ins().iconst(types::I64, n))
    }

    /// A part with the given bits in its lanes, in one register whatever it is used as.
    pub(super) fn lanes_const(&mut self, elem: Elem, lanes: [u32; PART_LANES]) -> clif::Value {
        self.once(0, Key::Lanes(elem, lanes), |e| match elem {
            Elem::F32 => {
                let bits = e.lanes_const(Elem::I32, lanes);
                e.cast(types::F32X4, bits)
            }
            Elem::I32 => {
                let bytes: Vec<u8> = lanes.iter().flat_map(|l| l.to_le_bytes()).collect();
                let constant = e.cur.func.dfg.constants.insert(bytes.into());
                e.cur.ins().vconst(types::I32X4, constant)
            }
        })
    }

    /// A part with the same bits in every lane.
    pub(super) fn splat_const(&mut self, elem: Elem, bits: u32) -> clif::Value {
        self.lanes_const(elem, [bits; PART_LANES])
    }

    /// 64 bytes of stack for loads and stores of a number of lanes known only at run time.
    pub(super) fn lane_slot(&mut self) -> clif::StackSlot {
        *self.slot.get_or_insert_with(|| {
            let data = clif::StackSlotData::new(
                clif::StackSlotKind::ExplicitSlot,
                (PARTS as u32) * PART_BYTES as u32,
                4,
            );
            self.cur.func.create_sized_stack_slot(data)
        })
    }

    /// Adds a block after the others, with a parameter for each type.
    pub(super) fn new_block(&mut self, params: &[clif::Type]) -> clif::Block {
        let block = self.cur.func.dfg.make_block();
        for ty in params {
            self.cur.func.dfg.append_block_param(block, *ty);
        }
        self.cur.func.layout.append_block(block);
        block
    }
}

/// The CLIF type of a scalar.
pub(super) const fn scalar_type(elem: Elem) -> clif::Type {
    match elem {
        Elem::F32 => types::F32,
        Elem::I32 => types::I32,
    }
}

/// The CLIF type of a part of a vector.
pub(super) const fn part_type(elem: Elem) -> clif::Type {
    match elem {
        Elem::F32 => types::F32X4,
        Elem::I32 => types::I32X4,
    }
}

/// What dot products of bytes are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dot {
    /// `vpdpbusd`: unsigned by signed bytes.
    UnsignedBySigned,
    /// `usdot`: likewise, where the operands of products come in the other order.
    Mixed,
    /// `sdot`: signed bytes.
    Signed,
    /// `pmaddubsw`: unsigned by signed bytes to 16 bits.
    Pairs,
    /// Widening and multiplying.
    Widened,
}

fn dot(isa: &dyn TargetIsa) -> Dot {
    let has = |name| has_flag(isa, name);
    match isa.triple().architecture {
        Architecture::X86_64 if has("has_avx512vnni") && has("has_avx512vl") => {
            Dot::UnsignedBySigned
        }
        Architecture::X86_64 if has("has_avx_vnni") => Dot::UnsignedBySigned,
        Architecture::X86_64 if has("has_ssse3") => Dot::Pairs,
        Architecture::Aarch64(_) if has("has_i8mm") => Dot::Mixed,
        Architecture::Aarch64(_) if has("has_dotprod") => Dot::Signed,
        _ => Dot::Widened,
    }
}

/// SSE4.1's `blendvps`.
fn blends_by_sign(isa: &dyn TargetIsa) -> bool {
    has_flag(isa, "has_sse41")
}

fn has_flag(isa: &dyn TargetIsa, name: &str) -> bool {
    let on = |f: &settings::Value| f.name == name && f.as_bool() == Some(true);
    isa.isa_flags().iter().any(on)
}
