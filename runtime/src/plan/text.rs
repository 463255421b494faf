//! A plan as text: its tensors and their places, then every call with its dimensions, operands and scalars.

use super::{Call, DimValue, Entry, KernelCall, Operand, Plan, Row, Section, Stage, Tensor};
use std::fmt::{self, Display};

impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (block, rows, window) = (self.block, self.rows_block, self.window);
        writeln!(f, "plan block {block} rows {rows} window {window} {{")?;
        for section in Section::ALL {
            let mut tensors = self.tensors.iter().filter(|t| t.section == section);
            let Some(first) = tensors.next() else {
                continue;
            };
            writeln!(f, "  {} {{", section.name())?;
            for tensor in std::iter::once(first).chain(tensors) {
                let (name, bytes, offset) = (&tensor.name, tensor.bytes, tensor.offset);
                writeln!(f, "    {name}: {bytes} bytes at {offset}")?;
            }
            writeln!(f, "  }}")?;
        }
        if !self.fused.is_empty() {
            writeln!(f, "  fused {{")?;
            for calls in &self.fused {
                writeln!(f, "    {calls}")?;
            }
            writeln!(f, "  }}")?;
        }
        for entry in Entry::ALL {
            writeln!(f, "  {} {{", entry.name())?;
            for stage in self.stages(entry) {
                self.stage(f, stage)?;
            }
            writeln!(f, "  }}")?;
        }
        writeln!(f, "}}")
    }
}

impl Plan {
    fn stage(&self, f: &mut fmt::Formatter<'_>, stage: &Stage) -> fmt::Result {
        match stage {
            Stage::Block(call) => writeln!(f, "    {}", PrintedCall { plan: self, call }),
            Stage::EachToken(calls) => {
                writeln!(f, "    each token {{")?;
                for call in calls {
                    writeln!(f, "      {}", PrintedCall { plan: self, call })?;
                }
                writeln!(f, "    }}")
            }
        }
    }
}

struct PrintedCall<'p> {
    plan: &'p Plan,
    call: &'p Call,
}

impl Display for PrintedCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.call {
            Call::Kernel(call) => self.kernel(f, call),
            Call::TopK(call) => {
                write!(f, "top_k: top_k(k={}", call.k)?;
                for (name, operand) in [
                    ("scores", &call.scores),
                    ("chosen", &call.chosen),
                    ("picked", &call.picked),
                ] {
                    self.operand(f, name, operand)?;
                }
                f.write_str(")")
            }
        }
    }
}

impl PrintedCall<'_> {
    fn kernel(&self, f: &mut fmt::Formatter<'_>, call: &KernelCall) -> fmt::Result {
        let spec = call.open_spec();
        let signature = spec.signature();
        write!(f, "{}: {}(", call.label, spec.name())?;
        for (i, (dim, value)) in signature.dims.iter().zip(&call.dims).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}={value}", dim.name)?;
        }
        for (buffer, operand) in signature.buffers.iter().zip(&call.operands) {
            self.operand(f, &buffer.name, operand)?;
        }
        for (name, value) in signature.scalars.iter().zip(&call.scalars) {
            write!(f, ", {name}={value:?}")?;
        }
        f.write_str(")")?;
        match &call.expr {
            Some(expr) => write!(f, " {{ {} }}", expr.body()),
            None => Ok(()),
        }
    }

    /// `x=%in_proj@scratch+256`, and `[token * 560]` where it starts at the row of a token.
    fn operand(&self, f: &mut fmt::Formatter<'_>, name: &str, operand: &Operand) -> fmt::Result {
        let Tensor(number) = operand.tensor;
        let Some(tensor) = self.plan.tensors.get(number) else {
            return write!(f, ", {name}=no tensor {number}");
        };
        let at = tensor.offset + operand.offset_bytes;
        let section = tensor.section.name();
        write!(f, ", {name}=%{}@{section}+{at}", tensor.name)?;
        match operand.row {
            Row::First => Ok(()),
            Row::Token => write!(f, "[token * {}]", operand.row_bytes),
            Row::Last => write!(f, "[last * {}]", operand.row_bytes),
        }
    }
}

impl Display for DimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DimValue::Const(n) => write!(f, "{n}"),
            DimValue::Tokens => f.write_str("tokens"),
            DimValue::PerToken(n) => write!(f, "{n} * tokens"),
            DimValue::Slot => f.write_str("slot"),
            DimValue::Len => f.write_str("len"),
            DimValue::Kept(k) => write!(f, "min({k}, len)"),
        }
    }
}
