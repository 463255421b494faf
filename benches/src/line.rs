//! Memory that begins where a cache line does, as an arena's tensors do: stores of whole lines take twice as long where it
//! does not, and an allocator gives now one, now the other.

use std::ops::{Deref, DerefMut};

const LINE_BYTES: usize = 64;

/// Numbers on lines.
pub(crate) struct Lines<T> {
    memory: Vec<T>,
    first: usize,
    len: usize,
}

impl<T: Copy + Default> Lines<T> {
    /// So many zeros.
    pub(crate) fn zeroed(len: usize) -> Lines<T> {
        let memory = vec![T::default(); len + LINE_BYTES / size_of::<T>()];
        let first = memory.as_ptr().align_offset(LINE_BYTES);
        Lines { memory, first, len }
    }

    /// A copy of some numbers.
    pub(crate) fn of(numbers: &[T]) -> Lines<T> {
        let mut lines = Lines::zeroed(numbers.len());
        lines.copy_from_slice(numbers);
        lines
    }
}

impl<T> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.first..][..self.len]
    }
}

impl<T> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.first..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_with_a_line() {
        for len in [0, 1, 15, 4096] {
            let numbers: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let lines = Lines::of(&numbers);
            assert_eq!(*lines, *numbers);
            let zeros = Lines::<u8>::zeroed(len);
            assert!(zeros.iter().all(|zero| *zero == 0) && zeros.len() == len);
            assert_eq!(zeros.as_ptr().addr() % LINE_BYTES, 0);
        }
    }
}
