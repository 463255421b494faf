use std::fmt;
use std::str::FromStr;

/// A field of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Method of the ternary product.
    Method,
    /// Rows of a register tile.
    Mr,
    /// Tokens of a register tile.
    Nr,
    /// Where the codes of a word are multiplied.
    Fields,
    /// What products are added up in, or made in.
    Sum,
    /// Bytes that weights are asked for ahead.
    Prefetch,
    /// Iterations that become straight code.
    Unroll,
}

impl Field {
    /// Every field, in the order of the text.
    pub const ALL: [Field; 7] = [
        Field::Method,
        Field::Mr,
        Field::Nr,
        Field::Fields,
        Field::Sum,
        Field::Prefetch,
        Field::Unroll,
    ];

    /// Its name in the text.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Method => "method",
            Field::Mr => "mr",
            Field::Nr => "nr",
            Field::Fields => "fields",
            Field::Sum => "sum",
            Field::Prefetch => "prefetch",
            Field::Unroll => "unroll",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The numbers that a field of an op's schedules may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) field: Field,
    /// All that are valid, in order.
    pub(crate) valid: &'static [u32],
    /// Those worth a measurement.
    pub(crate) tried: &'static [u32],
}

/// How the four 2-bit fields of a code word's bytes come into dot products, or into look-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fields {
    /// Shifted down, into one sum.
    Shifted,
    /// Where they are, each into a sum of its own that is shifted at the end: no shift in the
    /// loop. For instructions that take codes up to 255.
    Separate,
    /// The same for three of them; the highest, which would make signed bytes negative, is
    /// shifted down into the lowest one's sum.
    SeparateLow,
    /// Two of the four where they are and two shifted down to the same places, into two sums: one
    /// shift a word.
    Halves,
    /// Unpacked once for many tokens, into memory that stays in the first cache.
    Panel,
    /// Two trits name an entry of a table of sixteen sums, a lane each, made where it is used. Of f32 one names an entry of a table
    /// of one activation.
    Lanes,
    /// Two trits name a byte of each of two tables of sixteen, the low five bits of their sum and the
    /// others. Tables are made once for many rows, and codes lie [sorted](atome_spec::Packing::Sorted).
    Pairs,
    /// Three trits name a sum of 16 bits in a table of 64. Tables are made once for many rows.
    Triples,
    /// Of f32: a table of what the codes of two columns make of the activation of either, made once for many rows.
    Tables,
}

impl Fields {
    /// Every one.
    pub const ALL: [Fields; 9] = [
        Fields::Shifted,
        Fields::Separate,
        Fields::SeparateLow,
        Fields::Halves,
        Fields::Panel,
        Fields::Lanes,
        Fields::Pairs,
        Fields::Triples,
        Fields::Tables,
    ];

    /// Its name in the text.
    pub const fn name(self) -> &'static str {
        match self {
            Fields::Shifted => "shifted",
            Fields::Separate => "separate",
            Fields::SeparateLow => "separate-low",
            Fields::Halves => "halves",
            Fields::Panel => "panel",
            Fields::Lanes => "lanes",
            Fields::Pairs => "pairs",
            Fields::Triples => "triples",
            Fields::Tables => "tables",
        }
    }

    /// Sums of a token and a group of rows.
    pub(crate) const fn sums(self) -> usize {
        match self {
            Fields::Shifted
            | Fields::Panel
            | Fields::Lanes
            | Fields::Pairs
            | Fields::Triples
            | Fields::Tables => 1,
            Fields::Halves => 2,
            Fields::Separate => 4,
            Fields::SeparateLow => 3,
        }
    }

    /// The sum that field `q` goes into.
    pub(crate) const fn sum_of(self, q: usize) -> usize {
        q % self.sums()
    }

    /// The bit of a byte at which the codes of field `q` are multiplied.
    pub(crate) const fn shift_of(self, q: usize) -> u8 {
        2 * self.sum_of(q) as u8
    }
}

/// What the products of activations with codes are added up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sum {
    /// Numbers of 32 bits.
    I32,
    /// Numbers of 16 bits for as many words as they surely hold, and then of 32: fewer
    /// instructions where none multiplies bytes and adds to an i32. Of a row in base 3 an instruction
    /// that multiplies bytes, in place of three.
    I16,
}

impl Sum {
    /// Every one.
    pub const ALL: [Sum; 2] = [Sum::I32, Sum::I16];

    /// Its name in the text.
    pub const fn name(self) -> &'static str {
        match self {
            Sum::I32 => "i32",
            Sum::I16 => "i16",
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Sum {
    type Err = ();

    fn from_str(s: &str) -> Result<Sum, ()> {
        let found = Sum::ALL.into_iter().find(|sum| sum.name() == s);
        found.ok_or(())
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fields {
    type Err = ();

    fn from_str(s: &str) -> Result<Fields, ()> {
        let found = Fields::ALL.into_iter().find(|fields| fields.name() == s);
        found.ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn a_field_is_multiplied_where_its_sum_is_shifted_from() {
        assert_eq!([0, 1, 2, 3].map(|q| Fields::Shifted.shift_of(q)), [0; 4]);
        assert_eq!(
            [0, 1, 2, 3].map(|q| Fields::Separate.shift_of(q)),
            [0, 2, 4, 6]
        );
        assert_eq!(
            [0, 1, 2, 3].map(|q| Fields::SeparateLow.shift_of(q)),
            [0, 2, 4, 0]
        );
        assert_eq!(
            [0, 1, 2, 3].map(|q| Fields::Halves.shift_of(q)),
            [0, 2, 0, 2]
        );
    }
}
