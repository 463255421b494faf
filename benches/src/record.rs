use crate::code::Choice;
use atome::BackendKind;
use serde::Serialize;

/// What a benchmark says, one JSON object.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// `{op}-{packing}-{activation}-{isa}/{shape}`, or the whole model's equivalent.
    pub name: String,
    /// Threads that worked on it.
    pub threads: usize,
    /// Nanoseconds a call.
    pub ns: f64,
    /// 10^9 multiply-accumulates a second: one weight times one activation.
    pub gmacs: Option<f64>,
    /// 10^9 bytes a second, of the kind that the limit counts.
    pub gbps: f64,
    /// What the machine can do at most.
    pub limit: Limit,
    /// What was reached, as a part of the limit.
    pub of_limit: f64,
    /// Bits of memory a ternary weight takes.
    pub bits_per_weight: Option<f64>,
    /// How a ternary product is formed.
    pub method: Option<&'static str>,
    /// What ran it: `jit`, `aot` or `interp`.
    pub backend: &'static str,
    /// How the kernel was laid out, if somebody asked for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Tokens a second, for whole models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tok_s: Option<f64>,
}

/// A limit of the machine.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limit {
    /// Of what.
    pub kind: LimitKind,
    /// 10^9 bytes a second, or for [`LimitKind::DotPeak`] 10^9 multiply-accumulates a second, of one
    /// thread: more threads may pass it.
    pub value: f64,
}

/// What a limit is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LimitKind {
    /// Reading what is in memory only.
    DramRead,
    /// Reading what is in the level 2 cache, or nearer.
    L2,
    /// Reading what is in the level 3 cache.
    L3,
    /// Multiplying and adding bytes that are in registers.
    DotPeak,
    /// Writing rows.
    Store,
}

impl LimitKind {
    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            LimitKind::DramRead => "dram_read",
            LimitKind::L2 => "l2",
            LimitKind::L3 => "l3",
            LimitKind::DotPeak => "dot_peak",
            LimitKind::Store => "store",
        }
    }

    /// What a limit's value counts, in units of 10^9 a second.
    pub const fn unit(self) -> &'static str {
        match self {
            LimitKind::DotPeak => "GMAC/s",
            _ => "GB/s",
        }
    }
}

impl Limit {
    /// What was reached, as a part of the limit.
    pub(crate) fn part(self, gbps: f64, gmacs: Option<f64>) -> f64 {
        match self.kind {
            LimitKind::DotPeak => gmacs.unwrap_or(0.0) / self.value,
            _ => gbps / self.value,
        }
    }
}

/// What was measured, before it becomes a record.
pub(crate) struct Measured {
    /// Nanoseconds a call.
    pub(crate) ns: f64,
    /// Multiply-accumulates a call.
    pub(crate) macs: Option<usize>,
    /// Bytes a call, of the kind that the limit counts.
    pub(crate) bytes: usize,
    /// The limit, measured just before.
    pub(crate) limit: Limit,
}

impl Measured {
    /// The record of a kernel that runs alone.
    pub(crate) fn kernel(self, name: &str, choice: &Choice, bits_per_weight: f64) -> Record {
        Record {
            bits_per_weight: Some(bits_per_weight),
            method: Some(choice.method().name()),
            backend: choice.backend().name(),
            schedule: choice.schedule(),
            ..self.record(name)
        }
    }

    /// The record of something else that runs alone, compiled ahead of time.
    pub(crate) fn record(self, name: &str) -> Record {
        let Measured {
            ns,
            macs,
            bytes,
            limit,
        } = self;
        let gbps = bytes as f64 / ns;
        let gmacs = macs.map(|macs| macs as f64 / ns);
        Record {
            name: name.to_owned(),
            threads: 1,
            ns: rounded(ns),
            gmacs: gmacs.map(rounded),
            gbps: rounded(gbps),
            limit: Limit {
                value: rounded(limit.value),
                ..limit
            },
            of_limit: rounded(limit.part(gbps, gmacs)),
            bits_per_weight: None,
            method: None,
            backend: BackendKind::Aot.name(),
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
    use atome::Tier;
    use atome_kernels::{Kind, Packing};
    use atome_spec::Op;

    #[test]
    fn a_record_is_one_object_with_every_key() {
        let limit = Limit {
            kind: LimitKind::L2,
            value: 100.0,
        };
        let measured = Measured {
            ns: 1000.0,
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
        for kind in [
            LimitKind::DramRead,
            LimitKind::L2,
            LimitKind::L3,
            LimitKind::DotPeak,
            LimitKind::Store,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
