//! Loads, stores and prefetches at random places.

use super::random::{Generator, Kind, Site};
use crate::ir::{Access, Address, Builder, Elem, Lanes, Size};

impl Generator {
    /// A place in one of the buffers whose access `fits`.
    fn site(&mut self, vector: bool, fits: impl Fn(Access) -> bool) -> Site {
        let same = |s: &&Site| s.vector == vector && fits(self.memory[s.buffer].access);
        let again: Vec<Site> = self.sites.iter().filter(same).cloned().collect();
        if !again.is_empty() && self.rng.one_in(3) {
            return self.rng.pick(&again);
        }
        let buffers: Vec<usize> = (0..self.memory.len())
            .filter(|i| fits(self.memory[*i].access))
            .collect();
        let buffer = self.rng.pick(&buffers);
        let lanes = match vector {
            true if self.rng.one_in(2) => Lanes::First(self.size()),
            _ => Lanes::All,
        };
        let (address, mut need) = self.address();
        need = need
            + match (&lanes, vector) {
                (_, false) => Size::ONE,
                (Lanes::First(Size::Const(n)), _) => Size::Const(16.min(*n)),
                (Lanes::First(Size::Rem(x, n)), _) if *n <= 16 => x.clone().rem(*n),
                _ => Size::Const(16),
            };
        if !self.memory[buffer].needs.contains(&need) {
            self.memory[buffer].needs.push(need);
        }
        let site = Site {
            buffer,
            address,
            lanes,
            vector,
        };
        self.sites.push(site.clone());
        site
    }

    /// An address and what it stays below or at.
    fn address(&mut self) -> (Address, Size) {
        let mut address = Address::at(self.size());
        let mut greatest = address.base.clone();
        let indices: Vec<_> = self
            .known
            .iter()
            .filter_map(|k| match &k.kind {
                Kind::Index { bound } => Some((k.value, bound.clone())),
                _ => None,
            })
            .collect();
        for _ in 0..self.rng.below(3).min(indices.len() as u64) {
            let (index, bound) = self.rng.pick(&indices);
            let stride = match self.rng.below(3) {
                0 => self.size(),
                1 => Size::Const(16),
                _ => Size::ONE,
            };
            greatest = greatest + bound * stride.clone();
            address = address.step(index, stride);
        }
        (address, greatest)
    }

    pub(super) fn load(&mut self, b: &mut Builder) {
        let vector = !self.rng.one_in(3);
        let site = self.site(vector, |access| access != Access::Out);
        let buffer = self.memory[site.buffer].buffer;
        let value = if vector {
            b.load_vector(buffer, site.address, site.lanes)
        } else {
            b.load(buffer, site.address)
        };
        let kind = match self.memory[site.buffer].elem {
            Elem::F32 => Kind::F32 {
                limit: super::random::KEPT_LIMIT,
            },
            Elem::I32 => Kind::I32,
        };
        self.learn(b, value, kind);
    }

    pub(super) fn store(&mut self, b: &mut Builder) {
        let vector = !self.rng.one_in(3);
        let site = self.site(vector, |access| access != Access::In);
        let elem = self.memory[site.buffer].elem;
        let known = self.pick(|k| {
            let of_elem = match k.kind {
                Kind::F32 { .. } => elem == Elem::F32,
                Kind::I32 | Kind::Mask => elem == Elem::I32,
                Kind::Index { .. } => false,
            };
            of_elem && k.vector == vector
        });
        let value = self.keep_limit(b, known).value;
        b.store(
            self.memory[site.buffer].buffer,
            site.address,
            value,
            site.lanes,
        );
    }

    /// Prefetches may point anywhere.
    pub(super) fn prefetch(&mut self, b: &mut Builder) {
        let (address, _) = self.address();
        let buffer = self.rng.below(self.memory.len() as u64) as usize;
        b.prefetch(self.memory[buffer].buffer, address.offset(1 << 12));
    }
}
