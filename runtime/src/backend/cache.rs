//! Where the current token is in the attention cache: one arithmetic, over numbers and over code that will compute them.

/// Arithmetic on numbers of 64 bits without a sign.
pub(super) trait Arithmetic {
    /// A number.
    type Number: Copy;

    /// `n`.
    fn constant(&mut self, n: u64) -> Self::Number;
    /// `x + y`.
    fn add(&mut self, x: Self::Number, y: Self::Number) -> Self::Number;
    /// The lesser one.
    fn min(&mut self, x: Self::Number, y: Self::Number) -> Self::Number;
    /// `x % y`, where `y` is not 0.
    fn rem(&mut self, x: Self::Number, y: Self::Number) -> Self::Number;
    /// `value` if `x > y`, else 0.
    fn if_above(&mut self, x: Self::Number, y: Self::Number, value: Self::Number) -> Self::Number;
}

/// The attention cache as the current token sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cache<N> {
    /// Place of the current token.
    pub(super) slot: N,
    /// Cached positions, the current token included.
    pub(super) len: N,
    /// Place of the oldest cached position.
    pub(super) start: N,
}

impl<N: Copy> Cache<N> {
    /// A cache of `window` places, after `seen` tokens before the current one.
    pub(super) fn new<A: Arithmetic<Number = N>>(a: &mut A, seen: N, window: u64) -> Cache<N> {
        let (window, one) = (a.constant(window), a.constant(1));
        let with_current = a.add(seen, one);
        let oldest = a.rem(with_current, window);
        Cache {
            slot: a.rem(seen, window),
            len: a.min(with_current, window),
            start: a.if_above(with_current, window, oldest),
        }
    }
}

/// Numbers as they are.
pub(super) struct Plain;

impl Arithmetic for Plain {
    type Number = u64;

    fn constant(&mut self, n: u64) -> u64 {
        n
    }

    fn add(&mut self, x: u64, y: u64) -> u64 {
        x + y
    }

    fn min(&mut self, x: u64, y: u64) -> u64 {
        x.min(y)
    }

    fn rem(&mut self, x: u64, y: u64) -> u64 {
        // Most of the time nothing is to be divided, which would take longer than a small kernel's call.
        if x < y { x } else { x % y }
    }

    fn if_above(&mut self, x: u64, y: u64, value: u64) -> u64 {
        if x > y { value } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_positions_leave() {
        let at = |seen| {
            let Cache { slot, len, start } = Cache::new(&mut Plain, seen, 3);
            (slot, len, start)
        };
        let found = [0, 1, 2, 3, 4, 5].map(at);
        let expected = [
            (0, 1, 0),
            (1, 2, 0),
            (2, 3, 0),
            (0, 3, 1),
            (1, 3, 2),
            (2, 3, 0),
        ];
        assert_eq!(found, expected);
    }
}
