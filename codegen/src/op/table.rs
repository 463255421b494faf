use super::{Signature, kinds, signature};
use atome_spec::{Activation, Kind};
use std::fmt::Write;

/// The signatures of all kernels, as the table of `docs/ir.md`.
pub fn table() -> String {
    let mut table = "| op | dimensions | buffers | scalars |\n|---|---|---|---|\n".to_owned();
    let kinds: Vec<Kind> = kinds().into_iter().filter(|k| k.method.is_none()).collect();
    let rows: Vec<(String, String)> = kinds
        .iter()
        .map(|kind| (name(kind), columns(&signature(*kind))))
        .collect();
    for alike in rows.chunk_by(|(_, a), (_, b)| a == b) {
        let names: Vec<&str> = alike.iter().map(|(name, _)| name.as_str()).collect();
        let _ = writeln!(table, "| {} | {} |", names.join("; "), alike[0].1);
    }
    table
}

fn name(kind: &Kind) -> String {
    let mut name = format!("`{}`", kind.op);
    if let Some(packing) = kind.packing {
        let _ = write!(name, ", `{packing}`");
    }
    match kind.activation {
        Activation::F32 => name,
        Activation::I8 => format!("{name}, `{}`", kind.activation),
    }
}

/// The columns after the name.
fn columns(signature: &Signature) -> String {
    let function = signature.declaration("_");
    let buffers = function.buffers.iter();
    let buffers: Vec<String> = buffers.map(|b| function.show(b).to_string()).collect();
    let (dims, scalars) = (function.dims.join(", "), signature.scalars.join(", "));
    format!("{dims} | {} | {scalars}", buffers.join("; "))
}
