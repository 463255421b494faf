use crate::plan::{DimValue, Operand, Plan, Row};

/// Where the arena is and which tokens are at hand.
///
/// Addresses made from a frame are valid as long as its two bases are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Start of the model's part of the arena.
    pub model: *const u8,
    /// Start of the session's slot.
    pub slot: *mut u8,
    /// Tokens before this block.
    pub position: u64,
    /// Tokens of this block.
    pub tokens: u64,
    /// The token at hand, counted from the block's start.
    pub token: u64,
    /// Cached positions that attention has room for.
    pub window: u64,
}

impl Frame {
    /// Place of the token at hand in the attention cache.
    pub(crate) fn cache_slot(&self) -> u64 {
        (self.position + self.token) % self.window
    }

    /// Cached positions, the token at hand included.
    pub(crate) fn cache_len(&self) -> u64 {
        (self.position + self.token + 1).min(self.window)
    }

    /// Place of the oldest cached position.
    pub(crate) fn cache_start(&self) -> u64 {
        let seen = self.position + self.token + 1;
        if seen > self.window {
            seen % self.window
        } else {
            0
        }
    }

    /// The number a dimension has for the token at hand.
    pub(crate) fn dim(&self, dim: DimValue) -> u64 {
        match dim {
            DimValue::Const(n) => n,
            DimValue::Tokens => self.tokens,
            DimValue::Slot => self.cache_slot(),
            DimValue::Len => self.cache_len(),
            DimValue::Kept(k) => k.min(self.cache_len()),
        }
    }
}

/// An operand whose tensor has its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// Whether the offset counts from the model's part or from the session's slot.
    pub shared: bool,
    /// Bytes from that start to the tensor.
    pub offset: usize,
    /// Bytes of the tensor.
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
            shared: tensor.section.is_shared(),
            offset: tensor.offset,
            bytes: tensor.bytes,
            row: operand.row,
            row_bytes: operand.row_bytes,
        }
    }

    /// Bytes from the start of the tensor to the operand's row.
    pub(crate) fn row_offset(&self, frame: &Frame) -> usize {
        let row = match self.row {
            Row::First => 0,
            Row::Token => frame.token,
            Row::Last => frame.tokens.saturating_sub(1),
        };
        row as usize * self.row_bytes
    }

    /// The operand's address.
    pub(crate) fn address(&self, frame: &Frame) -> *mut u8 {
        let base = if self.shared {
            frame.model.cast_mut()
        } else {
            frame.slot
        };
        base.wrapping_add(self.offset + self.row_offset(frame))
    }
}
