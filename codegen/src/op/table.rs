use super::{Signature, kinds, signature};
use crate::lower;
use atome_spec::{Activation, Kind, Op};
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

/// Columns of a line of the list.
const WIDTH: usize = 150;

/// What each op gives to the last bit, as the list of `docs/ir.md`; ops of the same numerics are one item.
pub fn numerics() -> String {
    let alike = |a: &Op, b: &Op| lower::def(*a).numerics == lower::def(*b).numerics;
    let items = Op::ALL.chunk_by(alike).map(|ops| {
        let names: Vec<&str> = ops.iter().map(|op| op.name()).collect();
        let text = format!(
            "- **{}.** {}",
            names.join(", "),
            lower::def(ops[0]).numerics
        );
        wrapped(&text)
    });
    items.collect()
}

/// Lines of about [`WIDTH`] columns, those after the first within the item; none begins with what would be a mark.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        match &mut lines[last] {
            line if line.is_empty() => line.push_str(word),
            line if line.chars().count() + word.chars().count() < WIDTH
                || ["-", "+", "*", "=", ">"].contains(&word) =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines.join("\n") + "\n"
}
