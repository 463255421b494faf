use super::packed;
use crate::ir::{Base3Part, BinaryOp, Compare, Elem, PackedOp, ReduceOp, ShiftOp, UnaryOp};
use proc_macro2::{Ident, TokenStream};

/// The registers of one tier: an expression for each IR operation over one register.
///
/// A logical vector is [`Isa::registers`] registers, lane 0 first. Operands are names of
/// variables, so an expression may mention one twice. Methods are called with operands of
/// the types the instruction demands; the walk has checked them.
pub(super) trait Isa {
    /// Registers that make up sixteen lanes.
    fn registers(&self) -> usize;

    /// Lanes of one register.
    fn lanes(&self) -> usize {
        atome_spec::LANES / self.registers()
    }

    /// Whether lane-wise instructions are written register by register beside base-3 codes, and not one
    /// after the other for all registers of a vector.
    fn by_registers(&self) -> bool {
        false
    }

    /// Which instruction set it is.
    fn set(&self) -> atome_spec::Isa;

    /// What `#[target_feature(enable = ..)]` names; `None` if nothing is needed.
    fn features(&self) -> Option<String> {
        let names: Vec<&str> = self.set().enables().iter().map(|f| f.name()).collect();
        (!names.is_empty()).then(|| names.join(","))
    }

    /// The `use` of the tier's intrinsics, if it has any.
    fn imports(&self) -> TokenStream;

    /// Functions that expressions may call; those that occur are put inside the kernel.
    fn helpers(&self) -> Vec<Helper>;

    /// The type of a register.
    fn register(&self, elem: Elem) -> TokenStream;

    /// All lanes zero bits.
    fn zero(&self, elem: Elem) -> TokenStream;

    /// A scalar in all lanes.
    fn splat(&self, elem: Elem, x: &Ident) -> TokenStream;

    /// The lanes `first`, `first + 1`, ..
    fn iota(&self, first: usize) -> TokenStream;

    /// [`crate::ir::Inst::Unary`].
    fn unary(&self, op: UnaryOp, x: &Ident) -> TokenStream;

    /// [`crate::ir::Inst::Binary`]; the operation exists for `elem`.
    fn binary(&self, op: BinaryOp, elem: Elem, x: &Ident, y: &Ident) -> TokenStream;

    /// [`crate::ir::Inst::Shift`] by 1 to 31 bits.
    fn shift(&self, op: ShiftOp, x: &Ident, bits: u8) -> TokenStream;

    /// [`crate::ir::Inst::Compare`].
    fn compare(&self, compare: Compare, elem: Elem, x: &Ident, y: &Ident) -> TokenStream;

    /// [`crate::ir::Inst::Select`], bit by bit.
    fn select(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream;

    /// The same where every lane of the mask is known to be 0 or -1.
    fn select_lanes(&self, elem: Elem, mask: &Ident, on: &Ident, off: &Ident) -> TokenStream {
        self.select(elem, mask, on, off)
    }

    /// One register folded to a scalar by the end of the fixed tree.
    fn reduce(&self, op: ReduceOp, x: &Ident) -> TokenStream;

    /// One lane of a register.
    fn extract(&self, elem: Elem, x: &Ident, lane: usize) -> TokenStream;

    /// The first `n` lanes; the others zero. `n` is a `usize` expression, any value.
    fn keep(&self, elem: Elem, x: &Ident, n: &TokenStream) -> TokenStream;

    /// Reads a whole register; unsafe.
    fn load(&self, elem: Elem, at: &TokenStream) -> TokenStream;

    /// Reads the first `n` lanes, any `n`; the others are zero. Unsafe.
    fn load_first(&self, elem: Elem, at: &TokenStream, n: &TokenStream) -> TokenStream;

    /// Writes a whole register; unsafe.
    fn store(&self, elem: Elem, at: &TokenStream, x: &Ident) -> TokenStream;

    /// Writes the first `n` lanes, any `n`; unsafe.
    fn store_first(&self, elem: Elem, at: &TokenStream, x: &Ident, n: &TokenStream) -> TokenStream;

    /// Asks for the cache line at a pointer, as a statement; `None` where the tier cannot.
    fn prefetch(&self, at: &TokenStream) -> Option<TokenStream>;

    /// What a trit select at `bit` makes of its scalar, and a number that tells it from
    /// other such tables: selects of one scalar with equal numbers share it.
    fn trit_table(&self, bit: u8, x: &Ident) -> (u8, TokenStream);

    /// The type of [`Isa::trit_table`].
    fn trit_table_type(&self) -> TokenStream {
        self.register(Elem::F32)
    }

    /// What a trit select at `bit` makes of its codes, with the number that names it;
    /// `None` if it uses them as they are.
    fn trit_index(&self, _bit: u8, _codes: &Ident) -> Option<(u8, TokenStream)> {
        None
    }

    /// The bit for which what a trit select at `bit` makes is made first, of the codes, and this one of that.
    fn trit_index_first(&self, _bit: u8) -> Option<u8> {
        None
    }

    /// The select itself, from [`Isa::trit_index`] and [`Isa::trit_table`].
    fn trit_select(&self, bit: u8, index: &Ident, table: &Ident) -> TokenStream;

    /// [`crate::ir::Inst::Dot4`]. `small` says that no byte of `codes` is above 127.
    fn dot4(&self, acc: &Ident, codes: &Ident, x: &Ident, small: bool) -> TokenStream;

    /// Register `register` of [`crate::ir::Inst::Narrow`], from all registers of its operands.
    fn narrow(&self, parts: &[Vec<Ident>; 4], register: usize) -> TokenStream;

    /// [`crate::ir::Inst::Base3`]; `None` where arithmetic has to do it.
    fn base3(&self, _part: Base3Part, _x: &Ident) -> Option<TokenStream> {
        None
    }

    /// [`crate::ir::Inst::Lookup`] of one register of indices, in all registers of the table.
    fn lookup(&self, table: &[Ident], index: &Ident, bit: u8) -> TokenStream;

    /// The first four lanes of a register in every quarter of one.
    fn spread(&self, x: &Ident) -> TokenStream;

    /// [`crate::ir::VectorOp::Shuffle16`] of one register of indices, in all registers of two tables.
    fn shuffle16(&self, tables: [&[Ident]; 2], index: &Ident) -> TokenStream {
        packed::shuffle16(tables, index)
    }

    /// [`crate::ir::VectorOp::Packed`] of one register of each operand, as many as it has.
    fn packed(&self, op: PackedOp, operands: &[Ident]) -> TokenStream;

    /// [`PackedOp::Pairs`] of one register. `small` says that no byte of `codes` is above 127.
    fn pairs(&self, codes: &Ident, x: &Ident, _small: bool) -> TokenStream {
        self.packed(PackedOp::Pairs, &[codes.clone(), x.clone()])
    }

    /// The wrapping sum of the lanes of an i32 register.
    fn sum_i32(&self, x: &Ident) -> TokenStream;

    /// IEEE square root of a scalar.
    fn sqrt(&self, x: &Ident) -> TokenStream;
}

/// A function that a kernel carries inside its body.
pub(super) struct Helper {
    /// Its name.
    pub(super) name: &'static str,
    /// Its definition, attributes of the tier included.
    pub(super) item: TokenStream,
}
