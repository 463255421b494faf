use crate::name::named;

/// How trits become bytes. [`crate::layout`] gives the order in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Packing {
    /// 2.0 bits a weight: four trits a byte, code = trit + 1.
    Int2,
    /// 1.6 bits a weight: five trits a byte, 3^5 = 243 values.
    Base3,
}

named!(Packing, "packing", { Int2 => "int2", Base3 => "base3" });
