//! The numbers by which files name types of elements.

use std::fmt;

/// The number of an element type in a file, whether or not it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(
    /// The number.
    pub u32,
);

/// A type that has a name. One that has one size has whole blocks of it.
#[derive(Debug, PartialEq)]
struct Row {
    id: u32,
    name: &'static str,
    /// Weights and bytes of a block.
    block: Option<(u64, u64)>,
}

const fn row(id: u32, name: &'static str, weights: u64, bytes: u64) -> Row {
    let block = Some((weights, bytes));
    Row { id, name, block }
}

/// A type whose size depends on who wrote the file.
const fn vague(id: u32, name: &'static str) -> Row {
    let block = None;
    Row { id, name, block }
}

/// Types that files have, by number.
const ROWS: [Row; 40] = [
    row(0, "F32", 1, 4),
    row(1, "F16", 1, 2),
    row(2, "Q4_0", 32, 18),
    row(3, "Q4_1", 32, 20),
    row(6, "Q5_0", 32, 22),
    row(7, "Q5_1", 32, 24),
    row(8, "Q8_0", 32, 34),
    vague(9, "Q8_1"),
    row(10, "Q2_K", 256, 84),
    row(11, "Q3_K", 256, 110),
    row(12, "Q4_K", 256, 144),
    row(13, "Q5_K", 256, 176),
    row(14, "Q6_K", 256, 210),
    row(15, "Q8_K", 256, 292),
    row(16, "IQ2_XXS", 256, 66),
    row(17, "IQ2_XS", 256, 74),
    row(18, "IQ3_XXS", 256, 98),
    row(19, "IQ1_S", 256, 50),
    row(20, "IQ4_NL", 32, 18),
    row(21, "IQ3_S", 256, 110),
    row(22, "IQ2_S", 256, 82),
    row(23, "IQ4_XS", 256, 136),
    row(24, "I8", 1, 1),
    row(25, "I16", 1, 2),
    row(26, "I32", 1, 4),
    row(27, "I64", 1, 8),
    row(28, "F64", 1, 8),
    row(29, "IQ1_M", 256, 56),
    row(30, "BF16", 1, 2),
    row(34, "TQ1_0", 256, 54),
    row(35, "TQ2_0", 256, 66),
    vague(36, "I2_S"),
    row(39, "MXFP4", 32, 17),
    row(40, "NVFP4", 64, 36),
    row(41, "Q1_0", 128, 18),
    vague(42, "Q2_0"),
    vague(134, "IQ1_BN"),
    vague(135, "IQ2_BN"),
    row(142, "PQ2_0", 128, 34),
    row(143, "PTQ1_0", 128, 28),
];

#[expect(missing_docs, reason = "the names are the types")]
impl TypeId {
    pub const F32: Self = Self(0);
    pub const F16: Self = Self(1);
    pub const Q8_0: Self = Self(8);
    pub const Q6_K: Self = Self(14);
    pub const BF16: Self = Self(30);
    pub const TQ1_0: Self = Self(34);
    pub const TQ2_0: Self = Self(35);
    pub const I2_S: Self = Self(36);
    pub const Q2_0: Self = Self(42);
    pub const PQ2_0: Self = Self(142);
    pub const PTQ1_0: Self = Self(143);
}

impl TypeId {
    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.id == self.0)
    }

    /// Its name, if it is known.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// Weights and bytes of a block, if all files agree on them.
    #[must_use]
    pub fn block(self) -> Option<(u64, u64)> {
        self.row()?.block
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (type {})", self.0),
            None => write!(f, "type {}", self.0),
        }
    }
}
