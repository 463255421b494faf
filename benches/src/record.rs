use crate::code::Choice;
use crate::limit::Limit;
use atome::BackendKind;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How the names of limits begin.
pub(crate) const LIMIT: &str = "limit-";

/// What a benchmark says, one JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `{op}-{packing}-{activation}-{isa}/{shape}`, or the whole model's equivalent.
    pub name: String,
    /// Threads that worked on it.
    pub threads: usize,
    /// Nanoseconds a call.
    pub ns: f64,
    /// 10^9 multiply-accumulates a second: one weight times one activation.
    pub gmacs: Option<f64>,
    /// 10^9 bytes a second: those that the limit counts, or the weights' where it counts none.
    pub gbps: f64,
    /// What the machine can do at most.
    pub limit: Limit,
    /// What was reached, as a part of the limit.
    pub of_limit: f64,
    /// Bits of memory a ternary weight takes.
    pub bits_per_weight: Option<f64>,
    /// How a ternary product is formed.
    pub method: Option<Cow<'static, str>>,
    /// What ran it: `jit`, `aot` or `interp`.
    pub backend: Cow<'static, str>,
    /// How the kernel was laid out, if somebody asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Tokens a second, for whole models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tok_s: Option<f64>,
}

impl Record {
    /// Whether it says what the machine can do at most, and not what something did.
    pub fn is_limit(&self) -> bool {
        self.name.starts_with(LIMIT)
    }
}

/// What was measured, before it becomes a record.
pub(crate) struct Measured {
    /// Nanoseconds a call.
    pub(crate) ns: f64,
    /// Threads that worked on it.
    pub(crate) threads: usize,
    /// Multiply-accumulates a call.
    pub(crate) macs: Option<usize>,
    /// Bytes a call, of the kind that the limit counts.
    pub(crate) bytes: usize,
    /// The limit, measured just before.
    pub(crate) limit: Limit,
}

impl Measured {
    /// What one thread took that moves bytes and multiplies by no weights.
    pub(crate) const fn of_bytes(ns: f64, bytes: usize, limit: Limit) -> Measured {
        Measured {
            ns,
            threads: 1,
            macs: None,
            bytes,
            limit,
        }
    }

    /// The record of a kernel.
    pub(crate) fn kernel(self, name: &str, choice: &Choice, bits_per_weight: f64) -> Record {
        Record {
            bits_per_weight: Some(bits_per_weight),
            method: Some(choice.method().name().into()),
            backend: choice.backend().name().into(),
            schedule: choice.schedule(),
            ..self.record(name)
        }
    }

    /// The record of something else that a backend runs.
    pub(crate) fn by(self, name: &str, backend: BackendKind) -> Record {
        Record {
            backend: backend.name().into(),
            ..self.record(name)
        }
    }

    /// The record of something else, compiled ahead of time.
    pub(crate) fn record(self, name: &str) -> Record {
        let Measured {
            ns,
            threads,
            macs,
            bytes,
            limit,
        } = self;
        let gbps = bytes as f64 / ns;
        let gmacs = macs.map(|macs| macs as f64 / ns);
        Record {
            name: name.to_owned(),
            threads,
            ns: rounded(ns),
            gmacs: gmacs.map(rounded),
            gbps: rounded(gbps),
            of_limit: rounded(limit.part(gbps, gmacs)),
            limit: Limit {
                value: rounded(limit.value),
                ..limit
            },
            bits_per_weight: None,
            method: None,
            backend: BackendKind::Aot.name().into(),
            schedule: None,
            tok_s: None,
        }
    }
}

/// Four decimals: more than any measurement gives.
pub(crate) fn rounded(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::LimitKind;
    use atome::Tier;
    use atome_kernels::{Kind, Packing};
    use atome_spec::Op;

    #[test]
    fn a_record_is_one_object_with_every_key() {
        let limit = Limit {
            kind: LimitKind::L2,
            value: 100.0,
            of: None,
        };
        let measured = Measured {
            ns: 1000.0,
            threads: 1,
            macs: Some(65_536),
            bytes: 16_384,
            limit,
        };
        let kind = Kind::new(Op::Gemv).packing(Packing::Int2);
        let choice = Choice::new(kind, Tier::Portable, None).unwrap();
        let record = measured.kernel("gemv-int2-f32-avx2/256x256", &choice, 2.0);
        let json = concat!(
            r#"{"name":"gemv-int2-f32-avx2/256x256","threads":1,"ns":1000.0,"gmacs":65.536,"#,
            r#""gbps":16.384,"limit":{"kind":"l2","value":100.0},"of_limit":0.1638,"#,
            r#""bits_per_weight":2.0,"method":"select","backend":"aot"}"#,
        );
        assert_eq!(serde_json::to_string(&record).unwrap(), json);
        assert_eq!(serde_json::from_str::<Record>(json).unwrap(), record);
    }
}
