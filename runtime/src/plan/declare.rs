//! The tensors of a plan, declared one by one: weights and constants with what fills them, states with what of them is
//! saved, scratch.

use super::builder::PlanBuilder;
use super::memory::Unplaced;
use super::saved::Kept;
use super::{Content, Operand, Row, Section, Size, Source, Tensor, Trits};
use crate::LoadError;
use crate::format::{Floats, Stored, Ternary};
use atome_spec::{LANES, Packing};
use std::borrow::Cow;

impl<'m> PlanBuilder<'m> {
    /// A tensor of 4-byte elements.
    pub(super) fn tensor(
        &mut self,
        name: impl Into<String>,
        section: Section,
        shape: (usize, usize),
    ) -> Tensor {
        self.push_tensor(Unplaced {
            name: name.into(),
            section,
            shape,
            bytes: Size::from(shape.0) * shape.1 * 4,
        })
    }

    fn push_tensor(&mut self, tensor: Unplaced) -> Tensor {
        self.unplaced.push(tensor);
        Tensor(self.unplaced.len() - 1)
    }

    /// A tensor that all sessions share.
    pub(super) fn shared(&mut self, name: &str, section: Section, content: Content<'m>) -> Tensor {
        let tensor = self.push_tensor(Unplaced {
            name: name.to_owned(),
            section,
            shape: content.shape(),
            bytes: content.bytes(),
        });
        self.contents.push((tensor, content));
        tensor
    }

    /// A matrix for [`PlanBuilder::product`].
    pub(super) fn matrix(&mut self, w: &'m Ternary) -> Tensor {
        let content = Source::Matrix(w.into(), Packing::Int2);
        self.shared(&w.name, Section::Weights, content.into())
    }

    /// A matrix for [`PlanBuilder::product_i8`].
    ///
    /// # Errors
    /// If the file holds bytes of another matrix.
    pub(super) fn matrix_i8(&mut self, w: Trits<'m>) -> Result<Tensor, LoadError> {
        let content = Content::matrix(w, self.packing_i8())?;
        Ok(self.shared(w.source.name(), Section::Weights, content))
    }

    pub(super) fn packing_i8(&self) -> Packing {
        self.products.packing.unwrap_or(Packing::Int2)
    }

    pub(super) fn taps(&mut self, w: &'m Ternary) -> Tensor {
        let content = Source::Taps(w.into());
        self.shared(&w.name, Section::Weights, content.into())
    }

    pub(super) fn constant(
        &mut self,
        name: impl AsRef<str>,
        values: impl Into<Cow<'m, [f32]>>,
    ) -> Tensor {
        let content = Source::Values(values.into());
        self.shared(name.as_ref(), Section::Constants, content.into())
    }

    /// A table of so many floats, which lies among the weights because it is as large.
    ///
    /// # Errors
    /// If the file holds bytes of another table.
    pub(super) fn table(
        &mut self,
        values: &'m dyn Floats,
        elems: usize,
    ) -> Result<Tensor, LoadError> {
        let content = Content::floats(values, elems)?;
        Ok(self.shared(values.name(), Section::Weights, content))
    }

    /// A table of so many packed words.
    ///
    /// # Errors
    /// As [`PlanBuilder::table`].
    pub(super) fn words(
        &mut self,
        name: &str,
        stored: &'m Stored,
        words: usize,
    ) -> Result<Tensor, LoadError> {
        let content = Content::words(name, stored, words)?;
        Ok(self.shared(name, Section::Weights, content))
    }

    pub(super) fn state(&mut self, name: impl Into<String>, elems: usize) -> Tensor {
        let tensor = self.tensor(name, Section::State, (1, elems));
        self.keep(tensor, elems);
        tensor
    }

    /// A state of `rows` rows, each with `width` elements for every cached position. What of it no token has written is
    /// not read.
    pub(super) fn cache(&mut self, name: impl Into<String>, rows: usize, width: usize) -> Tensor {
        let capacity = cache_capacity(self.window);
        let tensor = self.push_tensor(Unplaced {
            name: name.into(),
            section: Section::State,
            shape: (capacity, rows.saturating_mul(width)),
            bytes: Size::from(capacity) * rows * width * 4,
        });
        self.kept.push(Kept {
            tensor,
            rows,
            width,
            cache: true,
        });
        tensor
    }

    /// Makes a tensor part of the saved state.
    pub(super) fn keep(&mut self, tensor: Tensor, elems: usize) {
        self.kept.push(Kept {
            tensor,
            rows: 1,
            width: elems,
            cache: false,
        });
    }

    /// Scratch of `elems` elements, not one for each token.
    pub(super) fn scratch(&mut self, name: &str, elems: usize) -> Tensor {
        self.tensor(name, Section::Scratch, (1, elems))
    }

    /// Scratch of `width` elements for each token of a block.
    pub(super) fn rows(&mut self, name: &str, width: usize) -> Operand {
        self.rows_in(Section::Scratch, name, (self.block, width))
    }

    /// Like [`PlanBuilder::rows`], but readable after the plan has run.
    pub(super) fn output_rows(&mut self, name: &str, width: usize) -> Operand {
        self.rows_in(Section::Logits, name, (self.block, width))
    }

    pub(super) fn rows_in(
        &mut self,
        section: Section,
        name: &str,
        shape: (usize, usize),
    ) -> Operand {
        Operand {
            tensor: self.tensor(name, section, shape),
            row: Row::First,
            row_bytes: 4 * shape.1,
            offset_bytes: 0,
        }
    }
}

impl<'m> From<&'m Ternary> for Trits<'m> {
    /// The fields of a plain matrix do not change while it is borrowed.
    fn from(w: &'m Ternary) -> Trits<'m> {
        Trits {
            source: w,
            rows: w.rows,
            cols: w.cols,
        }
    }
}

/// Positions for which the cache has room: the window, rounded up to whole vectors.
pub(super) fn cache_capacity(window: usize) -> usize {
    window.next_multiple_of(LANES)
}
