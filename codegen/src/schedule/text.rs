use super::{Field, Fields, Schedule, Sum};
use atome_spec::Method;
use std::fmt;
use std::str::FromStr;

/// The text of a schedule without choices.
const PLAIN: &str = "plain";

/// A text that is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A word without `=`.
    #[error("`{found}` is no choice of a schedule, expected `field=value`")]
    Word {
        /// The word.
        found: String,
    },
    /// A field that schedules do not have.
    #[error("a schedule has no field `{found}`, expected one of {}", Field::ALL.map(Field::name).join(", "))]
    Field {
        /// The field's name.
        found: String,
    },
    /// A field that is there twice.
    #[error("`{field}` is given twice")]
    Repeated {
        /// The field.
        field: Field,
    },
    /// A value that is none of the field's.
    #[error("`{field}` is `{found}`, expected {}", expected(*field))]
    Value {
        /// The field.
        field: Field,
        /// The value.
        found: String,
    },
}

fn expected(field: Field) -> String {
    match field {
        Field::Method => Method::NAMES.join(", "),
        Field::Fields => Fields::ALL.map(Fields::name).join(", "),
        Field::Sum => Sum::ALL.map(Sum::name).join(", "),
        Field::Mr | Field::Nr | Field::Prefetch | Field::Unroll => "a number".to_owned(),
    }
}

impl Schedule {
    /// The text of a field's value, if it has one.
    pub(super) fn value(&self, field: Field) -> Option<String> {
        match field {
            Field::Method => self.method.map(|x| x.to_string()),
            Field::Mr => self.mr.map(|x| x.to_string()),
            Field::Nr => self.nr.map(|x| x.to_string()),
            Field::Fields => self.fields.map(|x| x.to_string()),
            Field::Sum => self.sum.map(|x| x.to_string()),
            Field::Prefetch => self.prefetch.map(|x| x.to_string()),
            Field::Unroll => self.unroll.map(|x| x.to_string()),
        }
    }

    /// Sets a field to the value of a text, if it is one of such.
    fn set(&mut self, field: Field, text: &str) -> Option<()> {
        match field {
            Field::Method => self.method = Some(text.parse().ok()?),
            Field::Mr => self.mr = Some(text.parse().ok()?),
            Field::Nr => self.nr = Some(text.parse().ok()?),
            Field::Fields => self.fields = Some(text.parse().ok()?),
            Field::Sum => self.sum = Some(text.parse().ok()?),
            Field::Prefetch => self.prefetch = Some(text.parse().ok()?),
            Field::Unroll => self.unroll = Some(text.parse().ok()?),
        }
        Some(())
    }
}

/// Every field, `field=value` each; `plain` if there is none.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chosen = |field: Field| Some(format!("{field}={}", self.value(field)?));
        let fields: Vec<String> = Field::ALL.into_iter().filter_map(chosen).collect();
        match fields.is_empty() {
            true => f.pad(PLAIN),
            false => f.pad(&fields.join(" ")),
        }
    }
}

/// Blanks or commas between the fields, in any order.
impl FromStr for Schedule {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Schedule, ParseError> {
        let mut schedule = Schedule::default();
        let words = s.split([' ', ',']).filter(|word| !word.is_empty());
        for word in words.filter(|word| *word != PLAIN) {
            let (name, value) = word.split_once('=').ok_or_else(|| ParseError::Word {
                found: word.to_owned(),
            })?;
            let field = Field::ALL.into_iter().find(|field| field.name() == name);
            let field = field.ok_or_else(|| ParseError::Field {
                found: name.to_owned(),
            })?;
            if schedule.value(field).is_some() {
                return Err(ParseError::Repeated { field });
            }
            schedule
                .set(field, value)
                .ok_or_else(|| ParseError::Value {
                    field,
                    found: value.to_owned(),
                })?;
        }
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::candidates;
    use crate::{KernelSpec, op};
    use atome_spec::Isa;

    #[test]
    fn every_schedule_is_read_as_it_is_printed() {
        for spec in op::kinds().into_iter().map(KernelSpec::from) {
            for schedule in candidates(&spec, Isa::Avx512Vnni) {
                assert_eq!(schedule.to_string().parse(), Ok(schedule), "{schedule}");
            }
        }
        let commas: Result<Schedule, _> = "nr=2,mr=16".parse();
        assert_eq!(commas.map(|s| s.to_string()), Ok("mr=16 nr=2".to_owned()));
    }

    #[test]
    fn what_is_no_schedule_is_refused_in_a_line() {
        let said = |text: &str| match text.parse::<Schedule>() {
            Ok(schedule) => panic!("{schedule}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            said("64"),
            "`64` is no choice of a schedule, expected `field=value`"
        );
        assert_eq!(
            said("mr=64 kc=16"),
            "a schedule has no field `kc`, expected one of method, mr, nr, fields, sum, prefetch, unroll"
        );
        assert_eq!(said("mr=64 mr=32"), "`mr` is given twice");
        assert_eq!(said("nr=-1"), "`nr` is `-1`, expected a number");
        assert_eq!(
            said("fields=low"),
            "`fields` is `low`, expected shifted, separate, separate-low, halves, panel, lanes, pairs, triples, tables"
        );
    }
}
