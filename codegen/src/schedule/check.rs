use super::{Choice, Field, Fields, Schedule, Sum};
use crate::{KernelSpec, op};
use atome_spec::{Activation, Method, Op, Packing};

/// What is expected of a field that an op does not have.
const NONE: &str = "none";

/// A schedule that is none of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{op}`: `{field}` of the schedule is {}, expected {expected}", found.as_deref().unwrap_or("missing"))]
pub struct ScheduleError {
    /// The op.
    pub op: Op,
    /// The field.
    pub field: Field,
    /// What there may be.
    pub expected: String,
    /// What there is, if there is anything.
    pub found: Option<String>,
}

impl ScheduleError {
    /// Whether the op has the field at all.
    pub fn has_field(&self) -> bool {
        self.expected != NONE
    }
}

impl Schedule {
    /// Checks that the kernel of a valid specification can be laid out so.
    ///
    /// ```
    /// use atome_codegen::{KernelSpec, Schedule};
    /// use atome_spec::{Op, Packing};
    ///
    /// let spec = KernelSpec::new(Op::Gemv).packing(Packing::Int2);
    /// let schedule: Schedule = "method=select mr=48 nr=1 prefetch=0 unroll=4".parse()?;
    /// assert_eq!(
    ///     schedule.check(&spec).unwrap_err().to_string(),
    ///     "`gemv`: `mr` of the schedule is 48, expected 16, 32 or 64"
    /// );
    /// # Ok::<(), atome_codegen::schedule::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// Names the first field that does not fit, or is missing.
    pub fn check(&self, spec: &KernelSpec) -> Result<(), ScheduleError> {
        for field in Field::ALL {
            let known = known(spec, self, field);
            let found = self.value(field);
            let fits = match &found {
                Some(found) => known.contains(found),
                None => known.is_empty(),
            };
            if !fits {
                return Err(ScheduleError {
                    op: spec.op,
                    field,
                    expected: one_of(&known),
                    found,
                });
            }
        }
        Ok(())
    }
}

/// The values of a field that a kernel may have; none if it has no such field.
fn known(spec: &KernelSpec, schedule: &Schedule, field: Field) -> Vec<String> {
    match field {
        Field::Method => methods(spec).iter().map(Method::to_string).collect(),
        Field::Fields => {
            let known = all_fields(spec, schedule.method).into_iter();
            known.map(|fields| fields.to_string()).collect()
        }
        Field::Sum => {
            let known = sums(spec, schedule.method, schedule.fields).iter();
            known.map(Sum::to_string).collect()
        }
        Field::Mr | Field::Nr | Field::Prefetch | Field::Unroll => {
            let choices = op::choices(spec.kind()).iter();
            let choice: Option<&Choice> = choices.into_iter().find(|c| c.field == field);
            let valid = choice.map_or(&[][..], |choice| choice.valid);
            valid.iter().map(u32::to_string).collect()
        }
    }
}

/// The methods that a specification leaves open.
pub(super) fn methods(spec: &KernelSpec) -> Vec<Method> {
    let known = op::methods(spec.kind()).iter().copied();
    let asked = |method: &Method| spec.method.is_none_or(|asked| asked == *method);
    known.filter(asked).collect()
}

/// Where a method may multiply the codes.
pub(super) fn all_fields(spec: &KernelSpec, method: Option<Method>) -> Vec<Fields> {
    match method {
        Some(Method::Dot) => {
            let is_known = |fields: &Fields| match fields {
                // With one token there is nothing to share.
                Fields::Panel => matches!(spec.op, Op::Gemm | Op::GroupGemm),
                Fields::Shifted | Fields::Separate | Fields::SeparateLow | Fields::Halves => true,
                Fields::Lanes | Fields::Pairs | Fields::Triples | Fields::Tables => false,
            };
            Fields::ALL.into_iter().filter(is_known).collect()
        }
        Some(Method::Lut) => match spec.packing {
            Some(Packing::Int2) => vec![Fields::Lanes, Fields::Triples],
            Some(Packing::Sorted) => vec![Fields::Pairs],
            Some(Packing::Base3) | None => vec![Fields::Lanes],
        },
        Some(Method::Select) if has_tables(spec) => vec![Fields::Lanes, Fields::Tables],
        Some(Method::Select) | None => Vec::new(),
    }
}

/// Whether what is selected may be in tables that are made for many rows: whole rows of f32 by `int2`.
pub(super) fn has_tables(spec: &KernelSpec) -> bool {
    let is_product = matches!(spec.op, Op::Gemv | Op::Gemm);
    is_product && spec.activation == Activation::F32
}

/// What the products may be added up in. Sums of 16 bits have room for codes at the two lowest bits
/// of a byte, and at the next two. The rows of a table in base 3 have no products, but three times a byte.
pub(super) fn sums(
    spec: &KernelSpec,
    method: Option<Method>,
    fields: Option<Fields>,
) -> &'static [Sum] {
    match (method, fields) {
        _ if spec.op == Op::Embed && spec.packing == Some(Packing::Base3) => &Sum::ALL,
        (Some(Method::Dot), Some(Fields::Shifted | Fields::Halves | Fields::Panel)) => &Sum::ALL,
        (Some(Method::Dot), _) => &[Sum::I32],
        (Some(Method::Select | Method::Lut) | None, _) => &[],
    }
}

fn one_of(known: &[String]) -> String {
    match known.split_last() {
        None => NONE.to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CodegenError, compile, schedule};
    use atome_spec::{Activation, Isa};

    /// What is said of the selected schedule with some fields changed.
    fn said(spec: &KernelSpec, change: impl Fn(&mut Schedule)) -> String {
        let mut schedule = schedule::select(spec, Isa::Avx512Vnni);
        change(&mut schedule);
        match compile(spec, &schedule) {
            Err(CodegenError::Schedule(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_field_its_range_and_what_was_found_are_named() {
        let spec = KernelSpec::new(Op::Gemm).packing(Packing::Int2);
        let spec = spec.activation(Activation::I8);
        assert_eq!(
            said(&spec, |s| s.mr = Some(48)),
            "`gemm`: `mr` of the schedule is 48, expected 16, 32 or 64"
        );
        assert_eq!(
            said(&spec, |s| s.nr = Some(0)),
            "`gemm`: `nr` of the schedule is 0, expected 1, 2, 3, 4, 5, 6, 7 or 8"
        );
        assert_eq!(
            said(&spec, |s| s.unroll = Some(4)),
            "`gemm`: `unroll` of the schedule is 4, expected none"
        );
        assert_eq!(
            said(&spec, |s| s.fields = None),
            "`gemm`: `fields` of the schedule is missing, expected shifted, separate, separate-low, halves or panel"
        );
        let lut = spec.clone().method(Method::Lut);
        assert_eq!(
            said(&lut, |s| s.method = Some(Method::Dot)),
            "`gemm`: `method` of the schedule is dot, expected lut"
        );
        assert_eq!(
            said(&KernelSpec::new(Op::Norm), |s| s.prefetch = Some(64)),
            "`norm`: `prefetch` of the schedule is 64, expected none"
        );
    }
}
