use super::cache::{Cache, Plain};
use crate::plan::{Base, DimValue, Operand, Plan, Row};

/// Where the arena is and which tokens are current.
///
/// Addresses made from a frame are valid as long as its bases are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Start of the model's file, if tensors stay in it.
    pub file: *const u8,
    /// Start of the weights.
    pub weights: *const u8,
    /// Start of the constants.
    pub constants: *const u8,
    /// Start of the scratch in use.
    pub scratch: *mut u8,
    /// Start of the slot whose state and logits are in use.
    pub slot: *mut u8,
    /// Rows of this block: its tokens.
    pub tokens: u64,
    /// The current row.
    pub row: u64,
    /// Tokens that the current session has seen before the current one.
    pub seen: u64,
    /// Cached positions that attention has room for.
    pub window: u64,
    /// The attention cache as the current token sees it.
    pub cache: Cache<u64>,
}

/// Whose state a row of a block belongs to, and how many tokens came before it.
pub(crate) type Owner<'a> = &'a dyn Fn(u64) -> (*mut u8, u64);

impl Frame {
    /// Goes to a row, and to the session it belongs to.
    pub(crate) fn go_to(&mut self, row: u64, owner: Owner<'_>) {
        self.row = row;
        (self.slot, self.seen) = owner(row);
        self.cache = Cache::new(&mut Plain, self.seen, self.window);
    }

    /// The number a dimension has for the current token.
    pub(crate) fn dim(&self, dim: DimValue) -> u64 {
        match dim {
            DimValue::Const(n) => n,
            DimValue::Tokens => self.tokens,
            DimValue::PerToken(n) => n * self.tokens,
            DimValue::Slot => self.cache.slot,
            DimValue::Len => self.cache.len,
            DimValue::Kept(k) => k.min(self.cache.len),
        }
    }
}

/// An operand whose tensor has its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// What the offset counts from.
    pub base: Base,
    /// Bytes from the base to the operand's first row.
    pub offset: usize,
    /// Bytes from there to the end of the tensor.
    pub bytes: usize,
    /// Row at which the operand starts.
    pub row: Row,
    /// Distance between rows.
    pub row_bytes: usize,
}

impl Placed {
    pub(crate) fn new(plan: &Plan, operand: &Operand) -> Placed {
        let tensor = plan.tensor(operand.tensor);
        Placed {
            base: tensor.section.base(),
            offset: tensor.offset + operand.offset_bytes,
            bytes: tensor.bytes - operand.offset_bytes,
            row: operand.row,
            row_bytes: operand.row_bytes,
        }
    }

    /// Bytes from the operand's first row to the one it starts at.
    pub(crate) fn row_offset(&self, frame: &Frame) -> usize {
        let row = match self.row {
            Row::First => 0,
            Row::Token => frame.row,
            Row::Last => frame.tokens.saturating_sub(1),
        };
        row as usize * self.row_bytes
    }

    /// The operand's address.
    pub(crate) fn address(&self, frame: &Frame) -> *mut u8 {
        let base = match self.base {
            Base::File => frame.file.cast_mut(),
            Base::Weights => frame.weights.cast_mut(),
            Base::Constants => frame.constants.cast_mut(),
            Base::Scratch => frame.scratch,
            Base::Slot => frame.slot,
        };
        base.wrapping_add(self.offset + self.row_offset(frame))
    }
}
