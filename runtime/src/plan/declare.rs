//! The tensors of a plan, declared one by one: weights and constants with what fills them, states with what of them is
//! saved, scratch.

use super::memory::Unplaced;
use super::saved::Kept;
use super::{Content, Section, Size, Tensor};
use crate::graph::StateInfo;
use atome_spec::LANES;

/// Tensors that have no place yet: first come, first numbered.
pub(super) struct Declared<'m> {
    /// Positions that attention looks back.
    pub(super) window: usize,
    pub(super) unplaced: Vec<Unplaced>,
    pub(super) contents: Vec<(Tensor, Content<'m>)>,
    /// In the order in which a saved state has them.
    pub(super) kept: Vec<Kept>,
}

impl<'m> Declared<'m> {
    pub(super) fn new(window: usize) -> Declared<'m> {
        Declared {
            window,
            unplaced: Vec::new(),
            contents: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// A tensor of 4-byte elements.
    pub(super) fn tensor(
        &mut self,
        name: impl Into<String>,
        section: Section,
        shape: (usize, usize),
    ) -> Tensor {
        self.push(Unplaced {
            name: name.into(),
            section,
            shape,
            bytes: Size::from(shape.0) * shape.1 * 4,
        })
    }

    fn push(&mut self, tensor: Unplaced) -> Tensor {
        self.unplaced.push(tensor);
        Tensor(self.unplaced.len() - 1)
    }

    /// A tensor that all sessions share.
    pub(super) fn shared(&mut self, name: &str, section: Section, content: Content<'m>) -> Tensor {
        let tensor = self.push(Unplaced {
            name: name.to_owned(),
            section,
            shape: content.shape(),
            bytes: content.bytes(),
        });
        self.contents.push((tensor, content));
        tensor
    }

    /// What a session remembers. What of a cache no token has written is not read.
    pub(super) fn state(&mut self, state: &StateInfo) -> Tensor {
        let StateInfo {
            rows, width, cache, ..
        } = *state;
        let positions = cache.map_or(1, |layout| layout.capacity(self.window));
        let tensor = self.push(Unplaced {
            name: state.name.clone(),
            section: Section::State,
            shape: (positions, rows.saturating_mul(width)),
            bytes: Size::from(positions) * rows * width * 4,
        });
        self.kept.push(Kept {
            tensor,
            rows,
            width,
            cache,
        });
        tensor
    }

    /// A tensor of the logits' section that is saved with the state.
    pub(super) fn answer(&mut self, name: &str, elems: usize) -> Tensor {
        let tensor = self.tensor(name, Section::Logits, (1, elems));
        self.kept.push(Kept {
            tensor,
            rows: 1,
            width: elems,
            cache: None,
        });
        tensor
    }

    /// Positions for which a cache has room: the window, rounded up to whole vectors.
    pub(super) fn capacity(&self) -> usize {
        self.window.next_multiple_of(LANES)
    }
}
