//! Where the bytes of tensors are: each after the one before it, up to the next multiple of the alignment.

use crate::block::{Layout, Ternary};
use crate::error::{Error, Fault};
use crate::tensor::{Info, Tensor};
use crate::type_id::TypeId;

/// The data of a file: the bytes behind the table, and where they start in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Data<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) start: u64,
    pub(crate) alignment: u64,
}

impl<'a> Data<'a> {
    /// Finds the bytes of every tensor.
    pub(crate) fn place(self, infos: &[Info<'a>]) -> Result<Vec<Tensor<'a>>, Error> {
        self.check_order(infos)?;
        let q2 = self.q2_layout(infos)?;
        let layout = |id| match id {
            TypeId::Q2_0 => q2,
            id => Layout::of(id),
        };
        let mut tensors = Vec::with_capacity(infos.len());
        for (index, info) in infos.iter().enumerate() {
            let layout = layout(info.type_id);
            let bytes = self.bytes(infos, index, layout)?;
            tensors.push(Tensor {
                name: info.name,
                rank: info.rank,
                dims: info.dims,
                type_id: info.type_id,
                layout,
                offset: self.start + info.offset,
                bytes,
            });
        }
        Ok(tensors)
    }

    /// The first tensor is at the start, none before the one before it, all are aligned.
    fn check_order(&self, infos: &[Info<'_>]) -> Result<(), Error> {
        let mut least = 0;
        for (index, info) in infos.iter().enumerate() {
            let found = info.offset;
            let wrong = |expected, why| {
                let fault = Fault::Offset {
                    expected,
                    why,
                    found,
                };
                Err(info.error(info.type_at + 4, fault))
            };
            if index == 0 && found != 0 {
                return wrong(0, "where the first tensor is");
            }
            if !found.is_multiple_of(self.alignment) {
                return wrong(found / self.alignment * self.alignment, "which is aligned");
            }
            if found < least {
                return wrong(least, "behind the start of the tensor before it, or later");
            }
            least = found;
        }
        Ok(())
    }

    /// Bytes from a tensor's start to the next one's, or to the end of the file.
    fn room(&self, infos: &[Info<'_>], index: usize) -> u64 {
        let end = match infos.get(index + 1) {
            Some(next) => next.offset,
            None => self.bytes.len() as u64,
        };
        end.saturating_sub(infos[index].offset)
    }

    /// Whether so many bytes are followed by the next tensor, or the end of the file.
    fn fits(&self, infos: &[Info<'_>], index: usize, size: u64) -> bool {
        let room = self.room(infos, index);
        match index + 1 < infos.len() {
            true => size.checked_next_multiple_of(self.alignment) == Some(room),
            false => size <= room,
        }
    }

    /// The layout of tensors of type 42. Its blocks have 64 weights or 128 in files of different age, and only the places of
    /// tensors tell, those of all tensors together: padding hides the difference of small ones.
    fn q2_layout(&self, infos: &[Info<'_>]) -> Result<Option<Layout>, Error> {
        let q2: Vec<usize> = (0..infos.len())
            .filter(|index| infos[*index].type_id == TypeId::Q2_0)
            .collect();
        let Some(first) = q2.first() else {
            return Ok(None);
        };
        let size = |index: usize, ternary: Ternary| {
            let block = (ternary.group() as u64, ternary.bytes() as u64);
            infos[index].size(block).ok()
        };
        // The last tensor of a file has no other behind it: what follows is at most padding.
        let tight = |index: usize, size: u64| {
            index + 1 < infos.len() || self.room(infos, index) < size.saturating_add(self.alignment)
        };
        let all = |ternary, strict: bool| {
            q2.iter().all(|&index| {
                size(index, ternary).is_some_and(|size| {
                    self.fits(infos, index, size) && (!strict || tight(index, size))
                })
            })
        };
        let (new, old) = (Ternary::Q2_0G64, Ternary::Q2_0G128);
        let ways = [(new, true), (old, true), (new, false), (old, false)];
        if let Some((ternary, _)) = ways.into_iter().find(|(t, strict)| all(*t, *strict)) {
            return Ok(Some(Layout::Ternary(ternary)));
        }
        let fits = |index: &&usize| {
            let fits = |t| size(**index, t).is_some_and(|size| self.fits(infos, **index, size));
            fits(new) || fits(old)
        };
        let index = *q2.iter().find(|index| !fits(index)).unwrap_or(first);
        let (info, room) = (&infos[index], self.room(infos, index));
        let fault = Fault::Groups {
            type_id: info.type_id,
            room,
            elems: info.elems,
        };
        Err(info.error(info.type_at, fault))
    }

    /// The bytes of a tensor, which end where the next one starts, but for padding.
    fn bytes(
        &self,
        infos: &[Info<'a>],
        index: usize,
        layout: Option<Layout>,
    ) -> Result<&'a [u8], Error> {
        let info = &infos[index];
        let block = match layout {
            Some(layout) => Some((layout.weights() as u64, layout.bytes() as u64)),
            None => info.type_id.block(),
        };
        let needs = match block {
            Some(block) => info.size(block)?,
            None => self.room(infos, index),
        };
        if let (true, Some(next)) = (block.is_some(), infos.get(index + 1))
            && !self.fits(infos, index, needs)
        {
            let end = info.offset.saturating_add(needs);
            let fault = Fault::Offset {
                expected: end.checked_next_multiple_of(self.alignment).unwrap_or(end),
                why: "where the tensor before it ends",
                found: next.offset,
            };
            return Err(next.error(next.type_at + 4, fault));
        }
        let range = usize::try_from(info.offset)
            .ok()
            .zip(usize::try_from(needs).ok());
        let found = range.and_then(|(at, length)| self.bytes.get(at..at.checked_add(length)?));
        found.ok_or_else(|| {
            let left = (self.bytes.len() as u64).saturating_sub(info.offset);
            let what = "weights";
            let offset = self.start.saturating_add(info.offset);
            info.error(offset, Fault::Cut { what, needs, left })
        })
    }
}
