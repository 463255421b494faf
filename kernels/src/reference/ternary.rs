/// A matrix of unpacked ternary weights and its scale.
#[derive(Clone, Copy, Debug)]
pub struct Ternary<'a> {
    trits: &'a [i8],
    rows: usize,
    cols: usize,
    scale: f32,
}

impl<'a> Ternary<'a> {
    /// A `rows` by `cols` matrix of row-major trits, each -1, 0 or +1.
    ///
    /// # Panics
    /// If there are not `rows * cols` trits.
    pub fn new(trits: &'a [i8], rows: usize, cols: usize, scale: f32) -> Ternary<'a> {
        let expected = rows.checked_mul(cols);
        assert_eq!(Some(trits.len()), expected, "{rows} by {cols} trits");
        Ternary {
            trits,
            rows,
            cols,
            scale,
        }
    }

    /// Number of rows.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// What a finished sum is multiplied by.
    pub const fn scale(&self) -> f32 {
        self.scale
    }

    /// The trits of row `r`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, r: usize) -> &'a [i8] {
        assert!(r < self.rows, "row {r} of {}", self.rows);
        &self.trits[r * self.cols..][..self.cols]
    }
}

/// Scales of groups of a row's columns.
#[derive(Clone, Copy, Debug)]
pub struct GroupScales<'a> {
    /// `[rows, cols / group]`.
    pub scales: &'a [f32],
    /// Columns of a group, of which a row has a whole number.
    pub group: usize,
}

impl GroupScales<'_> {
    /// The scale of the weight at row `r`, column `c` of a matrix of `cols` columns.
    pub(super) fn of(self, cols: usize, r: usize, c: usize) -> f32 {
        assert!(
            cols.is_multiple_of(self.group),
            "{cols} columns in groups of {}",
            self.group
        );
        self.scales[r * (cols / self.group) + c / self.group]
    }
}

/// The product of a weight and an activation, without a multiplication: `+x`, `-x` or +0.0.
pub(super) fn select(trit: i8, x: f32) -> f32 {
    match trit {
        1 => x,
        -1 => -x,
        _ => 0.0,
    }
}
