use crate::name::named;

/// What a ternary product's activations are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Activation {
    /// f32; the sum of a row is f32, in the order of its columns.
    #[default]
    F32,
    /// int8 with one scale a token, as [`crate::Op::Quantize`] makes them; the sum of a row
    /// is an exact i32.
    I8,
}

named!(Activation, "activation", { F32 => "f32", I8 => "i8" });
