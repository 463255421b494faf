//! Invariants 6 and 7.

use super::assert_fault;
use crate::ir::verify::{Expected, Fault};
use crate::ir::{Elem, Type, Value};

#[test]
fn operands_have_the_right_types() {
    use Expected::{Element, Exactly, Of, Scalar, Vector};
    let (f32, i32, f32x16, i32x16) = (Type::F32, Type::I32, Type::F32X16, Type::I32X16);
    let types = [f32, i32, f32x16, i32x16, Type::Index];
    for (inst, operand, value, expected) in [
        ("f32x16 = splat %2", "x", 2, Scalar),
        ("f32x16 = splat %4", "x", 4, Scalar),
        ("i32 = neg %1", "x", 1, Of(Elem::F32)),
        ("i32 = abs %1", "x", 1, Of(Elem::F32)),
        ("i32x16 = sqrt %3", "x", 3, Of(Elem::F32)),
        ("f32 = to_float %0", "x", 0, Of(Elem::I32)),
        ("f32 = from_bits %0", "x", 0, Of(Elem::I32)),
        ("i32 = to_bits %1", "x", 1, Of(Elem::F32)),
        ("index = add %4, %4", "x", 4, Element),
        ("f32 = sub %0, %1", "y", 1, Exactly(f32)),
        ("f32 = mul %0, %2", "y", 2, Exactly(f32)),
        ("i32 = div %1, %1", "x", 1, Of(Elem::F32)),
        ("i32 = max %1, %1", "x", 1, Of(Elem::F32)),
        ("i32 = min %1, %1", "x", 1, Of(Elem::F32)),
        ("f32 = and %0, %0", "x", 0, Of(Elem::I32)),
        ("f32 = or %0, %0", "x", 0, Of(Elem::I32)),
        ("f32 = xor %0, %0", "x", 0, Of(Elem::I32)),
        ("f32 = shl %0, 1", "x", 0, Of(Elem::I32)),
        ("i32 = lt %4, %4", "x", 4, Element),
        ("i32 = eq %0, %1", "y", 1, Exactly(f32)),
        ("f32 = select %0, %0, %0", "mask", 0, Exactly(i32)),
        ("f32x16 = select %1, %2, %2", "mask", 1, Exactly(i32x16)),
        ("f32x16 = select %3, %2, %0", "off", 0, Exactly(f32x16)),
        ("index = select %1, %4, %4", "on", 4, Element),
        ("f32 = reduce.add %0", "x", 0, Vector),
        ("i32x16 = dot4 %3, %2, %3", "codes", 2, Exactly(i32x16)),
        ("i32x16 = dot4 %3, %3, %1", "x", 1, Exactly(i32x16)),
        ("i32x16 = base3.fields %1", "x", 1, Exactly(i32x16)),
        ("i32x16 = lookup %3, %2, bit 0", "index", 2, Exactly(i32x16)),
        ("i32x16 = narrow %3, %3, %3, %2", "w", 2, Exactly(i32x16)),
        ("f32 = reduce.max %3", "x", 3, Exactly(f32x16)),
        ("f32 = extract %0, 3", "x", 0, Vector),
        ("f32 = keep %0 lanes n", "x", 0, Vector),
        (
            "f32x16 = trit_select %1, bit 0, %0",
            "codes",
            1,
            Exactly(i32x16),
        ),
        ("f32x16 = trit_select %3, bit 0, %2", "x", 2, Exactly(f32)),
        ("index = to_index %0", "x", 0, Exactly(i32)),
        ("i32 = from_index %1", "x", 1, Exactly(Type::Index)),
        ("f32 = load a[%1]", "index", 1, Exactly(Type::Index)),
    ] {
        let fault = Fault::Operand {
            operand,
            value: Value(value),
            expected,
            found: types[value as usize],
        };
        assert_fault(&format!("%5: {inst}"), fault);
    }
    for (value, found) in [(1, i32), (3, i32x16), (4, Type::Index)] {
        let fault = Fault::Operand {
            operand: "value",
            value: Value(value),
            expected: Of(Elem::F32),
            found,
        };
        assert_fault(&format!("store out[0] = %{value}"), fault);
    }
}

#[test]
fn results_have_the_right_types() {
    use Type::Index;
    let (f32, i32, f32x16, i32x16) = (Type::F32, Type::I32, Type::F32X16, Type::I32X16);
    for (inst, expected, found) in [
        ("const.f32 1.0", f32, i32),
        ("const.i32 1", i32, f32),
        ("size.f32 n", f32, i32),
        ("param s", f32, f32x16),
        ("splat %0", f32x16, i32x16),
        ("iota", i32x16, f32x16),
        ("neg %2", f32x16, f32),
        ("to_float %1", f32, i32),
        ("to_bits %2", i32x16, f32x16),
        ("from_bits %3", f32x16, i32x16),
        ("add %1, %1", i32, f32),
        ("shr %3, 4", i32x16, i32),
        ("le %0, %0", i32, f32),
        ("select %3, %2, %2", f32x16, i32x16),
        ("reduce.add %2", f32, f32x16),
        ("extract %3, 0", i32, f32),
        ("keep %2 lanes n", f32x16, i32x16),
        ("trit_select %3, bit 2, %0", f32x16, f32),
        ("load a[0]", f32, i32),
        ("load c[0]", i32, Index),
        ("load c[0] lanes n", i32x16, f32x16),
        ("to_index %1", Index, i32),
        ("from_index %4", i32, Index),
    ] {
        assert_fault(
            &format!("%5: {found} = {inst}"),
            Fault::Result { expected, found },
        );
    }
}
