/// A slice that a kernel reads, or reads and writes.
///
/// Numbers are `f32`; ids, sums and what is found are `i32`; packed weights and activations are words, `u32` or
/// `i32`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Buffer<'a> {
    /// Numbers that are read.
    F32(&'a [f32]),
    /// Numbers that are written.
    F32Mut(&'a mut [f32]),
    /// Whole numbers that are read.
    I32(&'a [i32]),
    /// Whole numbers that are written.
    I32Mut(&'a mut [i32]),
    /// Words that are read.
    U32(&'a [u32]),
    /// Words that are written.
    U32Mut(&'a mut [u32]),
}

impl Buffer<'_> {
    /// Its length in elements.
    pub fn len(&self) -> usize {
        match self {
            Buffer::F32(x) => x.len(),
            Buffer::F32Mut(x) => x.len(),
            Buffer::I32(x) => x.len(),
            Buffer::I32Mut(x) => x.len(),
            Buffer::U32(x) => x.len(),
            Buffer::U32Mut(x) => x.len(),
        }
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How it would be declared.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Buffer::F32(_) => "&[f32]",
            Buffer::F32Mut(_) => "&mut [f32]",
            Buffer::I32(_) => "&[i32]",
            Buffer::I32Mut(_) => "&mut [i32]",
            Buffer::U32(_) => "&[u32]",
            Buffer::U32Mut(_) => "&mut [u32]",
        }
    }

    /// Its address, exposed.
    pub(super) fn address(&mut self) -> u64 {
        let address = match self {
            Buffer::F32(x) => x.as_ptr().expose_provenance(),
            Buffer::F32Mut(x) => x.as_mut_ptr().expose_provenance(),
            Buffer::I32(x) => x.as_ptr().expose_provenance(),
            Buffer::I32Mut(x) => x.as_mut_ptr().expose_provenance(),
            Buffer::U32(x) => x.as_ptr().expose_provenance(),
            Buffer::U32Mut(x) => x.as_mut_ptr().expose_provenance(),
        };
        address as u64
    }

    /// Appends its bytes, little-endian.
    pub(super) fn read(&self, to: &mut Vec<u8>) {
        match self {
            Buffer::F32(x) => to.extend(x.iter().flat_map(|x| x.to_le_bytes())),
            Buffer::F32Mut(x) => to.extend(x.iter().flat_map(|x| x.to_le_bytes())),
            Buffer::I32(x) => to.extend(x.iter().flat_map(|x| x.to_le_bytes())),
            Buffer::I32Mut(x) => to.extend(x.iter().flat_map(|x| x.to_le_bytes())),
            Buffer::U32(x) => to.extend(x.iter().flat_map(|x| x.to_le_bytes())),
            Buffer::U32Mut(x) => to.extend(x.iter().flat_map(|x| x.to_le_bytes())),
        }
    }

    /// Takes its elements from bytes, if it may be written.
    pub(super) fn write(&mut self, from: &[u8]) {
        let (words, _) = from.as_chunks::<4>();
        match self {
            Buffer::F32Mut(x) => {
                let pairs = x.iter_mut().zip(words);
                pairs.for_each(|(x, word)| *x = f32::from_le_bytes(*word));
            }
            Buffer::I32Mut(x) => {
                let pairs = x.iter_mut().zip(words);
                pairs.for_each(|(x, word)| *x = i32::from_le_bytes(*word));
            }
            Buffer::U32Mut(x) => {
                let pairs = x.iter_mut().zip(words);
                pairs.for_each(|(x, word)| *x = u32::from_le_bytes(*word));
            }
            Buffer::F32(_) | Buffer::I32(_) | Buffer::U32(_) => {}
        }
    }
}

macro_rules! from {
    ($($element:ty: $read:ident, $written:ident;)+) => {$(
        impl<'a> From<&'a [$element]> for Buffer<'a> {
            fn from(slice: &'a [$element]) -> Buffer<'a> {
                Buffer::$read(slice)
            }
        }

        impl<'a> From<&'a mut [$element]> for Buffer<'a> {
            fn from(slice: &'a mut [$element]) -> Buffer<'a> {
                Buffer::$written(slice)
            }
        }

        impl<'a, const N: usize> From<&'a [$element; N]> for Buffer<'a> {
            fn from(array: &'a [$element; N]) -> Buffer<'a> {
                Buffer::$read(array)
            }
        }

        impl<'a, const N: usize> From<&'a mut [$element; N]> for Buffer<'a> {
            fn from(array: &'a mut [$element; N]) -> Buffer<'a> {
                Buffer::$written(array)
            }
        }

        impl<'a> From<&'a Vec<$element>> for Buffer<'a> {
            fn from(vec: &'a Vec<$element>) -> Buffer<'a> {
                Buffer::$read(vec)
            }
        }

        impl<'a> From<&'a mut Vec<$element>> for Buffer<'a> {
            fn from(vec: &'a mut Vec<$element>) -> Buffer<'a> {
                Buffer::$written(vec)
            }
        }
    )+};
}

from! {
    f32: F32, F32Mut;
    i32: I32, I32Mut;
    u32: U32, U32Mut;
}
